import { OckhamError } from "../error.ts";
import type { Model } from "../kinds/index.ts";
import { concat, fold, transpose } from "../tensor/index.ts";
import { lecunNormal } from "./initializers.ts";
import { batchNorm, conv, linear, maxPool, relu } from "./layers.ts";
import { needsImage, staged } from "./models.ts";
import { type ModuleOf, sequence, stateless } from "./module.ts";
import { doubledTo } from "./upsample.ts";

/** A skip connection: x and body(x) side by side along the channels. Throws `bad-shape` where their sizes differ. */
export const beside =
  (body: ModuleOf): ModuleOf =>
  (name, shape) => {
    const inner = body(`${name}.below`, shape);
    if (inner.shape.slice(1).join() !== shape.slice(1).join())
      throw new OckhamError(
        "bad-shape",
        name,
        `the body of ${name} makes [${inner.shape}] of [${shape}]`,
        "give a body that keeps height and width",
      );
    return {
      leaves: inner.leaves,
      shape: [shape[0] + inner.shape[0], ...shape.slice(1)],
      init: (key) => inner.init(fold(key, "below")),
      apply: (x, context) => concat([x, inner.apply(x, context)], 1),
    };
  };

const convolved = (channels: number): ModuleOf =>
  sequence(conv(channels, 3, { padding: 1, bias: false }), batchNorm(), relu);
const twice = (channels: number): ModuleOf => sequence(convolved(channels), convolved(channels));

/** One level and all below it, as large as its input: [c, h, w] -> [channels[0], h, w]. */
const level =
  ([channels, ...deeper]: readonly number[]): ModuleOf =>
  (name, shape) => {
    if (deeper.length === 0) return twice(channels)(name, shape);
    const below = sequence(
      maxPool(2, { padding: "same" }),
      level(deeper),
      doubledTo(shape.slice(1)),
      convolved(channels),
    );
    return sequence(twice(channels), beside(below), twice(channels))(name, shape);
  };

const channelsLast: ModuleOf = stateless(
  ([c, h, w]) => [h, w, c],
  (x) => transpose(x, [0, 2, 3, 1]),
);

/**
 * A small U-Net: x [n, c, h, w] -> prediction [n, h, w, outputs], numbers for every pixel. Ronneberger et al. 2015.
 *
 * Each level has two 3 x 3 convolutions with batch normalization and relu; below it the image is halved by max pooling
 * (odd sides round up), and what comes back is doubled (nearest neighbour), convolved, laid beside what the level had
 * made, and convolved twice again. `channels` are those of the levels from the top. The paper's convolutions take no
 * padding and it crops; here sizes stay. Throws `bad-shape` for what are no images.
 */
export function unet(
  shape: readonly number[],
  outputs: number,
  { channels = [8, 16, 32] }: { readonly channels?: readonly number[] } = {},
): Model {
  needsImage("unet", shape);
  return staged(
    `unet(${channels.join("-")})`,
    shape,
    [
      { name: "features", part: sequence(level(channels), channelsLast) },
      { name: "head", part: linear(outputs, { init: lecunNormal, head: true }) },
    ],
    { lead: 2 },
  );
}

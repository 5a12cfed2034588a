import { sizeOf } from "../array/ndarray.ts";
import type { Model } from "../kinds/index.ts";
import { reshape } from "../tensor/index.ts";
import { lecunNormal } from "./initializers.ts";
import { conv, flatten, linear, maxPool, relu } from "./layers.ts";
import { needsImage, type Stage, staged } from "./models.ts";
import { sequence, stateless } from "./module.ts";
import { doubledTo } from "./upsample.ts";

/** The two halves around a code; the decoder ends in all numbers of an example as one axis, without an activation. */
export interface Coder {
  readonly name: string;
  readonly encoder: readonly Stage[];
  readonly decoder: readonly Stage[];
}

export interface DenseCoderOptions {
  /** Units of the encoder's dense layers; the decoder has them in reverse. */
  readonly hidden?: readonly number[];
}

export interface ConvCoderOptions {
  /** Channels of the encoder's convolutions, each of which halves the image; the decoder has them in reverse. */
  readonly channels?: readonly number[];
}

const dense = (name: string, units: readonly number[]): Stage[] =>
  units.map((n, i) => ({ name: `${name}.${i}`, part: sequence(flatten, linear(n), relu) }));

/** Dense layers with relu on both sides. */
export const denseCoder = (
  shape: readonly number[],
  { hidden = [128, 64] }: DenseCoderOptions = {},
): Coder => ({
  name: hidden.join("-"),
  encoder: dense("encoder", hidden),
  decoder: [
    ...dense("decoder", [...hidden].reverse()),
    {
      name: "decoder.out",
      part: sequence(flatten, linear(sizeOf(shape), { init: lecunNormal, head: true })),
    },
  ],
});

/**
 * 3 x 3 convolutions with relu, each followed by 2 x 2 max pooling (odd sides round up) in the encoder, and after
 * nearest up-sampling in the decoder; a dense layer between the code and the decoder's smallest image. Throws
 * `bad-shape` for what are no images [channels, height, width].
 */
export function convCoder(shape: readonly number[], { channels = [16, 32] }: ConvCoderOptions = {}): Coder {
  needsImage("a convolutional coder", shape);
  const halved = ([h, w]: readonly number[]) => [Math.ceil(h / 2), Math.ceil(w / 2)];
  const sizes = [shape.slice(1)];
  for (const _ of channels) sizes.push(halved(sizes[sizes.length - 1]));
  const bottom = [channels[channels.length - 1], ...sizes[channels.length]];
  const unflatten = stateless(
    () => bottom,
    (x) => reshape(x, [x.shape[0], ...bottom]),
  );
  const back = channels.map((_, i) => channels.length - 1 - i);
  return {
    name: channels.join("-"),
    encoder: channels.map((c, i) => ({
      name: `encoder.${i}`,
      part: sequence(conv(c, 3, { padding: 1 }), maxPool(2, { padding: "same" }), relu),
    })),
    decoder: [
      { name: "decoder.in", part: sequence(linear(sizeOf(bottom)), relu, unflatten) },
      ...back.map((level, i) => ({
        name: `decoder.${i}`,
        part: sequence(
          doubledTo(sizes[level]),
          conv(channels[Math.max(0, level - 1)], 3, { padding: 1 }),
          relu,
        ),
      })),
      { name: "decoder.out", part: sequence(conv(shape[0], 3, { padding: 1, init: lecunNormal }), flatten) },
    ],
  };
}

const around = (coder: Coder, shape: readonly number[], code: number): Model =>
  staged(`autoencoder(${coder.name}-${code})`, shape, [
    ...coder.encoder,
    { name: "code", part: sequence(flatten, linear(code, { init: lecunNormal })) },
    ...coder.decoder,
  ]);

/**
 * A dense autoencoder: x [n, ...shape] -> code [n, code] -> prediction [n, size], size = all numbers of an example.
 *
 *   encoder.0 ... encoder.k     dense layers of `hidden` units with relu
 *   code                        a dense layer of `code` units, no activation
 *   decoder.0 ... decoder.k     `hidden` in reverse, with relu
 *   decoder.out                 a dense layer, no activation: the reconstruction
 *
 * The code is the activation `code`; the arrays of the decoder are those whose layer starts with `decoder.`. Train it
 * on `asReconstruction(data)`, whose target is the input itself, with the squared error.
 */
export const autoencoder = (shape: readonly number[], code: number, options: DenseCoderOptions = {}): Model =>
  around(denseCoder(shape, options), shape, code);

/** A convolutional autoencoder for images, used as `autoencoder`. Throws `bad-shape` for what are no images. */
export const convAutoencoder = (
  shape: readonly number[],
  code: number,
  options: ConvCoderOptions = {},
): Model => around(convCoder(shape, options), shape, code);

import { sizeOf } from "../array/ndarray.ts";
import type { Model } from "../kinds/index.ts";
import { lecunNormal } from "./initializers.ts";
import { flatten, linear, relu } from "./layers.ts";
import { type Stage, staged } from "./models.ts";
import { sequence } from "./module.ts";

/** Dense layers with relu, called `name.0`, `name.1`, ... */
export const denseStages = (name: string, units: readonly number[]): Stage[] =>
  units.map((n, i) => ({ name: `${name}.${i}`, part: sequence(flatten, linear(n), relu) }));

/** The last stage of a decoder: the numbers of one example as one axis, without an activation. */
export const reconstruction = (shape: readonly number[]): Stage => ({
  name: "decoder.out",
  part: sequence(flatten, linear(sizeOf(shape), { init: lecunNormal, head: true })),
});

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
export const autoencoder = (
  shape: readonly number[],
  code: number,
  { hidden = [128, 64] }: { hidden?: readonly number[] } = {},
): Model => {
  const back = [...hidden].reverse();
  return staged(`autoencoder(${[...hidden, code, ...back].join("-")})`, shape, [
    ...denseStages("encoder", hidden),
    { name: "code", part: sequence(flatten, linear(code, { init: lecunNormal })) },
    ...denseStages("decoder", back),
    reconstruction(shape),
  ]);
};

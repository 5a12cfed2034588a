import { type NdArray, ndarray } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import { add, concat, constant, mul, neg, normal, slice, type Tensor } from "../tensor/index.ts";
import { embeddingDeviation, embeddingLeaf } from "./embedding.ts";
import type { ModuleOf } from "./module.ts";

/**
 * How a transformer knows where a token stands: a learned or a sinusoidal vector is added to each token; queries and
 * keys are turned by an angle that grows with the place (rotary); scores fall with the distance (alibi); or it does not
 * know.
 */
export type Positions = "learned" | "sinusoidal" | "rotary" | "alibi" | "none";

/** A learned vector added at each place of an example: [tokens, width]. */
export const position: ModuleOf = (name, shape) => {
  const leaf = embeddingLeaf(name, shape);
  return {
    leaves: [leaf],
    shape,
    init: (key) => ({ [leaf.path]: mul(embeddingDeviation, normal(key, shape)) }),
    apply: (x, { weights }) => add(x, weights[leaf.path]),
  };
};

const table = (shape: readonly number[], value: (i: number) => number): NdArray<"float32"> =>
  ndarray(
    "float32",
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => value(i)),
  );

/**
 * Sines and cosines added at each place: [tokens, width]; Vaswani et al. 2017, section 3.5.
 *
 *   at place p and coordinate 2i: sin(p / 10000^(2i / width)), at 2i + 1: its cosine
 */
export const sinusoidal: ModuleOf = (_, shape) => {
  const width = shape[shape.length - 1];
  const waves = constant(
    table(shape, (at) => {
      const [place, i] = [Math.floor(at / width), at % width];
      const angle = place / 10_000 ** ((i - (i % 2)) / width);
      return i % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    }),
  );
  return { leaves: [], shape, init: () => ({}), apply: (x) => add(x, waves) };
};

/**
 * Turns pairs of coordinates by angles that grow with the place, so that a product of query and key depends on their
 * distance only: x [..., tokens, width], width even; Su et al. 2021 (RoFormer), equation 34.
 *
 *   coordinates i and i + width / 2 at place p are turned by p / base^(2i / width)
 *
 * The paper pairs neighbours; pairs of halves, as in GPT-NeoX and Llama, are the same up to an order of coordinates.
 * Throws `bad-shape` for an odd width.
 */
export function rotary(x: Tensor, base = 10_000): Tensor {
  const [tokens, width] = x.shape.slice(-2);
  if (width % 2 !== 0)
    throw new OckhamError(
      "bad-shape",
      "rotary",
      `rotary positions turn pairs of coordinates, and heads have ${width}`,
      "choose a width or a number of heads that makes them even",
    );
  const half = width / 2;
  const angle = (at: number) => Math.floor(at / width) / base ** ((at % half) / half);
  const turn = (f: (angle: number) => number) => constant(table([tokens, width], (at) => f(angle(at))));
  const axis = x.shape.length - 1;
  const swapped = concat([neg(slice(x, axis, half, width)), slice(x, axis, 0, half)], axis);
  return add(mul(x, turn(Math.cos)), mul(swapped, turn(Math.sin)));
}

/** Slope of each head: a geometric sequence from 2^(-8 / heads); between powers of two every second of the next one's. */
export function alibiSlopes(heads: number): number[] {
  const power = 2 ** Math.floor(Math.log2(heads));
  const sequence = (n: number) => Array.from({ length: n }, (_, i) => 2 ** ((-8 * (i + 1)) / n));
  if (power === heads) return sequence(heads);
  const between = sequence(2 * power).filter((_, i) => i % 2 === 0);
  return [...sequence(power), ...between.slice(0, heads - power)];
}

/** What is added to the scores [heads, tokens, tokens]: minus slope times distance; Press, Smith and Lewis 2021. */
export const alibiBias = (heads: number, tokens: number): Tensor => {
  const slopes = alibiSlopes(heads);
  return constant(
    table([heads, tokens, tokens], (at) => {
      const [query, key] = [Math.floor(at / tokens) % tokens, at % tokens];
      return -slopes[Math.floor(at / tokens ** 2)] * Math.abs(query - key);
    }),
  );
};

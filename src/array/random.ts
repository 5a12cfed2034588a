import { OckhamError } from "../error.ts";
import { bits, fold, type Words, wordOf } from "./hash.ts";
import { type NdArray, ndarray, type Storage, sizeOf, storage } from "./ndarray.ts";

/** A shape, or the length of a vector. */
export type Size = number | readonly number[];

/** All there is to a stream: its key and how many words it has drawn. Plain data, to be saved and resumed. */
export interface StreamState {
  readonly key: Words;
  readonly counter: number;
}

type Drawable = "float64" | "int32" | "bool";

/** An array where a size was given, else one value. */
export type Drawn<S extends Size | undefined, D extends Drawable> = S extends Size
  ? NdArray<D>
  : D extends "bool"
    ? boolean
    : number;

/**
 * A seeded stream of random numbers: word i is a hash of the key and i (array/hash.ts), so the state is the key
 * and a counter, and the same draws give the same numbers anywhere.
 *
 * Draws without a size give one value, with a size an array filled in row-major order: drawing 2 and then 3 gives
 * the same numbers as drawing 5. Each throws `bad-option`, naming the draw, for parameters out of range.
 */
export interface Stream {
  readonly key: Words;
  /** The state before the next draw; `stream(state)` goes on from there. */
  state(): StreamState;
  /**
   * The child stream of a name, or of a whole number below 2^32. It depends on the key and the name alone and draws
   * nothing here. Its key is `fold(key, name)`, as inside traced graphs.
   */
  split(name: string | number): Stream;
  /** The next 32-bit word. */
  word(): number;
  /** Uniform on [low, high): low + (high - low) u with u a multiple of 2^-53; by default [0, 1). */
  uniform<S extends Size | undefined = undefined>(size?: S, low?: number, high?: number): Drawn<S, "float64">;
  /** Normal, by default standard: sqrt(-2 ln u) cos(2 pi v) (Box and Muller, 1958). */
  normal<S extends Size | undefined = undefined>(
    size?: S,
    mean?: number,
    deviation?: number,
  ): Drawn<S, "float64">;
  /** Gamma with shape parameter a > 0 and scale 1 (Marsaglia and Tsang, 2000). */
  gamma<S extends Size | undefined = undefined>(a: number, size?: S): Drawn<S, "float64">;
  /** Beta with a, b > 0: x / (x + y) with x ~ gamma(a) and y ~ gamma(b), in logarithms, so small a and b are fine. */
  beta<S extends Size | undefined = undefined>(a: number, b: number, size?: S): Drawn<S, "float64">;
  /** True with probability p. */
  bernoulli<S extends Size | undefined = undefined>(p: number, size?: S): Drawn<S, "bool">;
  /** Whole numbers from 0 to below - 1, exactly equally likely; below from 1 to 2^31. */
  integers<S extends Size | undefined = undefined>(below: number, size?: S): Drawn<S, "int32">;
  /** The numbers 0 to n - 1 in random order. */
  permutation(n: number): Int32Array;
  /** k of the numbers 0 to n - 1 in random order, all different unless `replace`. */
  choice(n: number, k: number, replace?: boolean): Int32Array;
  /** The items in random order, in a new list. */
  shuffled<T>(items: ArrayLike<T>): T[];
}

/** A stream from a seed (a whole number from 0 to 2^53 - 1), from a key, or from a saved state. */
export function stream(from: number | Words | StreamState): Stream {
  if (typeof from === "number") {
    demand("seed", wholeBelow(from, 2 ** 53), from, "a whole number from 0 to 2^53 - 1");
    return streamAt(fold([from >>> 0, Math.floor(from / 2 ** 32)], wordOf("seed")), 0);
  }
  const { key, counter } = "key" in from ? from : { key: from, counter: 0 };
  const sound = key.length === 2 && key.every((word) => wholeBelow(word, 2 ** 32));
  demand("key", sound, key, "two whole numbers below 2^32");
  demand("counter", wholeBelow(counter, 2 ** 53), counter, "a whole number from 0 to 2^53 - 1");
  return streamAt(key, counter);
}

function streamAt(key: Words, start: number): Stream {
  let counter = start;
  const word = () => wordAt(key, counter++);
  const uniform = () => ((word() >>> 5) * 2 ** 26 + (word() >>> 6)) * 2 ** -53;
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const integer = (below: number) => {
    const limit = 2 ** 32 - (2 ** 32 % below);
    let drawn = word();
    while (drawn >= limit) drawn = word();
    return drawn % below;
  };
  const large = (a: number) => gammaFromOne(a, uniform, normal);
  const gamma = (a: number) => (a >= 1 ? large(a) : large(a + 1) * (1 - uniform()) ** (1 / a));
  const logGamma = (a: number) =>
    a >= 1 ? Math.log(large(a)) : Math.log(large(a + 1)) + Math.log(1 - uniform()) / a;
  return {
    key,
    word,
    state: () => ({ key, counter }),
    split: (name) => streamAt(fold(key, childWord(name)), 0),
    uniform(size, low = 0, high = 1) {
      const sound = low <= high && Number.isFinite(high - low);
      demand("uniform", sound, [low, high], "low and high finite, low at most high");
      return draw("float64", size, () => low + (high - low) * uniform());
    },
    normal(size, mean = 0, deviation = 1) {
      const sound = Number.isFinite(mean) && deviation >= 0 && deviation < Infinity;
      demand("normal", sound, [mean, deviation], "a finite mean and a finite deviation of at least 0");
      return draw("float64", size, () => mean + deviation * normal());
    },
    gamma(a, size) {
      demand("gamma", a > 0 && a < Infinity, a, "a finite shape parameter above 0");
      return draw("float64", size, () => gamma(a));
    },
    beta(a, b, size) {
      demand("beta", a > 0 && b > 0 && a + b < Infinity, [a, b], "a and b finite and above 0");
      return draw("float64", size, () => 1 / (1 + Math.exp(-(logGamma(a) - logGamma(b)))));
    },
    bernoulli(p, size) {
      demand("bernoulli", p >= 0 && p <= 1, p, "a probability from 0 to 1");
      return draw("bool", size, () => (uniform() < p ? 1 : 0));
    },
    integers(below, size) {
      demand("integers", wholeBelow(below - 1, 2 ** 31), below, "a whole number from 1 to 2^31");
      return draw("int32", size, () => integer(below));
    },
    permutation: (n) => firstOfShuffled("permutation", n, n, integer),
    choice(n, k, replace = false) {
      if (!replace) return firstOfShuffled("choice", n, k, integer);
      const sound = wholeBelow(n - 1, 2 ** 31) && wholeBelow(k, 2 ** 31);
      demand("choice", sound, [n, k], "whole numbers n from 1 and k from 0");
      return Int32Array.from({ length: k }, () => integer(n));
    },
    shuffled: (items) =>
      Array.from(firstOfShuffled("shuffled", items.length, items.length, integer), (i) => items[i]),
  };
}

/** Word i of a key: `bits` below 2^32, and from there on, block by block, those of keys of the block's number. */
function wordAt(key: Words, i: number): number {
  if (i < 2 ** 32) return bits(key, i);
  return bits(fold(fold(key, wordOf("block")), Math.floor(i / 2 ** 32)), i >>> 0);
}

function childWord(name: string | number): number {
  if (typeof name === "string") return wordOf(name);
  demand("split", wholeBelow(name, 2 ** 32), name, "a name, or a whole number from 0 to 2^32 - 1");
  return name;
}

/** Gamma for a >= 1: d v, d = a - 1/3, v = (1 + x / sqrt(9 d))^3, accepted if ln u < x^2/2 + d (1 - v + ln v). */
function gammaFromOne(a: number, uniform: () => number, normal: () => number): number {
  const d = a - 1 / 3;
  for (;;) {
    const x = normal();
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - uniform()) < (x * x) / 2 + d * (1 - v + Math.log(v))) return d * v;
  }
}

/** The first k of 0 to n - 1 in random order (Fisher and Yates, stopped after k). */
function firstOfShuffled(draw: string, n: number, k: number, integer: (below: number) => number): Int32Array {
  const sound = wholeBelow(n, 2 ** 31) && wholeBelow(k, n + 1);
  demand(draw, sound, [n, k], "whole numbers, at most n different ones out of n");
  const order = new Int32Array(n);
  for (let i = 0; i < n; i++) order[i] = i; // Int32Array.from takes longer than the shuffling
  for (let i = 0; i < k; i++) {
    const j = i + integer(n - i);
    const taken = order[j];
    order[j] = order[i];
    order[i] = taken;
  }
  return k === n ? order : order.slice(0, k);
}

function draw<D extends Drawable, S extends Size | undefined>(
  dtype: D,
  size: S | undefined,
  next: () => number,
): Drawn<S, D> {
  if (size === undefined) return (dtype === "bool" ? next() === 1 : next()) as Drawn<S, D>;
  const shape: readonly number[] = typeof size === "number" ? [size] : size;
  const sound = shape.every((n) => wholeBelow(n, 2 ** 53));
  demand("size", sound, shape, "a shape of whole numbers, or one such number");
  const data: Storage[Drawable] = storage(dtype, sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = next();
  return ndarray(dtype, shape, data as Storage[D]) as NdArray<D> as Drawn<S, D>;
}

const wholeBelow = (n: number, end: number): boolean => Number.isInteger(n) && n >= 0 && n < end;

function demand(culprit: string, sound: boolean, got: unknown, wanted: string): void {
  if (!sound) throw new OckhamError("bad-option", culprit, `${culprit} cannot take ${got}`, `give ${wanted}`);
}

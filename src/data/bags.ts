import { type NdArray, ndarray, rows as rowsOf, sizeOf } from "../array/ndarray.ts";
import type { Stream } from "../array/random.ts";
import { OckhamError } from "../error.ts";
import type { Dataset } from "../kinds/dataset.ts";

export interface BagOptions {
  /** Examples in a bag. */
  readonly size: number;
  /**
   * Privacy of the responses (epsilon of label differential privacy): targets are clipped to [-clip, clip], and each
   * bag's mean gets Laplace noise of scale 2 clip / (size epsilon). None unless told.
   */
  readonly privacy?: { readonly epsilon: number; readonly clip: number };
}

/**
 * Deals the examples into bags of one size at random, which become the groups and are drawn whole; what is left over is
 * left out. Values are replaced by their bag's mean; classes stay, as a mean of them is no class.
 *
 * Throws `bad-option` unless 1 <= size <= rows, and `conflict` for privacy with classes.
 */
export function inBags(data: Dataset, { size, privacy }: BagOptions, random: Stream): Dataset {
  if (!Number.isInteger(size) || size < 1 || size > data.size)
    throw new OckhamError(
      "bad-option",
      "size",
      `bags of ${data.name} cannot be of ${size} examples`,
      `give a whole number from 1 to ${data.size}`,
    );
  if (privacy !== undefined && data.target.dtype !== "float32")
    throw new OckhamError(
      "conflict",
      "privacy",
      `${data.name} has classes, which cannot be clipped`,
      "leave the privacy out",
    );
  const bags = Math.floor(data.size / size);
  const order = random.permutation(data.size).subarray(0, bags * size);
  const pick = (a: NdArray) => rowsOf(a, order);
  const group = ndarray(
    "int32",
    [order.length],
    order.map((_, i) => Math.floor(i / size)),
  );
  return {
    ...data,
    size: order.length,
    inputs: Object.fromEntries(Object.entries(data.inputs).map(([name, a]) => [name, pick(a)])),
    target:
      data.target.dtype === "float32"
        ? responses(pick(data.target), { size, privacy }, random)
        : pick(data.target),
    ...(data.weight === undefined ? {} : { weight: pick(data.weight) }),
    ...(data.domain === undefined ? {} : { domain: pick(data.domain) }),
    group,
    together: size,
  };
}

/** The mean of each bag in place of its targets [n, outputs]. */
function responses(target: NdArray, { size, privacy }: BagOptions, random: Stream): NdArray {
  const values = target.data as Float32Array;
  const width = sizeOf(target.shape.slice(1));
  const result = new Float32Array(values.length);
  const { epsilon, clip } = privacy ?? { epsilon: Number.POSITIVE_INFINITY, clip: Number.POSITIVE_INFINITY };
  for (let start = 0; start < values.length; start += size * width)
    for (let j = 0; j < width; j++) {
      const places = Array.from({ length: size }, (_, i) => start + i * width + j);
      const mean = places.reduce((sum, at) => sum + Math.max(-clip, Math.min(clip, values[at])), 0) / size;
      const noise = privacy === undefined ? 0 : ((2 * clip) / (size * epsilon)) * laplace(random);
      for (const at of places) result[at] = mean + noise;
    }
  return ndarray("float32", target.shape, result);
}

/** Laplace of scale 1: an exponential with a random sign. */
const laplace = (random: Stream): number =>
  (random.bernoulli(0.5) ? 1 : -1) * -Math.log(1 - random.uniform());

import type { NdArray } from "../array/ndarray.ts";
import { stream } from "../array/random.ts";
import type { Plan } from "./plan.ts";
import { runKey } from "./runs.ts";

/** Which examples each step takes. */
export interface Batches {
  /** Those of `count` steps from step `first` of the run on, int32 [count, batch], or [count, seeds, batch] for several seeds. */
  of(first: number, count: number): NdArray;
  /** Makes ready what will be asked for next, while nothing else is to be done. */
  prepare(first: number, count: number): void;
}

/** The examples come in an order of each epoch's own, a permutation drawn from the seed and the epoch alone. */
export function batchesOf({ stepsPerEpoch, batchSize, shape }: Plan, seeds: readonly number[]): Batches {
  const orders = new Map<number, Int32Array[]>();
  let ready: { readonly first: number; readonly count: number; readonly index: NdArray } | undefined;

  const draw = (epoch: number): Int32Array[] =>
    seeds.map((seed) => stream(runKey(seed)).split("order").split(epoch).permutation(shape.size));

  const ordersOf = (epoch: number): Int32Array[] => {
    const known = orders.get(epoch) ?? draw(epoch);
    orders.set(epoch, known);
    return known;
  };

  const make = (first: number, count: number): NdArray => {
    const data = new Int32Array(count * seeds.length * batchSize);
    let next = 0;
    for (let step = first; step < first + count; step++) {
      const start = (step % stepsPerEpoch) * batchSize;
      for (const order of ordersOf(Math.floor(step / stepsPerEpoch))) {
        data.set(order.subarray(start, start + batchSize), next);
        next += batchSize;
      }
    }
    const lead = seeds.length === 1 ? [count] : [count, seeds.length];
    return { dtype: "int32", shape: [...lead, batchSize], data };
  };

  return {
    of(first, count) {
      for (const epoch of orders.keys()) if (epoch < Math.floor(first / stepsPerEpoch)) orders.delete(epoch);
      return ready?.first === first && ready.count === count ? ready.index : make(first, count);
    },
    prepare(first, count) {
      ready = { first, count, index: make(first, count) };
    },
  };
}

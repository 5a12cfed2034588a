import type { NdArray } from "../array/ndarray.ts";
import { stream } from "../array/random.ts";
import type { Plan } from "./plan.ts";
import { runKey } from "./runs.ts";

/** Which examples each step takes. */
export interface Batches {
  /** Those of `count` steps from step `first` of the run on, int32 [count, batch], or [count, seeds, batch] for several seeds. */
  of(first: number, count: number): NdArray;
  /** Draws what will be asked for next, little by little, while others work. */
  prepare(first: number, count: number): Promise<void>;
}

/** Lets the event loop go on. */
const turn = () =>
  new Promise<void>((resolve) => {
    (globalThis.setImmediate ?? setTimeout)(resolve);
  });

/** The bags of some rows each, in this order, as rows. */
const rowsOf = (bags: Int32Array, together: number): Int32Array =>
  together === 1
    ? bags
    : Int32Array.from(
        { length: bags.length * together },
        (_, i) => bags[Math.floor(i / together)] * together + (i % together),
      );

/**
 * The examples come in an order of each epoch's own, a permutation drawn from the seed and the epoch alone; those that
 * belong together stay so.
 */
export function batchesOf({ stepsPerEpoch, batchSize, shape }: Plan, seeds: readonly number[]): Batches {
  const streams = seeds.map((seed) => stream(runKey(seed)).split("order"));
  const orders = new Map<number, Int32Array[]>();

  const epochOf = (step: number) => Math.floor(step / stepsPerEpoch);
  const { size, together } = shape;
  const ordersOf = (epoch: number): Int32Array[] => {
    const known =
      orders.get(epoch) ?? streams.map((s) => rowsOf(s.split(epoch).permutation(size / together), together));
    orders.set(epoch, known);
    return known;
  };

  return {
    of(first, count) {
      for (const epoch of orders.keys()) if (epoch < epochOf(first)) orders.delete(epoch);
      const data = new Int32Array(count * seeds.length * batchSize);
      let next = 0;
      for (let step = first; step < first + count; step++) {
        const start = (step % stepsPerEpoch) * batchSize;
        for (const order of ordersOf(epochOf(step))) {
          data.set(order.subarray(start, start + batchSize), next);
          next += batchSize;
        }
      }
      const lead = seeds.length === 1 ? [count] : [count, seeds.length];
      return { dtype: "int32", shape: [...lead, batchSize], data };
    },
    async prepare(first, count) {
      for (let epoch = epochOf(first); epoch <= epochOf(first + count - 1); epoch++) {
        await turn();
        ordersOf(epoch);
      }
    },
  };
}

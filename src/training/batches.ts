import type { NdArray } from "../array/ndarray.ts";
import { stream } from "../array/random.ts";
import type { Plan } from "./plan.ts";
import { runKey } from "./runs.ts";

/** Which examples each step takes. */
export interface Batches {
  /** Those of `count` steps from step `first` of the run on, int32 [count, batch], or [count, runs, batch] for several runs. */
  of(first: number, count: number): NdArray;
  /** Draws what will be asked for next, little by little, while others work. */
  prepare(first: number, count: number): Promise<void>;
}

/** Whose batches are drawn. */
export interface Drawing {
  readonly seed: number;
  /** How often each example stands in the data; once unless told. */
  readonly examples?: Int32Array;
}

/** Lets the event loop go on. */
const turn = () =>
  new Promise<void>((resolve) => {
    (globalThis.setImmediate ?? setTimeout)(resolve);
  });

/** The positions that one pass goes through, each as often as told; all over again until they fill a batch. */
function poolOf(examples: Int32Array, batchSize: number): Int32Array {
  const once = Array.from(examples).flatMap((count, i) => new Array<number>(count).fill(i));
  const times = Math.ceil(batchSize / once.length);
  return Int32Array.from({ length: times * once.length }, (_, i) => once[i % once.length]);
}

/** Bags of some rows each, in this order, as rows. */
const rowsOf = (bags: Int32Array, together: number): Int32Array =>
  together === 1
    ? bags
    : Int32Array.from(
        { length: bags.length * together },
        (_, i) => bags[Math.floor(i / together)] * together + (i % together),
      );

/**
 * The orders in which one run passes through its data: permutations drawn from the seed and the number of the pass alone.
 * Rows that belong together stay so; a bag stands in the data as often as its first row.
 */
function passesOf({ batchSize, shape }: Plan, { seed, examples }: Drawing) {
  const { together } = shape;
  const random = stream(runKey(seed)).split("order");
  const bags = examples?.filter((_, i) => i % together === 0);
  const pool = bags && poolOf(bags, batchSize / together);
  const size = pool?.length ?? shape.size / together;
  const steps = Math.floor((size * together) / batchSize);
  const orders = new Map<number, Int32Array>();
  const orderOf = (pass: number): Int32Array => {
    const known = orders.get(pass);
    if (known !== undefined) return known;
    const order = random.split(pass).permutation(size);
    const made = rowsOf(pool === undefined ? order : order.map((i) => pool[i]), together);
    orders.set(pass, made);
    return made;
  };
  const passOf = (step: number) => Math.floor(step / steps);
  return {
    passOf,
    orderOf,
    of(step: number): Int32Array {
      const start = (step % steps) * batchSize;
      return orderOf(passOf(step)).subarray(start, start + batchSize);
    },
    forget(before: number): void {
      for (const pass of orders.keys()) if (pass < passOf(before)) orders.delete(pass);
    },
  };
}

/** The batches of runs; one where all take the same. */
export function batchesOf(plan: Plan, drawings: readonly Drawing[]): Batches {
  const runs = drawings.map((drawing) => passesOf(plan, drawing));
  const { batchSize } = plan;
  return {
    of(first, count) {
      for (const run of runs) run.forget(first);
      const data = new Int32Array(count * runs.length * batchSize);
      let next = 0;
      for (let step = first; step < first + count; step++)
        for (const run of runs) {
          data.set(run.of(step), next);
          next += batchSize;
        }
      const lead = runs.length === 1 ? [count] : [count, runs.length];
      return { dtype: "int32", shape: [...lead, batchSize], data };
    },
    async prepare(first, count) {
      for (const run of runs)
        for (let pass = run.passOf(first); pass <= run.passOf(first + count - 1); pass++) {
          await turn();
          run.orderOf(pass);
        }
    },
  };
}

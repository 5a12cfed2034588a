import type { NdArray } from "../../src/array/ndarray.ts";
import { cnn, type Dataset, type Model, mlp, ndarray, stream } from "../../src/browser.ts";

/** One model on one kind of data. The same numbers for every contender. */
export interface Work {
  readonly name: WorkName;
  readonly shape: readonly number[];
  readonly batch: number;
  model(): Model;
}

export type WorkName = keyof typeof works;

export const classes = 10;
/** Batches in an epoch. */
export const batches = 100;
export const rate = 0.001;

export const works = {
  "MLP 64-128-64-10, batch 32": { shape: [64], batch: 32, model: () => mlp([64], classes, [128, 64]) },
  "MLP 784-256-256-10, batch 128": {
    shape: [784],
    batch: 128,
    model: () => mlp([784], classes, [256, 256]),
  },
  "CNN 1-16-32 on 28 x 28, dense 64, batch 32": {
    shape: [1, 28, 28],
    batch: 32,
    model: () => cnn([1, 28, 28], classes),
  },
} as const satisfies Record<string, Omit<Work, "name">>;

export const workOf = (name: WorkName): Work => ({ name, ...works[name] });

/** Points about one centre a class: something to learn, of the right size. */
export function dataOf({ shape, batch }: Work): Dataset {
  const random = stream(0).split("bench");
  const size = batch * batches;
  const width = shape.reduce((a, b) => a * b, 1);
  const centres = random.split("centres").normal(classes * width).data;
  const noise = random.split("noise").uniform(size * width, -1.5, 1.5).data;
  const labels = Int32Array.from({ length: size }, (_, i) => (i * 7) % classes);
  const x = Float32Array.from(noise, (value, i) => {
    const row = Math.floor(i / width);
    return 0.3 * centres[labels[row] * width + (i % width)] + value;
  });
  return {
    name: "bench",
    task: "classification",
    size,
    inputs: { x: ndarray("float32", [size, ...shape], x) },
    target: ndarray("int32", [size], labels),
    classes: Array.from({ length: classes }, (_, i) => String(i)),
  };
}

/** Where a peer starts, and what it is fed: Ockham's own initial values, and the batches of its first epoch. */
export interface Start {
  readonly work: Work;
  readonly params: Readonly<Record<string, NdArray>>;
  readonly batches: readonly { readonly x: Float32Array; readonly labels: Int32Array }[];
}

/** A library that trains. */
export interface Contender {
  readonly name: string;
  readonly version: string;
  /** Throws where it cannot train this. */
  prepare(start: Start): Promise<Running>;
}

export interface Running {
  /** The losses of the next steps; first asked for at the start. */
  losses(steps: number): Promise<readonly number[]>;
  /** Trains for about so many seconds; steps a second. */
  speed(seconds: number): Promise<number>;
  close(): Promise<void>;
}

/** Steps one after another until the time is up. `sync` waits until everything is computed. */
export async function speedOf(
  seconds: number,
  step: (i: number) => void,
  sync: () => Promise<unknown>,
): Promise<number> {
  // one step tells how many there may be
  const timed = async (steps: number): Promise<number> => {
    const begun = performance.now();
    for (let i = 0; i < steps; i++) step(i);
    await sync();
    return (performance.now() - begun) / 1000;
  };
  const first = await timed(1);
  if (first > seconds) return 1 / first;
  const steps = Math.max(1, Math.min(20_000, Math.round(seconds / first)));
  return steps / (await timed(steps));
}

import { expect } from "vitest";
import type { NdArray } from "../../src/array/ndarray.ts";
import type { ModelOf } from "../../src/compare/candidates.ts";
import { exportModel } from "../../src/compare/export.ts";
import { modelFor } from "../../src/compare/trial.ts";
import type { Source } from "../../src/data/index.ts";
import { OckhamError } from "../../src/error.ts";
import { type AnyMethod, type Dataset, hasClasses, type Preprocessing } from "../../src/kinds/index.ts";
import { crossEntropy } from "../../src/parts/losses/crossEntropy.ts";
import { squaredError } from "../../src/parts/losses/squaredError.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { constant as constantRate } from "../../src/parts/schedules/constant.ts";
import type { Host } from "../../src/runtime/index.ts";
import { planOf, predict, type Trained, train } from "../../src/training/index.ts";

export interface Case {
  readonly source: Source;
  readonly preprocessing: Preprocessing;
  readonly trained: Trained;
  readonly bytes: Uint8Array;
}

export type Make = ModelOf;

/** A model trained for a moment, and exported. */
export async function caseOf(
  host: Host,
  source: Source,
  make: Make,
  methods: Readonly<Record<string, AnyMethod>> = {},
  { rows = 200, epochs = 2 } = {},
): Promise<Case> {
  const chosen = Int32Array.from({ length: rows }, (_, i) => Math.floor((i * source.size) / rows));
  const preprocessing = source.fit(chosen);
  const data = source.encode(preprocessing, chosen);
  const classes = hasClasses(data.task);
  const plan = planOf(
    {
      model: modelFor(data, make),
      methods: Object.entries(methods).map(([name, method]) => ({ name, method })),
      optimizer: adam(),
      schedule: constantRate(),
      loss: classes ? crossEntropy() : squaredError(),
      rate: 0.01,
      epochs,
    },
    data,
  );
  const trained = await train(plan, data, 1, host);
  return { source, preprocessing, trained, bytes: exportModel(trained, preprocessing, { name: "best" }) };
}

/** Our own predictions. */
export const own = (host: Host, { trained }: Case, data: Dataset) =>
  predict(host, trained.plan, trained.values, data);

/** The largest difference. */
export const furthest = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i])));
};

/** Pixels from 0 to 1. */
export function pixelsOf({ source, preprocessing }: Case, rows: Int32Array): NdArray {
  if (preprocessing.kind !== "image") throw new Error("no images");
  return source.encode({ ...preprocessing, mean: [0], spread: [1] }, rows).inputs.x;
}

/** The names of the most probable classes. */
export function labelsOf({ shape: [n, k], data }: NdArray<"float32">, classes: readonly string[]): string[] {
  return Array.from({ length: n }, (_, i) => {
    const row = data.subarray(i * k, (i + 1) * k);
    return classes[row.indexOf(Math.max(...row))];
  });
}

/** The error that an attempt ends in. */
export async function refusal(attempt: () => unknown): Promise<OckhamError> {
  try {
    await attempt();
  } catch (error) {
    expect(error).toBeInstanceOf(OckhamError);
    return error as OckhamError;
  }
  throw new Error("nothing was refused");
}

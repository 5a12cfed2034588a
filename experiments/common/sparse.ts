import { sparseRegression } from "../../src/data/index.ts";
import { mlp } from "../../src/nn/index.ts";
import { type PartsOf, partsFrom, type Sizes, seeded } from "./data.ts";
import type { ModelOf } from "./train.ts";

/** A new linear problem with few features that matter for each seed. */
export const sparseProblems = (
  options: NonNullable<Parameters<typeof sparseRegression>[0]>,
  sizes: Sizes,
): PartsOf => seeded((seed) => partsFrom(sparseRegression({ ...options, seed }), sizes)(seed));

export const linearModel: ModelOf = (shape, outputs) => mlp(shape, outputs, []);

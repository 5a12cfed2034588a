import type { NdArray } from "../../../array/ndarray.ts";
import { stream } from "../../../array/random.ts";
import type { About, Dataset, Rehearsal, Step } from "../../../kinds/index.ts";
import { evaluate } from "../../../tensor/evaluate.ts";

/** A rehearsal for worked examples: network k is seen in evaluation as the k-th of the steps. */
export const rehearsedAs = (target: NdArray, classes: number, ...steps: readonly Step[]): Rehearsal => ({
  about: { task: "classification", classes, examples: target.shape[0] } as About,
  data: { task: "classification", size: target.shape[0], target } as Dataset,
  random: stream(0),
  train: async (_, network = 0) => ({
    state: {},
    examples: async (quantity) => evaluate([quantity(steps[network])])[0],
  }),
});

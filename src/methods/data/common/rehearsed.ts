import { stream } from "../../../array/random.ts";
import type { About, Dataset, Rehearsal, Step } from "../../../kinds/index.ts";
import { evaluate } from "../../../tensor/evaluate.ts";

/** A rehearsal for worked examples on so many examples of two classes: network k is seen as the k-th of the steps. */
export const rehearsedAs = (size: number, ...steps: readonly Step[]): Rehearsal => ({
  about: { task: "classification", classes: 2, examples: size } as About,
  data: { task: "classification", size } as Dataset,
  random: stream(0),
  train: async (_, network = 0) => ({
    state: {},
    examples: async (quantity) => evaluate([quantity(steps[network])])[0],
  }),
});

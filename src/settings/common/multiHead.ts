import { type NdArray, ndarray } from "../../array/ndarray.ts";
import type { Around, Dataset, Model } from "../../kinds/index.ts";
import { greater, where } from "../../tensor/index.ts";

/** What stands for a class that is out of the question: its probability is zero, and no gradient flows there. */
const never = -1e9;

/**
 * A model that is told which classes are possible: the input `heads` [n, classes] is 1 there, and 0 elsewhere. Each
 * task then has a head of its own, the rows of the last layer that belong to its classes.
 */
export const multiHead: Around = {
  id: "heads",
  model: (inner): Model => ({
    ...inner,
    inputs: { ...inner.inputs, heads: [inner.outputs] },
    apply(weights, { heads, ...inputs }, options) {
      const { prediction, ...rest } = inner.apply(weights, inputs, options);
      return { prediction: where(greater(heads, 0), prediction, never), ...rest };
    },
  }),
};

/** The data with the classes of their task as an input. */
export function withHeads(data: Dataset, classes: readonly number[]): Dataset {
  const k = data.classes.length;
  const heads = new Float32Array(data.size * k);
  for (let i = 0; i < data.size; i++) for (const c of classes) heads[i * k + c] = 1;
  const array: NdArray = ndarray("float32", [data.size, k], heads);
  return { ...data, inputs: { ...data.inputs, heads: array } };
}

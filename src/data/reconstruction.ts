import { type NdArray, sizeOf } from "../array/ndarray.ts";
import type { Dataset } from "../kinds/dataset.ts";

/** The same examples with themselves as the target, [n, size], as regression: what autoencoders are trained on. */
export function asReconstruction(data: Dataset): Dataset {
  const { x } = data.inputs;
  const target: NdArray = { ...x, shape: [data.size, sizeOf(x.shape.slice(1))] };
  return { ...data, task: "regression", target, classes: [] };
}

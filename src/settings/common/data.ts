import { type NdArray, ndarray } from "../../array/ndarray.ts";
import type { Dataset, Parts } from "../../kinds/index.ts";
import { select } from "../../training/index.ts";

/** The rows of a data set for which something holds. */
export function where(data: Dataset, holds: (row: number) => boolean): Dataset {
  const rows: number[] = [];
  for (let row = 0; row < data.size; row++) if (holds(row)) rows.push(row);
  return select(data, rows);
}

/** Training, validation and test data changed alike. */
export const eachPart = (
  { train, validation, test, preprocessing }: Parts,
  change: (data: Dataset, part: "train" | "validation" | "test") => Dataset,
): Parts => ({
  train: change(train, "train"),
  validation: change(validation, "validation"),
  test: change(test, "test"),
  ...(preprocessing === undefined ? {} : { preprocessing }),
});

/** The same examples with other inputs `x`. */
export const withX = (data: Dataset, x: NdArray): Dataset => ({ ...data, inputs: { ...data.inputs, x } });

/** The same examples with other class numbers. */
export const withLabels = (
  data: Dataset,
  labels: Int32Array,
  classes: readonly string[] = data.classes,
): Dataset => ({ ...data, classes, target: ndarray("int32", [data.size], labels) });

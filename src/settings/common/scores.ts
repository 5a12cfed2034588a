import type { NdArray } from "../../array/ndarray.ts";
import type { Dataset, Fitted } from "../../kinds/index.ts";

/** The most probable class of each row; the first of equals. */
export function predictedClasses({ data, shape }: NdArray<"float32">): Int32Array {
  const [n, k] = shape;
  return Int32Array.from({ length: n }, (_, i) => {
    const row = data.subarray(i * k, (i + 1) * k);
    return row.indexOf(row.reduce((a, b) => Math.max(a, b)));
  });
}

/** Class numbers of labelled data. */
export const labelsOf = ({ target }: Dataset): Int32Array => target.data as Int32Array;

/** Group and domain numbers of data that have them. */
export const groupOf = ({ group }: Dataset): Int32Array => (group as NdArray).data as Int32Array;
export const domainOf = ({ domain }: Dataset): Int32Array => (domain as NdArray).data as Int32Array;

/** Share of the rows whose class is named right; NaN without rows. */
export function accuracyOf(predicted: Int32Array, labels: Int32Array): number {
  let right = 0;
  predicted.forEach((c, i) => {
    if (c === labels[i]) right++;
  });
  return right / labels.length;
}

/** Accuracy of a model on some data. */
export const accuracyOn = async (fitted: Fitted, data: Dataset): Promise<number> =>
  accuracyOf(predictedClasses(await fitted.predict(data)), labelsOf(data));

export const meanOf = (values: readonly number[]): number =>
  values.length === 0 ? Number.NaN : values.reduce((a, b) => a + b, 0) / values.length;

import type { NdArray } from "../array/ndarray.ts";
import { type Dataset, hasClasses, mapParams, type Params, type Step } from "../kinds/index.ts";
import type { Handle, Host } from "../runtime/index.ts";
import { broadcast, mean, sum, type Tensor } from "../tensor/index.ts";
import { alone, differing, type Layout } from "./layout.ts";
import { feedsOf, type Plan } from "./plan.ts";
import {
  predictionOf,
  probe,
  probeBatches,
  probeRows,
  type Rows,
  rowsOfAll,
  select,
  tokenOutcome,
  type Values,
} from "./probe.ts";

/** The validation data of runs side by side, on the host. */
export interface Placed {
  readonly data: readonly Dataset[];
  readonly rows: Rows & { readonly feeds: readonly Readonly<Record<string, Handle>>[] };
}

/** Brings validation data to the host, once for all epochs. */
export async function place(host: Host, data: readonly Dataset[], { size, own }: Layout): Promise<Placed> {
  const state = [...own].filter((name) => name.includes("/") && !name.startsWith("data/"));
  const layout = size === 1 ? alone : { size, own: new Set([...state, ...differing(data.map(feedsOf))]) };
  // texts that are continued have many predictions each
  const rows = rowsOfAll(data, layout, data[0].task === "tokens" ? 64 : undefined);
  const feeds: Record<string, Handle>[] = [];
  for (const arrays of rows.feeds) {
    const placed: Record<string, Handle> = {};
    for (const [name, a] of Object.entries(arrays)) placed[name] = await host.put(a as NdArray);
    feeds.push(placed);
  }
  return { data, rows: { ...rows, feeds } };
}

/** Mean loss, and score (accuracy for classes, of examples, pixels or next tokens, R squared over all outputs for values), of each of the runs side by side. */
export async function validate(
  host: Host,
  plan: Plan,
  values: Values,
  { data, rows }: Placed,
): Promise<{ readonly validationLoss: number; readonly validationScore: number }[]> {
  if (data[0].task === "tokens") {
    const outcomes = await probeBatches(host, plan, values, rows, "validation", tokenOutcome);
    return outcomes.map(({ loss, right }) => ({
      validationLoss: averageOf(loss),
      validationScore: averageOf(right),
    }));
  }
  const results = await probeBatches(host, plan, values, rows, "validation", (view) => ({
    prediction: predictionOf(plan, view),
    losses: view.loss(view.outputs.prediction, view.batch.target),
  }));
  return results.map(({ prediction, losses }, i) => ({
    validationLoss: averageOf(losses),
    validationScore: scoreOf(prediction, data[i]),
  }));
}

function scoreOf(prediction: NdArray, data: Dataset): number {
  const values = prediction.data as Float32Array;
  const truth = data.target.data as Float32Array | Int32Array;
  if (hasClasses(data.task)) {
    const k = prediction.shape[prediction.shape.length - 1];
    const largest = (of: Float32Array, i: number) => {
      const row = of.subarray(i * k, (i + 1) * k);
      return row.indexOf(row.reduce((a, b) => Math.max(a, b)));
    };
    const classOf = (i: number) => (truth instanceof Float32Array ? largest(truth, i) : truth[i]);
    const count = values.length / k;
    let right = 0;
    for (let i = 0; i < count; i++) if (largest(values, i) === classOf(i)) right++;
    return right / count;
  }
  let sum = 0;
  for (const value of truth) sum += value;
  const average = sum / truth.length;
  let residual = 0;
  let total = 0;
  for (let i = 0; i < truth.length; i++) {
    residual += (truth[i] - values[i]) ** 2;
    total += (truth[i] - average) ** 2;
  }
  return 1 - residual / total;
}

const names = new WeakMap<object, string>();
let named = 0;

/** One name for each function that a method passes. */
export function nameOf(quantity: object): string {
  const name = names.get(quantity) ?? `quantity ${named++}`;
  names.set(quantity, name);
  return name;
}

/** The mean over the rows of a quantity that a method asks for. Its graph is traced once for each plan and function. */
export async function averageQuantity(
  host: Host,
  plan: Plan,
  values: Values,
  data: Dataset,
  quantity: (step: Step) => Tensor,
): Promise<number> {
  const { value } = await probeRows(host, plan, values, data, nameOf(quantity), (view) => ({
    value: byRow(quantity(view), view.batch.index.shape[0]),
  }));
  return averageOf(value);
}

/** Rows whose arrays are looked at together. */
const rowsOfArrays = 32;

/** The mean over the examples of arrays that have them along their first axis. */
export async function averageArrays(
  host: Host,
  plan: Plan,
  values: Values,
  data: Dataset,
  quantity: (step: Step) => Params,
): Promise<Record<string, NdArray>> {
  const name = names.get(quantity) ?? `quantity ${named++}`;
  names.set(quantity, name);
  const sums: Record<string, { readonly shape: readonly number[]; readonly total: Float64Array }> = {};
  for (let start = 0; start < data.size; start += rowsOfArrays) {
    const count = Math.min(rowsOfArrays, data.size - start);
    const rows = select(
      data,
      Array.from({ length: count }, (_, i) => start + i),
    );
    const parts = await probe(host, plan, values, rows, name, (view) =>
      mapParams(quantity(view), (x) => sum(x, { axes: [0] })),
    );
    for (const [path, { shape, data: part }] of Object.entries(parts)) {
      sums[path] ??= { shape, total: new Float64Array(part.length) };
      (part as Float32Array).forEach((value, i) => {
        sums[path].total[i] += value / data.size;
      });
    }
  }
  return Object.fromEntries(
    Object.entries(sums).map(([path, { shape, total }]) => [
      path,
      { dtype: "float32", shape, data: Float32Array.from(total) },
    ]),
  );
}

/** A quantity as one number a row: the mean of each row, or the one number repeated. */
function byRow(x: Tensor, rows: number): Tensor {
  if (x.shape[0] !== rows) return broadcast(mean(x), [rows]);
  return mean(x, { axes: x.shape.slice(1).map((_, i) => i + 1) });
}

const averageOf = ({ data }: NdArray): number => {
  let sum = 0;
  for (const value of data as Float32Array) sum += value;
  return sum / data.length;
};

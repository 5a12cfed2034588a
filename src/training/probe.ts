import { type NdArray, rows as rowsOf, sizeOf, zeros } from "../array/ndarray.ts";
import { type Dataset, hasClasses, type Step } from "../kinds/index.ts";
import type { Lowered } from "../onnx/index.ts";
import type { Handle, Host } from "../runtime/index.ts";
import { argMax, equal, input, mean, softmax, type Tensor, where } from "../tensor/index.ts";
import { alone, entryOf, gathered, type Layout } from "./layout.ts";
import { type BuildLoop, feedsOf, type Plan, traceProbe, traceProbeLoop } from "./plan.ts";
import { only, type View } from "./step.ts";

/** A trained state on the host side or in the worker, by path. */
export type Values = Readonly<Record<string, NdArray | Handle>>;

/** What a probe computes: named tensors, of which those with the rows as their first axis are joined over batches. */
export type Build = (view: View, extra: Readonly<Record<string, Tensor>>) => Readonly<Record<string, Tensor>>;

const compiled = new WeakMap<Plan, Map<string, Lowered>>();

/** A graph traced once for each plan and name. */
function known(plan: Plan, id: string, trace: () => Lowered): Lowered {
  const traced = compiled.get(plan) ?? new Map<string, Lowered>();
  compiled.set(plan, traced);
  const lowered = traced.get(id) ?? trace();
  traced.set(id, lowered);
  return lowered;
}

const signature = (rows: number, arrays: Readonly<Record<string, NdArray>>): string =>
  [rows, ...Object.entries(arrays).map(([path, a]) => `${path}:${a.dtype}[${a.shape}]`)].join();

/** An array as the placeholder it is fed to. */
const standIns = (arrays: Readonly<Record<string, NdArray>>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(arrays).map(([path, a]) => [path, input(path, a.shape, a.dtype)]));

/** The key that evaluation uses where a method draws numbers there too. */
export const evaluationKey: NdArray = { dtype: "uint32", shape: [2], data: Uint32Array.of(0x6f63, 0x6b68) };

async function runOn(
  host: Host,
  lowered: Lowered,
  available: Readonly<Record<string, NdArray | Handle>>,
): Promise<Record<string, NdArray>> {
  const program = await host.load(lowered);
  const { outputs } = await host.run(program, { ...available, key: evaluationKey });
  return outputs as Record<string, NdArray>;
}

const signatureOf = ({ size, own }: Layout): string => (size === 1 ? "" : `/${size}:${[...own]}`);

/**
 * Runs `build` over all rows of `data` at once, at the trained values. `name` tells probes of one plan apart
 * and must name one function only.
 */
export async function probe(
  host: Host,
  plan: Plan,
  values: Values,
  data: Dataset,
  name: string,
  build: Build,
  extra: Readonly<Record<string, NdArray>> = {},
): Promise<Record<string, NdArray>> {
  const lowered = known(plan, `${name}/${signature(data.size, extra)}`, () =>
    traceProbe(plan, data.size, build, standIns(extra)),
  );
  return runOn(host, lowered, { ...values, ...feedsOf(data), ...extra });
}

export interface ProbeLoop {
  /** What is carried from step to step, and where it starts. */
  readonly start: Readonly<Record<string, NdArray>>;
  readonly steps: number;
  readonly extra?: Readonly<Record<string, NdArray>>;
  readonly build: BuildLoop;
}

/** Iterates `build` inside the runtime; returns the final state by name, and what was noted, [steps, ...]. */
export async function probeLoop(
  host: Host,
  plan: Plan,
  values: Values,
  data: Dataset,
  name: string,
  { start, steps, extra = {}, build }: ProbeLoop,
): Promise<Record<string, NdArray>> {
  const carried = Object.fromEntries(Object.entries(start).map(([path, a]) => [`carried/${path}`, a]));
  const lowered = known(plan, `${name}/${signature(data.size, { ...carried, ...extra })}`, () => {
    const bare = (record: Readonly<Record<string, Tensor>>) =>
      Object.fromEntries(Object.entries(record).map(([path, t]) => [path.slice("carried/".length), t]));
    const renamed: BuildLoop = (view, state, more) => {
      const next = build(view, bare(state), more);
      return {
        ...next,
        state: Object.fromEntries(Object.entries(next.state).map(([path, t]) => [`carried/${path}`, t])),
      };
    };
    return traceProbeLoop(plan, data.size, renamed, standIns(carried), standIns(extra));
  });
  const turn: NdArray = { dtype: "int32", shape: [steps], data: new Int32Array(steps) };
  const outputs = await runOn(host, lowered, { ...values, ...feedsOf(data), ...extra, ...carried, turn });
  return Object.fromEntries(Object.entries(outputs).map(([path, a]) => [path.replace("carried/", ""), a]));
}

/** As `probe`, in batches of at most `rows`; every output must have the rows as its first axis. */
export async function probeRows(
  host: Host,
  plan: Plan,
  values: Values,
  data: Dataset,
  name: string,
  build: Build,
  rows = mostRows,
): Promise<Record<string, NdArray>> {
  const [result] = await probeBatches(host, plan, values, rowsOfAll([data], alone, rows), name, build);
  return result;
}

const mostRows = 512;

/** Rows of runs side by side, in batches, as graphs are fed them. */
export interface Rows {
  /** Rows of each run, and of each in a batch; the last batch is filled up with copies of the last row. */
  readonly size: number;
  readonly batch: number;
  readonly layout: Layout;
  readonly feeds: Iterable<Values>;
}

/** The data of each run in batches of at most `rows`; all are of one size. */
export function rowsOfAll(data: readonly Dataset[], layout: Layout, rows = mostRows): Rows {
  const [{ size }] = data;
  const batch = Math.min(rows, size);
  function* feeds() {
    for (let start = 0; start < size; start += batch) {
      const index = Array.from({ length: batch }, (_, i) => Math.min(start + i, size - 1));
      const each = (batch === size ? data : data.map((d) => select(d, index))).map(feedsOf);
      const names = Object.keys(each[0]);
      yield Object.fromEntries(
        names.map((path) => [
          path,
          gathered(
            each.map((f) => f[path]),
            path,
            layout,
          ),
        ]),
      );
    }
  }
  return { size, batch, layout, feeds: { [Symbol.iterator]: feeds } };
}

/** As `probeRows`, for runs side by side, each at its own values and rows: the results of each. */
export async function probeBatches(
  host: Host,
  plan: Plan,
  values: Values,
  { size, batch, layout, feeds }: Rows,
  name: string,
  build: Build,
): Promise<Record<string, NdArray>[]> {
  const lowered = known(plan, `${name}/${signature(batch, {})}${signatureOf(layout)}`, () =>
    traceProbe(plan, batch, build, {}, layout),
  );
  const parts: Record<string, NdArray>[] = [];
  for (const fed of feeds) parts.push(await runOn(host, lowered, { ...values, ...fed }));
  return Array.from({ length: layout.size }, (_, i) =>
    Object.fromEntries(
      Object.keys(parts[0]).map((path) => {
        const own = parts.map((part) => (layout.size === 1 ? part[path] : entryOf(part[path], i)));
        return [path, own.length === 1 ? own[0] : joined(own, size)];
      }),
    ),
  );
}

/** The arrays end to end along their first axis, cut to `size`. */
function joined(arrays: readonly NdArray[], size: number): NdArray {
  const [first] = arrays;
  const width = sizeOf(first.shape.slice(1));
  const result = zeros(first.dtype, [size, ...first.shape.slice(1)]);
  const data = result.data as Float32Array;
  let at = 0;
  for (const { data: part } of arrays) {
    const take = Math.min(part.length, data.length - at);
    data.set((part as Float32Array).subarray(0, take), at);
    at += take;
  }
  return width === 0 ? first : result;
}

/** Some examples of a data set. */
export function select(data: Dataset, index: ArrayLike<number>): Dataset {
  const pick = (a: NdArray | undefined) => (a === undefined ? undefined : rowsOf(a, index));
  const optional = { weight: pick(data.weight), group: pick(data.group), domain: pick(data.domain) };
  return {
    ...data,
    size: index.length,
    inputs: Object.fromEntries(Object.entries(data.inputs).map(([name, a]) => [name, rowsOf(a, index)])),
    target: rowsOf(data.target, index),
    ...Object.fromEntries(Object.entries(optional).filter(([, a]) => a !== undefined)),
    // what is chosen may be parts of bags
    together: undefined,
  };
}

/** Class probabilities [n, classes], or values [n, outputs]: what the one `predict` hook says, else the model's own. */
export function predictionOf(plan: Plan, view: View): Tensor {
  const { methods } = plan.recipe;
  const filled = only(methods, "predict");
  if (filled >= 0) {
    const predict = methods[filled].method.predict as (inputs: unknown, step: Step, state: unknown) => Tensor;
    return predict(view.batch.inputs, view.for(filled), plan.state.methods[filled]);
  }
  const { prediction } = view.outputs;
  return hasClasses(plan.shape.task) ? softmax(prediction) : prediction;
}

/** Of texts that are continued: loss by text, and the share of its tokens that had the largest score; [n] each. */
export const tokenOutcome: Build = ({ outputs, batch, loss }) => {
  const { prediction } = outputs;
  const hit = equal(argMax(prediction), batch.target);
  return { loss: loss(prediction, batch.target), right: mean(where(hit, 1, 0), { axes: [-1] }) };
};

/** Predictions for all rows, as plain numbers. */
export async function predict(
  host: Host,
  plan: Plan,
  values: Values,
  data: Dataset,
): Promise<NdArray<"float32">> {
  const build: Build = (view) => ({ prediction: predictionOf(plan, view) });
  const { prediction } = await probeRows(host, plan, values, data, "prediction", build);
  return prediction as NdArray<"float32">;
}

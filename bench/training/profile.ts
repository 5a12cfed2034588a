import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ort from "onnxruntime-node";
import type { NdArray } from "../../src/array/ndarray.ts";
import type { Lowered } from "../../src/onnx/index.ts";
import { commonOptions } from "../../src/runtime/engine.ts";
import { runKey } from "../../src/training/index.ts";
import type { Program } from "./analyses.ts";
import { programOf } from "./ours.ts";
import type { Arrays } from "./problem.ts";
import { keyArray, stacked, startOf } from "./start.ts";
import type { Workload } from "./workloads.ts";

/** One event of ONNX Runtime's profile; times in microseconds. */
interface Event {
  readonly cat: string;
  readonly name: string;
  readonly dur: number;
  readonly args?: {
    readonly op_name?: string;
    readonly input_type_shape?: readonly Readonly<Record<string, readonly number[]>>[];
    readonly output_type_shape?: readonly Readonly<Record<string, readonly number[]>>[];
  };
}

const toTensor = ({ dtype, shape, data }: NdArray): ort.Tensor =>
  new ort.Tensor(dtype as "float32", data as Float32Array, shape);

const suffix = "_kernel_time";
/** Steps a run. */
const steps = 8;
/** Runs: at least and at most so many, and no more after so many milliseconds. */
const [fewest, most, long] = [2, 6, 3000];

const shapes = (list: readonly Readonly<Record<string, readonly number[]>>[] = []) =>
  list.map((entry) => `[${Object.values(entry)[0]}]`).join(" ");

/** Sums over equal keys, largest first. */
function totals(events: readonly Event[], keyOf: (event: Event) => string): [string, number, number][] {
  const sums = new Map<string, [number, number]>();
  for (const event of events) {
    const [time, count] = sums.get(keyOf(event)) ?? [0, 0];
    sums.set(keyOf(event), [time + event.dur, count + 1]);
  }
  return [...sums]
    .map(([key, [time, count]]): [string, number, number] => [key, time, count])
    .sort((a, b) => b[1] - a[1]);
}

/** Time in milliseconds a step, and runs a step, of what `key` names. */
interface Line {
  readonly key: string;
  readonly milliseconds: number;
  readonly times: number;
}

/** Where a workload's step spends its time inside ONNX Runtime. */
export interface Profile {
  readonly nodes: number;
  /** Of the best run, while it is profiled. */
  readonly milliseconds: number;
  readonly operators: readonly Line[];
  /** By node of the graph: its operator, our label, shapes, and the line of ours that made it. */
  readonly byNode: readonly Line[];
}

/** The initial state as tensors. */
async function initialState({ initial, together }: Program, options: ort.InferenceSession.SessionOptions) {
  const state: Record<string, ort.Tensor> = {};
  if (initial === undefined) return state;
  const session = await ort.InferenceSession.create(initial.bytes, options);
  const results = await session.run({ [initial.inputs[0].value]: toTensor(keyArray(runKey(0))) });
  for (const { name, value } of initial.outputs) {
    const { dims, data } = results[value];
    // of seeds side by side the first stands for all: the values do not matter here
    state[name] = together?.own.has(name)
      ? toTensor(stacked(Array(together.size).fill({ dtype: "float32", shape: dims, data })))
      : results[value];
  }
  await session.release();
  return state;
}

/** Runs a workload's steps for a while with ONNX Runtime's profiler. */
export async function profileOf(workload: Workload, threads: number): Promise<Profile> {
  const program = programOf(workload, await startOf(workload));
  const graph = threads > 1 ? (program.steps.parallel?.() ?? program.steps) : program.steps;
  const folder = mkdtempSync(join(tmpdir(), "ockham-profile-"));
  const options: ort.InferenceSession.SessionOptions = {
    ...commonOptions,
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    extra: { session: { force_spinning_stop: "1" } },
  };
  const state = await initialState(program, options);
  const session = await ort.InferenceSession.create(graph.bytes, {
    ...options,
    enableProfiling: true,
    profileFilePrefix: join(folder, "profile"),
  });
  const rows = workload.batch * workload.batches;
  const index: NdArray = {
    dtype: "int32",
    shape: [steps, workload.batch],
    data: Int32Array.from({ length: steps * workload.batch }, (_, i) => i % rows),
  };
  const given: Arrays = { ...program.arrays, key: keyArray(runKey(0)), index };
  const feedOf = (name: string) => state[name.replace(/^anchor/, "params")] ?? toTensor(given[name]);
  const feeds = Object.fromEntries(graph.inputs.map(({ name, value }) => [value, feedOf(name)]));
  const times: number[] = [];
  const begun = performance.now();
  while (times.length < fewest || (times.length < most && performance.now() - begun < long)) {
    const start = performance.now();
    await session.run(feeds);
    times.push((performance.now() - start) / steps);
  }
  session.endProfiling();
  const events = JSON.parse(readFileSync(join(folder, readdirSync(folder)[0]), "utf8")) as readonly Event[];
  rmSync(folder, { recursive: true });
  return summed(graph, events, times);
}

function summed(
  { nodeCount, originOf }: Lowered,
  events: readonly Event[],
  times: readonly number[],
): Profile {
  const kernels = events.filter(
    ({ cat, name, args }) => cat === "Node" && name.endsWith(suffix) && args?.op_name !== "Scan",
  );
  const ran = steps * times.length;
  const lines = (keyOf: (event: Event) => string): Line[] =>
    totals(kernels, keyOf).map(([key, time, count]) => ({
      key,
      milliseconds: time / 1000 / ran,
      times: count / ran,
    }));
  const nodeKey = ({ name, args }: Event) => {
    const label = name.slice(0, -suffix.length);
    const line = originOf(label)?.line?.split("/").slice(-2).join("/") ?? "";
    const [from, to] = [shapes(args?.input_type_shape), shapes(args?.output_type_shape)];
    return `${(args?.op_name ?? "").padEnd(18)} ${label.padEnd(24)} ${from} -> ${to} ${line}`;
  };
  return {
    nodes: nodeCount,
    milliseconds: Math.min(...times),
    operators: lines(({ args }) => args?.op_name ?? "?"),
    byNode: lines(nodeKey),
  };
}

/** A profile as a text. */
export function profileText({ id, title }: Workload, threads: number, profile: Profile): string {
  const { nodes, milliseconds, operators, byNode } = profile;
  const inside = operators.reduce((sum, line) => sum + line.milliseconds, 0);
  const line = ({ key, milliseconds: time, times }: Line) =>
    `${time.toFixed(3).padStart(9)} ms ${((100 * time) / inside).toFixed(1).padStart(5)} % ${times.toFixed(1).padStart(6)} x  ${key}`;
  return [
    `${id}: ${title}; ${threads} thread${threads === 1 ? "" : "s"}`,
    `${nodes} nodes; ${milliseconds.toFixed(3)} ms a step at best while profiled, ${inside.toFixed(3)} ms of it inside operators`,
    "",
    "by operator, a step",
    ...operators.map(line),
    "",
    "by node, a step (first 40)",
    ...byNode.slice(0, 40).map(line),
    "",
  ].join("\n");
}

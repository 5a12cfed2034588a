import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ort from "onnxruntime-node";
import type { NdArray } from "../../src/array/ndarray.ts";
import type { Lowered } from "../../src/onnx/index.ts";
import { commonOptions } from "../../src/runtime/engine.ts";
import { openProgram } from "../../src/runtime/wasm.ts";
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

/** Where a workload's step spends its time, inside ONNX Runtime or a program of our own. */
export interface Profile {
  /** Whether it is a program of our own. */
  readonly small: boolean;
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

/** Runs a workload's steps for a while with ONNX Runtime's profiler, or V8's where they are a program of our own. */
export async function profileOf(workload: Workload, threads: number): Promise<Profile> {
  const program = programOf(workload, await startOf(workload));
  const small = program.steps.small?.();
  if (small !== undefined) return profileOfProgram(workload, program, small);
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
  const feeds = feedsFor(workload, program, graph, state, steps);
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

function feedsFor(
  { batch, batches }: Workload,
  { arrays }: Program,
  { inputs }: Lowered,
  state: Readonly<Record<string, ort.Tensor>>,
  count: number,
): Record<string, ort.Tensor> {
  const index: NdArray = {
    dtype: "int32",
    shape: [count, batch],
    data: Int32Array.from({ length: count * batch }, (_, i) => i % (batch * batches)),
  };
  const given: Arrays = { ...arrays, key: keyArray(runKey(0)), index };
  const feedOf = (name: string) => state[name.replace(/^anchor/, "params")] ?? toTensor(given[name]);
  return Object.fromEntries(inputs.map(({ name, value }) => [value, feedOf(name)]));
}

/** Steps a run of a small program, runs, and microseconds from one sample to the next. */
const [smallSteps, smallRuns, interval] = [5000, 20, 100];

/** Runs a program of our own for a while with V8's profiler, which samples the function it is in: one for each task. */
async function profileOfProgram(workload: Workload, program: Program, small: Lowered): Promise<Profile> {
  const state = await initialState(program, commonOptions);
  const session = await openProgram(small.bytes, ort);
  const feeds = feedsFor(workload, program, small, state, smallSteps);
  await session.run(feeds);
  const profiler = new Session();
  profiler.connect();
  await profiler.post("Profiler.enable");
  await profiler.post("Profiler.setSamplingInterval", { interval });
  await profiler.post("Profiler.start");
  const times: number[] = [];
  for (let run = 0; run < smallRuns; run++) {
    const start = performance.now();
    await session.run(feeds);
    times.push((performance.now() - start) / smallSteps);
  }
  const { profile } = await profiler.post("Profiler.stop");
  profiler.disconnect();
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame.functionName]));
  const events = (profile.samples ?? []).map(
    (id, i): Event => ({ cat: "Node", name: names.get(id) ?? "", dur: profile.timeDeltas?.[i] ?? 0 }),
  );
  const lines = (keyOf: (event: Event) => string): Line[] =>
    totals(events, keyOf).map(([key, time]) => ({
      key,
      milliseconds: time / 1000 / smallSteps / smallRuns,
      times: 1,
    }));
  const opOf = ({ name }: Event) => small.originOf(name)?.op ?? "between";
  const nodeOf = ({ name }: Event) =>
    `${name} ${small.originOf(name)?.line?.split("/").slice(-2).join("/") ?? ""}`;
  return {
    small: true,
    nodes: small.nodeCount,
    milliseconds: Math.min(...times),
    operators: lines(opOf),
    byNode: lines(nodeOf),
  };
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
    small: false,
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
    `${time.toFixed(4).padStart(10)} ms ${((100 * time) / inside).toFixed(1).padStart(5)} % ${times.toFixed(1).padStart(6)} x  ${key}`;
  return [
    `${id}: ${title}; ${threads} thread${threads === 1 ? "" : "s"}`,
    `${nodes} ${profile.small ? "tasks of a WebAssembly program" : "nodes"}; ${milliseconds.toFixed(4)} ms a step at best while profiled, ${inside.toFixed(4)} ms of it inside`,
    "",
    "by operator, a step",
    ...operators.map(line),
    "",
    "by node, a step (first 40)",
    ...byNode.slice(0, 40).map(line),
    "",
  ].join("\n");
}

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ort from "onnxruntime-node";
import type { NdArray } from "../../src/array/ndarray.ts";
import type { Lowered } from "../../src/onnx/index.ts";
import { commonOptions } from "../../src/runtime/engine.ts";
import { runKey } from "../../src/training/index.ts";
import { programOf } from "./ours.ts";
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
const steps = 8;
const warm = 3;

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

/** Where a workload's step spends its time in ONNX Runtime, as a text: by operator, and by node. */
export async function profile(workload: Workload, threads: number): Promise<string> {
  const { initial, steps: serial, arrays, together } = programOf(workload, await startOf(workload));
  const graph = threads > 1 ? (serial.parallel?.() ?? serial) : serial;
  const folder = mkdtempSync(join(tmpdir(), "ockham-profile-"));
  const options = (profiled: boolean): ort.InferenceSession.SessionOptions => ({
    ...commonOptions,
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    enableProfiling: profiled,
    profileFilePrefix: join(folder, "profile"),
    extra: { session: { force_spinning_stop: "1" } },
  });
  const key = keyArray(runKey(0));
  const state: Record<string, ort.Tensor> = {};
  if (initial !== undefined) {
    const first = await ort.InferenceSession.create(initial.bytes, options(false));
    const results = await first.run({ [initial.inputs[0].value]: toTensor(key) });
    for (const { name, value } of initial.outputs) {
      const { dims, data } = results[value];
      // seeds side by side: the values do not matter here
      state[name] = together?.own.has(name)
        ? toTensor(stacked(Array(together.size).fill({ dtype: "float32", shape: dims, data })))
        : results[value];
    }
    await first.release();
  }
  const session = await ort.InferenceSession.create(graph.bytes, options(true));
  const index: NdArray = {
    dtype: "int32",
    shape: [steps, workload.batch],
    data: Int32Array.from(
      { length: steps * workload.batch },
      (_, i) => i % (workload.batch * workload.batches),
    ),
  };
  const given: Readonly<Record<string, NdArray>> = { ...arrays, key, index };
  const feedOf = (name: string) => state[name.replace(/^anchor/, "params")] ?? toTensor(given[name]);
  const feeds = Object.fromEntries(graph.inputs.map(({ name, value }) => [value, feedOf(name)]));
  const times: number[] = [];
  for (let run = 0; run < 2 * warm; run++) {
    const begun = performance.now();
    await session.run(feeds);
    times.push((performance.now() - begun) / steps);
  }
  session.endProfiling();
  const events = JSON.parse(readFileSync(join(folder, readdirSync(folder)[0]), "utf8")) as readonly Event[];
  rmSync(folder, { recursive: true });
  return describe(workload, threads, graph, events, times);
}

function describe(
  workload: Workload,
  threads: number,
  { nodeCount, originOf }: Lowered,
  events: readonly Event[],
  times: readonly number[],
): string {
  const kernels = events.filter(({ cat, name }) => cat === "Node" && name.endsWith(suffix));
  const inner = kernels.filter(({ args }) => args?.op_name !== "Scan");
  const perStep = steps * times.length * 1000;
  const sum = inner.reduce((total, { dur }) => total + dur, 0);
  const line = ([key, time, count]: [string, number, number]) =>
    `${(time / perStep).toFixed(3).padStart(9)} ms ${((100 * time) / sum).toFixed(1).padStart(5)} % ${(count / (steps * times.length)).toFixed(1).padStart(6)} x  ${key}`;
  const nodeKey = ({ name, args }: Event) => {
    const label = name.slice(0, -suffix.length);
    const origin = originOf(label);
    const file = origin?.line?.split("/").slice(-2).join("/") ?? "";
    return `${(args?.op_name ?? "").padEnd(18)} ${label.padEnd(24)} ${shapes(args?.input_type_shape)} -> ${shapes(args?.output_type_shape)} ${file}`;
  };
  return [
    `${workload.id}: ${workload.title}; ${threads} thread${threads === 1 ? "" : "s"}`,
    `${nodeCount} nodes; ${Math.min(...times).toFixed(3)} ms a step at best while profiled, ${(sum / perStep).toFixed(3)} ms of it inside operators`,
    "",
    "by operator, a step",
    ...totals(inner, ({ args }) => args?.op_name ?? "?").map(line),
    "",
    "by node, a step (first 40)",
    ...totals(inner, nodeKey).slice(0, 40).map(line),
    "",
  ].join("\n");
}

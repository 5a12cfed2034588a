import { readFileSync } from "node:fs";
import type { NdArray } from "../../../src/array/ndarray.ts";
import { readNpz } from "../../../src/array/npz.ts";
import type { Lowered } from "../../../src/onnx/index.ts";
import { type Handle, type Host, openHost } from "../../../src/runtime/index.ts";
import { runKey } from "../../../src/training/index.ts";
import { type Program, programOf } from "../ours.ts";
import type { Arrays } from "../problem.ts";
import { keyArray } from "../start.ts";
import type { Workload } from "../workloads.ts";
import { type Job, type Racer, serve } from "./serve.ts";

type Handles = Readonly<Record<string, Handle>>;

/** Longest stay in one run, in milliseconds, as the trainer has it. */
const patience = 200;

/** Runs a loop over the batches in order, from a state that is never given back; the losses. */
function looper(host: Host, steps: Lowered, { batch, batches }: Workload, shared: Handles, initial: Handles) {
  const names = Object.keys(initial);
  let each = Number.POSITIVE_INFINITY;
  const indices = (from: number, count: number): NdArray => ({
    dtype: "int32",
    shape: [count, batch],
    data: Int32Array.from({ length: count * batch }, (_, i) => (from * batch + i) % (batch * batches)),
  });
  return async (count: number): Promise<Float32Array> => {
    const program = await host.load(steps);
    const losses = new Float32Array(count);
    let state = initial;
    for (let done = 0; done < count; ) {
      const some = Math.max(1, Math.min(count - done, Math.floor(patience / each)));
      const feeds = { ...shared, ...state, index: indices(done, some) };
      const { outputs, milliseconds } = await host.run(program, feeds, { keep: names });
      if (state !== initial) await host.release(...Object.values(state));
      state = Object.fromEntries(names.map((name) => [name, outputs[name] as Handle]));
      losses.set((outputs.loss as NdArray).data as Float32Array, done);
      each = milliseconds / some;
      done += some;
    }
    await host.release(...Object.values(state));
    return losses;
  };
}

async function put(host: Host, arrays: Arrays, wanted: ReadonlySet<string>): Promise<Record<string, Handle>> {
  const handles: Record<string, Handle> = {};
  for (const [name, array] of Object.entries(arrays))
    if (wanted.has(name)) handles[name] = await host.put(array);
  return handles;
}

/** What runs a workload on a host: the losses of so many steps. */
type Run = (steps: number) => Promise<ArrayLike<number>>;

/** One program from the values that a seed gives it. */
async function single(host: Host, workload: Workload, program: Program, seed: number): Promise<Run> {
  const { steps, initial } = program;
  const key = keyArray(runKey(seed));
  const arrays: Arrays = { ...program.arrays, key };
  const names = steps.outputs.map(({ name }) => name).filter((name) => name !== "loss");
  const state =
    initial === undefined
      ? await put(host, arrays, new Set(names))
      : ((await host.run(await host.load(initial), { key }, { keep: names })).outputs as Handles);
  const fed = steps.inputs.map(({ name }) => name).filter((name) => !names.includes(name));
  return looper(host, steps, workload, await put(host, arrays, new Set(fed)), state);
}

/** Several seeds one after another: a step of each is one step. */
async function seeds(host: Host, workload: Workload, program: Program, count: number): Promise<Run> {
  const runs: Run[] = [];
  for (let seed = 0; seed < count; seed++) runs.push(await single(host, workload, program, seed));
  return async (steps) => {
    const all: ArrayLike<number>[] = [];
    for (const run of runs) all.push(await run(steps));
    return Float64Array.from({ length: steps }, (_, i) => all.reduce((sum, l) => sum + l[i], 0) / count);
  };
}

async function open({ workload, threads, file }: Job): Promise<Racer> {
  const host = openHost({ threads });
  const arrays = readNpz(readFileSync(file), file);
  const program = programOf(workload, arrays);
  const run =
    workload.seeds === undefined
      ? await single(host, workload, program, 0)
      : await seeds(host, workload, program, workload.seeds);
  return {
    versions: { node: process.versions.node },
    close: () => host.close(),
    async run(steps) {
      const start = performance.now();
      const losses = await run(steps);
      return { losses, seconds: (performance.now() - start) / 1000 };
    },
  };
}

await serve(open);

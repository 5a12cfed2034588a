import { readFileSync } from "node:fs";
import type { NdArray } from "../../../src/array/ndarray.ts";
import { readNpz } from "../../../src/array/npz.ts";
import type { Lowered } from "../../../src/onnx/index.ts";
import { type Handle, type Host, openHost } from "../../../src/runtime/index.ts";
import { type Layout, runKey } from "../../../src/training/index.ts";
import type { Program } from "../analyses.ts";
import { programOf } from "../ours.ts";
import type { Arrays } from "../problem.ts";
import { keyArray, stacked } from "../start.ts";
import type { Workload } from "../workloads.ts";
import { type Job, type Racer, serve } from "./serve.ts";

type Handles = Readonly<Record<string, Handle>>;

/** Longest stay in one run, in milliseconds, and most examples that it is told of, as the trainer has them. */
const patience = 200;
const mostExamples = 2 ** 17;

/** One number a step; of runs side by side, which have one each, their mean. */
function means(losses: Float32Array, steps: number): Float32Array {
  const runs = losses.length / steps;
  const result = new Float32Array(steps);
  for (let step = 0; step < steps; step++) {
    let sum = 0;
    for (let run = 0; run < runs; run++) sum += losses[step * runs + run];
    result[step] = sum / runs;
  }
  return result;
}

/** Runs a loop over the batches in order, from a state that is never given back; the losses. */
function looper(host: Host, steps: Lowered, { batch, batches }: Workload, shared: Handles, initial: Handles) {
  const names = Object.keys(initial);
  let each = Number.POSITIVE_INFINITY;
  const indices = (from: number, count: number): NdArray => {
    const data = new Int32Array(count * batch);
    for (let i = 0; i < data.length; i++) data[i] = (from * batch + i) % (batch * batches);
    return { dtype: "int32", shape: [count, batch], data };
  };
  return async (count: number): Promise<Float32Array> => {
    const program = await host.load(steps);
    const losses = new Float32Array(count);
    let state = initial;
    for (let done = 0; done < count; ) {
      const some = Math.max(1, Math.floor(Math.min(count - done, patience / each, mostExamples / batch)));
      const feeds = { ...shared, ...state, index: indices(done, some) };
      const { outputs, milliseconds } = await host.run(program, feeds, { keep: names });
      if (state !== initial) await host.release(...Object.values(state));
      state = Object.fromEntries(names.map((name) => [name, outputs[name] as Handle]));
      losses.set(means((outputs.loss as NdArray).data as Float32Array, some), done);
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
type Run = (steps: number) => Promise<Float32Array>;

/** The names of what a program carries from step to step. */
const stateOf = ({ steps }: Program): string[] =>
  steps.outputs.map(({ name }) => name).filter((name) => name !== "loss");

/** A program from some state. */
async function running(host: Host, workload: Workload, program: Program, seed: number, state: Handles) {
  const fed = program.steps.inputs.map(({ name }) => name).filter((name) => !(name in state));
  const arrays = { ...program.arrays, key: keyArray(runKey(seed)) };
  return looper(host, program.steps, workload, await put(host, arrays, new Set(fed)), state);
}

/** One program from the values that a seed gives it. */
async function single(host: Host, workload: Workload, program: Program, seed: number): Promise<Run> {
  const { initial, arrays } = program;
  const names = stateOf(program);
  const key = keyArray(runKey(seed));
  const state =
    initial === undefined
      ? await put(host, arrays, new Set(names))
      : ((await host.run(await host.load(initial), { key }, { keep: names })).outputs as Handles);
  return running(host, workload, program, seed, state);
}

/** Several seeds one after another: a step of each is one step. */
async function oneByOne(host: Host, workload: Workload, program: Program, count: number): Promise<Run> {
  const runs: Run[] = [];
  for (let seed = 0; seed < count; seed++) runs.push(await single(host, workload, program, seed));
  return async (steps) => {
    const all: Float32Array[] = [];
    for (const run of runs) all.push(await run(steps));
    return Float32Array.from({ length: steps }, (_, i) => all.reduce((sum, l) => sum + l[i], 0) / count);
  };
}

/** Several seeds side by side. */
async function sideBySide(
  host: Host,
  workload: Workload,
  program: Program,
  { size, own }: Layout,
): Promise<Run> {
  const initial = await host.load(program.initial as Lowered);
  const each: Arrays[] = [];
  for (let seed = 0; seed < size; seed++)
    each.push((await host.run(initial, { key: keyArray(runKey(seed)) })).outputs as Arrays);
  const all = stateOf(program).map((name) => [
    name,
    own.has(name) ? stacked(each.map((state) => state[name])) : each[0][name],
  ]);
  const state = await put(host, Object.fromEntries(all), new Set(stateOf(program)));
  return running(host, workload, program, 0, state);
}

function prepared(host: Host, workload: Workload, program: Program): Promise<Run> {
  const { seeds } = workload;
  if (seeds === undefined) return single(host, workload, program, 0);
  return program.together === undefined
    ? oneByOne(host, workload, program, seeds)
    : sideBySide(host, workload, program, program.together);
}

async function open({ workload, threads, file }: Job): Promise<Racer> {
  const host = openHost({ threads });
  const arrays = readNpz(readFileSync(file), file);
  const run = await prepared(host, workload, programOf(workload, arrays));
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

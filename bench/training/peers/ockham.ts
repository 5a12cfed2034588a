import { readFileSync } from "node:fs";
import type { NdArray } from "../../../src/array/ndarray.ts";
import { readNpz } from "../../../src/array/npz.ts";
import type { Lowered } from "../../../src/onnx/index.ts";
import { type Handle, type Host, openHost } from "../../../src/runtime/index.ts";
import { feedsOf, runKey } from "../../../src/training/index.ts";
import { planFor } from "../plans.ts";
import { dataOf } from "../problem.ts";
import { keyArray } from "../start.ts";
import type { Workload } from "../workloads.ts";
import { type Job, type Racer, serve } from "./serve.ts";

type Arrays = Readonly<Record<string, NdArray>>;
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

const put = async (host: Host, arrays: Arrays, wanted: Lowered): Promise<Record<string, Handle>> => {
  const names = new Set(wanted.inputs.map(({ name }) => name));
  const handles: Record<string, Handle> = {};
  for (const [name, array] of Object.entries(arrays))
    if (names.has(name)) handles[name] = await host.put(array);
  return handles;
};

const under = (prefix: string, arrays: Arrays): Arrays =>
  Object.fromEntries(
    Object.entries(arrays).flatMap(([name, a]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), a]] : [],
    ),
  );

/** Training, of one model or of several one after another. */
async function trainer(host: Host, workload: Workload, arrays: Arrays) {
  const examples = under("data/", arrays);
  const plan = planFor(workload, examples, { ...under("params/", arrays), ...arrays });
  const keep = plan.initial.outputs.map(({ name }) => name);
  const data = feedsOf(dataOf(workload, examples));
  const runs: ((steps: number) => Promise<Float32Array>)[] = [];
  for (let seed = 0; seed < (workload.seeds ?? 1); seed++) {
    const key = keyArray(runKey(seed));
    const { outputs } = await host.run(await host.load(plan.initial), { key }, { keep });
    const shared = await put(host, { ...data, key }, plan.steps);
    runs.push(looper(host, plan.steps, workload, shared, outputs as Handles));
  }
  return async (steps: number) => {
    const all: Float32Array[] = [];
    for (const run of runs) all.push(await run(steps));
    return all[0].map((_, i) => all.reduce((total, losses) => total + losses[i], 0) / all.length);
  };
}

async function open({ workload, threads, file }: Job): Promise<Racer> {
  const host = openHost({ threads });
  const arrays = readNpz(readFileSync(file), file);
  const run = await trainer(host, workload, arrays);
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

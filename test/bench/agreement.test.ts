import { afterAll, describe, expect, it } from "vitest";
import { programOf } from "../../bench/training/ours.ts";
import { factorsOf, isAdapted, modelOf } from "../../bench/training/problem.ts";
import { keyArray } from "../../bench/training/start.ts";
import type { Workload } from "../../bench/training/workloads.ts";
import { golden, mix } from "../../src/array/hash.ts";
import { type NdArray, sizeOf } from "../../src/array/ndarray.ts";
import type { Leaf } from "../../src/kinds/index.ts";
import { type Handle, openInline } from "../../src/runtime/index.ts";
import { runKey } from "../../src/training/index.ts";
import { references } from "../methods/small.ts";

interface Case {
  readonly name: string;
  readonly options: Workload;
  /** By run of PyTorch (the file's `source` says which there are), before steps 1 to 20 and 181 to 200. */
  readonly losses: Readonly<
    Record<"float64" | "oneThread" | "twoThreads" | "plainKernels", readonly number[]>
  >;
}

const { cases, source } = references<Case>("bench-training");

const [steps, first, last] = [200, 20, 20];

const host = openInline();
afterAll(() => host.close());

type Arrays = Record<string, NdArray>;

/** Word j of array k, as the reference's script has it. */
const word = (k: number, j: number): number => mix((mix(Math.imul(j, golden) >>> 0) + k) >>> 0);

const drawn = (k: number, shape: readonly number[], scale: number): NdArray => ({
  dtype: "float32",
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, (_, j) => (2 * word(k, j) * 2 ** -32 - 1) * scale),
});

const whole = (shape: readonly number[], value: (i: number) => number): NdArray => ({
  dtype: "int32",
  shape,
  data: Int32Array.from({ length: sizeOf(shape) }, (_, i) => value(i)),
});

const scaleOf = (shape: readonly number[]): number => Math.sqrt(3 / sizeOf(shape.slice(1)));

function examplesOf({ network, batch, batches }: Workload): Arrays {
  const size = batch * batches;
  if (network.kind === "transformer") {
    const { tokens, vocabulary } = network;
    const ids = (shift: number) =>
      whole([size, tokens], (i) => {
        const at = Math.floor(i / tokens) * (tokens + 1) + (i % tokens) + shift;
        return word(1000, at) % vocabulary;
      });
    return { "data/x": ids(0), "data/y": ids(1) };
  }
  const x = drawn(1000, [size, ...network.shape], 2);
  if (network.outputs === 1) return { "data/x": x, "data/y": drawn(1001, [size, 1], 1) };
  return { "data/x": x, "data/y": whole([size], (i) => word(1001, i) % network.outputs) };
}

const initialOf = ({ role, shape }: Leaf, i: number): NdArray =>
  shape.length > 1
    ? drawn(i, shape, scaleOf(shape))
    : { dtype: "float32", shape, data: new Float32Array(sizeOf(shape)).fill(role === "gain" ? 1 : 0) };

function startOf(workload: Workload): Arrays {
  const model = modelOf(workload.network);
  const leaves = model.leaves.filter(({ role }) => role !== "buffer");
  const factors = workload.step === "lora" ? model.leaves.filter(isAdapted) : [];
  return {
    ...examplesOf(workload),
    ...Object.fromEntries(leaves.map((leaf, i) => [`params/${leaf.path}`, initialOf(leaf, i)])),
    ...Object.fromEntries(
      factors.flatMap((leaf, i) => {
        const { down, up } = factorsOf(leaf);
        const [out, inputs] = leaf.shape;
        const rank = workload.rank as number;
        return [
          [down, drawn(2000 + 2 * i, [rank, inputs], scaleOf([rank, inputs]))],
          [up, drawn(2001 + 2 * i, [out, rank], 0.01)],
        ];
      }),
    ),
  };
}

/** Our losses over all steps, `chunk` of them a run. */
async function lossesOf(workload: Workload, chunk: number): Promise<number[]> {
  const start = startOf(workload);
  const { steps: graph, initial, arrays } = programOf(workload, start);
  const key = keyArray(runKey(0));
  const { outputs } = await host.run(await host.load(initial as NonNullable<typeof initial>), { key });
  const names = Object.keys(outputs);
  let state = {
    ...outputs,
    ...Object.fromEntries(names.flatMap((n) => (n in start ? [[n, start[n]]] : []))),
  };
  const program = await host.load(graph);
  const losses: number[] = [];
  while (losses.length < steps) {
    const rows = workload.batch * workload.batches;
    const index = whole([chunk, workload.batch], (i) => (losses.length * workload.batch + i) % rows);
    const ran = await host.run(program, { ...arrays, key, ...state, index }, { keep: names });
    const before = Object.values(state).filter((value): value is Handle => "handle" in value);
    await host.release(...before);
    const { loss, ...next } = ran.outputs;
    state = next;
    losses.push(...((loss as NdArray).data as Float32Array));
  }
  return losses;
}

/** A float32 loss cannot tell differences of one or two units in its last place from none. */
const unit = 2 ** -22;

/** Root mean square of the relative differences over the last steps. */
function straying(losses: readonly number[], from: readonly number[]): number {
  const parts = losses.slice(-last).map((loss, i) => (loss / from[from.length - last + i] - 1) ** 2);
  return Math.sqrt(parts.reduce((a, b) => a + b) / last);
}

describe(`the bench's models against PyTorch ${source.version}, smaller (${source.script})`, () => {
  it.each(cases.map((c) => [c.name, c] as const))("%s", async (_, { options, losses }) => {
    const own = await lossesOf(options, 20);
    own.slice(0, first).forEach((loss, i) => {
      const wanted = losses.oneThread[i];
      expect(Math.abs(loss / wanted - 1), `step ${i + 1}: ${loss} for ${wanted}`).toBeLessThan(1e-4);
    });
    const runs = Object.values(losses);
    const itself = Math.max(...runs.flatMap((run) => runs.map((other) => straying(run, other))));
    expect(straying(own, losses.float64)).toBeLessThanOrEqual(Math.max(itself, unit));
  });
});

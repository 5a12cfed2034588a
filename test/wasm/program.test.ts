import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { type DType, type NdArray, type PlainDType, sizeOf } from "../../src/array/ndarray.ts";
import type { LoopSpec } from "../../src/onnx/index.ts";
import { openInline } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import { input, type Node, type Primitive, type Tensor } from "../../src/tensor/graph.ts";
import { compileLoop } from "../../src/wasm/index.ts";
import { recast, samples } from "../onnx/samples.ts";

const host = openInline();
afterAll(() => host.close());

type Arrays = Readonly<Record<string, NdArray>>;

/** A value to be computed from arrays. */
interface Case {
  readonly name: string;
  readonly own: readonly NdArray[];
  readonly inputs: readonly Tensor[];
  readonly y: Tensor;
}

const nameOf = (t: Tensor) => (t as Node<"input">).attributes.name;

const specOf = (cases: readonly Case[]): LoopSpec => ({
  length: 1,
  state: {},
  scanned: {},
  shared: Object.fromEntries(cases.flatMap(({ inputs }) => inputs.map((t) => [nameOf(t), t]))),
  collected: Object.fromEntries(cases.map(({ name, y }) => [name, y])),
});

const hasCode = (inputs: readonly Tensor[], y: Tensor): boolean =>
  compileLoop(specOf([{ name: "y", own: [], inputs, y }])) !== undefined;

/** All cases as one step of one program. */
async function computed(cases: readonly Case[]): Promise<Arrays> {
  const compiled = compileLoop(specOf(cases));
  if (compiled === undefined) throw new Error("there is code for each, but not for all");
  const feeds = cases.flatMap(({ inputs, own }) => inputs.map((t, k) => [nameOf(t), own[k]]));
  const run = await host.run(await host.load(compiled.lowered), Object.fromEntries(feeds));
  return Object.fromEntries(
    Object.entries(run.outputs as Arrays).map(([name, a]) => [name, { ...a, shape: a.shape.slice(1) }]),
  );
}

function describeCase({ own, y }: Case): string {
  const shapes = own.map((a) => `${a.dtype}[${a.shape}]`).join(", ");
  return `(${shapes}) ${JSON.stringify((y as Node).attributes)}`;
}

/** The first entry further off than the tolerance, in words. */
function difference(got: NdArray, want: NdArray, tolerance: number): string | undefined {
  if (got.dtype !== want.dtype || String(got.shape) !== String(want.shape))
    return `${got.dtype}[${got.shape}] for ${want.dtype}[${want.shape}]`;
  for (let i = 0; i < sizeOf(want.shape); i++) {
    const [a, b] = [Number(got.data[i]), Number(want.data[i])];
    if (!Object.is(a, b) && !(Math.abs(a - b) <= tolerance * (1 + Math.abs(b))))
      return `entry ${i}: ${a} for ${b}`;
  }
  return undefined;
}

const primitives = Object.keys(samples) as Primitive[];

/** Primitives without code for small models: such a model is left to ONNX Runtime. */
const without: readonly Primitive[] = [
  "cumsum",
  "conv",
  "convTranspose",
  "convKernel",
  "maxPool",
  "argMaxPool",
  "sumPool",
  "sumUnpool",
  "scan",
  "last",
  "stacked",
];

describe("every primitive agrees with the reference evaluator", () => {
  const dtypes: readonly [DType, number][] = [
    ["float32", 2e-5],
    ["int32", 0],
    ["uint32", 0],
    ["bool", 0],
  ];
  test.each(dtypes)("on %s, where there is code for it", async (dtype, tolerance) => {
    const wrong: string[] = [];
    const missing = new Set<Primitive>();
    for (const p of primitives) {
      const cases = fc
        .sample(samples[p], { numRuns: 24, seed: 1 })
        .flatMap(({ arrays, build }, i): Case[] => {
          const own = dtype === "float32" ? arrays : arrays.map((a) => recast(a, dtype as PlainDType));
          const inputs = own.map((a, k) => input(`x${i}.${k}`, a.shape, a.dtype));
          const y = attempt(() => build(inputs));
          return y === undefined || !hasCode(inputs, y) ? [] : [{ name: `y${i}`, own, inputs, y }];
        });
      if (cases.length === 0) missing.add(p);
      const results = await computed(cases);
      for (const c of cases) {
        const [want] = evaluate([c.y], new Map(c.inputs.map((t, k) => [t, c.own[k]])));
        const bad = difference(results[c.name], want, tolerance);
        if (bad !== undefined) wrong.push(`${p} ${describeCase(c)}: ${bad}`);
      }
    }
    expect(wrong).toEqual([]);
    if (dtype === "float32") expect([...missing]).toEqual(primitives.filter((p) => without.includes(p)));
  });
});

function attempt<T>(f: () => T): T | undefined {
  try {
    return f();
  } catch {
    return undefined;
  }
}

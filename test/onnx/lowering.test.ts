import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { type DType, type NdArray, ndarray, type PlainDType } from "../../src/array/ndarray.ts";
import { OckhamError } from "../../src/error.ts";
import { lower } from "../../src/onnx/index.ts";
import { openInline } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import { input, make, type Primitive, type Tensor } from "../../src/tensor/graph.ts";
import { recast, type Sample, samples } from "./samples.ts";

const host = openInline();
afterAll(() => host.close());

interface Case {
  readonly name: string;
  readonly inputs: Record<string, Tensor>;
  readonly feeds: Record<string, NdArray>;
  readonly output: Tensor;
}

function caseOf(name: string, { build }: Sample, arrays: readonly NdArray[]): Case {
  const inputs = arrays.map((a, i) => input(`${name}.${i}`, a.shape, a.dtype));
  return {
    name,
    inputs: Object.fromEntries(inputs.map((t, i) => [`${name}.${i}`, t])),
    feeds: Object.fromEntries(arrays.map((a, i) => [`${name}.${i}`, a])),
    output: build(inputs),
  };
}

/** All cases as one graph, run once. */
async function run(cases: readonly Case[]): Promise<NdArray[]> {
  const lowered = lower({
    inputs: Object.assign({}, ...cases.map((c) => c.inputs)),
    outputs: Object.fromEntries(cases.map((c) => [c.name, c.output])),
  });
  const program = await host.load(lowered);
  const { outputs } = await host.run(program, Object.assign({}, ...cases.map((c) => c.feeds)));
  return cases.map((c) => outputs[c.name] as NdArray);
}

const reference = ({ inputs, feeds, output }: Case): NdArray =>
  evaluate([output], new Map(Object.entries(inputs).map(([name, t]) => [t, feeds[name]])))[0];

/** The first entry further off than the tolerance, in words. */
function difference(got: NdArray, want: NdArray, tolerance: number): string | undefined {
  if (got.dtype !== want.dtype || String(got.shape) !== String(want.shape))
    return `${got.dtype}[${got.shape}] for ${want.dtype}[${want.shape}]`;
  for (let i = 0; i < want.data.length; i++) {
    const [a, b] = [got, want].map(({ data, dtype }) =>
      dtype === "bool" ? +(data[i] !== 0) : Number(data[i]),
    );
    if (!Object.is(a, b) && !(Math.abs(a - b) <= tolerance * (1 + Math.abs(b))))
      return `entry ${i}: ${a} for ${b}`;
  }
  return undefined;
}

const describeCase = ({ inputs, output }: Case): string => {
  const { op, attributes } = output as unknown as { op: string; attributes: object };
  const shapes = Object.values(inputs).map((t) => `${t.dtype}[${t.shape}]`);
  return `${op}(${shapes.join(", ")}) ${JSON.stringify(attributes)}`;
};

const primitives = Object.keys(samples) as Primitive[];
const drawn = (p: Primitive, numRuns: number, seed: number) => fc.sample(samples[p], { numRuns, seed });

describe("every primitive agrees with the reference evaluator", () => {
  test("on float32", async () => {
    const runs = (p: Primitive) => (/conv|Pool|matmul|Unpool/.test(p) ? 50 : 16);
    const cases = primitives.flatMap((p) =>
      drawn(p, runs(p), 1).map((s, i) => caseOf(`${p}${i}`, s, s.arrays)),
    );
    const results = await run(cases);
    const wrong = cases.flatMap((c, i) => {
      const bad = difference(results[i], reference(c), 2e-5);
      return bad === undefined ? [] : [`${describeCase(c)}: ${bad}`];
    });
    expect(wrong).toEqual([]);
  });

  const dtypes: readonly PlainDType[] = ["float64", "int32", "uint32", "int8", "uint8", "bool"];
  test.each(dtypes)("on %s, or refuses it", async (dtype) => {
    const refused = new Set<string>();
    const cases: Case[] = [];
    for (const p of primitives)
      for (const [i, s] of drawn(p, 4, 2).entries()) {
        const c = attempt(() =>
          caseOf(
            `${p}${i}`,
            s,
            s.arrays.map((a) => recast(a, dtype)),
          ),
        );
        if (c === undefined) continue;
        if (attempt(() => lower({ inputs: c.inputs, outputs: { y: c.output } })) === undefined)
          refused.add(p);
        else cases.push(c);
      }
    const results = await run(cases);
    const tolerance = dtype === "float64" ? 1e-12 : 0;
    const wrong = cases.flatMap((c, i) => {
      const bad = difference(results[i], reference(c), tolerance);
      return bad === undefined ? [] : [`${describeCase(c)}: ${bad}`];
    });
    expect(wrong).toEqual([]);
    expect([...refused]).toEqual(refusals[dtype] ?? []);
  });
});

/** What has no meaning, and no kernel. */
const refusals: Partial<Record<PlainDType, readonly Primitive[]>> = {
  bool: [
    "neg",
    "abs",
    "sign",
    "cumsum",
    "softmax",
    "logSoftmax",
    "conv",
    "convTranspose",
    "convKernel",
    "sumPool",
    "sumUnpool",
    "scatterAdd",
  ],
};

/** The reference has no float16 and no int64: the same operation on float32 and int32 stands in. */
describe.each([
  ["float16", "float32", 5e-2],
  ["int64", "int32", 0],
] as const)("every primitive in %s agrees with the reference in %s", (narrow, plain, tolerance) => {
  test("within rounding, or is refused", async () => {
    const cases: Case[] = [];
    const references: NdArray[] = [];
    for (const p of primitives.filter((name) => name !== "constant" && name !== "cast"))
      for (const [i, s] of drawn(p, 4, 3).entries()) {
        const arrays = s.arrays.map((a) => (plain === "float32" ? a : recast(a, plain)));
        const within: Sample = {
          arrays,
          build: (inputs) => {
            const cast = (x: Tensor, from: string, dtype: DType) =>
              x.dtype === from ? make("cast", [x], { dtype }) : x;
            return cast(s.build(inputs.map((x) => cast(x, plain, narrow))), narrow, plain);
          },
        };
        const plainCase = attempt(() => caseOf(`${p}${i}`, s, arrays));
        const c = attempt(() => caseOf(`${p}${i}`, within, arrays));
        if (c === undefined || plainCase === undefined) continue;
        if (attempt(() => lower({ inputs: c.inputs, outputs: { y: c.output } })) === undefined) continue;
        cases.push(c);
        references.push(reference(plainCase));
      }
    expect(cases.length).toBeGreaterThan(120);
    const results = await run(cases);
    const wrong = cases.flatMap((c, i) => {
      const bad = difference(results[i], references[i], tolerance);
      return bad === undefined ? [] : [`${c.name} ${describeCase(c)}: ${bad}`];
    });
    expect(wrong).toEqual([]);
  });
});

/** The value, or undefined when it is refused for its dtype. */
function attempt<T>(f: () => T): T | undefined {
  try {
    return f();
  } catch (error) {
    if (error instanceof OckhamError && error.code === "bad-dtype") return undefined;
    throw error;
  }
}

test.each([512, 40])(
  "rows that are named often are all added, on one thread and on several: %i rows",
  async (total) => {
    const several = openInline({ threads: 2 });
    const count = 20_000;
    const at = ndarray(
      "int32",
      [count],
      Int32Array.from({ length: count }, (_, i) => (i * 7919) % total),
    );
    // whole numbers, so that every order of adding gives the same sums
    const given = ndarray(
      "float32",
      [count, 32],
      Float32Array.from({ length: count * 32 }, (_, i) => i % 7),
    );
    const rows = input("rows", [count], "int32");
    const values = input("values", [count, 32]);
    const sums = make("scatterAdd", [rows, values], { rows: total });
    const want = new Float32Array(total * 32);
    given.data.forEach((value, i) => {
      want[at.data[Math.floor(i / 32)] * 32 + (i % 32)] += value;
    });
    const lowered = lower({ inputs: { rows, values }, outputs: { sums } });
    for (const on of [host, several]) {
      const program = await on.load(lowered);
      expect(program.lowered === lowered).toBe(on === host);
      for (let i = 0; i < 10; i++) {
        const { outputs } = await on.run(program, { rows: at, values: given });
        expect((outputs.sums as NdArray).data).toEqual(want);
      }
    }
    await several.close();
  },
);

import { describe, expect, test } from "vitest";
import type { NdArray } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import { anyRows, encodeModel, type Fragment, lowerFragment } from "../../src/onnx/index.ts";
import { openModel } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import {
  add,
  cast,
  constant,
  exp,
  fill,
  flip,
  input,
  iota,
  keyOf,
  matmul,
  mean,
  mul,
  reshape,
  scan,
  sub,
  sum,
  swapLast,
  type Tensor,
  uniform,
  variance,
} from "../../src/tensor/index.ts";

const width = 3;
type Build = (x: Tensor, n: number) => Tensor;

const fragmentOf =
  (build: Build) =>
  (n: number): Fragment => {
    const x = input("x", [n, width]);
    return lowerFragment({ inputs: { x }, outputs: { y: build(x, n) } });
  };

const zeros = (n: number): Tensor =>
  constant({ dtype: "float32", shape: [n, 2], data: new Float32Array(2 * n).fill(0.5) });
const tens = (n: number): Tensor =>
  constant({
    dtype: "int32",
    shape: [n * 2],
    data: Int32Array.from({ length: n * 2 }, (_, i) => 5 + 10 * i),
  });

const builds: Readonly<Record<string, Build>> = {
  "every entry alone": (x) => exp(x),
  "a loop over columns": (x, n) => {
    const [last, all] = scan(
      (c: Tensor, column: Tensor) => {
        const next = add(mul(c, 0.5), reshape(column, [n, 1]));
        return [next, reshape(next, [n])] as const;
      },
      fill([n, 1], 0),
      swapLast(x),
    );
    return add(last, swapLast(all));
  },
  "rows laid end to end": (x, n) => reshape(exp(reshape(x, [n * width])), [n, width]),
  "a size that stays and one that varies": (x, n) => reshape(x, [n * width, 1, 1]),
  "two sizes that vary": (x, n) => reshape(matmul(x, swapLast(x)), [n, 1, n]),
  "all pairs of rows": (x, n) => reshape(matmul(x, swapLast(x)), [n * n]),
  "a spread number as result": (_, n) => fill([n, 2], 7),
  "the number of the row": (x, n) => add(x, reshape(cast(iota(n), "float32"), [n, 1])),
  "a progression": (_, n) => reshape(cast(tens(n), "float32"), [n, 2]),
  "a literal of one number": (x, n) => matmul(x, matmul(swapLast(x), zeros(n))),
  "the mean over rows": (x) => sub(x, mean(x, { axes: [0], keep: true })),
  "the spread over rows": (x) => mul(x, variance(x, { axes: [0], keep: true })),
  "a factor of the rows": (x, n) => mul(x, n * 2),
  "random numbers": (x, n) => add(x, uniform(keyOf([3, 4]), [n, width])),
};

function fileOf({ nodes, initializers, inputs, outputs }: Fragment): Uint8Array {
  const info = ({ value, shape, dtype }: Fragment["inputs"][number]) => ({
    name: value,
    dtype,
    shape: shape.map((n) => (n < 0 ? "n" : n)),
  });
  return encodeModel({
    irVersion: 9,
    producer: "test",
    opsets: { "": 18, "com.microsoft": 1 },
    graph: { name: "g", nodes, initializers, inputs: inputs.map(info), outputs: outputs.map(info) },
  });
}

const rowsOf = (n: number): NdArray<"float32"> => {
  const random = stream(n).split("rows");
  return {
    dtype: "float32",
    shape: [n, width],
    data: Float32Array.from({ length: n * width }, () => random.normal()),
  };
};

describe("a graph over any number of rows", () => {
  test.each(Object.entries(builds))(
    "computes %s as the graph traced for that number does",
    async (_, build) => {
      const model = await openModel(fileOf(anyRows(fragmentOf(build), "x", "it")));
      for (const n of [1, 2, 17, 300]) {
        const x = rowsOf(n);
        const placeholder = input("x", [n, width]);
        const [want] = evaluate([build(placeholder, n)], new Map([[placeholder, x]]));
        const { outputs } = await model.run(model.inputs.length > 0 ? { x } : {});
        const got = outputs.y as NdArray<"float32">;
        expect(got.shape).toEqual(want.shape);
        const entries = want.data as Float32Array;
        let furthest = 0;
        got.data.forEach((value, i) => {
          furthest = Math.max(furthest, Math.abs(value - entries[i]) / (1 + Math.abs(entries[i])));
        });
        expect(furthest).toBeLessThan(1e-5);
      }
      await model.close();
    },
  );

  test("leaves only the rows open in its inputs and outputs", () => {
    const { inputs, outputs } = anyRows(fragmentOf(builds["two sizes that vary"]), "x", "it");
    expect(inputs[0].shape).toEqual([-1, width]);
    expect(outputs[0].shape).toEqual([-1, 1, -1]);
  });

  test("holds nothing that grows with the rows it was traced with", () => {
    for (const build of Object.values(builds))
      for (const { value } of anyRows(fragmentOf(build), "x", "it").initializers)
        expect(value.data.length).toBeLessThan(100);
  });

  const message = (build: Build): string => {
    try {
      anyRows(fragmentOf(build), "x", "my model");
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };

  test("refuses what follows the number of rows in no simple way, naming the model", () => {
    const one = (n: number) => fill([n, width], 1);
    expect(message((x, n) => mul(x, Math.log(n)))).toMatch(/my model.*any number of rows: a literal/);
    expect(message((x) => flip(x, [0]))).toMatch(/a literal int64/);
    expect(message((x, n) => (n % 4 === 1 ? exp(x) : add(x, one(n))))).toMatch(/its operations/);
    const drawn = (n: number) => {
      const random = stream(1).split("x");
      const data = Float32Array.from({ length: n }, () => random.normal());
      return constant({ dtype: "float32", shape: [n, 1], data });
    };
    expect(message((x, n) => add(x, drawn(n)))).toMatch(/a literal float32\[8191,1\]/);
    expect(message((x) => sum(x, { axes: [0] }))).toBe("");
  });
});

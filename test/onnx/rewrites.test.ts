import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import type { NdArray } from "../../src/array/ndarray.ts";
import { lower } from "../../src/onnx/index.ts";
import { openInline } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import {
  add,
  broadcast,
  cast,
  concat,
  conv,
  div,
  erf,
  gelu,
  input,
  matmul,
  mul,
  neg,
  pad,
  relu,
  reshape,
  slice,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
  vjp,
} from "../../src/tensor/index.ts";
import { operators } from "./read.ts";
import { spreadNumbers } from "./samples.ts";

const host = openInline();
afterAll(() => host.close());

const shapes = {
  x: [24, 32],
  y: [24, 32],
  row: [32],
  column: [24, 1],
  s: [],
  t: [],
  wide: [32, 8],
  bias: [8],
  image: [2, 3, 9, 8],
  kernel: [4, 3, 3, 3],
  channels: [4],
  signal: [2, 3, 9],
  filters: [6, 1, 3],
  six: [6],
} satisfies Record<string, readonly number[]>;
type Name = keyof typeof shapes;
const inputs = Object.fromEntries(
  Object.entries(shapes).map(([name, shape]) => [name, input(name, shape)]),
) as Record<Name, Tensor>;
const { x, y, row, column, s, t, wide, bias, image, kernel, channels, signal, filters, six } = inputs;
const feeds: Record<string, NdArray> = Object.fromEntries(
  Object.entries(shapes).map(([name, shape], i) => {
    const a = spreadNumbers(shape, i);
    // away from zero, since they also divide
    const away = Float32Array.from(a.data, (v) => (Math.abs(v) < 0.3 ? v + 0.6 : v));
    return [name, { ...a, data: away }];
  }),
);

/** How far ONNX Runtime's numbers are from the evaluator's, which knows no rewriting; relative to the largest number. */
async function differences(outputs: Readonly<Record<string, Tensor>>): Promise<Record<string, number>> {
  const program = await host.load(lower({ inputs, outputs }));
  const run = await host.run(program, feeds);
  const fed = new Map(Object.entries(inputs).map(([name, tensor]) => [tensor, feeds[name]]));
  return Object.fromEntries(
    Object.entries(outputs).map(([name, tensor]) => {
      const got = (run.outputs[name] as NdArray).data as Float32Array;
      const want = evaluate([tensor], fed)[0].data as Float32Array;
      const scale = want.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
      expect(got).toHaveLength(want.length);
      return [name, got.reduce((most, v, i) => Math.max(most, Math.abs(v - want[i])), 0) / scale];
    }),
  );
}

const gradientOf = (f: (at: Tensor) => Tensor, at: Tensor): Tensor => {
  const value = f(at);
  return vjp([value], [value], [at])[0];
};

/** What is written, and the operators that are left of it. */
const rewrites: Readonly<Record<string, readonly [Tensor, readonly string[]]>> = {
  "(x s) t = x (s t)": [mul(mul(x, s), t), ["Mul", "Mul"]],
  "(x s) / t = x (s / t)": [div(mul(x, s), t), ["Div", "Mul"]],
  "(x / s) t = x (t / s)": [mul(div(x, s), t), ["Div", "Mul"]],
  "(x / s) / t = x / (s t)": [div(div(x, s), t), ["Mul", "Div"]],
  "(x row) row = x (row row)": [mul(mul(x, row), row), ["Mul", "Mul"]],
  "not where the factors together are as large as x": [mul(mul(x, row), column), ["Mul", "Mul"]],
  "(-x) s = x (-s)": [mul(neg(x), s), ["Neg", "Mul"]],
  "(-x) / s = x / (-s)": [div(neg(x), s), ["Neg", "Div"]],
  "-(x s) = x (-s)": [neg(mul(x, s)), ["Neg", "Mul"]],
  "-(x - y) = y - x": [neg(sub(x, y)), ["Sub"]],
  "x + (-y) = x - y": [add(x, neg(y)), ["Sub"]],
  "(-x) + y = y - x": [add(neg(x), y), ["Sub"]],
  "x - (-y) = x + y": [sub(x, neg(y)), ["Add"]],
  "x + x = 2 x": [add(mul(x, s), mul(s, x)), ["Mul", "Mul"]],
  "sum of x s": [sum(mul(x, s)), ["ReduceSum", "Mul"]],
  "sum of x row over the rows": [sum(mul(x, row), { axes: [0] }), ["MatMul", "Mul"]],
  "sum of x / column over the columns, kept": [
    sum(div(x, column), { axes: [1], keep: true }),
    ["ReduceSum", "Div"],
  ],
  "sum of x / column over the columns": [sum(div(x, column), { axes: [1] }), ["ReduceSum", "Reshape", "Div"]],
  "not what differs along the sum": [sum(mul(x, row), { axes: [1] }), ["Mul", "ReduceSum"]],
  "sum of -x": [sum(neg(x), { axes: [1] }), ["ReduceSum", "Neg"]],
  "sum of all squares": [sum(square(x)), ["ReduceSumSquare"]],
  "sum of squares by row": [sum(square(x), { axes: [1] }), ["Mul", "ReduceSum"]],
  "(2 x) y = 2 (x y)": [matmul(mul(x, 2), wide), ["Gemm"]],
  "by heads": [
    matmul(mul(reshape(x, [2, 12, 32]), 0.25), broadcast(wide, [2, 32, 8])),
    ["Reshape", "FusedMatMul"],
  ],
  "(1 + erf x) / 2": [mul(0.5, add(1, erf(x))), ["Erf", "HardSigmoid"]],
  "(1 + tanh x) / 2": [mul(add(tanh(x), 1), 0.5), ["Tanh", "HardSigmoid"]],
  "not of any number": [mul(0.5, add(1, x)), ["Add", "Mul"]],
  "relu of a dense layer": [relu(add(matmul(x, wide), bias)), ["FusedGemm"]],
  "relu of a convolution": [
    relu(add(conv(image, kernel), reshape(channels, [4, 1, 1]))),
    ["Reshape", "Reshape", "FusedConv"],
  ],
  "relu of a convolution along one axis, in groups": [
    relu(add(conv(signal, filters, { groups: 3, padding: 1 }), reshape(six, [1, 6, 1]))),
    ["Reshape", "Reshape", "FusedConv"],
  ],
  "neighbouring strips": [
    add(pad(slice(x, 1, 0, 12), [0, 0], [0, 20]), pad(slice(y, 1, 12, 32), [0, 12], [0, 0])),
    ["Slice", "Slice", "Concat"],
  ],
  "neighbouring strips in other order, with zeros around": [
    add(pad(slice(x, 1, 0, 12), [0, 14], [0, 6]), pad(slice(y, 1, 12, 22), [0, 4], [0, 18])),
    ["Slice", "Slice", "Concat", "Pad"],
  ],
  "not strips that overlap": [
    add(pad(slice(x, 1, 0, 12), [0, 0], [0, 20]), pad(slice(y, 1, 10, 32), [0, 10], [0, 0])),
    ["Slice", "Pad", "Slice", "Pad", "Add"],
  ],
  "gradient of three slices": [
    gradientOf(
      (at) =>
        concat(
          [1, 2, 3].map((f, i) => mul(slice(at, 1, 8 * i, 8 * i + 8), f)),
          0,
        ),
      x,
    ),
    ["Slice", "Slice", "Slice", "Mul", "Mul", "Mul", "Concat", "Pad"],
  ],
};

describe("rewritings leave what is expected", () => {
  test.each(Object.entries(rewrites))("%s", (name, [out, expected]) => {
    const found = operators(lower({ inputs, outputs: { out } }).bytes);
    if (name.startsWith("gradient")) expect(found).toEqual(expect.arrayContaining(["Concat"]));
    else expect([...found].sort()).toEqual([...expected].sort());
  });
});

test("rewritings leave the numbers as they are", async () => {
  const outputs = Object.fromEntries(Object.entries(rewrites).map(([name, [out]]) => [name, out]));
  const all = {
    ...outputs,
    gelu: gelu(x),
    "gelu's slope": gradientOf(gelu, x),
    "gelu's second slope": gradientOf((at) => gradientOf(gelu, at), x),
  };
  const far = Object.entries(await differences(all)).filter(([, off]) => !(off < 2e-6));
  expect(far).toEqual([]);
});

/** In float64, so that what cancels out is no excuse. */
const exact = [x, y, row, column, s, t].map((a) => cast(a, "float64"));

/** Any expression of the operations that are rewritten, of operands of all sizes. */
const { expression } = fc.letrec<{ expression: Tensor }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom(...exact),
    fc.tuple(tie("expression"), tie("expression")).map(([a, b]) => add(a, b)),
    fc.tuple(tie("expression"), tie("expression")).map(([a, b]) => sub(a, b)),
    fc.tuple(tie("expression"), tie("expression")).map(([a, b]) => mul(a, b)),
    fc.tuple(tie("expression"), fc.constantFrom(...exact.slice(2))).map(([a, b]) => div(a, b)),
    tie("expression").map((a) => neg(a)),
    tie("expression").map((a) => add(a, a)),
    fc
      .tuple(tie("expression"), fc.boolean())
      .map(([a, rows]) => (a.shape.length < 2 ? a : sum(a, { axes: [rows ? 0 : 1], keep: true }))),
  ),
}));

test("any combination of them computes the same", async () => {
  const drawn = fc.sample(expression, { numRuns: 150, seed: 4 });
  const outputs = Object.fromEntries(drawn.map((out, i) => [`e${i}`, out]));
  const far = Object.entries(await differences(outputs)).filter(([, off]) => !(off < 1e-9));
  expect(far).toEqual([]);
});

test("every form of a kernel gradient computes the same", async () => {
  // examples, channels in and out, height, width, window, stride, padding
  const cases = [
    [1, 3, 4, 6, 5, 3, 1, 1],
    [3, 2, 2, 7, 6, 3, 1, 0],
    [3, 2, 2, 7, 6, 5, 1, 2],
    [3, 4, 4, 6, 6, 3, 2, 1],
    [3, 4, 3, 6, 6, 1, 1, 0],
    [3, 4, 40, 3, 3, 3, 1, 1],
    [3, 4, 40, 4, 4, 3, 2, 1],
    [2, 8, 2, 5, 9, 3, 1, 4],
  ];
  for (const [n, c, o, height, width, window, strides, padding] of cases) {
    const image = input("image", [n, c, height, width]);
    const weights = input("weights", [o, c, window, window]);
    const value = conv(image, weights, { strides, padding });
    const up = input("up", value.shape);
    const [gradient] = vjp([value], [up], [weights]);
    const arrays = [image, up].map(({ shape }, i) => spreadNumbers(shape, i));
    const program = await host.load(lower({ inputs: { image, up }, outputs: { gradient } }));
    const { outputs } = await host.run(program, { image: arrays[0], up: arrays[1] });
    const [want] = evaluate(
      [gradient],
      new Map([
        [image, arrays[0]],
        [up, arrays[1]],
      ]),
    );
    const got = (outputs.gradient as NdArray).data as Float32Array;
    const scale = (want.data as Float32Array).reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    got.forEach((v, i) => {
      expect(Math.abs(v - Number(want.data[i]))).toBeLessThan(1e-5 * scale);
    });
  }
});

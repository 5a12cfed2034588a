import { describe, expect, test } from "vitest";
import { fromNested } from "../../src/array/ndarray.ts";
import { lower } from "../../src/onnx/index.ts";
import { make } from "../../src/tensor/graph.ts";
import {
  add,
  alias,
  broadcast,
  cast,
  constant,
  conv,
  div,
  exp,
  input,
  matmul,
  mean,
  mul,
  neg,
  pow,
  relu,
  reshape,
  scalar,
  slice,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  transpose,
  vjp,
} from "../../src/tensor/index.ts";
import { operators, readModel } from "./read.ts";

const x = input("x", [4, 3]);
const y = input("y", [4, 3]);
const w = input("w", [3, 5]);
const b = input("b", [5]);
const inputs = { x, y, w, b };
const ops = (...outputs: Tensor[]): string[] =>
  operators(lower({ inputs, outputs: Object.fromEntries(outputs.map((t, i) => [`out${i}`, t])) }).bytes);

describe("operations that change nothing vanish", () => {
  test.each<[string, Tensor, string[]]>([
    ["x + 0", exp(add(x, 0)), ["Exp"]],
    ["x - 0", exp(sub(x, 0)), ["Exp"]],
    ["1 x", exp(mul(1, x)), ["Exp"]],
    ["x / 1", exp(div(x, 1)), ["Exp"]],
    ["x ^ 1", exp(pow(x, 1)), ["Exp"]],
    ["-(-x)", exp(neg(neg(x))), ["Exp"]],
    ["two transpositions", exp(transpose(transpose(x))), ["Exp"]],
    ["there and back", exp(reshape(reshape(x, [12]), [4, 3])), ["Exp"]],
    ["names", exp(alias(stopGradient(alias(x)))), ["Exp"]],
    ["a cast to its own dtype", exp(cast(x, "float32")), ["Exp"]],
    ["a whole slice", exp(make("slice", [x], { starts: [0, 0], sizes: [4, 3], steps: [1, 1] })), ["Exp"]],
    ["-1 x", exp(mul(x, -1)), ["Neg", "Exp"]],
    ["x ^ 2", exp(pow(x, 2)), ["Mul", "Exp"]],
    ["x itself", x, ["Identity"]],
  ])("%s", (_, tensor, expected) => {
    expect(ops(tensor)).toEqual(expected);
  });
});

test("equal operations are done once, unused ones never", () => {
  const twice = () => exp(mul(x, 0.5));
  exp(y);
  expect(ops(add(twice(), y), relu(twice()))).toEqual(["Mul", "Exp", "Add", "Relu"]);
});

test("operations on literals are done while lowering", () => {
  const table = constant(fromNested([1, 2, 3]));
  const { bytes } = lower({ inputs, outputs: { out: mul(x, exp(sum(square(table)))) } });
  const { graph } = readModel(bytes);
  expect(graph.nodes.map(({ op }) => op)).toEqual(["Mul"]);
  // exp(1 + 4 + 9) = exp(14) = 1202604.28...
  const { raw } = graph.initializers[0];
  expect(new DataView(raw.buffer, raw.byteOffset).getFloat32(0, true)).toBeCloseTo(1202604.28, -1);
});

describe("spreading is left to the operations that do it anyway", () => {
  test("before elementwise operations", () => {
    expect(ops(mul(x, broadcast(scalar(2), [4, 3])))).toEqual(["Mul"]);
    expect(ops(add(x, broadcast(reshape(slice(y, 0, 0, 1), [3]), [4, 3])))).toEqual([
      "Slice",
      "Reshape",
      "Add",
    ]);
  });
  test("after them, when all operands are small", () => {
    const row = slice(x, 0, 0, 1);
    expect(ops(exp(broadcast(row, [4, 3])))).toEqual(["Slice", "Exp", "Expand"]);
  });
  test("in products", () => {
    const many = broadcast(w, [2, 3, 5]);
    expect(ops(matmul(broadcast(x, [2, 4, 3]), many))).toEqual(["Gemm", "Expand"]);
  });
});

describe("products", () => {
  test("take in transpositions, biases and factors", () => {
    expect(ops(matmul(transpose(transpose(x)), w))).toEqual(["Gemm"]);
    expect(ops(matmul(transpose(x), y))).toEqual(["Gemm"]);
    expect(ops(add(matmul(x, w), b))).toEqual(["Gemm"]);
    expect(ops(mul(matmul(x, w), 0.125))).toEqual(["Gemm"]);
  });
  test("but not where the bare product is wanted too", () => {
    const product = matmul(x, w);
    expect(ops(add(product, b), product)).toEqual(["Gemm", "Add"]);
    expect(ops(add(product, b), exp(product))).toEqual(["Gemm", "Add", "Exp"]);
  });
  test("summed over a batch become one product of all rows", () => {
    const s = input("x", [6, 4, 3]);
    const g = input("y", [6, 4, 5]);
    const { bytes } = lower({
      inputs: { s, g },
      outputs: { out: sum(matmul(s, g, { transposeA: true }), { axes: [0] }) },
    });
    expect(operators(bytes)).toEqual(["Reshape", "Reshape", "Gemm"]);
  });
});

describe("biases and activations", () => {
  const image = input("image", [2, 3, 5, 5]);
  const kernel = input("kernel", [4, 3, 3, 3]);
  const offset = input("offset", [4]);
  const all = { ...inputs, image, kernel, offset };
  const run = (out: Tensor) => operators(lower({ inputs: all, outputs: { out } }).bytes);
  const convolved = add(conv(image, kernel), reshape(offset, [4, 1, 1]));

  test("join the product or convolution before them", () => {
    expect(run(relu(add(matmul(x, w), b)))).toEqual(["FusedGemm"]);
    expect(run(relu(matmul(x, w)))).toEqual(["FusedGemm"]);
    expect(run(convolved)).not.toContain("Add");
    expect(run(relu(convolved))).toContain("FusedConv");
  });
  test("but not where what is before them is wanted too", () => {
    expect(run(add(relu(convolved), convolved))).toContain("Relu");
    const rows = reshape(slice(image, 0, 0, 1), [3, 25]);
    const offsets = reshape(slice(slice(rows, 0, 0, 2), 1, 0, 6), [4, 3, 1]);
    expect(run(add(conv(image, kernel), offsets))).toContain("Add");
  });
  test("a relu's gradient needs only its result", () => {
    const hidden = relu(add(matmul(x, w), b));
    const [g] = vjp([sum(hidden)], [scalar(1)], [x]);
    expect(ops(g)).toEqual(["FusedGemm", "HardSigmoid", "Gemm"]);
  });
});

test("a dense layer's step has the products it needs and little else", () => {
  const loss = mean(square(add(matmul(x, w), b)));
  const gradients = vjp([loss], [scalar(1)], [w, b]);
  const found = ops(loss, ...gradients);
  expect(found.filter((op) => op === "Gemm")).toHaveLength(2);
  expect(found.filter((op) => op === "Expand")).toHaveLength(0);
  expect(found.length).toBeLessThanOrEqual(9);
});

test("convolutions choose the measured lowerings", () => {
  const image = input("image", [2, 8, 9, 9]);
  const opsOf = (window: number, strides: number): string[] => {
    const kernel = input("kernel", [4, 8, window, window]);
    const g = conv(image, kernel, { strides, padding: "same" });
    const [gi, gk] = vjp([g], [g], [image, kernel]);
    return operators(lower({ inputs: { image, kernel }, outputs: { gi, gk } }).bytes);
  };
  expect(opsOf(3, 2)).toContain("ConvTranspose");
  expect(opsOf(3, 2)).toContain("FusedMatMul");
  expect(opsOf(3, 1)).not.toContain("ConvTranspose");
  expect(opsOf(5, 1)).not.toContain("ConvTranspose");
  expect(opsOf(1, 1).filter((op) => op === "Conv")).toHaveLength(2);
});

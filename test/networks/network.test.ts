import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromNested, type NdArray, type Nested, ndarray, sizeOf } from "../../src/array/ndarray.ts";
import { OckhamError } from "../../src/error.ts";
import type { Model, Params } from "../../src/kinds/index.ts";
import { type Network, networkAgain, networkOf } from "../../src/networks/index.ts";
import { operators } from "../../src/networks/operators.ts";
import { begunWith } from "../../src/nn/index.ts";
import {
  type AttributeValues,
  encodeModel,
  type GraphProto,
  type Initializer,
  type NodeProto,
  readGraph,
} from "../../src/onnx/index.ts";
import { openModel } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import { constant, keyOf, mul, type Tensor } from "../../src/tensor/index.ts";
import { references } from "../methods/small.ts";
import { normals } from "../tensor/numbers.ts";

interface FileCase {
  readonly name: string;
  readonly onnx: string;
  readonly inputs: { readonly x: Nested };
  readonly output: Nested;
  readonly state: Readonly<Record<string, Nested>>;
  readonly training?: Nested;
  readonly buffers?: Readonly<Record<string, Nested>>;
}

const bytesOf = ({ onnx }: FileCase) => Uint8Array.from(Buffer.from(onnx, "base64"));
const networkIn = (bytes: Uint8Array): Network => networkOf(readGraph(bytes, "m.onnx"), "m.onnx", "m.onnx");
const { cases } = references<FileCase>("onnx-files");
const fileOf = (name: string) => cases.find((one) => one.name === name) as FileCase;

/** The model as the file has it, with its weights as symbols. */
function begun(
  file: FileCase,
  outputs = fromNested(file.output).shape[1],
): { model: Model; weights: Params } {
  const { model, weights } = networkIn(bytesOf(file));
  const made = begunWith(model(fromNested(file.inputs.x).shape.slice(1), outputs), weights);
  return { model: made, weights: made.init(keyOf([3, 0])) };
}

const valuesOf = (t: Tensor) => Array.from(evaluate([t])[0].data as Float32Array);

function near(got: readonly number[], want: Nested, tolerance: number): void {
  const numbers = fromNested(want).data as Float32Array;
  expect(got).toHaveLength(numbers.length);
  expect(Math.max(...got.map((v, i) => Math.abs(v - numbers[i])))).toBeLessThan(tolerance);
}

const softmaxed = (rows: readonly number[], width: number): number[] =>
  rows.map((v, i) => {
    const from = i - (i % width);
    return Math.exp(v) / rows.slice(from, from + width).reduce((sum, one) => sum + Math.exp(one), 0);
  });

describe("a network that PyTorch exported", () => {
  it.each(cases.map((one) => [one.name, one] as const))(
    "computes what it computes there: %s",
    (name, file) => {
      const { model, weights } = begun(file);
      const scores = valuesOf(model.apply(weights, { x: constant(fromNested(file.inputs.x)) }).prediction);
      // what only makes probabilities of scores is left to the loss
      near(name === "dense" ? softmaxed(scores, 3) : scores, file.output, 2e-6);
    },
  );

  const unfolded = cases.filter(({ name }) => !name.includes("folded"));
  it.each(unfolded.map((one) => [one.name, one] as const))(
    "has its weights by their names: %s",
    (_, file) => {
      const { model } = begun(file);
      const state = Object.entries(file.state);
      const { weights } = networkIn(bytesOf(file));
      const byName = new Map(model.leaves.map((leaf) => [leaf.path, leaf]));
      for (const [path, value] of state) {
        expect(byName.get(path)?.shape, path).toEqual(fromNested(value).shape);
        near(Array.from(weights[path].data as Float32Array), value, 1e-7);
      }
      expect(model.leaves).toHaveLength(state.length);
      const heads = model.leaves.flatMap(({ head, path }) => (head ? [path] : []));
      expect(heads).toEqual(state.slice(-2).map(([path]) => path));
    },
  );

  it("trains as there: normalized by the batch, with running statistics that move by each layer's own momentum", () => {
    const trained = cases.filter(({ training }) => training !== undefined);
    expect(trained.length).toBeGreaterThan(2);
    for (const file of trained) {
      const { model, weights } = begun(file);
      const x = constant(fromNested(file.inputs.x));
      const { prediction, buffers } = model.apply(weights, { x }, { mode: "train" });
      const scores = valuesOf(prediction);
      near(file.name === "dense" ? softmaxed(scores, 3) : scores, file.training as Nested, 5e-6);
      const after = Object.entries(file.buffers ?? {});
      expect(Object.keys(buffers).sort()).toEqual(after.map(([path]) => path).sort());
      for (const [path, value] of after) near(valuesOf(buffers[path]), value, 1e-6);
    }
  });

  it.each(cases.map((one) => [one.name, one] as const))(
    "is made again from what its model says it is, and its weights: %s",
    (_, file) => {
      const { weights } = networkIn(bytesOf(file));
      const { model, weights: symbols } = begun(file);
      const text = model.architecture ?? "";
      const { arrays } = JSON.parse(text);
      for (const path of Object.keys(weights))
        expect(Object.keys(arrays[path]), path).toEqual(["dtype", "shape"]);
      const again = networkAgain(text, weights, "tuned.onnx");
      expect(again.weights).toBe(weights);
      const made = again.model(model.inputs.x, model.outputs);
      expect([made.name, made.leaves, made.places, made.architecture]).toEqual([
        model.name,
        model.leaves,
        model.places,
        text,
      ]);
      const x = constant(fromNested(file.inputs.x));
      for (const mode of ["eval", "train"] as const) {
        const [one, other] = [model, made].map((m) => m.apply(symbols, { x }, { mode }));
        expect(valuesOf(other.prediction)).toEqual(valuesOf(one.prediction));
        expect(Object.keys(other.buffers)).toEqual(Object.keys(one.buffers));
      }
    },
  );

  it("is not made again of what is damaged", () => {
    const text = begun(fileOf("plain")).model.architecture ?? "";
    const damaged = () => networkAgain(text.slice(0, -9), {}, "tuned.onnx");
    expect(damaged).toThrow(expect.objectContaining({ code: "bad-file", culprit: "tuned.onnx" }));
  });

  it("has places that methods act on, from each of which it goes on to the same", () => {
    const file = fileOf("residual");
    const { model, weights } = begun(file);
    const x = constant(fromNested(file.inputs.x));
    // the relu inside a block is passed by, so what follows does not follow from it alone
    expect(model.places).toEqual([
      "/Relu_output_0",
      "/a/Relu_1_output_0",
      "/b/Relu_1_output_0",
      "/Flatten_output_0",
    ]);
    const { prediction, activations } = model.apply(weights, { x });
    const want = valuesOf(prediction);
    for (const name of model.places) {
      const from = { name, value: activations[name] };
      near(valuesOf(model.apply(weights, {}, { from }).prediction), want, 1e-12);
      const layer = (value: Tensor, place: string) => (place === name ? mul(value, 0) : value);
      expect(valuesOf(model.apply(weights, { x }, { layer }).prediction)).not.toEqual(want);
    }
    const unknown = () => model.apply(weights, {}, { from: { name: "no place", value: x } });
    expect(unknown).toThrow(expect.objectContaining({ code: "unknown-name", culprit: "no place" }));
  });

  it("has a new last layer for other classes, and begins at random where it is not begun with", () => {
    const file = fileOf("plain");
    const { model } = begun(file, 7);
    const { weights } = networkIn(bytesOf(file));
    const [first, second] = [1, 2].map((seed) => model.init(keyOf([seed, 0])));
    for (const { path, head, shape } of model.leaves) {
      expect(first[path].shape).toEqual(shape);
      if (head !== true)
        expect(valuesOf(first[path])).toEqual(Array.from(weights[path].data as Float32Array));
    }
    expect(first["c.weight"].shape).toEqual([7, 16]);
    expect(valuesOf(first["c.weight"])).not.toEqual(valuesOf(second["c.weight"]));
    const bare = networkIn(bytesOf(file))
      .model([3, 8, 8], 5)
      .init(keyOf([1, 0]));
    expect(valuesOf(bare["f.0.weight"])).not.toEqual(Array.from(weights["f.0.weight"].data as Float32Array));
    expect(valuesOf(bare["f.0.bias"])).toEqual([0, 0, 0, 0]);
  });
});

/** One operator of x, with arrays of its own. */
interface Single {
  readonly op: string;
  readonly x: readonly number[];
  readonly arrays?: Readonly<Record<string, NdArray>>;
  readonly inputs?: readonly string[];
  readonly attributes?: AttributeValues;
  readonly before?: readonly NodeProto[];
  readonly after?: readonly NodeProto[];
}

const floats = (shape: readonly number[], seed: number) => normals(shape, seed, "array");
const positive = (shape: readonly number[], seed: number) => {
  const a = floats(shape, seed);
  return { ...a, data: a.data.map((v) => Math.abs(v) + 0.5) };
};
const longs = (...values: number[]) => ndarray("int64", [values.length], BigInt64Array.from(values, BigInt));
const node = (
  op: string,
  inputs: readonly string[],
  output: string,
  attributes?: AttributeValues,
): NodeProto => ({
  op,
  name: op,
  inputs,
  outputs: [output],
  attributes,
});
const image = [2, 5, 6];
const pads = { ints: [1, 0, 0, 1] };
const flat = (op: string, attributes?: AttributeValues): Single => ({ op, x: [4], attributes });
const beside = (op: string): Single => ({ op, x: [4], arrays: { w: positive([4], 2) }, inputs: ["x", "w"] });
const clipped = [node("Clip", ["x", "low", ""], "p")];
const positiveFirst = { arrays: { low: { ...floats([], 1), data: Float32Array.of(0.25) } }, before: clipped };

const singles: readonly Single[] = [
  {
    op: "Conv",
    x: image,
    arrays: { w: floats([3, 2, 2, 3], 1), b: floats([3], 2) },
    inputs: ["x", "w", "b"],
    attributes: { strides: { ints: [2, 1] }, pads, dilations: { ints: [1, 2] } },
  },
  {
    op: "Conv",
    x: image,
    arrays: { w: floats([4, 1, 3, 3], 1) },
    inputs: ["x", "w"],
    attributes: { group: { int: 2 }, auto_pad: { string: "SAME_UPPER" }, strides: { ints: [2, 2] } },
  },
  { op: "Gemm", x: [4], arrays: { w: floats([4, 3], 1), b: floats([3], 2) }, inputs: ["x", "w", "b"] },
  {
    op: "Gemm",
    x: [4],
    arrays: { w: floats([3, 4], 1), b: floats([3], 2) },
    inputs: ["x", "w", "b"],
    attributes: { transB: { int: 1 }, alpha: { float: 0.5 }, beta: { float: 2 } },
  },
  { op: "MatMul", x: [4], arrays: { w: floats([4, 3], 1) }, inputs: ["x", "w"] },
  {
    op: "BatchNormalization",
    x: image,
    arrays: { g: floats([2], 1), b: floats([2], 2), m: floats([2], 3), v: positive([2], 4) },
    inputs: ["x", "g", "b", "m", "v"],
    attributes: { epsilon: { float: 0.01 } },
  },
  {
    op: "LayerNormalization",
    x: [4],
    arrays: { g: floats([4], 1), b: floats([4], 2) },
    inputs: ["x", "g", "b"],
    attributes: { axis: { int: -1 }, epsilon: { float: 0.01 } },
  },
  {
    op: "MaxPool",
    x: image,
    attributes: { kernel_shape: { ints: [2, 3] }, strides: { ints: [1, 2] }, pads },
  },
  ...[0, 1].map(
    (counted): Single => ({
      op: "AveragePool",
      x: image,
      attributes: {
        kernel_shape: { ints: [2, 2] },
        strides: { ints: [2, 2] },
        pads,
        count_include_pad: { int: counted },
      },
    }),
  ),
  { op: "GlobalAveragePool", x: image },
  { op: "Reshape", x: image, arrays: { s: longs(0, -1) }, inputs: ["x", "s"] },
  { op: "Flatten", x: image },
  { op: "Transpose", x: image, attributes: { perm: { ints: [0, 2, 3, 1] } } },
  { op: "Concat", x: [4], inputs: ["x", "x"], attributes: { axis: { int: -1 } } },
  {
    op: "Unsqueeze",
    x: [4],
    arrays: { a: longs(1, -1) },
    inputs: ["x", "a"],
  },
  {
    op: "Squeeze",
    x: [4, 1, 1],
    arrays: { a: longs(-1, 2) },
    inputs: ["x", "a"],
  },
  // rows times (columns, by a shape that is computed)
  {
    op: "Shape",
    x: image,
    after: [
      node("Constant", [], "zero", {
        value: { tensor: { dtype: "int64", shape: [], data: BigInt64Array.of(0n) } },
      }),
      node("Gather", ["y0", "zero"], "rows", { axis: { int: 0 } }),
      node("Unsqueeze", ["rows", "axes"], "list"),
      node("Constant", [], "rest", { value_ints: { ints: [-1] } }),
      node("Concat", ["list", "rest"], "shape", { axis: { int: 0 } }),
      node("Reshape", ["x", "shape"], "y"),
    ],
    arrays: { axes: longs(0) },
  },
  ...["Add", "Sub", "Mul", "Div"].map(beside),
  { op: "Pow", x: [4], arrays: { two: ndarray("float32", [], Float32Array.of(2)) }, inputs: ["x", "two"] },
  ...["Relu", "Sigmoid", "Tanh", "Softplus", "HardSwish", "Erf", "Exp", "Neg", "Abs", "Identity"].map((op) =>
    flat(op),
  ),
  { op: "Gelu", x: [4] },
  { op: "Gelu", x: [4], attributes: { approximate: { string: "tanh" } } },
  flat("LeakyRelu", { alpha: { float: 0.2 } }),
  flat("Elu", { alpha: { float: 0.7 } }),
  flat("HardSigmoid", { alpha: { float: 0.3 }, beta: { float: 0.4 } }),
  flat("Cast", { to: { int: 1 } }),
  flat("Dropout"),
  {
    op: "Clip",
    x: [4],
    arrays: {
      a: ndarray("float32", [], Float32Array.of(-0.5)),
      b: ndarray("float32", [], Float32Array.of(0.7)),
    },
    inputs: ["x", "a", "b"],
  },
  ...["Log", "Sqrt", "Reciprocal"].map((op): Single => ({ op, x: [4], inputs: ["p"], ...positiveFirst })),
  // not at the end, where they are left to the loss
  ...["Softmax", "LogSoftmax"].map(
    (op): Single => ({ op, x: [4], attributes: { axis: { int: -1 } }, after: [node("Neg", ["y0"], "y")] }),
  ),
  flat("ReduceMean", { axes: { ints: [-1] }, keepdims: { int: 1 } }),
  {
    op: "ReduceSum",
    x: image,
    arrays: { a: longs(2, 3) },
    inputs: ["x", "a"],
    attributes: { keepdims: { int: 0 } },
  },
  { op: "ReduceMax", x: image, attributes: { axes: { ints: [2] }, keepdims: { int: 1 } } },
];

function fileWith({
  op,
  x,
  arrays = {},
  inputs = ["x"],
  attributes,
  before = [],
  after = [],
}: Single): Uint8Array {
  const initializers: Initializer[] = Object.entries(arrays).map(([name, value]) => ({ name, value }));
  const graph: GraphProto = {
    name: "g",
    nodes: [...before, node(op, inputs, after.length > 0 ? "y0" : "y", attributes), ...after],
    inputs: [{ name: "x", dtype: "float32", shape: ["n", ...x] }],
    outputs: [{ name: "y", dtype: "float32" }],
    initializers,
  };
  const set = op === "Gelu" ? 20 : 17;
  return encodeModel({ irVersion: 9, producer: "other", opsets: { "": set }, graph });
}

describe("an operator", () => {
  it.each(singles.map((one, i) => [one.op, i, one] as const))(
    "%s (%i) is that of ONNX Runtime",
    async (_, __, single) => {
      const bytes = fileWith(single);
      const runtime = await openModel(bytes);
      const x = floats([3, ...single.x], 9);
      const { outputs } = await runtime.run({ x });
      await runtime.close();
      const want = outputs.y as NdArray<"float32">;
      const { model, weights, shape } = networkIn(bytes);
      expect(shape).toEqual(single.x);
      const wide = want.shape.length === 4;
      const made = begunWith(model(single.x, want.shape[wide ? 1 : want.shape.length - 1]), weights);
      const { prediction } = made.apply(made.init(keyOf([0, 0])), { x: constant(x) });
      const [got] = evaluate([prediction]);
      const [n, c, h, w] = want.shape;
      // images come back with their channels last
      const at = (i: number) => {
        if (!wide) return i;
        const [row, rest] = [Math.floor(i / (c * h * w)), i % (c * h * w)];
        return row * c * h * w + (rest % (h * w)) * c + Math.floor(rest / (h * w));
      };
      expect(got.shape).toEqual(wide ? [n, h, w, c] : want.shape);
      const off = Array.from(want.data, (v, i) => Math.abs(v - Number(got.data[at(i)])));
      expect(sizeOf(want.shape)).toBe(off.length);
      expect(Math.max(...off)).toBeLessThan(5e-6);
    },
  );

  it("of every kind is among them", () => {
    const tried = new Set(
      singles.flatMap(({ op, before = [], after = [] }) => [op, ...[...before, ...after].map((n) => n.op)]),
    );
    expect(Object.keys(operators).filter((op) => !tried.has(op))).toEqual([]);
  });
});

describe("a file that cannot be trained further is refused", () => {
  const refusal = (act: () => unknown): OckhamError => {
    try {
      act();
    } catch (error) {
      expect(error).toBeInstanceOf(OckhamError);
      return error as OckhamError;
    }
    throw new Error("nothing was refused");
  };
  const refused = (single: Single, more: Partial<GraphProto> = {}) => {
    const graph = { ...readGraph(fileWith(single), "m.onnx"), ...more } as ReturnType<typeof readGraph>;
    const error = refusal(() => networkOf(graph, "m.onnx", "m.onnx"));
    expect(error).toMatchObject({ code: "conflict", culprit: "m.onnx" });
    return error;
  };

  it("for an operator that is not known, which it names with those that are", () => {
    const error = refused(flat("Einsum"));
    expect(error.message).toBe("m.onnx cannot be trained further: it has the operator Einsum");
    expect(error.hint).toMatch(/may consist of Conv, Gemm/);
  });

  it("for what a known operator is not told here", () => {
    const pool = {
      op: "MaxPool",
      x: image,
      attributes: { kernel_shape: { ints: [2, 2] }, ceil_mode: { int: 1 } },
    };
    expect(refused(pool).message).toMatch(/MaxPool "MaxPool": ceil_mode 1 is not known here/);
    const rows = { op: "Gather", x: [4], arrays: { i: longs(0) }, inputs: ["x", "i"] };
    expect(refused(rows).message).toMatch(/rows are taken of shapes only/);
  });

  it("for weights of another type, or used in two ways", () => {
    const half = ndarray("float64", [4, 3], new Float64Array(12));
    expect(refused({ op: "MatMul", x: [4], arrays: { w: half }, inputs: ["x", "w"] }).message).toMatch(
      /its weights "w" are float64, not float32/,
    );
    const twice: Single = {
      op: "Gemm",
      x: [4],
      arrays: { w: floats([4, 4], 1) },
      inputs: ["x", "w"],
      after: [node("Gemm", ["y0", "w"], "y", { transB: { int: 1 } })],
    };
    expect(refused(twice).message).toMatch(/"w" is used both as it is and transposed/);
  });

  it("for several inputs, and for outputs that are neither classes nor masks", () => {
    const x = { name: "x", dtype: "float32" as const, shape: ["n", 4] };
    expect(refused(flat("Relu"), { inputs: [x, { ...x, name: "z" }] }).message).toMatch(
      /does not take one array/,
    );
    const list = { op: "Unsqueeze", x: [4], arrays: { a: longs(1) }, inputs: ["x", "a"] };
    expect(refused(list).message).toMatch(/neither classes nor masks/);
  });

  it("with an error that says so, whatever byte of it is wrong", () => {
    const whole = bytesOf(fileOf("dense"));
    const damage = fc.tuple(fc.nat(whole.length - 1), fc.nat(255), fc.boolean());
    let refusals = 0;
    fc.assert(
      fc.property(damage, ([at, byte, cut]) => {
        const bytes = cut ? whole.slice(0, at) : whole.slice();
        if (!cut) bytes[at] = byte;
        try {
          networkIn(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(OckhamError);
          refusals++;
        }
      }),
      { seed: 5, numRuns: 150 },
    );
    expect(refusals).toBeGreaterThan(40);
  });

  it("for data of another shape", () => {
    const { model } = networkIn(bytesOf(fileOf("plain")));
    const error = refusal(() => model([1, 8, 8], 5));
    expect(error.message).toBe("m.onnx takes [3,8,8], and an example of the data is [1,8,8]");
  });
});

import { type NdArray, sizeOf } from "../array/ndarray.ts";
import type { OckhamError } from "../error.ts";
import type { Mode, Role } from "../kinds/index.ts";
import { batchNorm, layerNorm } from "../nn/index.ts";
import type { ReadAttribute, ReadNode } from "../onnx/index.ts";
import type { Tensor } from "../tensor/index.ts";
import * as t from "../tensor/index.ts";

/** Whole numbers that shapes are made of: known while a graph is traced. */
export interface Known {
  readonly shape: readonly number[];
  readonly whole: readonly number[];
}

export type Value = Tensor | Known;

/** What an array of the file is to the model. */
export interface Part {
  readonly role: Role;
  readonly outAxis: number | null;
  /** Whether the file holds a matrix the other way round: [in, out]. */
  readonly turned?: boolean;
  /** Where it begins when it does not begin with what the file holds; kernels begin at random, all else at 0 unless told. */
  readonly start?: number;
}

/** A node as it is traced. */
export interface Use {
  readonly node: ReadNode;
  readonly values: readonly (Value | undefined)[];
  readonly mode: Mode;
  /** Rows that a file of a fixed number of rows is made for. */
  readonly rows?: number;
  /** The weight behind an input; undefined where it is no array of the file. */
  weight(input: number, part: Part): Tensor | undefined;
  /** A new value of a buffer behind an input. */
  keep(input: number, value: Tensor): void;
  refuse(problem: string): OckhamError;
}

type Operator = (use: Use) => Value;

export const isKnown = (value: Value): value is Known => "whole" in value;

export const wholeOf = ({ shape, data }: NdArray): Known => ({
  shape,
  whole: Array.from(data as Int32Array, Number),
});

function valueAt({ values, refuse }: Use, i: number): Value {
  const value = values[i];
  if (value === undefined) throw refuse(`its input ${i + 1} is missing`);
  return value;
}

function tensorAt(use: Use, i: number): Tensor {
  const value = valueAt(use, i);
  if (!isKnown(value)) return value;
  const { shape, whole } = value;
  return t.constant({ dtype: "float32", shape, data: Float32Array.from(whole) });
}

/** Whole numbers given as an input, or, as older files have them, as an attribute. */
function wholes(use: Use, i: number, attribute?: string): readonly number[] | undefined {
  const value = use.values[i];
  if (value !== undefined) {
    if (isKnown(value)) return value.whole;
    throw use.refuse(`its input ${i + 1} follows from the data, and shapes must not`);
  }
  return attribute === undefined ? undefined : use.node.attributes[attribute]?.ints;
}

const int = ({ node }: Use, name: string, usual: number): number => node.attributes[name]?.int ?? usual;
const float = ({ node }: Use, name: string, usual: number): number => node.attributes[name]?.float ?? usual;
const ints = ({ node }: Use, name: string): readonly number[] | undefined => node.attributes[name]?.ints;

function only(use: Use, name: string, wanted: number): void {
  if (int(use, name, wanted) !== wanted)
    throw use.refuse(`${name} ${int(use, name, wanted)} is not known here`);
}

/** Strides, dilations and padding as our operations take them. */
function geometry(use: Use, spatial: number) {
  const each = (name: string) => ints(use, name) ?? new Array<number>(spatial).fill(1);
  const auto = use.node.attributes.auto_pad?.text ?? "NOTSET";
  if (auto === "SAME_LOWER") throw use.refuse("auto_pad SAME_LOWER is not known here");
  const pads = ints(use, "pads") ?? new Array<number>(2 * spatial).fill(0);
  const padding =
    auto === "SAME_UPPER"
      ? ("same" as const)
      : Array.from({ length: spatial }, (_, i) => [pads[i], pads[i + spatial]] as const);
  return { strides: each("strides"), dilation: each("dilations"), padding };
}

const perChannel = (bias: Tensor, rank: number): Tensor =>
  t.reshape(bias, [bias.shape[0], ...new Array<number>(rank - 2).fill(1)]);

function conv(use: Use): Tensor {
  const x = tensorAt(use, 0);
  const kernel = use.weight(1, { role: "kernel", outAxis: 0 }) ?? tensorAt(use, 1);
  const y = t.conv(x, kernel, { ...geometry(use, x.shape.length - 2), groups: int(use, "group", 1) });
  if (use.values[2] === undefined) return y;
  const bias = use.weight(2, { role: "bias", outAxis: 0 }) ?? tensorAt(use, 2);
  return t.add(y, perChannel(bias, x.shape.length));
}

function gemm(use: Use): Tensor {
  only(use, "transA", 0);
  const turned = int(use, "transB", 0) === 0;
  const kernel = use.weight(1, { role: "kernel", outAxis: 0, turned });
  const product =
    kernel === undefined
      ? t.matmul(tensorAt(use, 0), tensorAt(use, 1), { transposeB: !turned })
      : t.matmul(tensorAt(use, 0), kernel, { transposeB: true });
  const scaled = (x: Tensor, by: number) => (by === 1 ? x : t.mul(x, by));
  const y = scaled(product, float(use, "alpha", 1));
  if (use.values[2] === undefined) return y;
  const bias = use.weight(2, { role: "bias", outAxis: 0 }) ?? tensorAt(use, 2);
  return t.add(y, scaled(bias, float(use, "beta", 1)));
}

function matmul(use: Use): Tensor {
  const kernel = use.weight(1, { role: "kernel", outAxis: 0, turned: true });
  const x = tensorAt(use, 0);
  if (kernel === undefined) return t.matmul(x, tensorAt(use, 1));
  const rows = t.matmul(t.reshape(x, [-1, x.shape[x.shape.length - 1]]), kernel, { transposeB: true });
  return t.reshape(rows, [...x.shape.slice(0, -1), kernel.shape[0]]);
}

/** A normalization of our own over arrays of the file: [gain, bias, then buffers], inputs 1, 2, ... */
function normalized(
  use: Use,
  make: typeof batchNorm,
  names: readonly string[],
  shape: readonly number[],
): Tensor {
  const epsilon = float(use, "epsilon", 1e-5);
  // ONNX counts what is kept of the old, we what comes from the new
  const module = make({ epsilon, momentum: 1 - float(use, "momentum", 0.9) })("n", shape);
  const weights = Object.fromEntries(
    names.map((name, i) => {
      const role: Role = i === 0 ? "gain" : i === 1 ? "bias" : "buffer";
      const start = name === "gain" || name === "variance" ? 1 : 0;
      return [`n.${name}`, use.weight(i + 1, { role, outAxis: 0, start }) ?? tensorAt(use, i + 1)];
    }),
  );
  const buffers: Record<string, Tensor> = {};
  const y = module.apply(tensorAt(use, 0), { weights, mode: use.mode, buffers });
  names.forEach((name, i) => {
    if (buffers[`n.${name}`] !== undefined) use.keep(i + 1, buffers[`n.${name}`]);
  });
  return y;
}

function batchNormalization(use: Use): Tensor {
  const shape = tensorAt(use, 0).shape.slice(1);
  return normalized(use, batchNorm, ["gain", "bias", "mean", "variance"], shape);
}

function layerNormalization(use: Use): Tensor {
  const { shape } = tensorAt(use, 0);
  const axis = int(use, "axis", -1);
  if (axis !== -1 && axis !== shape.length - 1) throw use.refuse("only the last axis is normalized here");
  if (use.values[2] === undefined) throw use.refuse("one without a bias is not known here");
  return normalized(use, layerNorm, ["gain", "bias"], shape.slice(1));
}

function pooled(use: Use, run: typeof t.maxPool): Tensor {
  only(use, "ceil_mode", 0);
  const kernel = ints(use, "kernel_shape") ?? [];
  const { strides, dilation, padding } = geometry(use, kernel.length);
  if (dilation.some((n) => n !== 1)) throw use.refuse("dilated windows are not known here");
  return run(tensorAt(use, 0), kernel, { strides, padding });
}

function averagePool(use: Use): Tensor {
  const counted = int(use, "count_include_pad", 0) === 1;
  return pooled(use, (x, kernel, options) => {
    const mean = t.avgPool(x, kernel, options);
    // padding counts as zeros there: divided by the share of each window that is none
    return counted ? mean : t.div(mean, t.avgPool(t.fill([1, 1, ...x.shape.slice(2)], 1), kernel, options));
  });
}

function reshape(use: Use): Value {
  const value = valueAt(use, 0);
  const target = [...(wholes(use, 1, "shape") ?? [])];
  if (isKnown(value)) return { shape: [value.whole.length], whole: value.whole };
  // a file made for a fixed number of rows names it
  if (use.rows !== undefined && target[0] === use.rows) target[0] = value.shape[0];
  return t.reshape(
    value,
    target.map((n, axis) => (n === 0 ? value.shape[axis] : n)),
  );
}

function flatten(use: Use): Tensor {
  const x = tensorAt(use, 0);
  const axis = (int(use, "axis", 1) + x.shape.length) % x.shape.length;
  return t.reshape(x, [sizeOf(x.shape.slice(0, axis)), -1]);
}

function concat(use: Use): Value {
  const values = use.values.map((_, i) => valueAt(use, i));
  if (!values.every(isKnown))
    return t.concat(
      values.map((_, i) => tensorAt(use, i)),
      int(use, "axis", 0),
    );
  const whole = values.flatMap((value) => value.whole);
  return { shape: [whole.length], whole };
}

/** Of shapes only: entries of a list. */
function gather(use: Use): Value {
  const [list, entries] = [valueAt(use, 0), valueAt(use, 1)];
  const at = wholes(use, 1) ?? [];
  if (!isKnown(list)) throw use.refuse("rows are taken of shapes only");
  const whole = at.map((i) => list.whole[i < 0 ? i + list.whole.length : i]);
  return { shape: entries.shape, whole };
}

function resized(
  use: Use,
  of: (shape: readonly number[], axes: readonly number[]) => readonly number[],
): Value {
  const value = valueAt(use, 0);
  const axes = wholes(use, 1, "axes") ?? [];
  const shape = of(value.shape, axes);
  return isKnown(value) ? { ...value, shape } : t.reshape(value, shape);
}

const squeeze: Operator = (use) =>
  resized(use, (shape, axes) => {
    const gone = axes.map((axis) => (axis + shape.length) % shape.length);
    return shape.filter((n, axis) => (axes.length === 0 ? n !== 1 : !gone.includes(axis)));
  });

const unsqueeze: Operator = (use) =>
  resized(use, (shape, axes) => {
    const rank = shape.length + axes.length;
    const made = axes.map((axis) => (axis + rank) % rank);
    const rest = shape.values();
    return Array.from({ length: rank }, (_, axis) =>
      made.includes(axis) ? 1 : (rest.next().value as number),
    );
  });

const reduced =
  (run: (x: Tensor, over: t.Reduction) => Tensor): Operator =>
  (use) => {
    const axes = wholes(use, 1, "axes");
    return run(tensorAt(use, 0), { ...(axes && { axes }), keep: int(use, "keepdims", 1) === 1 });
  };

const unary =
  (run: (x: Tensor) => Tensor): Operator =>
  (use) =>
    run(tensorAt(use, 0));

/** Arithmetic of tensors, of which one may be an array of the file; and of shapes. */
const binary =
  (run: (a: Tensor, b: Tensor) => Tensor, wholly?: (a: number, b: number) => number): Operator =>
  (use) => {
    const [a, b] = [valueAt(use, 0), valueAt(use, 1)];
    if (wholly !== undefined && isKnown(a) && isKnown(b)) {
      const { shape, whole } = a.whole.length >= b.whole.length ? a : b;
      return {
        shape,
        whole: whole.map((_, i) => wholly(a.whole[i % a.whole.length], b.whole[i % b.whole.length])),
      };
    }
    const [left, right] = [0, 1].map(
      (i) => use.weight(i, { role: "bias", outAxis: null }) ?? tensorAt(use, i),
    );
    return run(left, right);
  };

function clip(use: Use): Tensor {
  const bound = (i: number, name: string, usual: number) =>
    use.values[i] === undefined ? (use.node.attributes[name]?.float ?? usual) : tensorAt(use, i);
  const [low, high] = [bound(1, "min", -3.4e38), bound(2, "max", 3.4e38)];
  return t.clamp(tensorAt(use, 0), low, high);
}

function constantOf({ node, refuse }: Use): Value {
  const {
    value,
    value_float: float,
    value_int: int,
    value_ints: ints,
  } = node.attributes as Partial<Record<string, ReadAttribute>>;
  if (value?.tensor !== undefined) return arrayValue(value.tensor);
  if (float !== undefined) return t.scalar(float.float);
  if (int !== undefined) return { shape: [], whole: [int.int] };
  if (ints !== undefined) return { shape: [ints.ints.length], whole: ints.ints };
  throw refuse("its kind of value is not known here");
}

/** An array as a value: whole numbers are for shapes. */
export const arrayValue = (array: NdArray): Value =>
  array.dtype === "int64" || array.dtype === "int32" ? wholeOf(array) : t.constant(array);

const gelu: Operator = (use) =>
  (use.node.attributes.approximate?.text === "tanh" ? t.geluTanh : t.gelu)(tensorAt(use, 0));

/** What of ONNX (ai.onnx) a network may consist of. */
export const operators: Readonly<Record<string, Operator>> = {
  Conv: conv,
  Gemm: gemm,
  MatMul: matmul,
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  MaxPool: (use) => pooled(use, t.maxPool),
  AveragePool: averagePool,
  GlobalAveragePool: (use) => {
    const x = tensorAt(use, 0);
    return t.mean(x, { axes: x.shape.map((_, axis) => axis).slice(2), keep: true });
  },
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: (use) => t.transpose(tensorAt(use, 0), ints(use, "perm")),
  Concat: concat,
  Shape: (use) => {
    const { shape } = valueAt(use, 0);
    return { shape: [shape.length], whole: shape };
  },
  Gather: gather,
  Constant: constantOf,
  Identity: (use) => valueAt(use, 0),
  Cast: (use) => valueAt(use, 0),
  // methods leave out units, where they are asked to
  Dropout: (use) => valueAt(use, 0),
  Add: binary(t.add, (a, b) => a + b),
  Sub: binary(t.sub, (a, b) => a - b),
  Mul: binary(t.mul, (a, b) => a * b),
  Div: binary(t.div, (a, b) => Math.trunc(a / b)),
  Pow: binary(t.pow),
  Relu: unary(t.relu),
  LeakyRelu: (use) => t.leakyRelu(tensorAt(use, 0), float(use, "alpha", 0.01)),
  Elu: (use) => t.elu(tensorAt(use, 0), float(use, "alpha", 1)),
  Gelu: gelu,
  Sigmoid: unary(t.sigmoid),
  Tanh: unary(t.tanh),
  Softplus: unary(t.softplus),
  HardSigmoid: (use) =>
    t.clamp(t.add(t.mul(tensorAt(use, 0), float(use, "alpha", 0.2)), float(use, "beta", 0.5)), 0, 1),
  HardSwish: unary(t.hardswish),
  Clip: clip,
  Erf: unary(t.erf),
  Exp: unary(t.exp),
  Log: unary(t.log),
  Sqrt: unary(t.sqrt),
  Neg: unary(t.neg),
  Abs: unary(t.abs),
  Reciprocal: unary(t.reciprocal),
  Softmax: (use) => t.softmax(tensorAt(use, 0), int(use, "axis", -1)),
  LogSoftmax: (use) => t.logSoftmax(tensorAt(use, 0), int(use, "axis", -1)),
  ReduceMean: reduced(t.mean),
  ReduceSum: reduced(t.sum),
  ReduceMax: reduced(t.amax),
};

/** Those whose results are places that methods act on. */
export const activations: ReadonlySet<string> = new Set(
  "Relu LeakyRelu Elu Gelu Sigmoid Tanh Softplus HardSwish Clip".split(" "),
);

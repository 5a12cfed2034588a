import type { ReadAttribute } from "../onnx/index.ts";
import type { Tensor } from "../tensor/index.ts";
import * as t from "../tensor/index.ts";
import {
  averagePool,
  batchNormalization,
  conv,
  gemm,
  globalAveragePool,
  layerNormalization,
  matmul,
  maxPool,
} from "./layers.ts";
import { concat, flatten, gather, reshape, shapeOf, squeeze, unsqueeze } from "./shapes.ts";
import {
  arrayValue,
  float,
  int,
  ints,
  isKnown,
  type Operator,
  tensorAt,
  type Use,
  type Value,
  valueAt,
  wholes,
} from "./use.ts";

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

const gelu: Operator = (use) =>
  (use.node.attributes.approximate?.text === "tanh" ? t.geluTanh : t.gelu)(tensorAt(use, 0));

/** What of ONNX (ai.onnx) a network may consist of. */
export const operators: Readonly<Record<string, Operator>> = {
  Conv: conv,
  Gemm: gemm,
  MatMul: matmul,
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: globalAveragePool,
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: (use) => t.transpose(tensorAt(use, 0), ints(use, "perm")),
  Concat: concat,
  Shape: shapeOf,
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

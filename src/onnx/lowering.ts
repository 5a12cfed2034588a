import type { DType } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import { type AnyNode, lineOf, type Node, type Primitive } from "../tensor/graph.ts";
import * as convolution from "./rules/convolution.ts";
import {
  arithmeticRules,
  cast as castRule,
  comparisonRules,
  logicalRules,
  unaryRules,
} from "./rules/elementwise.ts";
import { convKernel } from "./rules/kernelGradient.ts";
import * as pooling from "./rules/pooling.ts";
import * as products from "./rules/products.ts";
import * as random from "./rules/random.ts";
import * as reductions from "./rules/reductions.ts";
import { cast, type Emitter, type LowerRule } from "./rules/rule.ts";
import * as shaping from "./rules/shaping.ts";

const same: LowerRule<"alias" | "stop" | "custom"> = (_, [x]) => x;

const apart: LowerRule<"scan" | "last" | "stacked"> = (node) => {
  throw new OckhamError("internal", node.op, `${node.op} was written apart from its scan`, "report this");
};

/** How each primitive becomes ONNX nodes, for the dtypes that `native` lists. */
const rules: { readonly [P in Primitive]: LowerRule<P> } = {
  input: (node) => {
    throw new OckhamError(
      "unknown-name",
      node.attributes.name,
      `the graph reads the input "${node.attributes.name}", which is not among its inputs`,
      "list every placeholder that the outputs depend on",
    );
  },
  constant: (node, _, to) => to.literal(node.attributes.value),
  alias: same,
  stop: same,
  custom: same,
  ...unaryRules,
  ...arithmeticRules,
  ...comparisonRules,
  ...logicalRules,
  cast: castRule,
  sum: reductions.sum,
  amax: reductions.amax,
  argMax: reductions.argMax,
  cumsum: reductions.cumsum,
  softmax: reductions.softmax,
  logSoftmax: reductions.logSoftmax,
  argTopK: reductions.argTopK,
  matmul: products.matmul,
  conv: convolution.conv,
  convTranspose: convolution.convTranspose,
  convKernel,
  maxPool: pooling.maxPool,
  argMaxPool: pooling.argMaxPool,
  sumPool: pooling.sumPool,
  sumUnpool: pooling.sumUnpool,
  gather: shaping.gather,
  scatterAdd: shaping.scatterAdd,
  reshape: shaping.reshape,
  transpose: shaping.transpose,
  broadcast: shaping.broadcast,
  slice: shaping.slice,
  pad: shaping.pad,
  concat: shaping.concat,
  // a scan is written with all that reads it (scan.ts)
  scan: apart,
  last: apart,
  stacked: apart,
  randomBits: random.randomBits,
  foldKey: random.foldKey,
};

const real: readonly DType[] = ["float32", "float64"];
const signed: readonly DType[] = [...real, "int64", "int32"];
const numeric: readonly DType[] = [...signed, "uint32", "int8", "uint8"];
const all: readonly DType[] = [...numeric, "float16", "bool"];
const logical: readonly DType[] = ["bool"];

/** The dtypes of the operands for which ONNX Runtime (1.30, CPU) has the kernels that the rule uses. */
const native: { readonly [P in Primitive]: readonly DType[] } = {
  input: all,
  constant: all,
  alias: all,
  stop: all,
  custom: all,
  neg: [...signed, "int8"],
  abs: numeric,
  sign: numeric,
  exp: real,
  log: real,
  sqrt: real,
  reciprocal: real,
  floor: real,
  round: real,
  sin: real,
  cos: real,
  atan: real,
  tanh: real,
  sigmoid: real,
  softplus: real,
  erf: real,
  relu: real,
  step: real,
  add: numeric,
  sub: numeric,
  mul: numeric,
  div: numeric,
  pow: signed,
  max: numeric,
  min: numeric,
  equal: [...numeric, "bool"],
  less: numeric,
  lessEqual: numeric,
  not: logical,
  and: logical,
  or: logical,
  isNaN: real,
  cast: all,
  where: [...signed, "uint8"],
  sum: signed,
  amax: [...signed, "int8", "uint8"],
  argMax: [...signed, "int8", "uint8"],
  cumsum: signed,
  softmax: real,
  logSoftmax: real,
  argTopK: [...signed, "int8", "uint8"],
  matmul: real,
  conv: real,
  convTranspose: real,
  convKernel: real,
  maxPool: [...real, "int8", "uint8"],
  argMaxPool: [...real, "int8", "uint8"],
  sumPool: signed,
  sumUnpool: [...signed, "uint32", "int8", "uint8"],
  gather: all,
  scatterAdd: numeric,
  reshape: all,
  transpose: all,
  broadcast: all,
  slice: all,
  pad: numeric,
  concat: all,
  scan: all,
  last: all,
  stacked: all,
  randomBits: ["uint32"],
  foldKey: ["uint32"],
};

/** Wider dtypes that hold every value of a dtype, best first; whole numbers wrap on the way back as they should. */
const carriers: { readonly [D in DType]: readonly DType[] } = {
  float32: [],
  float64: [],
  float16: ["float32"],
  int64: [],
  int32: ["float64"],
  uint32: ["int64", "float64"],
  int8: ["int32", "float64"],
  uint8: ["int32", "float64"],
  bool: ["uint8", "int32"],
};

/** Which inputs have the dtype that the operation works in: all of them, except for these. */
const operands: { readonly [P in Primitive]?: readonly number[] } = {
  where: [1, 2],
  gather: [0],
  scatterAdd: [1],
};

/** What counts or negates has no meaning for truth values. */
const notForBool: readonly Primitive[] = [
  "neg",
  "abs",
  "sign",
  "cumsum",
  "sumPool",
  "sumUnpool",
  "scatterAdd",
];

function refuse(node: AnyNode, dtype: DType): OckhamError {
  const line = lineOf(node);
  return new OckhamError(
    "bad-dtype",
    node.op,
    `ONNX Runtime cannot compute ${node.op} in ${dtype}${line === undefined ? "" : `, at ${line}`}`,
    node.op.startsWith("conv") ? "cast to float32 first" : "cast to float32 or int32 first",
  );
}

/** The node with its operands (and a result of their dtype) in another dtype. */
function carried(node: AnyNode, chosen: readonly number[], from: DType, to: DType): AnyNode {
  const inputs = node.inputs.map((i, at) => (chosen.includes(at) ? { ...i, dtype: to } : i));
  return { ...node, inputs, dtype: node.dtype === from ? to : node.dtype } as AnyNode;
}

/** ONNX nodes for one node of ours; returns the name of the result. Throws `bad-dtype` where no kernel exists. */
export function lowerNode(node: AnyNode, inputs: readonly string[], to: Emitter): string {
  const rule = rules[node.op] as LowerRule<Primitive>;
  const chosen = operands[node.op] ?? inputs.map((_, i) => i);
  const dtype = chosen.length === 0 ? node.dtype : node.inputs[chosen[0]].dtype;
  if (native[node.op].includes(dtype)) return rule(node, inputs, to);
  const carrier = carriers[dtype].find((d) => native[node.op].includes(d));
  if (carrier === undefined || (dtype === "bool" && notForBool.includes(node.op))) throw refuse(node, dtype);
  const wide = inputs.map((name, i) => (chosen.includes(i) ? cast(to, name, carrier) : name));
  const result = rule(carried(node, chosen, dtype, carrier) as Node, wide, to);
  return node.dtype === dtype ? cast(to, result, dtype) : result;
}

import type { DType, NdArray } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import { shapeOf } from "./shapes.ts";

/** A symbol for an array: its shape and dtype are known, its numbers are not. Made only by this room. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** What every operation takes: a tensor, or a number that becomes a constant of its partner's dtype. */
export type Operand = Tensor | number;

/** Geometry of a convolution: one entry per spatial dimension (one to three). */
export interface Window {
  readonly strides: readonly number[];
  readonly padding: readonly (readonly [low: number, high: number])[];
  readonly dilation: readonly number[];
  readonly groups: number;
}

/** Geometry of pooling: as for a convolution, with the size of the window. */
export interface Pool {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly padding: readonly (readonly [low: number, high: number])[];
}

/**
 * What a scan does at each step: a graph between tensors that stand for what a step is given, and what it leaves. The
 * graph ends at the stand-ins, whatever they are made of elsewhere; a scan's inputs are, in the same order, the initial
 * carry, the scanned tensors [length, ...slice], and what is the same for all steps.
 */
export interface Body {
  /** Stand for what is carried, as it comes into a step. */
  readonly carry: readonly Node[];
  /** Stand for the slices of what is scanned. */
  readonly slices: readonly Node[];
  /** Stand for what is the same for all steps. */
  readonly outside: readonly Node[];
  /** What is carried on. */
  readonly next: readonly Node[];
}

type None = Record<never, never>;

/** Operations of one input that act on each entry alone and keep the dtype. */
export interface UnaryAttributes {
  neg: None;
  abs: None;
  sign: None;
  exp: None;
  log: None;
  sqrt: None;
  reciprocal: None;
  floor: None;
  /** To the nearest whole number, halves to even. */
  round: None;
  sin: None;
  cos: None;
  atan: None;
  tanh: None;
  sigmoid: None;
  /** log(1 + exp(x)) */
  softplus: None;
  erf: None;
  relu: None;
  /** 1 where x > 0, else 0, in the dtype of x. */
  step: None;
}

/** Operations of two inputs that broadcast as in NumPy and keep the dtype, which both share. */
export interface ArithmeticAttributes {
  add: None;
  sub: None;
  mul: None;
  /** For whole numbers, the quotient rounded toward zero. */
  div: None;
  pow: None;
  max: None;
  min: None;
}

/** Comparisons of two inputs of one dtype; they broadcast and give bool. */
export interface ComparisonAttributes {
  equal: None;
  less: None;
  lessEqual: None;
}

/**
 * The closed set of primitives with what each is told beside its inputs. Every transformation has a rule for
 * every row (see shapes.ts, evaluate.ts, gradients.ts, batching.ts and onnx/lowering.ts).
 * Axes are counted from the end (-1 is the last), so that they survive a new leading axis.
 */
export interface Attributes extends UnaryAttributes, ArithmeticAttributes, ComparisonAttributes {
  // ---- leaves
  /** A placeholder that is fed. No inputs. */
  input: { readonly name: string; readonly shape: readonly number[]; readonly dtype: DType };
  /** A literal array. No inputs. */
  constant: { readonly value: NdArray };
  // ---- names and gradients
  /** The same value under a new identity. */
  alias: None;
  /** The same value; no gradient passes. */
  stop: None;
  /** Inputs [result, ...arguments]: the value of result, with a gradient rule of its own. */
  custom: { readonly pullback: Pullback };
  // ---- elementwise
  /** The inputs are bool. */
  not: None;
  and: None;
  or: None;
  isNaN: None;
  cast: { readonly dtype: DType };
  /** Inputs [condition, yes, no]; all three broadcast. */
  where: None;
  // ---- reductions
  sum: { readonly axes: readonly number[]; readonly keep: boolean };
  /** The largest entry. */
  amax: { readonly axes: readonly number[]; readonly keep: boolean };
  /** Position of the largest entry, the first of equals; int32, the axis is dropped. */
  argMax: { readonly axis: number };
  /** Running sum. `exclusive`: without the entry itself; `reverse`: from the end. */
  cumsum: { readonly axis: number; readonly exclusive: boolean; readonly reverse: boolean };
  softmax: { readonly axis: number };
  logSoftmax: { readonly axis: number };
  /** Positions of the k largest (or smallest) entries of the last axis, in order, the first of equals first; int32. */
  argTopK: { readonly k: number; readonly largest: boolean };
  // ---- products
  /** Inputs [..., m, k] and [..., k, n] (before transposing as told); leading axes broadcast. */
  matmul: { readonly transposeA: boolean; readonly transposeB: boolean };
  /** Inputs x [n, c, ...spatial], kernel [o, c / groups, ...window]: [n, o, ...]. Cross-correlation. */
  conv: Window;
  /** Inputs g [n, o, ...], kernel: the gradient of `conv` in x, whose spatial sizes are `size`. */
  convTranspose: Window & { readonly size: readonly number[] };
  /** Inputs x, g: the gradient of `conv` in the kernel, whose window is `size`. */
  convKernel: Window & { readonly size: readonly number[] };
  // ---- pooling over [n, c, ...spatial]; padding never wins a maximum and adds nothing to a sum
  maxPool: Pool;
  /** Where the maximum stands: flat position in the spatial plane, int32, the first of equals. */
  argMaxPool: Pool;
  sumPool: Pool;
  /** The gradient of `sumPool`: spreads each entry over its window; the result has spatial sizes `size`. */
  sumUnpool: Pool & { readonly size: readonly number[] };
  // ---- rows
  /** Inputs x [r, ...d], indices [...i] int32 in [0, r): [...i, ...d]. */
  gather: None;
  /** Inputs indices [...i] int32, values [...i, ...d]: [rows, ...d] of sums. */
  scatterAdd: { readonly rows: number };
  // ---- shape
  reshape: { readonly shape: readonly number[] };
  transpose: { readonly order: readonly number[] };
  /** To a larger shape, as in NumPy. */
  broadcast: { readonly shape: readonly number[] };
  /** Along each axis: `sizes` entries from `starts`, `steps` apart (negative steps walk back). */
  slice: {
    readonly starts: readonly number[];
    readonly sizes: readonly number[];
    readonly steps: readonly number[];
  };
  pad: { readonly low: readonly number[]; readonly high: readonly number[]; readonly value: number };
  concat: { readonly axis: number };
  // ---- loops
  /** The steps of a loop. It is no array (its shape and dtype mean nothing): `last` and `stacked` read it. */
  scan: { readonly body: Body; readonly length: number; readonly reverse: boolean };
  /** Of a scan: what is carried, after the last step. */
  last: { readonly index: number };
  /** Of a scan: any tensor of its body at all steps, along a new leading axis. */
  stacked: { readonly of: Node };
  // ---- random
  /** Input keys [...b, 2] uint32: words 0, 1, ... of the stream of each (array/hash.ts `bits`), filling `shape`: [...b, ...shape] uint32. */
  randomBits: { readonly shape: readonly number[] };
  /** Inputs keys [...b, 2] uint32, words uint32 that broadcast to [...b]: the child keys (array/hash.ts `fold`), [...b, 2] uint32. */
  foldKey: None;
}

export type Primitive = keyof Attributes;
export type Unary = keyof UnaryAttributes;
export type Arithmetic = keyof ArithmeticAttributes;
export type Comparison = keyof ComparisonAttributes;

/** From the gradient of a result to the gradients of the arguments (null: none). */
export type Pullback = (
  gradient: Tensor,
  args: readonly Tensor[],
  result: Tensor,
) => readonly (Tensor | null)[];

export interface Node<P extends Primitive = Primitive> extends Tensor {
  readonly op: P;
  readonly inputs: readonly Node[];
  readonly attributes: Attributes[P];
  /** Grows with every node made: inputs always have smaller numbers. */
  readonly id: number;
  /** Where the caller stood, as a captured stack; read it through `lineOf`. */
  readonly origin: Origin;
}

export type AnyNode = { [P in Primitive]: Node<P> }[Primitive];

interface Origin {
  stack?: string;
}

let count = 0;

/** Makes a node. Throws `bad-shape` or `bad-dtype`, naming the operation, the shapes and the caller's line. */
export function make<P extends Primitive>(
  op: P,
  inputs: readonly Tensor[],
  attributes: Attributes[P],
): Node<P> {
  const origin: Origin = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 24;
  Error.captureStackTrace?.(origin, make);
  Error.stackTraceLimit = limit;
  const result = shapeOf(op, inputs, attributes);
  if ("problem" in result) {
    const shapes = inputs.map((t) => `${t.dtype}[${t.shape}]`).join(" and ");
    throw new OckhamError(
      result.code ?? "bad-shape",
      op,
      `${op} of ${shapes || "nothing"}: ${result.problem}${at(lineOf({ origin }))}`,
      "change the shapes or dtypes so that they fit",
    );
  }
  return { op, inputs: inputs as readonly Node[], attributes, id: count++, origin, ...result };
}

const at = (line: string | undefined) => (line === undefined ? "" : `, at ${line}`);
const ownRoom = /[\\/](src|dist)[\\/]tensor[\\/]/;
/** A place in the stack as V8, or as other engines write it. */
const frame = /\((.+:\d+:\d+)\)$|at (?:async )?(.+:\d+:\d+)$|@(.+:\d+:\d+)$/;
const fileOf = (place: string) => place.replace(/:\d+:\d+$/, "");

/**
 * The first line of code outside the tensor room that led to this node, or undefined. In a bundle of one file nothing
 * tells whose code a line is: there it is the innermost lines, "a < b < c", of which the caller's is one.
 */
export function lineOf(node: { readonly origin: Origin }): string | undefined {
  const places = (node.origin.stack ?? "").split("\n").flatMap((line) => {
    const m = line.match(frame);
    return m === null || /node:internal|<anonymous>/.test(m[0]) ? [] : [m[1] ?? m[2] ?? m[3]];
  });
  if (places.length === 0) return undefined;
  const inner = fileOf(places[0]);
  const outside = places.find((place) => !ownRoom.test(place) && fileOf(place) !== inner);
  return outside ?? (ownRoom.test(inner) ? undefined : places.slice(0, innermost).join(" < "));
}

const innermost = 4;

/** The node behind a tensor. */
export const nodeOf = (t: Tensor): AnyNode => t as AnyNode;

/** A placeholder to be fed under `name`. */
export const input = (name: string, shape: readonly number[], dtype: DType = "float32"): Tensor =>
  make("input", [], { name, shape, dtype });

/** A literal array. */
export const constant = (value: NdArray): Tensor => make("constant", [], { value });

/** A literal number of a dtype (float32 unless told). */
export function scalar(value: number, dtype: DType = "float32"): Tensor {
  return constant({ dtype, shape: [], data: literal(dtype, [value]) });
}

function literal(dtype: DType, values: readonly number[]): NdArray["data"] {
  switch (dtype) {
    case "float64":
      return Float64Array.from(values);
    case "int32":
      return Int32Array.from(values);
    case "uint32":
      return Uint32Array.from(values);
    case "int8":
      return Int8Array.from(values);
    case "uint8":
    case "bool":
      return Uint8Array.from(values);
    case "int64":
      return BigInt64Array.from(values.map((v) => BigInt(Math.trunc(v))));
    case "float32":
      return Float32Array.from(values);
    case "float16":
      throw new OckhamError(
        "bad-dtype",
        "float16",
        "no literal numbers in float16",
        "cast a float32 constant",
      );
  }
}

/** The value of a node when it is a literal of one element, else undefined. */
export function literalValue(t: Tensor): number | undefined {
  const node = nodeOf(t);
  if (node.op === "constant" && node.attributes.value.data.length === 1)
    return Number(node.attributes.value.data[0]);
  if (node.op === "broadcast") return literalValue(node.inputs[0]);
  return undefined;
}

/** All nodes that the outputs need, inputs before users. `stop` prunes: a node it accepts is kept, its inputs are not visited. */
export function ancestors(outputs: readonly Tensor[], stop?: (node: AnyNode) => boolean): AnyNode[] {
  const seen = new Set<AnyNode>();
  const todo = outputs.map(nodeOf);
  while (todo.length > 0) {
    const node = todo.pop() as AnyNode;
    if (seen.has(node)) continue;
    seen.add(node);
    if (!stop?.(node)) todo.push(...(node.inputs as readonly AnyNode[]));
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

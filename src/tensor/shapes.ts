import { type DType, sameShape, sizeOf } from "../array/ndarray.ts";
import type {
  Arithmetic,
  Attributes,
  Comparison,
  Node,
  Pool,
  Primitive,
  Tensor,
  Unary,
  Window,
} from "./graph.ts";

export interface Typed {
  readonly shape: readonly number[];
  readonly dtype: DType;
}
export interface Problem {
  readonly problem: string;
  readonly code?: "bad-dtype";
}
type Result = Typed | Problem;
type Shape = readonly number[];
type ShapeRule<P extends Primitive> = (inputs: readonly Tensor[], attributes: Attributes[P]) => Result;

const floats: readonly DType[] = ["float32", "float64", "float16"];
export const isFloat = (dtype: DType): boolean => floats.includes(dtype);

const problem = (text: string): Problem => ({ problem: text });
const wrongType = (text: string): Problem => ({ problem: text, code: "bad-dtype" });

/** The common shape of operands that broadcast as in NumPy, or null. */
export function broadcastShapes(...shapes: readonly Shape[]): number[] | null {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes)
    for (let i = 0; i < shape.length; i++) {
      const axis = rank - shape.length + i;
      if (shape[i] === 1) continue;
      if (result[axis] !== 1 && result[axis] !== shape[i]) return null;
      result[axis] = shape[i];
    }
  return result;
}

const broadcastsTo = (from: Shape, to: Shape): boolean => {
  const common = broadcastShapes(from, to);
  return common !== null && sameShape(common, to);
};

/** Keys are pairs of words along the last axis. */
const isKey = ({ shape, dtype }: Tensor): boolean => dtype === "uint32" && shape.at(-1) === 2;

/** The axis from the front, for one counted from the end. */
export const fromFront = (axis: number, rank: number): number => axis + rank;

const inRange = (axis: number, rank: number) => Number.isInteger(axis) && axis < 0 && axis >= -rank;

const elementwise: ShapeRule<Unary | "alias" | "stop"> = ([x]) => ({ shape: x.shape, dtype: x.dtype });
const floatOnly: ShapeRule<Unary> = ([x]) =>
  isFloat(x.dtype) ? { shape: x.shape, dtype: x.dtype } : wrongType("it takes floats");

function pair([a, b]: readonly Tensor[], dtype: DType): Result {
  if (a.dtype !== b.dtype) return wrongType("the dtypes differ; cast one of them");
  const shape = broadcastShapes(a.shape, b.shape);
  return shape === null ? problem("the shapes do not broadcast") : { shape, dtype };
}
const arithmetic: ShapeRule<Arithmetic> = (inputs) =>
  inputs[0].dtype === "bool" ? wrongType("it takes numbers, not bool") : pair(inputs, inputs[0].dtype);
const comparison: ShapeRule<Comparison> = (inputs) => pair(inputs, "bool");
const logical: ShapeRule<"and" | "or"> = (inputs) =>
  inputs.every((t) => t.dtype === "bool") ? pair(inputs, "bool") : wrongType("it takes bool");

const reduction: ShapeRule<"sum" | "amax"> = ([x], { axes, keep }) => {
  const rank = x.shape.length;
  if (axes.some((a) => !inRange(a, rank)) || new Set(axes).size < axes.length)
    return problem(`axes [${axes}] do not fit rank ${rank}`);
  if (x.dtype === "bool") return wrongType("it takes numbers, not bool");
  const reduced = new Set(axes.map((a) => fromFront(a, rank)));
  const shape = keep
    ? x.shape.map((n, i) => (reduced.has(i) ? 1 : n))
    : x.shape.filter((_, i) => !reduced.has(i));
  return { shape, dtype: x.dtype };
};

const alongAxis: ShapeRule<"softmax" | "logSoftmax" | "cumsum"> = ([x], { axis }) =>
  inRange(axis, x.shape.length)
    ? { shape: x.shape, dtype: x.dtype }
    : problem(`axis ${axis} does not fit rank ${x.shape.length}`);

/** Spatial size after sliding a window. */
const slid = (n: number, k: number, stride: number, [low, high]: readonly [number, number], dilation = 1) =>
  Math.floor((n + low + high - (k - 1) * dilation - 1) / stride) + 1;

/** Output spatial sizes of a convolution. */
export const convSizes = (spatial: Shape, kernel: Shape, w: Window): number[] =>
  spatial.map((n, i) => slid(n, kernel[i], w.strides[i], w.padding[i], w.dilation[i]));

/** Output spatial sizes of pooling. */
export const poolSizes = (spatial: Shape, p: Pool): number[] =>
  spatial.map((n, i) => slid(n, p.kernel[i], p.strides[i], p.padding[i]));

const spatial = (dimensions: number): boolean => dimensions >= 1 && dimensions <= 3;

function windowProblem(w: Window, dimensions: number): string | null {
  if (!spatial(dimensions)) return "it takes one to three spatial dimensions";
  for (const list of [w.strides, w.padding, w.dilation])
    if (list.length !== dimensions) return `strides, padding and dilation need ${dimensions} entries each`;
  if ([...w.strides, ...w.dilation].some((n) => !(Number.isInteger(n) && n >= 1)))
    return "strides and dilation must be whole numbers of at least 1";
  return null;
}

const pooling =
  (dtype: (x: Tensor) => DType): ShapeRule<"maxPool" | "argMaxPool" | "sumPool"> =>
  ([x], p) => {
    const dimensions = x.shape.length - 2;
    if (!spatial(dimensions)) return problem("it takes [n, channels, ...one to three spatial axes]");
    if (p.kernel.length !== dimensions || p.strides.length !== dimensions || p.padding.length !== dimensions)
      return problem(`kernel, strides and padding need ${dimensions} entries each`);
    if (p.padding.some(([low, high], i) => low >= p.kernel[i] || high >= p.kernel[i]))
      return problem("the padding is as large as the window");
    const sizes = poolSizes(x.shape.slice(2), p);
    if (sizes.some((n) => n < 1)) return problem(`a window of [${p.kernel}] does not fit`);
    return { shape: [...x.shape.slice(0, 2), ...sizes], dtype: dtype(x) };
  };

const rules: { readonly [P in Primitive]: ShapeRule<P> } = {
  input: (_, { shape, dtype }) => ({ shape, dtype }),
  constant: (_, { value }) => ({ shape: value.shape, dtype: value.dtype }),
  alias: elementwise,
  stop: elementwise,
  custom: ([result]) => ({ shape: result.shape, dtype: result.dtype }),
  neg: elementwise,
  abs: elementwise,
  sign: elementwise,
  exp: floatOnly,
  log: floatOnly,
  sqrt: floatOnly,
  reciprocal: floatOnly,
  floor: floatOnly,
  round: floatOnly,
  sin: floatOnly,
  cos: floatOnly,
  atan: floatOnly,
  tanh: floatOnly,
  sigmoid: floatOnly,
  softplus: floatOnly,
  erf: floatOnly,
  relu: floatOnly,
  step: floatOnly,
  add: arithmetic,
  sub: arithmetic,
  mul: arithmetic,
  div: arithmetic,
  pow: arithmetic,
  max: arithmetic,
  min: arithmetic,
  equal: comparison,
  less: comparison,
  lessEqual: comparison,
  not: ([x]) => (x.dtype === "bool" ? { shape: x.shape, dtype: "bool" } : wrongType("it takes bool")),
  and: logical,
  or: logical,
  isNaN: ([x]) => (isFloat(x.dtype) ? { shape: x.shape, dtype: "bool" } : wrongType("it takes floats")),
  cast: ([x], { dtype }) => ({ shape: x.shape, dtype }),
  where: ([condition, yes, no]) => {
    if (condition.dtype !== "bool") return wrongType("the condition must be bool");
    if (yes.dtype !== no.dtype) return wrongType("the two choices differ in dtype; cast one of them");
    const shape = broadcastShapes(condition.shape, yes.shape, no.shape);
    return shape === null ? problem("the shapes do not broadcast") : { shape, dtype: yes.dtype };
  },
  sum: reduction,
  amax: reduction,
  argMax: ([x], { axis }) =>
    inRange(axis, x.shape.length)
      ? { shape: x.shape.filter((_, i) => i !== fromFront(axis, x.shape.length)), dtype: "int32" }
      : problem(`axis ${axis} does not fit rank ${x.shape.length}`),
  cumsum: alongAxis,
  softmax: alongAxis,
  logSoftmax: alongAxis,
  argTopK: ([x], { k }) => {
    const n = x.shape.at(-1);
    if (n === undefined || k < 1 || k > n) return problem(`cannot take ${k} of the last axis`);
    return { shape: [...x.shape.slice(0, -1), k], dtype: "int32" };
  },
  matmul: ([a, b], { transposeA, transposeB }) => {
    if (a.shape.length < 2 || b.shape.length < 2) return problem("both need two axes or more");
    if (a.dtype !== b.dtype) return wrongType("the dtypes differ; cast one of them");
    if (!isFloat(a.dtype)) return wrongType("it takes floats");
    const [m, k] = transposeA ? a.shape.slice(-2).reverse() : a.shape.slice(-2);
    const [k2, n] = transposeB ? b.shape.slice(-2).reverse() : b.shape.slice(-2);
    if (k !== k2)
      return problem(
        `the inner sizes are ${k} and ${k2}${transposeA || transposeB ? " (after transposing)" : ""}`,
      );
    const lead = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
    return lead === null
      ? problem("the leading axes do not broadcast")
      : { shape: [...lead, m, n], dtype: a.dtype };
  },
  conv: ([x, kernel], w) => {
    const dimensions = x.shape.length - 2;
    const bad = windowProblem(w, dimensions);
    if (bad !== null) return problem(bad);
    if (kernel.shape.length !== x.shape.length) return problem("x and kernel differ in rank");
    if (kernel.shape[1] * w.groups !== x.shape[1] || kernel.shape[0] % w.groups !== 0)
      return problem(
        `${x.shape[1]} channels in ${w.groups} groups do not fit kernels of ${kernel.shape[1]} channels and ${kernel.shape[0]} outputs`,
      );
    const sizes = convSizes(x.shape.slice(2), kernel.shape.slice(2), w);
    if (sizes.some((n) => n < 1)) return problem("the kernel is larger than the padded input");
    return { shape: [x.shape[0], kernel.shape[0], ...sizes], dtype: x.dtype };
  },
  convTranspose: ([g, kernel], w) => {
    const dimensions = g.shape.length - 2;
    const bad = windowProblem(w, dimensions);
    if (bad !== null) return problem(bad);
    if (kernel.shape.length !== g.shape.length) return problem("g and kernel differ in rank");
    if (g.shape[1] !== kernel.shape[0])
      return problem(`${g.shape[1]} channels meet ${kernel.shape[0]} kernels`);
    const expected = convSizes(w.size, kernel.shape.slice(2), w);
    if (expected.some((n, i) => n !== g.shape[i + 2]))
      return problem(`a convolution of sizes [${w.size}] gives [${expected}], not [${g.shape.slice(2)}]`);
    return { shape: [g.shape[0], kernel.shape[1] * w.groups, ...w.size], dtype: g.dtype };
  },
  convKernel: ([x, g], w) => {
    const dimensions = x.shape.length - 2;
    const bad = windowProblem(w, dimensions);
    if (bad !== null) return problem(bad);
    if (x.shape[0] !== g.shape[0] || x.shape.length !== g.shape.length)
      return problem("x and g differ in rank or batch");
    if (x.shape[1] % w.groups !== 0 || g.shape[1] % w.groups !== 0)
      return problem(`${x.shape[1]} and ${g.shape[1]} channels do not divide into ${w.groups} groups`);
    const expected = convSizes(x.shape.slice(2), w.size, w);
    if (expected.some((n, i) => n !== g.shape[i + 2]))
      return problem(`a window of [${w.size}] gives sizes [${expected}], not [${g.shape.slice(2)}]`);
    return { shape: [g.shape[1], x.shape[1] / w.groups, ...w.size], dtype: x.dtype };
  },
  maxPool: pooling((x) => x.dtype),
  argMaxPool: pooling(() => "int32"),
  sumPool: pooling((x) => x.dtype),
  sumUnpool: ([g], p) => {
    const expected = poolSizes(p.size, p);
    if (expected.some((n, i) => n !== g.shape[i + 2]) || g.shape.length !== p.size.length + 2)
      return problem(`pooling of sizes [${p.size}] gives [${expected}], not [${g.shape.slice(2)}]`);
    return { shape: [...g.shape.slice(0, 2), ...p.size], dtype: g.dtype };
  },
  gather: ([x, indices]) => {
    if (indices.dtype !== "int32") return wrongType("the indices must be int32");
    if (x.shape.length < 1) return problem("x needs an axis to take rows from");
    return { shape: [...indices.shape, ...x.shape.slice(1)], dtype: x.dtype };
  },
  scatterAdd: ([indices, values], { rows }) => {
    if (indices.dtype !== "int32") return wrongType("the indices must be int32");
    const lead = values.shape.slice(0, indices.shape.length);
    if (lead.length !== indices.shape.length || lead.some((n, i) => n !== indices.shape[i]))
      return problem("the values must start with the shape of the indices");
    return { shape: [rows, ...values.shape.slice(indices.shape.length)], dtype: values.dtype };
  },
  reshape: ([x], { shape }) =>
    sizeOf(x.shape) === sizeOf(shape) && shape.every((n) => Number.isInteger(n) && n >= 0)
      ? { shape, dtype: x.dtype }
      : problem(`${sizeOf(x.shape)} elements cannot become [${shape}]`),
  transpose: ([x], { order }) =>
    order.length === x.shape.length && [...order].sort((a, b) => a - b).every((axis, i) => axis === i)
      ? { shape: order.map((axis) => x.shape[axis]), dtype: x.dtype }
      : problem(`[${order}] is no order of ${x.shape.length} axes`),
  broadcast: ([x], { shape }) =>
    broadcastsTo(x.shape, shape)
      ? { shape, dtype: x.dtype }
      : problem(`it cannot be broadcast to [${shape}]`),
  slice: ([x], { starts, sizes, steps }) => {
    if ([starts, sizes, steps].some((list) => list.length !== x.shape.length))
      return problem("starts, sizes and steps need an entry an axis");
    const bad = x.shape.findIndex((n, i) => {
      const last = starts[i] + (sizes[i] - 1) * steps[i];
      return (
        sizes[i] < 1 || steps[i] === 0 || Math.min(starts[i], last) < 0 || Math.max(starts[i], last) >= n
      );
    });
    return bad < 0
      ? { shape: sizes, dtype: x.dtype }
      : problem(`${sizes[bad]} entries from ${starts[bad]} in steps of ${steps[bad]} leave axis ${bad}`);
  },
  pad: ([x], { low, high }) =>
    low.length === x.shape.length && high.length === x.shape.length && [...low, ...high].every((n) => n >= 0)
      ? { shape: x.shape.map((n, i) => n + low[i] + high[i]), dtype: x.dtype }
      : problem("low and high need a number of at least 0 an axis"),
  concat: (inputs, { axis }) => {
    const [first] = inputs;
    const rank = first.shape.length;
    if (!inRange(axis, rank)) return problem(`axis ${axis} does not fit rank ${rank}`);
    const at = fromFront(axis, rank);
    if (inputs.some((t) => t.dtype !== first.dtype)) return wrongType("the dtypes differ");
    if (
      inputs.some((t) => t.shape.length !== rank || t.shape.some((n, i) => i !== at && n !== first.shape[i]))
    )
      return problem(`the shapes differ beside axis ${axis}`);
    const total = inputs.reduce((n, t) => n + t.shape[at], 0);
    return { shape: first.shape.map((n, i) => (i === at ? total : n)), dtype: first.dtype };
  },
  scan: (inputs, { body: { carry, slices, outside, next }, length }) => {
    if (!(Number.isInteger(length) && length >= 1)) return problem(`it cannot take ${length} steps`);
    const given = [...carry, ...slices.map((t) => ({ ...t, shape: [length, ...t.shape] })), ...outside];
    const wrong = [...carry.map((t, i) => [t, next[i]]), ...given.map((t, i) => [t, inputs[i]])].find(
      ([a, b]) => a.dtype !== b?.dtype || !sameShape(a.shape, b.shape),
    );
    return wrong === undefined && given.length === inputs.length
      ? { shape: [], dtype: "float32" }
      : problem("what it is given does not fit its body");
  },
  last: ([loop], { index }) => {
    const { shape, dtype } = (loop as Node<"scan">).attributes.body.next[index];
    return { shape, dtype };
  },
  stacked: ([loop], { of }) => ({
    shape: [(loop as Node<"scan">).attributes.length, ...of.shape],
    dtype: of.dtype,
  }),
  randomBits: ([key], { shape }) =>
    isKey(key)
      ? { shape: [...key.shape.slice(0, -1), ...shape], dtype: "uint32" }
      : problem("a key is uint32[2]"),
  foldKey: ([key, word]) =>
    isKey(key) && word.dtype === "uint32" && broadcastsTo(word.shape, key.shape.slice(0, -1))
      ? { shape: key.shape, dtype: "uint32" }
      : problem("it takes a key uint32[2] and a word uint32[]"),
};

export const shapeOf = <P extends Primitive>(
  op: P,
  inputs: readonly Tensor[],
  attributes: Attributes[P],
): Result => (rules[op] as ShapeRule<P>)(inputs, attributes);

import { sameShape, sizeOf } from "../array/ndarray.ts";
import {
  type AnyNode,
  type Arithmetic,
  type Attributes,
  literalValue,
  type Node,
  type Primitive,
  scalar,
  type Tensor,
} from "../tensor/graph.ts";
import { isFloat } from "../tensor/shapes.ts";
import {
  addedLike,
  gatherDivisors,
  gatherFactors,
  negated,
  scaledProduct,
  scaledSum,
  subtractedNegative,
} from "./scaling.ts";

/** Makes a node (simplified and shared if possible) for a rewriting rule. */
export interface Rewriter {
  make<P extends Primitive>(op: P, inputs: readonly Tensor[], attributes: Attributes[P]): AnyNode;
  literal(value: Tensor): AnyNode;
}

/** A cheaper node of the same value, or null. */
export type Simplification<P extends Primitive> = (node: Node<P>, rewrite: Rewriter) => AnyNode | null;

const first = (node: Node): AnyNode => node.inputs[0] as AnyNode;
const second = (node: Node): AnyNode => node.inputs[1] as AnyNode;

const stripped = (x: Node): AnyNode => (x.op === "broadcast" ? stripped(x.inputs[0]) : (x as AnyNode));

const spread = (x: AnyNode, shape: readonly number[], rewrite: Rewriter): AnyNode =>
  sameShape(x.shape, shape) ? x : rewrite.make("broadcast", [x], { shape });

/** Elementwise operations broadcast by themselves: they act on the small operands, and the result is spread. */
const sink: Simplification<Primitive> = (node, rewrite) => {
  if (!node.inputs.some((i) => i.op === "broadcast")) return null;
  const small = rewrite.make(node.op, node.inputs.map(stripped), node.attributes);
  return spread(small, node.shape, rewrite);
};

/** The only value of x, when all of its entries are copies of one that is computed once. */
function copied(x: Node): AnyNode | null {
  const inner = stripped(x);
  return x.op === "broadcast" && sizeOf(inner.shape) === 1 ? inner : null;
}

/** Moving entries of a spread scalar about gives a spread scalar. */
const moved: Simplification<Primitive> = (node, rewrite) => {
  const value = copied(first(node));
  if (value === null) return null;
  return spread(rewrite.make("reshape", [value], { shape: [] }), node.shape, rewrite);
};

/** The other operand, when one is the literal and the result has the other's shape. */
function without(node: Node, at: 0 | 1, value: number): AnyNode | null {
  const other = node.inputs[1 - at] as AnyNode;
  return literalValue(node.inputs[at]) === value && sameShape(other.shape, node.shape) ? other : null;
}

/** Where the entries of x stand along the one axis that it is padded along, with zeros on both sides. */
function strip(x: AnyNode) {
  if (x.op !== "pad" || x.attributes.value !== 0) return null;
  const { low, high } = x.attributes;
  const axes = x.shape.flatMap((_, i) => (low[i] + high[i] > 0 ? [i] : []));
  if (axes.length !== 1 || low[axes[0]] < 0 || high[axes[0]] < 0) return null;
  const inner = x.inputs[0] as AnyNode;
  return { inner, axis: axes[0], start: low[axes[0]], end: low[axes[0]] + inner.shape[axes[0]] };
}

/** Neighbouring strips that are added stand side by side: what the gradients of slices of one tensor are. */
const joinedStrips: Simplification<"add"> = (node, rewrite) => {
  const strips = node.inputs.map((x) => strip(x as AnyNode));
  const [left, right] = strips[0] !== null && strips[0].end === strips[1]?.start ? strips : strips.reverse();
  if (left === null || right === null || left.axis !== right.axis || left.end !== right.start) return null;
  const { axis } = left;
  const parts = [left, right].flatMap(({ inner }) =>
    inner.op === "concat" && inner.attributes.axis + inner.shape.length === axis ? inner.inputs : [inner],
  );
  const joined = rewrite.make("concat", parts, { axis: axis - node.shape.length });
  const low = node.shape.map((_, i) => (i === axis ? left.start : 0));
  const high = node.shape.map((n, i) => (i === axis ? n - right.end : 0));
  return rewrite.make("pad", [joined], { low, high, value: 0 });
};

const algebra: { readonly [P in Arithmetic]?: Simplification<P> } = {
  add: (node, rewrite) =>
    without(node, 0, 0) ?? without(node, 1, 0) ?? addedLike(node, rewrite) ?? joinedStrips(node, rewrite),
  sub: (node, rewrite) => without(node, 1, 0) ?? subtractedNegative(node, rewrite),
  mul: (node, rewrite) => {
    const plain = without(node, 0, 1) ?? without(node, 1, 1);
    if (plain !== null) return plain;
    const turned = without(node, 0, -1) ?? without(node, 1, -1);
    return turned === null ? gatherFactors(node, rewrite) : rewrite.make("neg", [turned], {});
  },
  div: (node, rewrite) => without(node, 1, 1) ?? gatherDivisors(node, rewrite),
  pow: (node, rewrite) => {
    const plain = without(node, 1, 1);
    if (plain !== null) return plain;
    const squared = without(node, 1, 2);
    return squared === null ? null : rewrite.make("mul", [squared, squared], {});
  },
};

const withAlgebra =
  (op: Arithmetic): Simplification<Arithmetic> =>
  (node, rewrite) =>
    sink(node, rewrite) ?? algebra[op]?.(node as never, rewrite) ?? null;

const isIdentity = (order: readonly number[]) => order.every((axis, i) => axis === i);

const reshape: Simplification<"reshape"> = (node, rewrite) => {
  const x = first(node);
  if (sameShape(x.shape, node.shape)) return x;
  if (x.op === "reshape") return rewrite.make("reshape", [x.inputs[0]], { shape: node.shape });
  return moved(node, rewrite);
};

const transpose: Simplification<"transpose"> = (node, rewrite) => {
  const x = first(node);
  const { order } = node.attributes;
  if (isIdentity(order)) return x;
  if (x.op === "transpose")
    return rewrite.make("transpose", [x.inputs[0]], { order: order.map((axis) => x.attributes.order[axis]) });
  const real = order.filter((axis) => x.shape[axis] !== 1);
  if (real.every((axis, i) => i === 0 || axis > real[i - 1]))
    return rewrite.make("reshape", [x], { shape: node.shape });
  return moved(node, rewrite);
};

const broadcast: Simplification<"broadcast"> = (node, rewrite) => {
  const x = first(node);
  if (sameShape(x.shape, node.shape)) return x;
  return x.op === "broadcast" ? rewrite.make("broadcast", [x.inputs[0]], { shape: node.shape }) : null;
};

const reduction: Simplification<"sum" | "amax"> = (node, rewrite) => {
  const x = first(node);
  const rank = x.shape.length;
  return node.attributes.axes.every((axis) => x.shape[axis + rank] === 1)
    ? rewrite.make("reshape", [x], { shape: node.shape })
    : null;
};

/** The sum over all leading axes of a^T b is one product of the rows of all of them. */
const sumOfProducts: Simplification<"sum"> = (node, rewrite) => {
  const x = first(node);
  if (x.op !== "matmul" || !x.attributes.transposeA || x.attributes.transposeB) return null;
  const [a, b] = x.inputs;
  const leads = x.shape.length - 2;
  const { axes } = node.attributes;
  const whole =
    leads > 0 &&
    axes.length === leads &&
    axes.every((axis) => axis < -2) &&
    sameShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  if (!whole) return null;
  const rows = (t: AnyNode) =>
    rewrite.make("reshape", [t], { shape: [sizeOf(t.shape.slice(0, -1)), t.shape[t.shape.length - 1]] });
  const product = rewrite.make("matmul", [rows(a as AnyNode), rows(b as AnyNode)], x.attributes);
  return rewrite.make("reshape", [product], { shape: node.shape });
};

const sum: Simplification<"sum"> = (node, rewrite) => {
  const plain = reduction(node, rewrite) ?? sumOfProducts(node, rewrite) ?? scaledSum(node, rewrite);
  if (plain !== null) return plain;
  const value = copied(first(node));
  if (value === null || !isFloat(node.dtype) || node.dtype === "float16") return null;
  const count = sizeOf(first(node).shape) / sizeOf(node.shape);
  const one = rewrite.make("reshape", [value], { shape: [] });
  return spread(
    rewrite.make("mul", [one, rewrite.literal(scalar(count, node.dtype))], {}),
    node.shape,
    rewrite,
  );
};

interface Factor {
  readonly inner: AnyNode;
  /** Whether its last two axes are to be exchanged. */
  readonly swapped: boolean;
}

/** A factor of a product without a transposition of its last two axes, or without spread leading axes. */
function factor(x: AnyNode): Factor {
  const rank = x.shape.length;
  const inner = x.inputs[0] as AnyNode;
  if (x.op === "transpose") {
    const { order } = x.attributes;
    if (order.every((axis, i) => axis === (i < rank - 2 ? i : 2 * rank - 3 - i)))
      return { inner, swapped: true };
  }
  if (x.op === "broadcast" && inner.shape.length >= 2 && sameShape(inner.shape.slice(-2), x.shape.slice(-2)))
    return { inner, swapped: false };
  return { inner: x, swapped: false };
}

const matmul: Simplification<"matmul"> = (node, rewrite) => {
  const [a, b] = [factor(first(node)), factor(second(node))];
  if (a.inner === first(node) && b.inner === second(node)) return scaledProduct(node, rewrite);
  const { transposeA, transposeB } = node.attributes;
  const attributes = { transposeA: transposeA !== a.swapped, transposeB: transposeB !== b.swapped };
  return spread(rewrite.make("matmul", [a.inner, b.inner], attributes), node.shape, rewrite);
};

const slice: Simplification<"slice"> = (node, rewrite) => {
  const x = first(node);
  const { steps } = node.attributes;
  return sameShape(x.shape, node.shape) && steps.every((s) => s > 0) ? x : moved(node, rewrite);
};

const pad: Simplification<"pad"> = (node) => (sameShape(first(node).shape, node.shape) ? first(node) : null);

const concat: Simplification<"concat"> = (node) => (node.inputs.length === 1 ? first(node) : null);

const where: Simplification<"where"> = (node, rewrite) => {
  const small = sink(node, rewrite);
  if (small !== null) return small;
  const condition = literalValue(node.inputs[0]);
  if (condition === undefined) return null;
  return spread(node.inputs[condition !== 0 ? 1 : 2] as AnyNode, node.shape, rewrite);
};

const passes: Simplification<"alias" | "stop" | "custom"> = (node) => first(node);

const neg: Simplification<"neg"> = (node, rewrite) => {
  const x = first(node);
  return x.op === "neg" ? (x.inputs[0] as AnyNode) : (sink(node, rewrite) ?? negated(node, rewrite));
};

const cast: Simplification<"cast"> = (node, rewrite) =>
  first(node).dtype === node.dtype ? first(node) : sink(node, rewrite);

/** What can be said more simply, by primitive; the others are left as they are. */
export const simplifications: { readonly [P in Primitive]?: Simplification<P> } = {
  alias: passes,
  stop: passes,
  custom: passes,
  neg,
  abs: sink,
  sign: sink,
  exp: sink,
  log: sink,
  sqrt: sink,
  reciprocal: sink,
  floor: sink,
  round: sink,
  sin: sink,
  cos: sink,
  atan: sink,
  tanh: sink,
  sigmoid: sink,
  softplus: sink,
  erf: sink,
  relu: sink,
  step: sink,
  add: withAlgebra("add"),
  sub: withAlgebra("sub"),
  mul: withAlgebra("mul"),
  div: withAlgebra("div"),
  pow: withAlgebra("pow"),
  max: sink,
  min: sink,
  equal: sink,
  less: sink,
  lessEqual: sink,
  not: sink,
  and: sink,
  or: sink,
  isNaN: sink,
  cast,
  where,
  sum,
  amax: reduction,
  matmul,
  reshape,
  transpose,
  broadcast,
  slice,
  pad,
  concat,
};

import { sameShape, sizeOf } from "../array/ndarray.ts";
import { type AnyNode, type Node, scalar } from "../tensor/graph.ts";
import { isFloat } from "../tensor/shapes.ts";
import type { Simplification } from "./simplify.ts";

/** From so many entries on, small factors are gathered; below, numbers are computed exactly as written. */
const large = 256;
/** How many times smaller a factor is than what it scales, at least. */
const smaller = 8;

/** The shape of two operands that broadcast. */
const joint = (a: readonly number[], b: readonly number[]): number[] =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, i) =>
    Math.max(a.at(i - Math.max(a.length, b.length)) ?? 1, b.at(i - Math.max(a.length, b.length)) ?? 1),
  );

const isSmall = (shape: readonly number[], beside: AnyNode | Node): boolean =>
  smaller * sizeOf(shape) <= sizeOf(beside.shape);

const isLarge = (node: Node): boolean => isFloat(node.dtype) && sizeOf(node.shape) >= large;

/** x times (or over) a small factor: what is scaled and the factor. */
interface Scaled {
  readonly inner: AnyNode;
  readonly by: AnyNode;
}

/** The parts of a product (or quotient) of which one has the result's shape and the other is small beside it. */
function scaledBy(op: "mul" | "div", node: AnyNode | Node): Scaled | null {
  if (node.op !== op) return null;
  const [a, b] = node.inputs as readonly AnyNode[];
  if (sameShape(a.shape, node.shape) && isSmall(b.shape, node)) return { inner: a, by: b };
  if (op === "mul" && sameShape(b.shape, node.shape) && isSmall(a.shape, node)) return { inner: b, by: a };
  return null;
}

/** (x s) t = x (s t), (x / s) t = x (t / s), (-x) t = x (-t): one pass over x, for small s and t. */
export const gatherFactors: Simplification<"mul"> = (node, { make }) => {
  const outer = isLarge(node) ? scaledBy("mul", node) : null;
  if (outer === null) return null;
  const { inner: x, by: t } = outer;
  if (x.op === "neg") return make("mul", [x.inputs[0], make("neg", [t], {})], {});
  const times = scaledBy("mul", x);
  if (times !== null && isSmall(joint(times.by.shape, t.shape), node))
    return make("mul", [times.inner, make("mul", [times.by, t], {})], {});
  const over = scaledBy("div", x);
  if (over !== null && isSmall(joint(over.by.shape, t.shape), node))
    return make("mul", [over.inner, make("div", [t, over.by], {})], {});
  return null;
};

/** (x s) / t = x (s / t), (x / s) / t = x / (s t), (-x) / t = x / (-t), for small s and t. */
export const gatherDivisors: Simplification<"div"> = (node, { make }) => {
  const outer = isLarge(node) ? scaledBy("div", node) : null;
  if (outer === null) return null;
  const { inner: x, by: t } = outer;
  if (x.op === "neg") return make("div", [x.inputs[0], make("neg", [t], {})], {});
  const times = scaledBy("mul", x);
  if (times !== null && isSmall(joint(times.by.shape, t.shape), node))
    return make("mul", [times.inner, make("div", [times.by, t], {})], {});
  const over = scaledBy("div", x);
  if (over !== null && isSmall(joint(over.by.shape, t.shape), node))
    return make("div", [over.inner, make("mul", [over.by, t], {})], {});
  return null;
};

/** -(a - b) = b - a; -(x s) = x (-s) for small s. */
export const negated: Simplification<"neg"> = (node, { make }) => {
  const x = node.inputs[0] as AnyNode;
  if (x.op === "sub") return make("sub", [x.inputs[1], x.inputs[0]], {});
  const times = isLarge(node) ? scaledBy("mul", x) : null;
  return times === null ? null : make("mul", [times.inner, make("neg", [times.by], {})], {});
};

/** a + (-b) = a - b; a + a = 2 a. */
export const addedLike: Simplification<"add"> = (node, { make, literal }) => {
  const [a, b] = node.inputs as readonly AnyNode[];
  if (a === b && isLarge(node)) return make("mul", [a, literal(scalar(2, node.dtype))], {});
  if (b.op === "neg") return make("sub", [a, b.inputs[0]], {});
  return a.op === "neg" ? make("sub", [b, a.inputs[0]], {}) : null;
};

/** a - (-b) = a + b. */
export const subtractedNegative: Simplification<"sub"> = (node, { make }) => {
  const [a, b] = node.inputs as readonly AnyNode[];
  return b.op === "neg" ? make("add", [a, b.inputs[0]], {}) : null;
};

/** The sum of x s, where s is the same along the summed axes, is the sum of x times s; so with x / s and -x. */
export const scaledSum: Simplification<"sum"> = (node, { make }) => {
  const x = node.inputs[0] as AnyNode;
  if (!isFloat(node.dtype) || sizeOf(x.shape) < large) return null;
  if (x.op === "neg") return make("neg", [make("sum", [x.inputs[0]], node.attributes)], {});
  for (const op of ["mul", "div"] as const) {
    const scaled = scaledBy(op, x);
    if (scaled === null) continue;
    const { axes, keep } = node.attributes;
    const { inner, by } = scaled;
    if (axes.some((axis) => (by.shape.at(axis) ?? 1) !== 1 && -axis <= by.shape.length)) continue;
    const kept = by.shape.filter((_, i) => !axes.includes(i - by.shape.length));
    const factor = keep ? by : make("reshape", [by], { shape: kept });
    return make(op, [make("sum", [inner], node.attributes), factor], {});
  }
  return null;
};

/** A factor that is one literal is left to the product: (x s) y = (x y) s. */
export const scaledProduct: Simplification<"matmul"> = (node, { make }) => {
  if (!isFloat(node.dtype)) return null;
  const [a, b] = node.inputs as readonly AnyNode[];
  const literal = (x: AnyNode) => {
    const scaled = scaledBy("mul", x);
    return scaled !== null && scaled.by.op === "constant" && sizeOf(scaled.by.shape) === 1 ? scaled : null;
  };
  const [left, right] = [literal(a), literal(b)];
  const factor = left?.by ?? right?.by;
  if (factor === undefined) return null;
  const product = make(
    "matmul",
    [left?.inner ?? a, left === null ? (right?.inner ?? b) : b],
    node.attributes,
  );
  return make("mul", [product, make("reshape", [factor], { shape: [] })], {});
};

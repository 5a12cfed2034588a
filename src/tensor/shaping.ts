import { type DType, sizeOf, storage } from "../array/ndarray.ts";
import { constant, make, nodeOf, scalar, type Tensor } from "./graph.ts";
import { misplaced } from "./misplaced.ts";

/** The axis counted from the end, for one counted from either end. Throws `bad-shape`. */
export function fromEnd(axis: number, rank: number): number {
  const counted = axis >= 0 ? axis - rank : axis;
  if (Number.isInteger(axis) && counted < 0 && counted >= -rank) return counted;
  throw misplaced(`axis ${axis}`, `axis ${axis} does not fit rank ${rank}`, "choose another axis");
}

/** The same entries in row-major order under another shape; one size may be -1 and is worked out. */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  const known = shape.filter((n) => n !== -1);
  const full = shape.map((n) => (n === -1 ? sizeOf(x.shape) / sizeOf(known) : n));
  return x.shape.length === full.length && full.every((n, i) => n === x.shape[i])
    ? x
    : make("reshape", [x], { shape: full });
}

/** All entries as a vector. */
export const flatten = (x: Tensor): Tensor => reshape(x, [sizeOf(x.shape)]);

/** Axis i of the result is axis order[i] of x; without an order the axes are reversed. */
export function transpose(x: Tensor, order?: readonly number[]): Tensor {
  const full = order ?? x.shape.map((_, i) => x.shape.length - 1 - i);
  return full.every((axis, i) => axis === i) ? x : make("transpose", [x], { order: full });
}

/** The last two axes exchanged. */
export function swapLast(x: Tensor): Tensor {
  const rank = x.shape.length;
  return transpose(x, [...Array(rank - 2).keys(), rank - 1, rank - 2]);
}

/** One axis moved to another place, the others in their order. */
export function moveAxis(x: Tensor, from: number, to: number): Tensor {
  const rank = x.shape.length;
  const source = fromEnd(from, rank) + rank;
  const order = [...Array(rank).keys()].filter((axis) => axis !== source);
  order.splice(fromEnd(to, rank) + rank, 0, source);
  return transpose(x, order);
}

/** To a larger shape, as in NumPy. */
export const broadcast = (x: Tensor, shape: readonly number[]): Tensor =>
  x.shape.length === shape.length && shape.every((n, i) => n === x.shape[i])
    ? x
    : make("broadcast", [x], { shape });

/** A new axis of size 1 at `axis` of the result. */
export function expandDims(x: Tensor, axis: number): Tensor {
  const at = fromEnd(axis, x.shape.length + 1) + x.shape.length + 1;
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/** Without the axis, whose size must be 1. */
export function squeeze(x: Tensor, axis: number): Tensor {
  const at = fromEnd(axis, x.shape.length) + x.shape.length;
  return reshape(x, [...x.shape.slice(0, at), ...x.shape.slice(at + 1)]);
}

/** Entries `start` to before `stop` of one axis, `by` apart. */
export function slice(x: Tensor, axis: number, start: number, stop: number, by = 1): Tensor {
  const at = fromEnd(axis, x.shape.length) + x.shape.length;
  if (start === 0 && by === 1 && stop === x.shape[at]) return x;
  const pick = (values: readonly number[], value: number) => values.map((v, i) => (i === at ? value : v));
  return make("slice", [x], {
    starts: pick(
      x.shape.map(() => 0),
      start,
    ),
    sizes: pick(x.shape, Math.ceil((stop - start) / by)),
    steps: pick(
      x.shape.map(() => 1),
      by,
    ),
  });
}

/** Along each axis, `sizes` entries from `starts`, `steps` apart (all 1 unless told; negative steps walk back). */
export const window = (
  x: Tensor,
  starts: readonly number[],
  sizes: readonly number[],
  steps: readonly number[] = sizes.map(() => 1),
): Tensor => make("slice", [x], { starts, sizes, steps });

/** The entries of the given axes in reverse. */
export function flip(x: Tensor, axes: readonly number[]): Tensor {
  const chosen = new Set(axes.map((a) => fromEnd(a, x.shape.length) + x.shape.length));
  const pick = (yes: (n: number) => number, no: number) =>
    x.shape.map((n, i) => (chosen.has(i) ? yes(n) : no));
  return make("slice", [x], { starts: pick((n) => n - 1, 0), sizes: x.shape, steps: pick(() => -1, 1) });
}

/** `low` and `high` entries of `value` before and after, an entry an axis. */
export const pad = (x: Tensor, low: readonly number[], high: readonly number[], value = 0): Tensor =>
  [...low, ...high].every((n) => n === 0) ? x : make("pad", [x], { low, high, value });

/** Tensors joined along an axis they may differ in. */
export function concat(parts: readonly Tensor[], axis = 0): Tensor {
  if (parts.length === 0) throw misplaced("concat", "concat of nothing", "give at least one tensor");
  return parts.length === 1
    ? parts[0]
    : make("concat", parts, { axis: fromEnd(axis, parts[0].shape.length) });
}

/** Tensors of one shape joined along a new axis. */
export const stack = (parts: readonly Tensor[], axis = 0): Tensor =>
  concat(
    parts.map((part) => expandDims(part, axis)),
    axis,
  );

/** The whole numbers 0 to n - 1. */
export function iota(n: number, dtype: "int32" | "float32" | "float64" | "uint32" = "int32"): Tensor {
  const data = storage(dtype, n);
  for (let i = 0; i < n; i++) data[i] = i;
  return constant({ dtype, shape: [n], data });
}

/** The same value under a new identity: what `grad` differentiates in. */
export const alias = (x: Tensor): Tensor => make("alias", [x], {});

/** The same value; no gradient passes. */
export const stopGradient = (x: Tensor): Tensor => (nodeOf(x).op === "constant" ? x : make("stop", [x], {}));

/** Zeros of the shape and dtype of x. */
export const zerosLike = (x: Tensor): Tensor => fill(x.shape, 0, x.dtype);

/** One number everywhere. */
export function fill(shape: readonly number[], value: number, dtype: DType = "float32"): Tensor {
  const literal =
    dtype === "bool" || dtype === "float16" ? make("cast", [scalar(value)], { dtype }) : scalar(value, dtype);
  return broadcast(literal, shape);
}

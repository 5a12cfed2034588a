import { OckhamError } from "../../error.ts";
import { add, cast, equal, lessEqual, mul, where } from "../elementwise.ts";
import type { Tensor } from "../graph.ts";
import { sum } from "../reductions.ts";
import { isFloat } from "../shapes.ts";
import { broadcast, expandDims, iota, swapLast, window } from "../shaping.ts";

/** Rows, columns and leading axes of matrices [..., m, n]. Throws `bad-shape` and `bad-dtype`. */
export function sizesOf(operation: string, a: Tensor) {
  const [rows, columns] = a.shape.slice(-2);
  if (a.shape.length < 2 || rows === 0 || columns === 0)
    throw new OckhamError(
      "bad-shape",
      operation,
      `${operation} takes matrices [..., m, n], not [${a.shape}]`,
      "give a tensor of at least two axes, the last two of size 1 or more",
    );
  if (!isFloat(a.dtype))
    throw new OckhamError("bad-dtype", operation, `${operation} of ${a.dtype}`, "cast to float32");
  return { rows, columns, lead: a.shape.slice(0, -2) };
}

/** The size n of square matrices [..., n, n]. Throws `bad-shape` and `bad-dtype`. */
export function orderOf(operation: string, a: Tensor): number {
  const { rows, columns } = sizesOf(operation, a);
  if (rows !== columns)
    throw new OckhamError(
      "bad-shape",
      operation,
      `${operation} takes square matrices [..., n, n], not [${a.shape}]`,
      "use qr, svd or polar for other shapes",
    );
  return rows;
}

/** Matrices and right sides with the same leading axes; a vector counts as one column. Throws `bad-shape`. */
export function withRightSide(operation: string, a: Tensor, b: Tensor): readonly [Tensor, Tensor] {
  const n = orderOf(operation, a);
  const right = b.shape.length === 1 ? expandDims(b, 1) : b;
  if (right.shape.at(-2) !== n)
    throw new OckhamError(
      "bad-shape",
      operation,
      `${operation} of matrices [${a.shape}] and right sides [${b.shape}]`,
      `give right sides [..., ${n}, k]`,
    );
  const [leadA, leadB] = [a, right].map(({ shape }) => shape.slice(0, -2));
  const rank = Math.max(leadA.length, leadB.length);
  const lead = Array.from({ length: rank }, (_, i) => {
    const [x, y] = [leadA, leadB].map((l) => l[i - rank + l.length] ?? 1);
    return x === 1 ? y : x;
  });
  return [broadcast(a, [...lead, n, n]), broadcast(right, [...lead, ...right.shape.slice(-2)])];
}

/** The identity [n, n]. */
export const eye = (n: number, dtype: Tensor["dtype"]): Tensor =>
  cast(equal(expandDims(iota(n), 1), iota(n)), dtype);

/** The diagonal [..., min(m, n)] of matrices. */
export function diagonalOf(a: Tensor): Tensor {
  const k = Math.min(...a.shape.slice(-2));
  const square = window(
    a,
    a.shape.map(() => 0),
    [...a.shape.slice(0, -2), k, k],
  );
  return sum(mul(square, eye(k, a.dtype)), { axes: [-1] });
}

/** Square matrices with a diagonal [..., n]. */
export const diagonal = (d: Tensor): Tensor =>
  mul(expandDims(d, -1), eye(d.shape[d.shape.length - 1], d.dtype));

/** The part of square matrices on and below the diagonal. */
export function lowerPart(a: Tensor): Tensor {
  const n = a.shape[a.shape.length - 1];
  return where(lessEqual(iota(n), expandDims(iota(n), 1)), a, 0);
}

/** (A + A') / 2 */
export const symmetrized = (a: Tensor): Tensor => mul(0.5, add(a, swapLast(a)));

/** Rows and columns [from, to) of matrices. */
export const block = (
  a: Tensor,
  rows: readonly [from: number, to: number],
  columns: readonly [from: number, to: number],
): Tensor =>
  window(
    a,
    [...a.shape.slice(0, -2).map(() => 0), rows[0], columns[0]],
    [...a.shape.slice(0, -2), rows[1] - rows[0], columns[1] - columns[0]],
  );

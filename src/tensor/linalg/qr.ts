import { abs, add, cast, div, less, lessEqual, log, mul, neg, sign, sub, where } from "../elementwise.ts";
import type { Tensor } from "../graph.ts";
import { matmul } from "../products.ts";
import { norm, sum } from "../reductions.ts";
import { scan } from "../scan.ts";
import { broadcast, concat, expandDims, iota, moveAxis, slice, squeeze, swapLast } from "../shaping.ts";
import { customGradient } from "../transforms.ts";
import { block, diagonalOf, eye, lowerPart, orderOf, sizesOf, withRightSide } from "./matrices.ts";
import { triangularSolve } from "./triangular.ts";

/** What Householder reflections make of [A | B]: R with its diagonal of any sign, Q' B with all rows, and det Q. */
interface Reflected {
  readonly r: Tensor;
  readonly rest: Tensor;
  readonly sign: Tensor;
}

const upperPart = (a: Tensor): Tensor => swapLast(lowerPart(swapLast(a)));

/** Reflects [A | B], A [..., m, n], one column a step, until A is upper triangular. */
export function reflected(a: Tensor, b: Tensor): Reflected {
  const { rows, columns, lead } = sizesOf("qr", a);
  const { dtype } = a;
  const steps = Math.min(rows, columns);
  const start = concat([a, b], -1);
  const width = start.shape[start.shape.length - 1];
  const slices = {
    column: slice(eye(width, dtype), 0, 0, steps),
    pivot: slice(eye(rows, dtype), 0, 0, steps),
    // ones from the pivot on
    left: cast(lessEqual(expandDims(iota(steps), 1), iota(rows)), dtype),
  };
  const [last, signs] = scan(
    (w: Tensor, { column, pivot, left }: typeof slices) => {
      const x = mul(matmul(w, column), left);
      const length = norm(x, { axes: [-1], keep: true });
      const head = sum(mul(x, pivot), { axes: [-1], keep: true });
      const v = add(x, mul(where(less(head, 0), neg(length), length), pivot));
      const size = norm(v, { axes: [-1], keep: true });
      const zero = lessEqual(size, 1e-30);
      const unit = where(zero, 0, div(v, where(zero, 1, size)));
      const along = matmul(expandDims(unit, -2), w);
      return [
        sub(w, mul(2, matmul(expandDims(unit, -1), along))),
        squeeze(where(zero, 1, add(mul(size, 0), -1)), -1),
      ];
    },
    start,
    slices,
  );
  const determinant = Array.from({ length: steps }, (_, i) => squeeze(slice(signs, 0, i, i + 1), 0)).reduce(
    mul,
  );
  const top = block(last, [0, steps], [0, columns]);
  const square = upperPart(block(top, [0, steps], [0, steps]));
  return {
    r: columns > steps ? concat([square, block(top, [0, steps], [steps, columns])], -1) : square,
    rest: block(last, [0, rows], [columns, width]),
    sign: broadcast(determinant, lead),
  };
}

/** 1 or -1, also at zero. */
export const signOf = (x: Tensor): Tensor => where(less(x, 0), -1, add(mul(x, 0), 1));

/** Q with k columns over R, of A [..., m, n] with m >= n: [..., m + n, n]. */
const packed: (a: Tensor) => Tensor = customGradient(
  (a: Tensor) => {
    const [m, n] = a.shape.slice(-2);
    const { r, rest } = reflected(a, broadcast(eye(m, a.dtype), [...a.shape.slice(0, -2), m, m]));
    const signs = signOf(diagonalOf(r));
    const q = swapLast(block(rest, [0, n], [0, m]));
    return concat([mul(q, expandDims(signs, -2)), mul(r, expandDims(signs, -1))], -2);
  },
  (g, [a]) => {
    const [m, n] = a.shape.slice(-2);
    const { q, r } = unpacked(packed(a), m);
    const [gq, gr] = [block(g, [0, m], [0, n]), block(g, [m, m + n], [0, n])];
    const mixed = lowerPart(sub(matmul(r, gr, { transposeB: true }), matmul(gq, q, { transposeA: true })));
    // the lower triangle and its mirror image
    const both = sub(add(mixed, swapLast(mixed)), mul(mixed, eye(n, a.dtype)));
    const inner = add(gq, matmul(q, both));
    return [swapLast(triangularSolve(r, swapLast(inner), { upper: true }))];
  },
);

const unpacked = (both: Tensor, m: number): Qr => {
  const [rows, n] = both.shape.slice(-2);
  return { q: block(both, [0, m], [0, n]), r: block(both, [m, rows], [0, n]) };
};

/** A = q r. */
export interface Qr {
  /** [..., m, k] with orthonormal columns, k = min(m, n). */
  readonly q: Tensor;
  /** [..., k, n], upper triangular with a diagonal >= 0. */
  readonly r: Tensor;
}

/**
 * The thin factorization A = q r of A [..., m, n] by Householder reflections, a loop over min(m, n) columns. The
 * gradient needs linearly independent columns (the first m of them where n > m); else it is infinite or NaN. Walter
 * and Lehmann 2018, "Algorithmic differentiation of linear algebra functions", section 3. Throws `bad-shape`.
 */
export function qr(a: Tensor): Qr {
  const { rows, columns } = sizesOf("qr", a);
  if (rows >= columns) return unpacked(packed(a), rows);
  const left = unpacked(packed(block(a, [0, rows], [0, rows])), rows);
  const right = matmul(left.q, block(a, [0, rows], [rows, columns]), { transposeA: true });
  return { q: left.q, r: concat([left.r, right], -1) };
}

const solver = (turned: boolean): ((a: Tensor, b: Tensor) => Tensor) =>
  customGradient(
    (a: Tensor, b: Tensor) => {
      const { r, rest } = reflected(turned ? swapLast(a) : a, b);
      return triangularSolve(r, rest, { upper: true });
    },
    (g, [a, b]) => {
      const right = solver(!turned)(a, g);
      const x = solver(turned)(a, b);
      const product = turned
        ? matmul(x, right, { transposeB: true })
        : matmul(right, x, { transposeB: true });
      return [neg(product), right];
    },
  );

/**
 * X of A X = B for square A [..., n, n] and B [..., n, k] or [n], by QR, a loop over n columns; leading axes broadcast.
 * Infinite or NaN where A is singular. For symmetric positive definite A, `choleskySolve` is faster. Throws `bad-shape`.
 */
export function solve(a: Tensor, b: Tensor): Tensor {
  const [left, right] = withRightSide("solve", a, b);
  const x = solver(false)(left, right);
  return b.shape.length === 1 ? squeeze(x, -1) : x;
}

/** The inverse of square A [..., n, n], by QR; infinite or NaN where A is singular. Throws `bad-shape`. */
export function inverse(a: Tensor): Tensor {
  const n = orderOf("inverse", a);
  return solver(false)(a, broadcast(eye(n, a.dtype), a.shape));
}

const twice = (x: Tensor): Tensor => expandDims(expandDims(x, -1), -1);

const logOfDeterminant = customGradient(
  (a: Tensor) => sum(log(abs(diagonalOf(reflected(a, empty(a)).r))), { axes: [-1] }),
  (g, [a]) => [mul(twice(g), swapLast(inverse(a)))],
);

/** One column of zeros beside A. */
const empty = (a: Tensor): Tensor => mul(block(a, [0, a.shape[a.shape.length - 2]], [0, 1]), 0);

const determinant: (a: Tensor) => Tensor = customGradient(
  (a: Tensor) => {
    const { r, sign: turned } = reflected(a, empty(a));
    const entries = moveAxis(diagonalOf(r), -1, 0);
    const product = Array.from({ length: entries.shape[0] }, (_, i) =>
      squeeze(slice(entries, 0, i, i + 1), 0),
    );
    return product.reduce(mul, turned);
  },
  (g, [a]) => [mul(twice(mul(g, determinant(a))), swapLast(inverse(a)))],
);

/** The determinant [...] of square A [..., n, n], by QR. Its gradient needs an invertible A. Throws `bad-shape`. */
export function det(a: Tensor): Tensor {
  orderOf("det", a);
  return determinant(a);
}

/** The sign of the determinant, and the logarithm of its absolute value, [...] each. */
export interface LogDet {
  readonly sign: Tensor;
  readonly log: Tensor;
}

/**
 * sign and log |det A| of square A [..., n, n], by QR, without overflow; the gradient of the logarithm is the inverse
 * transposed. -infinity where A is singular. Throws `bad-shape`.
 */
export function logDet(a: Tensor): LogDet {
  orderOf("logDet", a);
  const { r, sign: turned } = reflected(a, empty(a));
  const entries = moveAxis(sign(diagonalOf(r)), -1, 0);
  const signs = Array.from({ length: entries.shape[0] }, (_, i) => squeeze(slice(entries, 0, i, i + 1), 0));
  return { sign: signs.reduce(mul, turned), log: logOfDeterminant(a) };
}

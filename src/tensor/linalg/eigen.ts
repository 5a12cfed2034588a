import { abs, add, div, lessEqual, max, mul, sub, where } from "../elementwise.ts";
import type { Tensor } from "../graph.ts";
import { takeAlong } from "../indexing.ts";
import { matmul } from "../products.ts";
import { amax, argSort, norm } from "../reductions.ts";
import { alias, broadcast, concat, expandDims, fill, squeeze, stopGradient, swapLast } from "../shaping.ts";
import { customGradient, vjp } from "../transforms.ts";
import { columnJacobi, symmetricJacobi } from "./jacobi.ts";
import { block, diagonal, diagonalOf, eye, orderOf, sizesOf, symmetrized } from "./matrices.ts";
import { orthogonalFactor } from "./orthogonal.ts";
import { reflected, signOf } from "./qr.ts";

/** The spacing of numbers near 1. */
const precision = (a: Tensor): number => (a.dtype === "float64" ? 2 ** -52 : 2 ** -23);

/** 1 / x, and 0 where |x| is not above a bound. */
function safeInverse(x: Tensor, bound: Tensor): Tensor {
  const small = lessEqual(abs(x), bound);
  return where(small, 0, div(1, where(small, 1, x)));
}

/** Values below this share of the largest are equal, or zero, for gradients: [..., 1, 1]. */
const bound = (values: Tensor): Tensor =>
  expandDims(mul(32 * precision(values), amax(abs(values), { axes: [-1], keep: true })), -1);

/** x_j - x_i. */
const gaps = (x: Tensor): Tensor => sub(expandDims(x, -2), expandDims(x, -1));

/** The columns of matrices in an order [..., n]. */
const columnsBy = (a: Tensor, order: Tensor): Tensor =>
  takeAlong(a, broadcast(expandDims(order, -2), a.shape));

/** Values over vectors: [..., 1 + n, n]. */
const packedEigh: (a: Tensor) => Tensor = customGradient(
  (a: Tensor) => {
    const { values, vectors } = symmetricJacobi(symmetrized(a));
    const order = argSort(values);
    return concat([expandDims(takeAlong(values, order), -2), columnsBy(vectors, order)], -2);
  },
  (g, [a]) => {
    const n = a.shape[a.shape.length - 1];
    const { values, vectors } = unpackedEigh(packedEigh(a));
    const [gValues, gVectors] = [squeeze(block(g, [0, 1], [0, n]), -2), block(g, [1, n + 1], [0, n])];
    const rotation = mul(
      safeInverse(gaps(values), bound(values)),
      matmul(vectors, gVectors, { transposeA: true }),
    );
    const inner = add(diagonal(gValues), rotation);
    return [symmetrized(matmul(matmul(vectors, inner), vectors, { transposeB: true }))];
  },
);

const unpackedEigh = (both: Tensor): Eigen => {
  const n = both.shape[both.shape.length - 1];
  return { values: squeeze(block(both, [0, 1], [0, n]), -2), vectors: block(both, [1, n + 1], [0, n]) };
};

/** A = vectors diag(values) vectors'. */
export interface Eigen {
  /** [..., n], ascending. */
  readonly values: Tensor;
  /** [..., n, n], orthonormal eigenvectors as columns, of arbitrary sign. */
  readonly vectors: Tensor;
}

/**
 * The eigenvalues and eigenvectors of symmetric A [..., n, n] ((A + A') / 2 is taken), by the Jacobi method: a loop of
 * about n log n rounds of n / 2 rotations at once. The gradient is finite always: eigenvalues closer than 32 units of
 * rounding count as equal, and equal ones are not rotated among each other. So it is right for functions that do not
 * tell equal eigenvalues apart (sums over eigenvalues); for functions of the whole matrix use `symmetricFunction`. That
 * of single vectors of equal eigenvalues does not exist, and is then that of the others. Second derivatives need
 * distinct eigenvalues, unless the function is linear in them. Throws `bad-shape`.
 */
export function eigh(a: Tensor): Eigen {
  orderOf("eigh", a);
  return unpackedEigh(packedEigh(a));
}

/** f(x) and f'(x), entry by entry. */
function withSlope(f: (x: Tensor) => Tensor, x: Tensor): readonly [Tensor, Tensor] {
  const at = alias(x);
  const value = f(at);
  const [slope] = vjp([value], [fill(value.shape, 1, value.dtype)], [at]);
  return [value, slope];
}

/** (f(x_j) - f(x_i)) / (x_j - x_i); the slope between them where the difference would lose more than half its digits. */
function dividedDifferences(f: (x: Tensor) => Tensor, x: Tensor): Tensor {
  const gap = gaps(x);
  const size = max(abs(expandDims(x, -2)), abs(expandDims(x, -1)));
  const near = lessEqual(abs(gap), mul(precision(x) ** (1 / 3), size));
  const [, slope] = withSlope(f, mul(0.5, add(expandDims(x, -2), expandDims(x, -1))));
  return where(near, slope, div(gaps(f(x)), where(near, 1, gap)));
}

/**
 * V f(values) V' for symmetric A = V diag(values) V' [..., n, n] and an f of entries: exponential, root, logarithm,
 * inverse root of matrices. The gradient (Daleckii and Krein) is right at equal eigenvalues too; second derivatives need
 * distinct ones. f must be finite at the eigenvalues. Throws `bad-shape`.
 */
export function symmetricFunction(a: Tensor, f: (x: Tensor) => Tensor): Tensor {
  orderOf("symmetricFunction", a);
  const through = (inner: Tensor, vectors: Tensor) =>
    matmul(matmul(vectors, inner), vectors, { transposeB: true });
  return customGradient(
    (x: Tensor) => {
      const { values, vectors } = eigh(x);
      return through(diagonal(f(values)), vectors);
    },
    (g, [x]) => {
      const { values, vectors } = eigh(x);
      const turned = matmul(matmul(vectors, symmetrized(g), { transposeA: true }), vectors);
      return [through(mul(dividedDifferences(f, values), turned), vectors)];
    },
  )(a);
}

/** U over s over V, of A [..., m, n] with m >= n: [..., m + 1 + n, n]. */
const packedSvd: (a: Tensor) => Tensor = customGradient(
  (a: Tensor) => {
    const [m, n] = a.shape.slice(-2);
    const { columns, vectors } = columnJacobi(a);
    const order = argSort(norm(columns, { axes: [-2] }), { descending: true });
    // orthogonal columns: their triangle is diagonal, and reflections complete those that vanish
    const identity = broadcast(eye(m, a.dtype), [...a.shape.slice(0, -2), m, m]);
    const { r, rest } = reflected(columnsBy(columns, order), identity);
    const sizes = diagonalOf(r);
    const u = mul(swapLast(block(rest, [0, n], [0, m])), expandDims(signOf(sizes), -2));
    return concat([u, expandDims(abs(sizes), -2), columnsBy(vectors, order)], -2);
  },
  (g, [a]) => {
    const [m, n] = a.shape.slice(-2);
    const { u, s, v } = unpackedSvd(packedSvd(a), m);
    const [gu, gs, gv] = [
      block(g, [0, m], [0, n]),
      squeeze(block(g, [m, m + 1], [0, n]), -2),
      block(g, [m + 1, m + 1 + n], [0, n]),
    ];
    const limit = bound(s);
    const factor = mul(
      safeInverse(gaps(s), limit),
      safeInverse(add(expandDims(s, -2), expandDims(s, -1)), limit),
    );
    const skew = (x: Tensor, gx: Tensor) => {
      const k = matmul(x, gx, { transposeA: true });
      return mul(factor, sub(k, swapLast(k)));
    };
    const inverse = expandDims(safeInverse(s, squeeze(limit, -1)), -2);
    const across = (x: Tensor, gx: Tensor) =>
      mul(sub(gx, matmul(x, matmul(x, gx, { transposeA: true }))), inverse);
    const inner = add(
      add(mul(skew(u, gu), expandDims(s, -2)), mul(skew(v, gv), expandDims(s, -1))),
      diagonal(gs),
    );
    const within = matmul(add(matmul(u, inner), across(u, gu)), v, { transposeB: true });
    return [add(within, matmul(u, across(v, gv), { transposeB: true }))];
  },
);

function unpackedSvd(all: Tensor, m: number) {
  const [rows, n] = all.shape.slice(-2);
  return {
    u: block(all, [0, m], [0, n]),
    s: squeeze(block(all, [m, m + 1], [0, n]), -2),
    v: block(all, [m + 1, rows], [0, n]),
  };
}

/** A = u diag(s) vt. */
export interface SingularValues {
  /** [..., m, k] with orthonormal columns, k = min(m, n). */
  readonly u: Tensor;
  /** [..., k], descending, not negative. */
  readonly s: Tensor;
  /** [..., k, n] with orthonormal rows. */
  readonly vt: Tensor;
}

/**
 * The thin singular value decomposition of A [..., m, n] by one-sided Jacobi rotations, a loop of about k log k rounds
 * of k / 2 rotations at once, k = min(m, n). Small values keep their digits, and vectors of vanishing ones are completed
 * to an orthonormal set. The gradient is finite always, as that of `eigh`: right for sums over singular values
 * (U V' is one of the nuclear norm's), 0 for what depends on vectors of equal or vanishing values. Second derivatives need
 * distinct values; `polar` has them for the nuclear norm, <A, orthogonal>. Throws `bad-shape`.
 */
export function svd(a: Tensor): SingularValues {
  const { rows, columns } = sizesOf("svd", a);
  const wide = rows < columns;
  const { u, s, v } = unpackedSvd(packedSvd(wide ? swapLast(a) : a), Math.max(rows, columns));
  return wide ? { u: v, s, vt: swapLast(u) } : { u, s, vt: swapLast(v) };
}

const factor: (a: Tensor) => Tensor = customGradient(orthogonalFactor, (g, [a]) => {
  const u = factor(a);
  const { values, vectors } = eigh(symmetrized(matmul(u, a, { transposeA: true })));
  const sums = add(expandDims(values, -2), expandDims(values, -1));
  const k = matmul(u, g, { transposeA: true });
  const turned = matmul(matmul(vectors, sub(k, swapLast(k)), { transposeA: true }), vectors);
  const divided = mul(safeInverse(sums, bound(values)), turned);
  const within = matmul(u, matmul(matmul(vectors, divided), vectors, { transposeB: true }));
  const rest = sub(g, matmul(u, k));
  const inverse = expandDims(safeInverse(values, squeeze(bound(values), -1)), -2);
  const across = matmul(mul(matmul(rest, vectors), inverse), vectors, { transposeB: true });
  return [add(within, across)];
});

/** A = orthogonal symmetric for m >= n, symmetric orthogonal else. */
export interface Polar {
  /** [..., m, n] with orthonormal columns (rows): U V' of A = U S V'. */
  readonly orthogonal: Tensor;
  /** Positive semidefinite, [..., k, k] with k = min(m, n). */
  readonly symmetric: Tensor;
}

/**
 * The polar decomposition of A [..., m, n] by `orthogonalFactor`, products alone; only its gradient needs `eigh`. That is
 * right at equal singular values, and 0 along vanishing ones, where it does not exist. A should have no singular values
 * below 1e-6 of its norm. Throws `bad-shape`.
 */
export function polar(a: Tensor): Polar {
  const { rows, columns } = sizesOf("polar", a);
  const wide = rows < columns;
  const x = wide ? swapLast(a) : a;
  const u = factor(x);
  const symmetric = symmetrized(matmul(u, x, { transposeA: true }));
  return { orthogonal: wide ? swapLast(u) : u, symmetric };
}

/**
 * The leading eigenvectors of symmetric A [..., n, n] by subspace iteration from stored vectors [..., n, k], which need
 * be independent: Q <- the orthonormal factor of A Q. Returns Q [..., n, k] and its Rayleigh quotients [..., k], whose
 * gradient is that with Q held fixed. Converges to eigenvalues of largest size. Throws `bad-shape`.
 */
export function subspaceIteration(a: Tensor, start: Tensor, steps = 1): Eigen {
  orderOf("subspaceIteration", a);
  const [n, k] = start.shape.slice(-2);
  const identity = broadcast(eye(n, a.dtype), [...start.shape.slice(0, -2), n, n]);
  const fixed = stopGradient(a);
  let q = stopGradient(start);
  for (let i = 0; i < steps; i++)
    q = stopGradient(swapLast(block(reflected(matmul(fixed, q), identity).rest, [0, k], [0, n])));
  return { values: diagonalOf(matmul(q, matmul(a, q), { transposeA: true })), vectors: q };
}

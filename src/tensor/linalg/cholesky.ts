import { add, log, mul, neg, reciprocal, sqrt, sub } from "../elementwise.ts";
import type { Tensor } from "../graph.ts";
import { matmul } from "../products.ts";
import { sum } from "../reductions.ts";
import { broadcast, expandDims, squeeze, swapLast } from "../shaping.ts";
import { customGradient } from "../transforms.ts";
import {
  block,
  diagonal,
  diagonalOf,
  eye,
  lowerPart,
  orderOf,
  symmetrized,
  withRightSide,
} from "./matrices.ts";
import { lowerBlocks, triangularSolve } from "./triangular.ts";

/** L and its inverse, from those of the two halves. The corner A21 L11'^-1 is refined once. */
function factors(a: Tensor): { readonly l: Tensor; readonly inverse: Tensor } {
  const n = a.shape[a.shape.length - 1];
  if (n === 1) {
    const root = sqrt(a);
    return { l: root, inverse: reciprocal(root) };
  }
  const half = Math.ceil(n / 2);
  const first = factors(block(a, [0, half], [0, half]));
  const corner = block(a, [half, n], [0, half]);
  const rough = matmul(corner, first.inverse, { transposeB: true });
  const residual = sub(corner, matmul(rough, first.l, { transposeB: true }));
  const below = add(rough, matmul(residual, first.inverse, { transposeB: true }));
  const second = factors(sub(block(a, [half, n], [half, n]), matmul(below, below, { transposeB: true })));
  const turned = neg(matmul(second.inverse, matmul(below, first.inverse)));
  return {
    l: lowerBlocks(first.l, below, second.l),
    inverse: lowerBlocks(first.inverse, turned, second.inverse),
  };
}

/** The lower triangle with half the diagonal. */
const halved = (a: Tensor): Tensor => sub(lowerPart(a), mul(0.5, diagonal(diagonalOf(a))));

const factor: (a: Tensor) => Tensor = customGradient(
  (a: Tensor) => factors(a).l,
  (g, [a]) => {
    const l = factor(a);
    const left = triangularSolve(l, halved(matmul(l, g, { transposeA: true })), { transpose: true });
    return [symmetrized(triangularSolve(l, swapLast(left), { transpose: true }))];
  },
);

/**
 * The lower triangular L [..., n, n] with a positive diagonal and A = L L', for symmetric positive definite A
 * [..., n, n], of which the lower triangle is read; NaN where A is not positive definite. By halves, down to single
 * entries: about 20 n operations. The gradient is symmetric; Murray 2016, "Differentiation of the Cholesky
 * decomposition", section 3. Throws `bad-shape`.
 */
export function cholesky(a: Tensor): Tensor {
  orderOf("cholesky", a);
  return factor(a);
}

const solvePositive: (a: Tensor, b: Tensor) => Tensor = customGradient(
  (a: Tensor, b: Tensor) => {
    const l = factor(a);
    return triangularSolve(l, triangularSolve(l, b), { transpose: true });
  },
  (g, [a, b]) => {
    const right = solvePositive(a, g);
    const product = matmul(right, solvePositive(a, b), { transposeB: true });
    return [neg(symmetrized(product)), right];
  },
);

/**
 * X of A X = B for symmetric positive definite A [..., n, n], by `cholesky`, and B [..., n, k] or [n]; leading axes
 * broadcast. NaN where A is not positive definite. Throws `bad-shape`.
 */
export function choleskySolve(a: Tensor, b: Tensor): Tensor {
  const [left, right] = withRightSide("choleskySolve", a, b);
  const x = solvePositive(left, right);
  return b.shape.length === 1 ? squeeze(x, -1) : x;
}

/** The inverse of symmetric positive definite A [..., n, n]. NaN where A is not positive definite. Throws `bad-shape`. */
export function choleskyInverse(a: Tensor): Tensor {
  const n = orderOf("choleskyInverse", a);
  return solvePositive(a, broadcast(eye(n, a.dtype), a.shape));
}

const logOfDeterminant = customGradient(
  (a: Tensor) => mul(2, sum(log(diagonalOf(factor(a))), { axes: [-1] })),
  (g, [a]) => [mul(expandDims(expandDims(g, -1), -1), choleskyInverse(a))],
);

/**
 * The logarithm [...] of the determinant of symmetric positive definite A [..., n, n], with the inverse of A as its
 * gradient. NaN where A is not positive definite. Throws `bad-shape`.
 */
export function choleskyLogDet(a: Tensor): Tensor {
  orderOf("choleskyLogDet", a);
  return logOfDeterminant(a);
}

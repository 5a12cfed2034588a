import { add, neg, reciprocal, sub } from "../elementwise.ts";
import type { Tensor } from "../graph.ts";
import { matmul } from "../products.ts";
import { concat, pad, reshape, slice, squeeze, swapLast, transpose, zerosLike } from "../shaping.ts";
import { customGradient } from "../transforms.ts";
import { block, diagonalOf, eye, lowerPart, withRightSide } from "./matrices.ts";

/** The blocks (2i + 1, 2i) of lower triangular matrices cut into m x m blocks: [..., m / 2, n / m, n / m]. */
function below(l: Tensor, m: number): Tensor {
  const n = l.shape[l.shape.length - 1];
  const lead = l.shape.slice(0, -2);
  const s = n / m;
  const axes = lead.map((_, i) => i);
  const at = lead.length;
  const cut = transpose(reshape(l, [...lead, m, s, m, s]), [...axes, at, at + 2, at + 1, at + 3]);
  return slice(reshape(cut, [...lead, m * m, s, s]), at, m, m * m, 2 * m + 2);
}

/** [[a, 0], [c, b]] */
export const lowerBlocks = (a: Tensor, c: Tensor, b: Tensor): Tensor =>
  concat([concat([a, zerosLike(swapLast(c))], -1), concat([c, b], -1)], -2);

/**
 * The inverse of lower triangular matrices, whose upper part must be zero: diagonal blocks of size 1, 2, 4, ... are
 * inverted all at once, each from the two inside it.
 */
export function lowerInverse(l: Tensor): Tensor {
  const n = l.shape[l.shape.length - 1];
  const size = 2 ** Math.ceil(Math.log2(n));
  const lead = l.shape.slice(0, -2);
  const extra = [...lead.map(() => 0), size - n, size - n];
  // ones on the new diagonal
  const corner = pad(eye(size - n, l.dtype), [n, n], [0, 0]);
  const whole =
    size === n
      ? l
      : add(
          pad(
            l,
            extra.map(() => 0),
            extra,
          ),
          corner,
        );
  let blocks = reshape(reciprocal(diagonalOf(whole)), [...lead, size, 1, 1]);
  for (let m = size; m > 1; m /= 2) {
    const [a, b] = [0, 1].map((from) => slice(blocks, -3, from, m, 2));
    blocks = lowerBlocks(a, neg(matmul(b, matmul(below(whole, m), a))), b);
  }
  return block(reshape(blocks, [...lead, size, size]), [0, n], [0, n]);
}

export interface TriangularOptions {
  /** The matrices are upper triangular; lower unless told. */
  readonly upper?: boolean;
  /** Solves A' X = B. */
  readonly transpose?: boolean;
}

const solver = (upper: boolean, turned: boolean): ((a: Tensor, b: Tensor) => Tensor) =>
  customGradient(
    (a: Tensor, b: Tensor) => {
      const l = lowerPart(upper ? swapLast(a) : a);
      const turn = upper !== turned;
      const inverse = lowerInverse(l);
      const first = matmul(inverse, b, { transposeA: turn });
      const residual = sub(b, matmul(l, first, { transposeA: turn }));
      return add(first, matmul(inverse, residual, { transposeA: turn }));
    },
    (g, [a, b]) => {
      const x = solver(upper, turned)(a, b);
      const right = solver(upper, !turned)(a, g);
      const product = turned
        ? matmul(x, right, { transposeB: true })
        : matmul(right, x, { transposeB: true });
      const part = upper ? swapLast(lowerPart(swapLast(product))) : lowerPart(product);
      return [neg(part), right];
    },
  );

/**
 * X of A X = B for lower triangular A [..., n, n] (the rest is not read) and B [..., n, k] or [n]; leading axes
 * broadcast. By the inverse and one step of refinement, which is as accurate as substitution, in O(log n) operations.
 * Infinite or NaN where the diagonal holds a zero. Throws `bad-shape`.
 */
export function triangularSolve(
  a: Tensor,
  b: Tensor,
  { upper = false, transpose: turned = false }: TriangularOptions = {},
): Tensor {
  const [left, right] = withRightSide("triangularSolve", a, b);
  const x = solver(upper, turned)(left, right);
  return b.shape.length === 1 ? squeeze(x, -1) : x;
}

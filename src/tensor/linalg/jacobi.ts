import { ndarray } from "../../array/ndarray.ts";
import { abs, add, cast, div, max, mul, neg, reciprocal, sqrt, square, sub } from "../elementwise.ts";
import { constant, type Tensor } from "../graph.ts";
import { matmul } from "../products.ts";
import { amax, sum } from "../reductions.ts";
import { scan } from "../scan.ts";
import { broadcast, concat, expandDims, pad, slice } from "../shaping.ts";
import { block, diagonalOf, eye } from "./matrices.ts";
import { signOf } from "./qr.ts";

const tiny = 1e-30;

/**
 * A round of the tournament on an even number of places: place i plays place i + n / 2, then all but the first move on
 * by one, round the table. After n - 1 rounds each has met each, and all are back. Row i of `next` has a one where the
 * player stood who comes to place i.
 */
function tournament(size: number, dtype: Tensor["dtype"]) {
  const half = size / 2;
  const from = Array.from({ length: size }, (_, i) => {
    if (i === 0 || size === 2) return i;
    if (i === 1) return half;
    if (i < half) return i - 1;
    return i < size - 1 ? i + 1 : half - 1;
  });
  const matrix = (columnOf: (i: number) => number): Tensor => {
    const data = new Float32Array(size * size);
    from.forEach((_, i) => {
      data[columnOf(i) * size + i] = 1;
    });
    return cast(constant(ndarray("float32", [size, size], data)), dtype);
  };
  const partner = (i: number) => (i < half ? i + half : i - half);
  return { stay: matrix((i) => from[i]), cross: matrix((i) => partner(from[i])), rounds: size - 1 };
}

/**
 * c and s by pair [..., n / 2] that make the product of two rotated columns zero, from the squares a, b of the columns
 * and their product (or the entries of a symmetric matrix).
 */
function rotations(a: Tensor, b: Tensor, product: Tensor) {
  const gap = sub(b, a);
  const twice = mul(2, product);
  const length = add(abs(gap), sqrt(add(square(gap), square(twice))));
  const t = div(mul(signOf(gap), twice), max(length, tiny));
  const c = reciprocal(sqrt(add(1, square(t))));
  return { c, s: mul(t, c) };
}

/** The rotation of all pairs and the move to the next round, for columns: x -> x J. */
function turn(c: Tensor, s: Tensor, stay: Tensor, cross: Tensor): Tensor {
  const straight = expandDims(concat([c, c], -1), -1);
  const across = expandDims(concat([s, neg(s)], -1), -1);
  return add(mul(straight, stay), mul(across, cross));
}

const halves = (x: Tensor): readonly [Tensor, Tensor] => {
  const n = x.shape[x.shape.length - 1];
  return [slice(x, -1, 0, n / 2), slice(x, -1, n / 2, n)];
};

/** Sweeps after which rounding alone is left, on random matrices up to 128 and nearly equal values. */
const sweepsFor = (n: number): number => 5 + Math.ceil(Math.log2(n));

/** Zero rows and columns up to given sizes. */
const padded = (a: Tensor, rows: number, columns: number): Tensor => {
  const zeros = a.shape.slice(0, -2).map(() => 0);
  const [m, n] = a.shape.slice(-2);
  return pad(a, [...zeros, 0, 0], [...zeros, rows - m, columns - n]);
};

const over = (a: Tensor) => {
  const scale = max(amax(abs(a), { axes: [-2, -1], keep: true }), tiny);
  return { scaled: div(a, scale), scale };
};

/** Eigenvalues [..., n] and eigenvectors [..., n, n] of symmetric matrices, in no order. */
export function symmetricJacobi(a: Tensor): { readonly values: Tensor; readonly vectors: Tensor } {
  const n = a.shape[a.shape.length - 1];
  const size = n + (n % 2);
  const { stay, cross, rounds } = tournament(size, a.dtype);
  const { scaled, scale } = over(a);
  const start = padded(scaled, size, size);
  const [last] = scan(
    (state: Tensor) => {
      const matrix = block(state, [0, size], [0, size]);
      const [first, second] = halves(diagonalOf(matrix));
      const product = diagonalOf(block(matrix, [0, size / 2], [size / 2, size]));
      const { c, s } = rotations(first, second, product);
      const j = turn(c, s, stay, cross);
      const moved = matmul(state, j);
      const both = matmul(j, block(moved, [0, size], [0, size]), { transposeA: true });
      return [concat([both, block(moved, [size, 2 * size], [0, size])], -2), null];
    },
    concat([start, broadcast(eye(size, a.dtype), start.shape)], -2),
    {},
    { length: rounds * sweepsFor(size) },
  );
  const values = slice(diagonalOf(block(last, [0, size], [0, size])), -1, 0, n);
  return {
    values: mul(values, expandDims(sum(scale, { axes: [-2, -1] }), -1)),
    vectors: block(last, [size, size + n], [0, n]),
  };
}

/** Columns made orthogonal by rotations: A V [..., m, n] and V [..., n, n], in no order. */
export function columnJacobi(a: Tensor): { readonly columns: Tensor; readonly vectors: Tensor } {
  const [m, n] = a.shape.slice(-2);
  const size = n + (n % 2);
  const { stay, cross, rounds } = tournament(size, a.dtype);
  const { scaled, scale } = over(a);
  const start = padded(scaled, m, size);
  const [last] = scan(
    (state: Tensor) => {
      const [first, second] = halves(block(state, [0, m], [0, size]));
      const along = (x: Tensor, y: Tensor) => sum(mul(x, y), { axes: [-2] });
      const { c, s } = rotations(along(first, first), along(second, second), along(first, second));
      return [matmul(state, turn(c, s, stay, cross)), null];
    },
    concat([start, broadcast(eye(size, a.dtype), [...a.shape.slice(0, -2), size, size])], -2),
    {},
    { length: rounds * sweepsFor(size) },
  );
  return { columns: mul(block(last, [0, m], [0, n]), scale), vectors: block(last, [m, m + n], [0, n]) };
}

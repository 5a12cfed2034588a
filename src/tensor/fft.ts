import { type NdArray, storage } from "../array/ndarray.ts";
import { add, mul, neg, sub } from "./elementwise.ts";
import { constant, type Tensor } from "./graph.ts";
import { misplaced } from "./misplaced.ts";
import { matmul } from "./products.ts";
import { concat, flip, fromEnd, moveAxis, pad, reshape, slice, swapLast, zerosLike } from "./shaping.ts";

/** Complex numbers: two tensors of one shape. As a tree of tensors it goes through `vmap`, `grad` and the like. */
export interface Complex {
  readonly re: Tensor;
  readonly im: Tensor;
}

export interface FourierOptions {
  /** Which axes are transformed, counted from either end; the last unless told. */
  readonly axes?: readonly number[];
  /** Where the factor 1 / n stands, n the entries transformed: at the inverse, at the other, or its root at both. */
  readonly norm?: "backward" | "forward" | "ortho";
}

/** (a + bi)(c + di) */
export const complexMul = (a: Complex, b: Complex): Complex => ({
  re: sub(mul(a.re, b.re), mul(a.im, b.im)),
  im: add(mul(a.re, b.im), mul(a.im, b.re)),
});

/**
 * Discrete Fourier transform, over several axes one after another: X_k = sum_j x_j exp(-2 pi i j k / n), of any length n.
 * A real x counts as x + 0i. Written with products of matrices: short axes by one product with the matrix of the
 * transform, longer ones of n = a b as a transforms of b and b of a (Cooley and Tukey 1965), and those without such
 * factors as a convolution (Bluestein 1970). Gradients follow by composition.
 */
export const fft = (x: Tensor | Complex, { axes, norm }: FourierOptions = {}): Complex =>
  transformed("re" in x ? x : { re: x }, axes ?? [-1], -1, norm);

/** The inverse of `fft`: x_j = (1 / n) sum_k X_k exp(2 pi i j k / n). */
export const ifft = (x: Complex, { axes, norm }: FourierOptions = {}): Complex =>
  transformed(x, axes ?? [-1], 1, norm);

/** `fft` of a real tensor, without the half that mirrors the other: the last of the axes keeps floor(n / 2) + 1 entries. */
export function rfft(x: Tensor, { axes = [-1], norm }: FourierOptions = {}): Complex {
  const last = axes[axes.length - 1];
  const n = sizeAlong(x, last);
  const one = transformed({ re: x }, [last], -1, norm);
  const half = map(one, (t) => slice(t, last, 0, Math.floor(n / 2) + 1));
  return transformed(half, axes.slice(0, -1).reverse(), -1, norm);
}

/**
 * The inverse of `rfft`, real. The last of the axes had `size` entries, 2 (m - 1) unless told, m those it has now; what
 * of x cannot come from a real tensor is ignored. Throws `bad-shape` where `size` does not fit.
 */
export function irfft(
  x: Complex,
  { axes = [-1], norm, size }: FourierOptions & { readonly size?: number } = {},
): Tensor {
  const last = axes[axes.length - 1];
  const m = sizeAlong(x.re, last);
  const n = size ?? 2 * (m - 1);
  if (Math.floor(n / 2) + 1 !== m)
    throw misplaced("size", `${m} entries are not half of ${n}`, "give the size that rfft saw");
  const others = transformed(x, axes.slice(0, -1), 1, norm);
  const whole = (t: Tensor, turned: (t: Tensor) => Tensor) =>
    n < 3 ? t : concat([t, turned(flip(slice(t, last, 1, n - m + 1), [last]))], last);
  const mirrored = { re: whole(others.re, (t) => t), im: whole(others.im, neg) };
  return transformed(mirrored, [last], 1, norm).re;
}

/** Numbers on their way: real ones have no `im`. */
interface Numbers {
  readonly re: Tensor;
  readonly im?: Tensor;
}
type Sign = 1 | -1;

const map = ({ re, im }: Complex, f: (t: Tensor) => Tensor): Complex => ({ re: f(re), im: f(im) });
const sizeAlong = (x: Tensor, axis: number): number =>
  x.shape[fromEnd(axis, x.shape.length) + x.shape.length];

function transformed(
  x: Numbers,
  axes: readonly number[],
  sign: Sign,
  norm: FourierOptions["norm"] = "backward",
): Complex {
  const moved = (z: Numbers, from: number, to: number): Numbers => ({
    re: moveAxis(z.re, from, to),
    ...(z.im === undefined ? {} : { im: moveAxis(z.im, from, to) }),
  });
  let count = 1;
  let z = x;
  for (const axis of axes) {
    count *= sizeAlong(z.re, axis);
    z = moved(alongLast(moved(z, axis, -1), sign), -1, axis);
  }
  const whole = { re: z.re, im: z.im ?? zerosLike(z.re) };
  if (norm === "ortho") return map(whole, (t) => mul(t, 1 / Math.sqrt(count)));
  return (norm === "backward") === (sign === 1) ? map(whole, (t) => mul(t, 1 / count)) : whole;
}

/** Up to this length a transform is one product with its matrix. */
const direct = 64;

/** The transform of the last axis, without a factor. */
function alongLast(x: Numbers, sign: Sign): Numbers {
  const n = sizeAlong(x.re, -1);
  if (n === 1) return x;
  if (n <= direct)
    return times(
      x,
      table([n, n], (j, k) => (sign * j * k) / n, x.re.dtype),
    );
  const a = factorOf(n);
  return a === undefined ? asConvolution(x, sign) : inFactors(x, a, sign);
}

/** The largest divisor of n up to its root and to the length of a direct transform. */
function factorOf(n: number): number | undefined {
  for (let a = Math.min(direct, Math.floor(Math.sqrt(n))); a > 1; a--) if (n % a === 0) return a;
  return undefined;
}

/** exp(2 pi i turns), entry by entry; turns are reduced before they are rounded. */
function table(
  [rows, columns]: readonly [number, number],
  turns: (row: number, column: number) => number,
  dtype: Tensor["dtype"],
): Complex {
  const of = (f: (x: number) => number): Tensor => {
    const data = storage(dtype, rows * columns) as Float64Array;
    for (let i = 0; i < data.length; i++)
      data[i] = f(2 * Math.PI * (turns(Math.floor(i / columns), i % columns) % 1));
    return constant({ dtype, shape: rows === 1 ? [columns] : [rows, columns], data } as NdArray);
  };
  return { re: of(Math.cos), im: of(Math.sin) };
}

/** x times a matrix of complex numbers, from the right, or from the left. */
function times(x: Numbers, matrix: Complex, fromLeft = false): Complex {
  const product = (a: Tensor, b: Tensor) => (fromLeft ? matmul(b, a) : matmul(a, b));
  if (x.im === undefined) return map(matrix, (m) => product(x.re, m));
  return {
    re: sub(product(x.re, matrix.re), product(x.im, matrix.im)),
    im: add(product(x.re, matrix.im), product(x.im, matrix.re)),
  };
}

/** Entry j1 b + j2 of a row is at [j1, j2] of a table a x b; its columns are transformed, turned, and then its rows. */
function inFactors(x: Numbers, a: number, sign: Sign): Complex {
  const n = sizeAlong(x.re, -1);
  const b = n / a;
  const lead = x.re.shape.slice(0, -1);
  const { dtype } = x.re;
  const folded = (t: Tensor) => reshape(t, [...lead, a, b]);
  const square: Numbers = { re: folded(x.re), ...(x.im === undefined ? {} : { im: folded(x.im) }) };
  const columns = times(
    square,
    table([a, a], (j, k) => (sign * j * k) / a, dtype),
    true,
  );
  const turned = complexMul(
    columns,
    table([a, b], (k, j) => (sign * j * k) / n, dtype),
  );
  const rows = alongLast(turned, sign) as Complex;
  return map(rows, (t) => reshape(swapLast(t), [...lead, n]));
}

/** As j k = (j^2 + k^2 - (k - j)^2) / 2, a transform is a convolution with exp(-sign pi i j^2 / n), made at a length with factors. */
function asConvolution(x: Numbers, sign: Sign): Complex {
  const n = sizeAlong(x.re, -1);
  const { dtype } = x.re;
  const size = 2 ** Math.ceil(Math.log2(2 * n - 1));
  /** sign j^2 / 2n turns; j^2 modulo 2n, so that no digits are lost. */
  const chirp = (j: number) => (sign * ((j * j) % (2 * n))) / (2 * n);
  const along = table([1, n], (_, j) => chirp(j), dtype);
  const kernel = table([1, size], (_, j) => -chirp(Math.min(j, size - j)), dtype);
  const start = x.im === undefined ? map(along, (t) => mul(x.re, t)) : complexMul(x as Complex, along);
  const none = x.re.shape.map(() => 0);
  const padded = map(start, (t) => pad(t, none, [...none.slice(1), size - n]));
  const product = complexMul(alongLast(padded, -1) as Complex, alongLast(kernel, -1) as Complex);
  const result = map(alongLast(product, 1) as Complex, (t) => mul(slice(t, -1, 0, n), 1 / size));
  return complexMul(result, along);
}

import type { NdArray } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import type { Solution } from "./solution.ts";

export interface LinearProgramOptions {
  /** Relative infeasibility and gap at which it has converged; 1e-9 unless told. */
  readonly tolerance?: number;
  /** At most so many; 100 unless told. */
  readonly iterations?: number;
}

/**
 * The x >= 0 of least c'x with A x = b, for A [m, n] dense with independent rows.
 *
 *   A (X / S) A' dy = r        X, S: x and the slack c - A'y, kept positive
 *
 * Mehrotra's predictor-corrector method (1992; Nocedal and Wright, algorithm 14.3), m^3 / 3 operations an iteration. Where there are
 * several solutions it goes to the middle of their face. Throws `bad-shape` for sizes that do not fit; where there
 * is no solution it stops at the limit.
 */
export function linearProgram(
  c: Float64Array,
  a: NdArray<"float64">,
  b: Float64Array,
  { tolerance = 1e-9, iterations = 100 }: LinearProgramOptions = {},
): Solution {
  const [m, n] = a.shape;
  if (c.length !== n || b.length !== m)
    throw new OckhamError(
      "bad-shape",
      "linearProgram",
      `A of shape [${a.shape}], c of ${c.length} and b of ${b.length} numbers`,
      "give as many costs as columns and as many right sides as rows",
    );
  const times = (x: Float64Array) =>
    Float64Array.from({ length: m }, (_, i) => dot(a.data.subarray(i * n, (i + 1) * n), x));
  const back = (y: Float64Array) => {
    const result = new Float64Array(n);
    for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) result[j] += a.data[i * n + j] * y[i];
    return result;
  };
  let { x, y, s } = start();
  for (let i = 0; ; i++) {
    const [primal, dual] = [minus(times(x), b), minus(plus(back(y), s), c)];
    const [cost, mu] = [dot(c, x), dot(x, s) / n];
    const errors = [
      size(primal) / (1 + size(b)),
      size(dual) / (1 + size(c)),
      (mu * n) / (1 + Math.abs(cost)),
    ];
    const converged = Math.max(...errors) <= tolerance;
    if (converged || i === iterations)
      return { at: x, value: cost, iterations: i, stopped: converged ? "converged" : "limit" };
    const factor = cholesky(scaledGram(a, x, s), m);
    // of x, y and s, where X S is to change by -xs
    const newton = (xs: Float64Array) => {
      const inner = dual.map((d, j) => (xs[j] - x[j] * d) / s[j]);
      const dy = substituted(factor, minus(times(inner), primal));
      const ds = minus(
        dual.map((d) => -d),
        back(dy),
      );
      return { dx: xs.map((value, j) => -(value + x[j] * ds[j]) / s[j]), dy, ds };
    };
    const predicted = newton(x.map((value, j) => value * s[j]));
    const after =
      dot(moved(x, predicted.dx, room(x, predicted.dx)), moved(s, predicted.ds, room(s, predicted.ds))) / n;
    const centre = mu * (after / mu) ** 3;
    const { dx, dy, ds } = newton(
      x.map((value, j) => value * s[j] + predicted.dx[j] * predicted.ds[j] - centre),
    );
    const share = Math.max(0.9, 1 - mu);
    const [alongX, alongS] = [Math.min(1, share * room(x, dx, 2)), Math.min(1, share * room(s, ds, 2))];
    [x, y, s] = [moved(x, dx, alongX), moved(y, dy, alongS), moved(s, ds, alongS)];
  }

  /** Least squares solutions of A x = b and A'y + s = c, moved until x and s are well above 0. */
  function start() {
    const ones = new Float64Array(n).fill(1);
    const factor = cholesky(scaledGram(a, ones, ones), m);
    const x = back(substituted(factor, b));
    const y = substituted(factor, times(c));
    const s = minus(c, back(y));
    const lift = (v: Float64Array) =>
      Math.max(0, -1.5 * v.reduce((least, value) => Math.min(least, value), 0));
    const [rx, rs] = [lift(x), lift(s)];
    const [px, ps] = [x.map((v) => v + rx), s.map((v) => v + rs)];
    const product = dot(px, ps);
    const total = (v: Float64Array) => v.reduce((sum, value) => sum + value, 0);
    const more = (of: Float64Array) => (total(of) > 0 ? product / (2 * total(of)) : 1);
    const [ax, as] = [Math.max(more(ps), 1e-3), Math.max(more(px), 1e-3)];
    return { x: px.map((v) => v + ax), y, s: ps.map((v) => v + as) };
  }
}

const plus = (a: Float64Array, b: Float64Array) => a.map((value, i) => value + b[i]);
const minus = (a: Float64Array, b: Float64Array) => a.map((value, i) => value - b[i]);
const moved = (a: Float64Array, along: Float64Array, far: number) =>
  a.map((value, i) => value + far * along[i]);
const size = (v: Float64Array) => Math.sqrt(dot(v, v));

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** How far v can go along a direction until an entry is 0, at most `most`. */
const room = (v: Float64Array, along: Float64Array, most = 1): number =>
  v.reduce((far, value, i) => (along[i] < 0 ? Math.min(far, -value / along[i]) : far), most);

/** A (X / S) A' [m, m], its lower triangle. */
function scaledGram(
  { shape: [m, n], data }: NdArray<"float64">,
  x: Float64Array,
  s: Float64Array,
): Float64Array {
  const weight = x.map((value, j) => value / s[j]);
  const result = new Float64Array(m * m);
  for (let i = 0; i < m; i++) {
    const row = weight.map((w, j) => w * data[i * n + j]);
    for (let k = 0; k <= i; k++) result[i * m + k] = dot(row, data.subarray(k * n, (k + 1) * n));
  }
  return result;
}

/** L of G = L L', in place. A pivot lost to rounding becomes huge, so that its unknown stays where it is. */
function cholesky(g: Float64Array, m: number): Float64Array {
  const row = (i: number) => g.subarray(i * m, i * m + m);
  for (let i = 0; i < m; i++) {
    const own = row(i);
    const before = own[i];
    for (let k = 0; k <= i; k++) {
      const other = row(k);
      let value = own[k];
      for (let j = 0; j < k; j++) value -= own[j] * other[j];
      if (k < i) own[k] = value / other[k];
      else own[i] = value > 1e-30 * before ? Math.sqrt(value) : 1e64;
    }
  }
  return g;
}

/** The solution of L L' y = r. */
function substituted(l: Float64Array, r: Float64Array): Float64Array {
  const m = r.length;
  const y = r.slice();
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < i; j++) y[i] -= l[i * m + j] * y[j];
    y[i] /= l[i * m + i];
  }
  for (let i = m - 1; i >= 0; i--) {
    y[i] /= l[i * m + i];
    for (let j = 0; j < i; j++) y[j] -= l[i * m + j] * y[i];
  }
  return y;
}

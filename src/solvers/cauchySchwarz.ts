import { solve } from "../array/linalg.ts";
import { type NdArray, ndarray } from "../array/ndarray.ts";
import { stream } from "../array/random.ts";
import { OckhamError } from "../error.ts";
import { projectedGradient } from "./projectedGradient.ts";
import type { Solution } from "./solution.ts";

/** Two vectors made of x, parallel where x is as wanted. */
export interface Pair {
  at(x: Float64Array): { readonly g: Float64Array; readonly h: Float64Array };
  /** J_g' u + J_h' v, J the Jacobians of g and h at x. */
  pull(x: Float64Array, u: Float64Array, v: Float64Array): Float64Array;
}

/** g and h entry by entry, with their derivatives. */
const entries = (
  g: (x: number) => number,
  slopeG: (x: number) => number,
  h: (x: number) => number,
  slopeH: (x: number) => number,
): Pair => ({
  at: (x) => ({ g: x.map(g), h: x.map(h) }),
  pull: (x, u, v) => x.map((value, i) => slopeG(value) * u[i] + slopeH(value) * v[i]),
});

/** What x is to be: of entries -a and a; -a, 0 and a; 0 and a (a of either sign, and free). */
export const levels = {
  binary: entries(
    (x) => x * x,
    (x) => 2 * x,
    () => 1,
    () => 0,
  ),
  ternary: entries(
    (x) => x,
    () => 1,
    (x) => x ** 3,
    (x) => 3 * x * x,
  ),
  "one-sided": entries(
    (x) => x,
    () => 1,
    (x) => x * x,
    (x) => 2 * x,
  ),
} satisfies Readonly<Record<string, Pair>>;

/** An eigenvector of a matrix [n, n]: C x and x. */
export function eigenvectorOf({ data }: NdArray<"float64">): Pair {
  const product = (x: Float64Array, transposed: boolean) => {
    const n = x.length;
    const [row, column] = transposed ? [1, n] : [n, 1];
    return x.map((_, i) => x.reduce((sum, value, j) => sum + data[i * row + j * column] * value, 0));
  };
  return {
    at: (x) => ({ g: product(x, false), h: x }),
    pull: (_, u, v) => product(u, true).map((value, i) => value + v[i]),
  };
}

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

/** R(x) = |g|^2 |h|^2 - <g, h>^2, its gradient, and its share of |g|^2 |h|^2: the squared sine of their angle. */
export function regularizer(pair: Pair) {
  const products = (x: Float64Array) => {
    const { g, h } = pair.at(x);
    return { g, h, gg: dot(g, g), hh: dot(h, h), gh: dot(g, h) };
  };
  return {
    value(x: Float64Array): number {
      const { gg, hh, gh } = products(x);
      return gg * hh - gh * gh;
    },
    gradient(x: Float64Array): Float64Array {
      const { g, h, gg, hh, gh } = products(x);
      const u = g.map((value, i) => 2 * (hh * value - gh * h[i]));
      const v = h.map((value, i) => 2 * (gg * value - gh * g[i]));
      return pair.pull(x, u, v);
    },
    squaredSine(x: Float64Array): number {
      const { gg, hh, gh } = products(x);
      return gg * hh === 0 ? 0 : Math.max(0, 1 - (gh * gh) / (gg * hh));
    },
  };
}

export interface RecoverOptions {
  /** What x is to be; "binary" unless told. */
  readonly kind?: keyof typeof levels | Pair;
  /** Random starts at most; 10 unless told. */
  readonly restarts?: number;
  /** Iterations of each; 10,000 unless told. */
  readonly iterations?: number;
  /** The squared sine at which g and h count as parallel; 1e-10 unless told. */
  readonly tolerance?: number;
  readonly seed?: number;
}

export interface Recovered extends Solution {
  /** The `value` is the squared sine of the angle between g(x) and h(x): 0 where x is as wanted. */
  readonly starts: number;
}

/**
 * The solution of A x = b, for A [m, n] with fewer rows than columns, that has few levels of a free scale, or is an
 * eigenvector: minimizes R over {A x = b} by the accelerated projected gradient, from random starts until R is 0.
 *
 *   project(z) = z - A' (A A')^-1 (A z - b)
 *
 * Taner, Wang and Studer 2025, arXiv 2503.01639, whose code starts anew until it meets the known solution; this stops
 * where g and h are parallel, which needs no knowledge of it, and else gives the start of the smallest angle. The first
 * step is a tenth of 2 over the change of the gradient between two random points. Throws `bad-shape` where b does not
 * fit A, `bad-data` where the rows of A depend on each other.
 */
export function csRecover(
  a: NdArray<"float64">,
  b: NdArray<"float64">,
  { kind = "binary", restarts = 10, iterations, tolerance = 1e-10, seed = 0 }: RecoverOptions = {},
): Recovered {
  const { value, gradient, squaredSine } = regularizer(typeof kind === "string" ? levels[kind] : kind);
  const project = projection(a, b);
  const [, n] = a.shape;
  const random = stream(seed).split("recover");
  const draw = () => random.normal([n]).data;
  const done = (x: Float64Array) => squaredSine(x) <= tolerance;
  let best: Recovered | undefined;
  for (let starts = 1; starts <= restarts; starts++) {
    const step = 0.2 / steepness(gradient, draw(), draw());
    const found = projectedGradient({ value, gradient, project, done }, project(draw()), {
      step,
      iterations,
    });
    const sine = squaredSine(found.at);
    if (best === undefined || sine < best.value) best = { ...found, value: sine, starts };
    if (sine <= tolerance) break;
    best = { ...best, starts };
  }
  return best as Recovered;
}

/** How fast the gradient changes between two points. */
function steepness(gradient: (x: Float64Array) => Float64Array, x: Float64Array, y: Float64Array): number {
  const [gx, gy] = [gradient(x), gradient(y)];
  const distance = (u: Float64Array, v: Float64Array) => Math.hypot(...u.map((value, i) => value - v[i]));
  return Math.max(1e-6, distance(gx, gy) / distance(x, y));
}

/** The orthogonal projection on {A x = b}. */
function projection(a: NdArray<"float64">, b: NdArray<"float64">): (z: Float64Array) => Float64Array {
  const [m, n] = a.shape;
  if (b.shape.length !== 1 || b.shape[0] !== m)
    throw new OckhamError(
      "bad-shape",
      "csRecover",
      `A of shape [${a.shape}] and b of shape [${b.shape}]`,
      `give b as [${m}]`,
    );
  const { data } = a;
  const row = (i: number) => data.subarray(i * n, (i + 1) * n);
  const gram = Float64Array.from({ length: m * m }, (_, at) => dot(row(Math.floor(at / m)), row(at % m)));
  // (A A')^-1 A, whose transpose brings a residual back to x
  const inverse = solve(ndarray("float64", [m, m], gram), a).data;
  return (z) => {
    const result = z.slice();
    for (let i = 0; i < m; i++) {
      const residual = dot(row(i), z) - b.data[i];
      for (let j = 0; j < n; j++) result[j] -= inverse[i * n + j] * residual;
    }
    return result;
  };
}

import fc from "fast-check";
import { type NdArray, ndarray, sizeOf } from "../../../src/array/ndarray.ts";
import { stream } from "../../../src/array/random.ts";
import { add, constant, fill, input, mul, sum, type Tensor, vjp } from "../../../src/tensor/index.ts";
import { derivative, normals, numbersOf, shifted } from "../numbers.ts";

export type Real = NdArray<"float64">;

/** Leading axes, size and seed of a batch of matrices. */
export interface Drawn {
  readonly lead: readonly number[];
  readonly n: number;
  readonly seed: number;
}

export const drawn = (most = 12): fc.Arbitrary<Drawn> =>
  fc.record({
    lead: fc.constantFrom([], [2], [2, 3]),
    n: fc.integer({ min: 1, max: most }),
    seed: fc.integer({ min: 0, max: 1e6 }),
  });

export const gaussian = (shape: readonly number[], seed: number, name = "entries"): Real =>
  ndarray("float64", shape, Float64Array.from(stream(seed).split(name).normal(sizeOf(shape)).data));

/** a b, or a b' if told, matrix by matrix. */
export function product(a: Real, b: Real, transposeB = false): Real {
  const [m, k] = a.shape.slice(-2);
  const n = b.shape.at(transposeB ? -2 : -1) as number;
  const lead = a.shape.slice(0, -2);
  const data = new Float64Array(sizeOf(lead) * m * n);
  for (let l = 0; l < sizeOf(lead); l++)
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++)
        for (let t = 0; t < k; t++)
          data[(l * m + i) * n + j] +=
            a.data[(l * m + i) * k + t] * b.data[transposeB ? (l * n + j) * k + t : (l * k + t) * n + j];
  return ndarray("float64", [...lead, m, n], data);
}

export const transposed = (a: Real): Real => {
  const [m, n] = a.shape.slice(-2);
  const data = Float64Array.from(a.data, (_, at) => {
    const [l, rest] = [Math.floor(at / (m * n)), at % (m * n)];
    return a.data[l * m * n + (rest % m) * n + Math.floor(rest / m)];
  });
  return ndarray("float64", [...a.shape.slice(0, -2), n, m], data);
};

export const identity = (n: number, lead: readonly number[] = [], scale = 1): Real =>
  ndarray(
    "float64",
    [...lead, n, n],
    Float64Array.from({ length: sizeOf(lead) * n * n }, (_, at) =>
      Math.floor((at % (n * n)) / n) === at % n ? scale : 0,
    ),
  );

export const plus = (a: Real, b: Real, factor = 1): Real => shifted(a, [factor, b]);

/** Symmetric positive definite, eigenvalues from about 1 / 10. */
export const positive = ({ lead, n, seed }: Drawn): Real => {
  const g = gaussian([...lead, n, n], seed);
  return plus(product(g, g, true), identity(n, lead, 0.1));
};

export const symmetric = ({ lead, n, seed }: Drawn): Real => {
  const g = gaussian([...lead, n, n], seed);
  return plus(g, transposed(g));
};

/** One matrix of a batch. */
export const member = (a: Real, at: number): Real => {
  const size = sizeOf(a.shape.slice(-2));
  return ndarray("float64", a.shape.slice(-2), a.data.slice(at * size, (at + 1) * size));
};

export const members = (a: Real): Real[] =>
  Array.from({ length: sizeOf(a.shape.slice(0, -2)) }, (_, i) => member(a, i));

/** The largest difference, relative to the largest number. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [most, scale] = [0, 1e-300];
  for (let i = 0; i < b.length; i++) {
    most = Math.max(most, Math.abs(a[i] - b[i]));
    if (Number.isNaN(a[i])) return Number.NaN;
    scale = Math.max(scale, Math.abs(b[i]));
  }
  return most / scale;
}

/**
 * How far the first and second derivatives of a random combination of the results along random directions are from
 * finite differences, relative to 1 + their size. `project` makes directions fit (symmetric, say).
 */
export function slopes(
  f: (args: readonly Tensor[]) => readonly Tensor[],
  points: readonly Real[],
  seed: number,
  project: (x: Real) => Real = (x) => x,
): readonly [number, number] {
  const inputs = points.map((p, i) => input(`argument ${i}`, p.shape));
  const [first, second] = ["first", "second"].map((name) =>
    points.map((p, i) => single(project(gaussian(p.shape, seed, `${name} ${i}`)))),
  );
  const value = f(inputs)
    .map((result, i) => sum(mul(result, constant(normals(result.shape, seed, `weights ${i}`)))))
    .reduce(add);
  const slope = vjp([value], [fill([], 1)], inputs)
    .map((g, i) => sum(mul(g, constant(first[i]))))
    .reduce(add);
  const curvature = vjp([slope], [fill([], 1)], inputs)
    .map((g, i) => sum(mul(g, constant(second[i]))))
    .reduce(add);
  const at = (t: number, directions: readonly NdArray<"float32">[]) =>
    new Map(inputs.map((x, i) => [x, shifted(points[i], [t, directions[i]])]));
  const off = (got: number, want: number) => Math.abs(got - want) / (1 + Math.abs(want));
  return [
    off(
      numbersOf(slope, at(0, first))[0],
      derivative((t) => numbersOf(value, at(t, first))[0]),
    ),
    off(
      numbersOf(curvature, at(0, first))[0],
      derivative((t) => numbersOf(slope, at(t, second))[0]),
    ),
  ];
}

/** As float32. */
export const single = (a: Real): NdArray<"float32"> => ndarray("float32", a.shape, Float32Array.from(a.data));

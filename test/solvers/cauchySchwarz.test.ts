import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eigh } from "../../src/array/linalg.ts";
import { fromNested, type NdArray, ndarray } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import { cauchySchwarz } from "../../src/parts/penalties/cauchySchwarz.ts";
import { csRecover, eigenvectorOf, levels, type Pair, regularizer } from "../../src/solvers/cauchySchwarz.ts";
import { constant } from "../../src/tensor/index.ts";
import { valuesOf } from "../tensor/numbers.ts";

const random = stream(4);
const gaussian = (...shape: number[]): NdArray<"float64"> => random.normal(shape);
const times = (a: NdArray<"float64">, x: ArrayLike<number>): NdArray<"float64"> => {
  const [m, n] = a.shape;
  const row = (i: number) => a.data.subarray(i * n, (i + 1) * n);
  return ndarray(
    "float64",
    [m],
    Float64Array.from({ length: m }, (_, i) => row(i).reduce((sum, value, j) => sum + value * x[j], 0)),
  );
};
const symmetric = fromNested(
  [
    [2, 1, 0],
    [1, -1, 3],
    [0, 3, 0.5],
  ],
  "float64",
);
const pairs: Readonly<Record<string, Pair>> = { ...levels, eigenvector: eigenvectorOf(symmetric) };
const points = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 3, maxLength: 3 });

describe.each(Object.entries(pairs))("%s", (_, pair) => {
  const { value, gradient } = regularizer(pair);

  it("is never negative, and its gradient agrees with finite differences", () => {
    fc.assert(
      fc.property(points, points, (at, along) => {
        const x = Float64Array.from(at);
        expect(value(x)).toBeGreaterThanOrEqual(-1e-9);
        const moved = (h: number) => value(x.map((v, i) => v + h * along[i]));
        const slope = gradient(x).reduce((sum, g, i) => sum + g * along[i], 0);
        expect(Math.abs((moved(1e-5) - moved(-1e-5)) / 2e-5 - slope)).toBeLessThan(
          1e-6 * (1 + Math.abs(slope)) + 1e-4,
        );
      }),
    );
  });
});

it.each(Object.entries(levels))("%s is what the penalty is, over the number of weights", (kind, pair) => {
  const x = Float64Array.of(0.5, -1.25, 2);
  const penalty = cauchySchwarz({ strength: 1, kind: kind as keyof typeof levels });
  const [[expected]] = valuesOf([penalty.value(constant(fromNested([[0.5, -1.25, 2]])))]);
  expect(regularizer(pair).value(x) / 3).toBeCloseTo(expected, 4);
});

describe("csRecover", () => {
  const wanted = {
    binary: Float64Array.from({ length: 20 }, () => (random.bernoulli(0.5) ? 3 : -3)),
    ternary: Float64Array.from({ length: 20 }, () => random.integers(3) - 1),
    "one-sided": Float64Array.from({ length: 20 }, () => random.integers(2)),
  };

  it.each(Object.entries(wanted))("recovers a %s solution of 16 equations in 20 unknowns", (kind, x) => {
    const a = gaussian(16, 20);
    const found = csRecover(a, times(a, x), { kind: kind as keyof typeof levels });
    expect(found.value).toBeLessThan(1e-9);
    x.forEach((value, i) => {
      expect(found.at[i]).toBeCloseTo(value, 3);
    });
  });

  it("recovers an eigenvector", () => {
    const half = gaussian(12, 12);
    const matrix = ndarray(
      "float64",
      [12, 12],
      half.data.map((v, at) => v + half.data[(at % 12) * 12 + Math.floor(at / 12)]),
    );
    const { vectors } = eigh(matrix);
    const x = Float64Array.from({ length: 12 }, (_, i) => vectors.data[i * 12 + 4]);
    const a = gaussian(8, 12);
    const found = csRecover(a, times(a, x), { kind: eigenvectorOf(matrix) });
    x.forEach((value, i) => {
      expect(found.at[i]).toBeCloseTo(value, 3);
    });
  });

  it("gives a solution of the equations where there is none of the kind, after all starts", () => {
    const a = gaussian(3, 4);
    const b = gaussian(3);
    const found = csRecover(a, b, { restarts: 3, iterations: 200 });
    expect(found.starts).toBe(3);
    expect(found.value).toBeGreaterThan(1e-6);
    times(a, found.at).data.forEach((value, i) => {
      expect(value).toBeCloseTo(b.data[i], 9);
    });
  });

  it("refuses what does not fit", () => {
    expect(() => csRecover(gaussian(3, 4), gaussian(2))).toThrow(
      expect.objectContaining({ code: "bad-shape", culprit: "csRecover" }),
    );
  });
});

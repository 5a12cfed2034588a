import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eigh, svd } from "../../src/array/linalg.ts";
import { type NdArray, ndarray, sizeOf } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import type { Step } from "../../src/kinds/index.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { dualize, type NormName } from "../../src/parts/optimizers/common/dual.ts";
import { normAnthology } from "../../src/parts/optimizers/normAnthology.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import { constant, fill, scalar, type Tensor } from "../../src/tensor/index.ts";

const gaussian = (shape: readonly number[], seed: number): NdArray<"float64"> =>
  ndarray("float64", shape, Float64Array.from(stream(seed).normal(sizeOf(shape)).data));
const numbers = (t: Tensor) =>
  Array.from(evaluate([t], new Map(), { float64: true })[0].data as Float64Array);
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i] * b[i];
  return total;
};

/** Norms of a matrix [m, n], as their definitions have them. */
const norms: Readonly<Record<NormName, (w: NdArray<"float64">) => number>> = {
  spectral: (w) => svd(w).s.data[0],
  "rms-rms": (w) => Math.sqrt(w.shape[1] / w.shape[0]) * svd(w).s.data[0],
  "l1-rms": ({ shape: [m, n], data }) =>
    Math.max(
      ...Array.from({ length: n }, (_, j) =>
        Math.sqrt(data.reduce((s, v, at) => s + (at % n === j ? v * v : 0), 0) / m),
      ),
    ),
  max: ({ data }) => Math.max(...data.map(Math.abs)),
  euclidean: ({ data }) => Math.hypot(...data),
  rms: ({ data }) => Math.hypot(...data) / Math.sqrt(data.length),
};

describe.each(Object.keys(norms) as NormName[])("the dual under %s", (name) => {
  it("has norm one and is attained: no direction of norm one grows faster", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 6 }),
        fc.nat(1e6),
        (m, n, seed) => {
          const g = gaussian([m, n], seed);
          const { direction, dual } = dualize(constant(g), name);
          const d = numbers(direction);
          const [value] = numbers(dual);
          // small singular values are not brought all the way to one
          const slack = name === "spectral" || name === "rms-rms" ? 1e-3 : 1e-9;
          expect(Math.abs(norms[name](ndarray("float64", [m, n], Float64Array.from(d))) - 1)).toBeLessThan(
            slack,
          );
          expect(dot(g.data, d)).toBeCloseTo(value, 8);
          for (let i = 0; i < 50; i++) {
            const other = gaussian([m, n], seed + 1 + i);
            expect(dot(g.data, other.data) / norms[name](other)).toBeLessThanOrEqual(value * (1 + slack));
          }
        },
      ),
      { numRuns: 10, seed: 1 },
    );
  });
});

/** One update of weights at zero with rate 1: minus the direction. */
const stepOf = (optimizer: ReturnType<typeof adam>, g: NdArray): number[] => {
  const params = { w: fill(g.shape, 0, g.dtype) };
  const about = { model: { leaves: [] } } as unknown as Step["about"];
  const step = { params, about, rate: scalar(1, g.dtype), count: scalar(0, g.dtype) } as unknown as Step;
  return numbers(optimizer.update({ w: constant(g) }, optimizer.init(params, about), step)[0].w);
};

it("Adam without averages is descent under the largest entry", () => {
  const g = ndarray("float32", [4, 5], Float32Array.from(gaussian([4, 5], 1).data));
  const averaged = stepOf(adam({ beta1: 0, beta2: 0, epsilon: 1e-30 }), g);
  stepOf(normAnthology({ norms: "max" }), g).forEach((v, i) => {
    expect(averaged[i]).toBeCloseTo(v, 6);
  });
});

it("Shampoo without accumulation is descent under the spectral norm", () => {
  const [m, n] = [20, 30];
  const g = gaussian([m, n], 2);
  const gram = (rows: number, at: (i: number, k: number) => number, inner: number) => {
    const data = new Float64Array(rows * rows);
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < rows; j++)
        for (let k = 0; k < inner; k++) data[i * rows + j] += at(i, k) * at(j, k);
    return ndarray("float64", [rows, rows], data);
  };
  // L^-1/4 G R^-1/4 by eigenvalues, those of the null space of R left out
  const fourth = (a: NdArray<"float64">) => {
    const { values, vectors } = eigh(a);
    const size = a.shape[0];
    const top = values.data[size - 1];
    return (x: (k: number) => number, i: number) => {
      let total = 0;
      for (let e = 0; e < size; e++) {
        if (values.data[e] < 1e-9 * top) continue;
        let along = 0;
        for (let k = 0; k < size; k++) along += vectors.data[k * size + e] * x(k);
        total += (vectors.data[i * size + e] * along) / values.data[e] ** 0.25;
      }
      return total;
    };
  };
  const left = fourth(gram(m, (i, k) => g.data[i * n + k], n));
  const right = fourth(gram(n, (i, k) => g.data[k * n + i], m));
  const middle = Array.from({ length: m * n }, (_, at) =>
    left((k) => g.data[k * n + (at % n)], Math.floor(at / n)),
  );
  const shampoo = Array.from({ length: m * n }, (_, at) =>
    right((k) => middle[Math.floor(at / n) * n + k], at % n),
  );
  stepOf(normAnthology({ norms: "spectral" }), g).forEach((v, i) => {
    expect(Math.abs(v + shampoo[i])).toBeLessThan(1e-6);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as host from "../../../src/array/linalg.ts";
import { sizeOf } from "../../../src/array/ndarray.ts";
import {
  add,
  constant,
  det,
  eigh,
  exp,
  grad,
  inverse,
  log,
  logDet,
  matmul,
  mul,
  polar,
  qr,
  solve,
  sqrt,
  square,
  subspaceIteration,
  sum,
  svd,
  symmetricFunction,
  type Tensor,
  vmap,
} from "../../../src/tensor/index.ts";
import { numbersOf, valuesOf } from "../numbers.ts";
import {
  distance,
  drawn,
  gaussian,
  identity,
  members,
  plus,
  positive,
  product,
  type Real,
  slopes,
  symmetric,
  transposed,
} from "./matrices.ts";

const symmetrized = (a: Real): Real => plus(plus(a, a, -0.5), transposed(a), 0.5);
const real = (shape: readonly number[], data: readonly number[]): Real => ({
  dtype: "float64",
  shape,
  data: Float64Array.from(data),
});
/** A matrix with given singular values (or eigenvalues, with `same` vectors left and right). */
function withValues(values: readonly number[], seed: number, same = false): Real {
  const n = values.length;
  const [left, right] = ["left", "right"].map((name) => host.qr(gaussian([n, n], seed, name)).q);
  const scaled = { ...left, data: left.data.map((v, at) => v * values[at % n]) };
  return product(scaled, same ? left : right, true);
}
const rectangle = fc.record({
  lead: fc.constantFrom([], [2]),
  m: fc.integer({ min: 1, max: 12 }),
  n: fc.integer({ min: 1, max: 12 }),
  seed: fc.integer({ min: 0, max: 1e6 }),
});

describe("QR", () => {
  it("agrees with the host's, and so do solutions, inverses and determinants", () => {
    fc.assert(
      fc.property(rectangle, ({ lead, m, n, seed }) => {
        const a = gaussian([...lead, m, n], seed);
        const { q, r } = qr(constant(a));
        const [gotQ, gotR] = valuesOf([q, r]);
        const wanted = members(a).map((one) => host.qr(one));
        expect(
          distance(
            gotR,
            wanted.flatMap((one) => Array.from(one.r.data)),
          ),
        ).toBeLessThan(1e-11);
        expect(
          distance(
            gotQ,
            wanted.flatMap((one) => Array.from(one.q.data)),
          ),
        ).toBeLessThan(1e-9);
      }),
      { numRuns: 4, seed: 1 },
    );
    fc.assert(
      fc.property(drawn(12), ({ lead, n, seed }) => {
        const a = gaussian([...lead, n, n], seed);
        const b = gaussian([...lead, n, 2], seed, "right");
        const { sign, log: logarithm } = logDet(constant(a));
        const [x, inverted, d, s, l] = valuesOf([
          solve(constant(a), constant(b)),
          inverse(constant(a)),
          det(constant(a)),
          sign,
          logarithm,
        ]);
        const back = product(a, real(b.shape, x));
        expect(distance(back.data, b.data)).toBeLessThan(1e-9 * Math.max(1, ...x.map(Math.abs)));
        const whole = product(a, real(a.shape, inverted));
        expect(distance(whole.data, identity(n, lead).data)).toBeLessThan(
          1e-9 * Math.max(1, ...inverted.map(Math.abs)),
        );
        const dets = members(a).map((one) => host.det(one));
        expect(distance(d, dets)).toBeLessThan(1e-10);
        dets.forEach((value, i) => {
          expect(s[i]).toBe(Math.sign(value));
          expect(l[i]).toBeCloseTo(Math.log(Math.abs(value)), 7);
        });
      }),
      { numRuns: 4, seed: 2 },
    );
  });

  it("keeps Q orthonormal where columns depend on each other", () => {
    const a = real([4, 3], [1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0]);
    const { q, r } = qr(constant(a));
    const [gotQ, gotR] = valuesOf([q, r]);
    const matrix = real([4, 3], gotQ);
    expect(distance(product(transposed(matrix), matrix).data, identity(3).data)).toBeLessThan(1e-12);
    expect(distance(product(matrix, real([3, 3], gotR)).data, a.data)).toBeLessThan(1e-12);
    expect(numbersOf(det(constant(identity(3, [], 0))))).toEqual([0]);
  });

  it("has first and second derivatives", () => {
    const a = plus(gaussian([2, 3, 3], 5), identity(3, [2], 3));
    const tall = gaussian([4, 3], 6);
    const wide = gaussian([2, 4], 7);
    const both = (x: Tensor) => [qr(x).q, qr(x).r];
    for (const [one, two] of [
      slopes(([x]) => both(x), [a], 1),
      slopes(([x]) => both(x), [tall], 2),
      slopes(([x]) => both(x), [wide], 3),
      slopes(([x]) => [inverse(x)], [a], 4),
      slopes(([x]) => [det(x), logDet(x).log], [a], 5),
      slopes(([x, y]) => [solve(x, y)], [a, gaussian([2, 3, 2], 8)], 6),
    ]) {
      expect(one).toBeLessThan(1e-6);
      expect(two).toBeLessThan(1e-5);
    }
  });
});

describe("eigh", () => {
  const checked = (a: Real, tolerance: number) => {
    const { values, vectors } = eigh(constant(a));
    const [l, v] = valuesOf([values, vectors]);
    const n = a.shape[a.shape.length - 1];
    const wanted = members(a).flatMap((one) => Array.from(host.eigh(one).values.data));
    expect(distance(l, wanted)).toBeLessThan(tolerance);
    const matrix = real(a.shape, v);
    const scaled = {
      ...matrix,
      data: matrix.data.map((x, at) => x * l[Math.floor(at / (n * n)) * n + (at % n)]),
    };
    expect(distance(product(scaled, matrix, true).data, a.data)).toBeLessThan(tolerance);
    const gram = product(transposed(matrix), matrix);
    expect(distance(gram.data, identity(n, a.shape.slice(0, -2)).data)).toBeLessThan(tolerance);
  };

  it("agrees with the host's", () => {
    fc.assert(
      fc.property(drawn(8), (draw) => checked(symmetric(draw), 1e-12)),
      { numRuns: 5, seed: 3 },
    );
    checked(symmetric({ lead: [], n: 24, seed: 1 }), 1e-12);
  });

  it("takes repeated, vanishing, clustered and far apart eigenvalues", () => {
    checked(withValues([2, 2, 2, 1, 1, 0, 0, -3, -3], 1, true), 1e-12);
    checked(withValues([1, 1 + 1e-9, 1 - 1e-9, 1e-8, 1e8], 2, true), 1e-12);
    checked(identity(5), 1e-12);
    checked(identity(4, [2], 0), 1e-12);
  });

  it("has first derivatives, and second ones of distinct eigenvalues", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 1e6 }), (n, seed) => {
        const a = withValues(
          Array.from({ length: n }, (_, i) => 1 + i * 1.3),
          seed,
          true,
        );
        const [one, two] = slopes(
          ([x]) => {
            const { values, vectors } = eigh(x);
            return [values, square(vectors), exp(values)];
          },
          [a],
          seed,
          symmetrized,
        );
        expect(one).toBeLessThan(1e-5);
        expect(two).toBeLessThan(1e-4);
      }),
      { numRuns: 2, seed: 4 },
    );
  });

  it("has the right gradient of what does not tell equal eigenvalues apart", () => {
    const a = withValues([2, 2, 2, 1, 1], 3, true);
    const logarithm = grad((x: Tensor) => sum(log(eigh(x).values)))(constant(a));
    expect(distance(numbersOf(logarithm), host.inverse(a).data)).toBeLessThan(1e-10);
    const [one] = slopes(([x]) => [symmetricFunction(x, (v) => exp(mul(0.3, v)))], [a], 1, symmetrized);
    expect(one).toBeLessThan(1e-6);
    const any = grad((x: Tensor) => sum(mul(eigh(x).vectors, constant(gaussian([5, 5], 1)))))(constant(a));
    expect(numbersOf(any).every(Number.isFinite)).toBe(true);
  });

  it("makes functions of matrices", () => {
    const a = positive({ lead: [2], n: 5, seed: 3 });
    const root = symmetricFunction(constant(a), sqrt);
    expect(distance(numbersOf(matmul(root, root)), a.data)).toBeLessThan(1e-12);
    const [one, two] = slopes(([x]) => [symmetricFunction(x, sqrt)], [a], 2, symmetrized);
    expect(one).toBeLessThan(1e-5);
    expect(two).toBeLessThan(1e-3);
  });
});

describe("svd", () => {
  const checked = (a: Real, tolerance: number) => {
    const { u, s, vt } = svd(constant(a));
    const [gotU, gotS, gotV] = valuesOf([u, s, vt]);
    const [matrixU, matrixV] = [real(u.shape, gotU), real(vt.shape, gotV)];
    const k = s.shape[s.shape.length - 1];
    const lead = a.shape.slice(0, -2);
    const wanted = members(a).flatMap((one) => Array.from(host.svd(one).s.data));
    expect(distance(gotS, wanted)).toBeLessThan(tolerance);
    const rows = a.shape[a.shape.length - 2];
    const scaled = {
      ...matrixU,
      data: matrixU.data.map((x, at) => x * gotS[Math.floor(at / (rows * k)) * k + (at % k)]),
    };
    expect(distance(product(scaled, matrixV).data, a.data)).toBeLessThan(tolerance);
    for (const gram of [product(transposed(matrixU), matrixU), product(matrixV, matrixV, true)])
      expect(distance(gram.data, identity(k, lead).data)).toBeLessThan(tolerance);
  };

  it("agrees with the host's", () => {
    fc.assert(
      fc.property(rectangle, ({ lead, m, n, seed }) => checked(gaussian([...lead, m, n], seed), 1e-12)),
      { numRuns: 4, seed: 5 },
    );
    checked(gaussian([40, 21], 1), 1e-12);
  });

  it("takes repeated, vanishing and far apart singular values", () => {
    checked(withValues([2, 2, 2, 1, 1, 0, 0], 1), 1e-12);
    checked(withValues([1, 1, 1e-5, 1e-10], 2), 1e-12);
    checked(identity(4, [], 0), 1e-12);
    checked(product(gaussian([6, 2], 1), gaussian([2, 5], 2)), 1e-12);
  });

  it("has first derivatives, and second ones of distinct values", () => {
    for (const shape of [
      [3, 3],
      [4, 2],
      [2, 3],
    ]) {
      const [one, two] = slopes(
        ([x]) => {
          const { u, s, vt } = svd(x);
          return [square(u), s, square(vt)];
        },
        [gaussian(shape, 4)],
        1,
      );
      expect(one).toBeLessThan(1e-5);
      expect(two).toBeLessThan(1e-3);
    }
  });

  it("has the right gradient of the nuclear norm at equal values, a finite one anywhere", () => {
    const a = withValues([2, 2, 1, 1], 5);
    const nuclear = (x: Tensor) => sum(svd(x).s);
    const factor = numbersOf(polar(constant(a)).orthogonal);
    expect(distance(numbersOf(grad(nuclear)(constant(a))), factor)).toBeLessThan(1e-10);
    const low = withValues([2, 2, 0, 0], 6);
    const any = (x: Tensor) => {
      const { u, s, vt } = svd(x);
      return add(
        sum(mul(u, constant(gaussian([4, 4], 1)))),
        add(sum(s), sum(mul(vt, constant(gaussian([4, 4], 2))))),
      );
    };
    expect(numbersOf(grad(any)(constant(low))).every(Number.isFinite)).toBe(true);
  });
});

describe("polar", () => {
  it("has derivatives, at equal singular values too", () => {
    const both = (x: Tensor) => {
      const { orthogonal, symmetric: positivePart } = polar(x);
      return [orthogonal, positivePart];
    };
    for (const a of [
      gaussian([4, 3], 1),
      gaussian([3, 4], 2),
      withValues([2, 2, 2], 3),
      withValues([2, 1, 1], 4),
    ]) {
      const [one, two] = slopes(([x]) => both(x), [a], 1);
      expect(one).toBeLessThan(1e-5);
      expect(Number.isFinite(two)).toBe(true);
    }
    const [, two] = slopes(([x]) => both(x), [withValues([3, 2, 1], 3)], 1);
    expect(two).toBeLessThan(1e-4);
  });
});

it("subspace iteration finds the leading eigenvectors", () => {
  const a = withValues([5, -4, 1, 0.5, 0.1], 1, true);
  const { values, vectors } = subspaceIteration(constant(a), constant(gaussian([5, 2], 1)), 20);
  const [l, q] = valuesOf([values, vectors]);
  expect(distance(l, [5, -4])).toBeLessThan(1e-3);
  const matrix = real([5, 2], q);
  expect(distance(product(transposed(matrix), matrix).data, identity(2).data)).toBeLessThan(1e-12);
});

it("maps over members as over leading axes", () => {
  const a = positive({ lead: [3], n: 4, seed: 1 });
  const f = (x: Tensor) => add(sum(square(eigh(x).values)), add(sum(svd(x).s), logDet(x).log));
  const mapped = numbersOf(vmap(grad(f))(constant(a)));
  const alone = members(a).flatMap((one) => numbersOf(grad(f)(constant(one))));
  expect(mapped).toHaveLength(sizeOf(a.shape));
  expect(distance(mapped, alone)).toBeLessThan(1e-12);
});

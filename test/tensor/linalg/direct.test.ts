import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as host from "../../../src/array/linalg.ts";
import {
  cholesky,
  choleskyInverse,
  choleskyLogDet,
  choleskySolve,
  constant,
  grad,
  gramIteration,
  input,
  newtonSchulz,
  orthogonalFactor,
  powerIteration,
  slice,
  sum,
  type Tensor,
  triangularSolve,
  vmap,
} from "../../../src/tensor/index.ts";
import { numbersOf } from "../numbers.ts";
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
  single,
  slopes,
  transposed,
} from "./matrices.ts";

const symmetrized = (a: Real): Real => plus(plus(a, a, -0.5), transposed(a), 0.5);
const each = (a: Real, f: (m: Real) => ArrayLike<number>) => members(a).flatMap((m) => Array.from(f(m)));

describe("by Cholesky", () => {
  it("agrees with the host's factorizations", () => {
    fc.assert(
      fc.property(drawn(10), (draw) => {
        const a = positive(draw);
        const b = gaussian([...draw.lead, draw.n, 2], draw.seed, "right");
        const [left, right] = [constant(a), constant(b)];
        const l = each(a, (m) => host.cholesky(m).data);
        expect(distance(numbersOf(cholesky(left)), l)).toBeLessThan(1e-11);
        const [ma, mb] = [members(a), members(b)];
        const x = ma.flatMap((m, i) => Array.from(host.solve(m, mb[i]).data));
        expect(distance(numbersOf(choleskySolve(left, right)), x)).toBeLessThan(1e-10);
        const inverse = each(a, (m) => host.inverse(m).data);
        expect(distance(numbersOf(choleskyInverse(left)), inverse)).toBeLessThan(1e-10);
        const logs = ma.map((m) => host.eigh(m).values.data.reduce((s, v) => s + Math.log(v), 0));
        numbersOf(choleskyLogDet(left)).forEach((value, i) => {
          expect(value).toBeCloseTo(logs[i], 8);
        });
      }),
      { numRuns: 5, seed: 1 },
    );
  });

  it("stays backward stable for nearly singular matrices", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 40 }), fc.integer({ min: 0, max: 1e6 }), (n, seed) => {
        const q = host.qr(gaussian([n, n], seed)).q;
        const scaled = { ...q, data: q.data.map((v, at) => v * 10 ** ((-11 * (at % n)) / (n - 1) / 2)) };
        const a = plus(product(scaled, scaled, true), identity(n), 0);
        const l = { ...a, data: Float64Array.from(numbersOf(cholesky(constant(a)))) };
        expect(distance(product(l, l, true).data, a.data)).toBeLessThan(1e-13);
      }),
      { numRuns: 6, seed: 2 },
    );
  });

  it("reads the lower triangle, and is NaN where the matrix is not positive definite", () => {
    const [a] = members(positive({ lead: [], n: 3, seed: 4 }));
    const other = { ...a, data: a.data.map((v, at) => (at % 3 > Math.floor(at / 3) ? 77 : v)) };
    expect(numbersOf(cholesky(constant(other)))).toEqual(numbersOf(cholesky(constant(a))));
    expect(numbersOf(cholesky(constant(plus(a, identity(3), -100)))).some(Number.isNaN)).toBe(true);
  });

  it("has first and second derivatives", () => {
    fc.assert(
      fc.property(drawn(5), (draw) => {
        const a = positive(draw);
        const b = gaussian([...draw.lead, draw.n, 2], draw.seed, "right");
        const ofA = (f: (a: Tensor) => Tensor) =>
          slopes(([x]) => [f(x)], [plus(a, identity(draw.n, draw.lead))], draw.seed, symmetrized);
        for (const [one, two] of [
          ofA(cholesky),
          ofA(choleskyLogDet),
          ofA((x) => choleskySolve(x, constant(single(b)))),
          slopes(([x]) => [choleskySolve(constant(single(a)), x)], [b], draw.seed),
        ]) {
          expect(one).toBeLessThan(1e-6);
          expect(two).toBeLessThan(1e-5);
        }
      }),
      { numRuns: 2, seed: 3 },
    );
  });
});

describe("triangular solve", () => {
  const forms = [
    { upper: false, transpose: false },
    { upper: false, transpose: true },
    { upper: true, transpose: false },
    { upper: true, transpose: true },
  ];

  it.each(forms)("solves, reading its own triangle: %o", (form) => {
    fc.assert(
      fc.property(drawn(40), ({ lead, n, seed }) => {
        const a = plus(gaussian([...lead, n, n], seed), identity(n, lead, 3));
        const b = gaussian([...lead, n, 3], seed, "right");
        const triangle = {
          ...a,
          data: a.data.map((v, at) => {
            const [row, column] = [Math.floor(at / n) % n, at % n];
            return (form.upper ? column >= row : column <= row) ? v : 0;
          }),
        };
        const data = Float64Array.from(numbersOf(triangularSolve(constant(a), constant(b), form)));
        const back = product(form.transpose ? transposed(triangle) : triangle, { ...b, data });
        const size = Math.max(...data.map(Math.abs), 1);
        expect(distance(back.data, b.data) / size).toBeLessThan(1e-11);
      }),
      { numRuns: 4, seed: 5 },
    );
  });

  it("broadcasts leading axes and takes vectors", () => {
    const a = plus(gaussian([3, 3], 1), identity(3, [], 3));
    const b = gaussian([2, 3, 1], 2);
    const both = numbersOf(triangularSolve(constant(a), constant(b)));
    const one = { ...b, shape: [3], data: b.data.slice(3) };
    expect(numbersOf(triangularSolve(constant(a), constant(one)))).toEqual(both.slice(3));
  });

  it.each(forms)("has first and second derivatives: %o", (form) => {
    const a = plus(gaussian([2, 4, 4], 8), identity(4, [2], 3));
    const b = gaussian([2, 4, 2], 9);
    const [one, two] = slopes(([x, y]) => [triangularSolve(x, y, form)], [a, b], 1);
    expect(one).toBeLessThan(1e-6);
    expect(two).toBeLessThan(1e-5);
  });

  it("refuses shapes that do not fit, naming itself", () => {
    expect(() => triangularSolve(input("a", [2, 3]), input("b", [2, 1]))).toThrow(
      /triangularSolve takes square/,
    );
    expect(() => triangularSolve(input("a", [3, 3]), input("b", [2, 1]))).toThrow(/right sides \[2,1\]/);
    expect(() => cholesky(input("a", [3]))).toThrow(/matrices \[..., m, n\]/);
  });
});

describe("Newton-Schulz", () => {
  const singular = (a: Real) => members(a).flatMap((m) => Array.from(host.svd(m).s.data));

  it("brings singular values near one and keeps the vectors", () => {
    fc.assert(
      fc.property(drawn(24), fc.integer({ min: 1, max: 24 }), ({ lead, n, seed }, columns) => {
        const a = gaussian([...lead, n, columns], seed);
        const values = (coefficients: "muon" | "classical", steps: number) =>
          ({
            ...a,
            data: Float64Array.from(numbersOf(newtonSchulz(constant(a), { coefficients, steps }))),
          }) as Real;
        for (const s of singular(values("muon", 12))) expect(s).toSatisfy((v: number) => v > 0.6 && v < 1.3);
        const exact = values("classical", 40);
        for (const s of singular(exact)) expect(s).toBeCloseTo(1, 6);
        // the symmetric part A = X H has H = X' A symmetric
        const h = product(transposed(exact), a);
        expect(distance(h.data, transposed(h).data)).toBeLessThan(1e-6);
      }),
      { numRuns: 3, seed: 6 },
    );
  });

  it("gives the orthogonal factor, with singular values of one from 1e-6 of the norm on", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 30 }), fc.integer({ min: 0, max: 1e6 }), (n, seed) => {
        const [left, right] = ["left", "right"].map((name) => host.qr(gaussian([n, n], seed, name)).q);
        const scaled = { ...left, data: left.data.map((v, at) => v * 10 ** ((-5 * (at % n)) / (n - 1))) };
        const a = product(scaled, right);
        const factor = numbersOf(orthogonalFactor(constant(a)));
        expect(distance(factor, product(left, right).data)).toBeLessThan(1e-7);
      }),
      { numRuns: 5, seed: 8 },
    );
  });

  it("leaves zero at zero", () => {
    expect(numbersOf(newtonSchulz(constant({ ...identity(3), data: new Float64Array(9) })))).toEqual(
      Array(9).fill(0),
    );
  });
});

describe("the largest singular value", () => {
  it("lies between power iteration and Gram iteration, which meet", () => {
    fc.assert(
      fc.property(drawn(20), fc.integer({ min: 1, max: 20 }), ({ lead, n, seed }, columns) => {
        const a = gaussian([...lead, n, columns], seed);
        const start = gaussian([...lead, columns], seed, "start");
        const top = members(a).map((m) => host.svd(m).s.data[0]);
        const below = numbersOf(powerIteration(constant(a), constant(start), 30).value);
        const above = numbersOf(gramIteration(constant(a), 6));
        const factor = Math.min(n, columns) ** (1 / 2 ** 7);
        top.forEach((s, i) => {
          expect(below[i]).toBeLessThanOrEqual(s * (1 + 1e-12));
          expect(below[i]).toBeGreaterThan(0.8 * s);
          expect(above[i]).toBeGreaterThanOrEqual(s * (1 - 1e-12));
          expect(above[i]).toBeLessThanOrEqual(s * factor * (1 + 1e-12));
        });
      }),
      { numRuns: 4, seed: 7 },
    );
  });

  it("has the product of its vectors as the gradient of power iteration, and Gram iteration near it", () => {
    const a = gaussian([4, 6], 3);
    const { u, vt } = host.svd(a);
    const outer = product(
      { ...u, shape: [4, 1], data: u.data.filter((_, at) => at % 4 === 0) } as Real,
      {
        ...vt,
        shape: [1, 6],
        data: vt.data.slice(0, 6),
      } as Real,
    );
    const start = constant(gaussian([6], 4));
    const power = grad((x: Tensor) => powerIteration(x, start, 40).value)(constant(a));
    expect(distance(numbersOf(power), outer.data)).toBeLessThan(1e-3);
    const gram = grad((x: Tensor) => gramIteration(x, 12))(constant(a));
    expect(distance(numbersOf(gram), outer.data)).toBeLessThan(1e-6);
    const zero = constant({ ...a, data: new Float64Array(24) });
    expect(numbersOf(grad((x: Tensor) => gramIteration(x))(zero)).every(Number.isFinite)).toBe(true);
  });
});

it("maps over members as over leading axes", () => {
  const a = constant(positive({ lead: [3], n: 4, seed: 1 }));
  const b = constant(gaussian([3, 4, 1], 2));
  const whole = (x: Tensor, y: Tensor) => sum(choleskySolve(x, y));
  const mapped = vmap(grad((x: Tensor) => whole(x, slice(b, 0, 0, 1))))(a);
  const plain = grad((x: Tensor) => whole(x, slice(b, 0, 0, 1)))(a);
  expect(distance(numbersOf(mapped), numbersOf(plain))).toBeLessThan(1e-12);
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evaluate } from "../../src/tensor/evaluate.ts";
import {
  add,
  cast,
  customGradient,
  fill,
  grad,
  hvp,
  input,
  iota,
  jvp,
  matmul,
  mul,
  scan,
  sum,
  type Tensor,
  tanh,
  vjp,
  vmap,
} from "../../src/tensor/index.ts";
import { looped, type Program, programs, summary, unrolled } from "./loops.ts";
import { derivative, literal, normals, numbersOf, shifted, valuesOf } from "./numbers.ts";

/** All of a program's operands, float64, and the same along a direction. */
const placed = (program: Program, seed: number, lead: readonly number[] = []) =>
  program.shapes.map((shape, i) => {
    const t = input(`${i}`, [...lead, ...shape]);
    return { t, value: normals(t.shape, seed, `value ${i}`), along: normals(t.shape, seed, `along ${i}`) };
  });

function agree(got: readonly Tensor[], want: readonly Tensor[], at: ReturnType<typeof placed>): void {
  const feeds = new Map(at.map(({ t, value }) => [t, value]));
  const all = valuesOf([...got, ...want], feeds);
  all.slice(0, got.length).forEach((values, i) => {
    values.forEach((x, j) => {
      const y = all[got.length + i][j];
      expect(Math.abs(x - y), `${i}[${j}]: ${x} for ${y}`).toBeLessThanOrEqual(1e-9 * (1 + Math.abs(y)));
    });
  });
}

const property = (numRuns: number, holds: (program: Program, seed: number) => void) =>
  fc.assert(fc.property(programs, fc.nat(1e6), holds), { seed: 20261125, numRuns });

type Run = (program: Program, xs: readonly Tensor[]) => readonly Tensor[];
const gradientOf = (run: Run, program: Program) => grad((xs: readonly Tensor[]) => summary(run(program, xs)));

describe("a scan is the loop it stands for", () => {
  it("in its values", () =>
    property(25, (program, seed) => {
      const at = placed(program, seed);
      const xs = at.map(({ t }) => t);
      agree(looped(program, xs), unrolled(program, xs), at);
    }));

  it("in its gradients", () =>
    property(25, (program, seed) => {
      const at = placed(program, seed);
      const xs = at.map(({ t }) => t);
      agree(gradientOf(looped, program)(xs), gradientOf(unrolled, program)(xs), at);
    }));

  it("in its second derivatives, and along a direction", () =>
    property(8, (program, seed) => {
      const at = placed(program, seed);
      const xs = at.map(({ t }) => t);
      const directions = normalDirections(at);
      const second = (run: Run) => hvp((ts: readonly Tensor[]) => summary(run(program, ts)))(xs, directions);
      const along = (run: Run) => jvp((ts: readonly Tensor[]) => run(program, ts))(xs, directions).derivative;
      agree([...second(looped), ...along(looped)], [...second(unrolled), ...along(unrolled)], at);
    }));

  it("for many members at once, those mapped that are and the others shared", () =>
    property(5, (program, seed) => {
      const at = placed(program, seed, [2]);
      const shared = placed(program, seed + 1);
      const mixed = (run: Run) =>
        [0, 1, 2, 3].map((skip) => {
          const taken = [0, 1, 2, 3].filter((i) => i !== skip);
          return vmap((ts: readonly Tensor[]) => {
            const xs = taken.reduce(
              (all, i, j) => all.with(i, ts[j]),
              shared.map(({ t }) => t),
            );
            return [...run(program, xs), ...gradientOf(run, program)(xs)];
          })(taken.map((i) => at[i].t));
        });
      agree(mixed(looped).flat(), mixed(unrolled).flat(), [...at, ...shared]);
    }));

  it("against finite differences", () =>
    property(15, (program, seed) => {
      const at = placed(program, seed);
      const xs = at.map(({ t }) => t);
      const value = summary(looped(program, xs));
      const slope = gradientOf(looped, program)(xs).map((g, i) => sum(mul(g, normalDirections(at)[i])));
      const feeds = (by: number) => new Map(at.map((p) => [p.t, shifted(p.value, [by, p.along])]));
      const got = numbersOf(slope.reduce(add), feeds(0))[0];
      const want = derivative((by) => numbersOf(value, feeds(by))[0]);
      expect(Math.abs(got - want)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(want)));
    }));
});

const normalDirections = (at: ReturnType<typeof placed>) =>
  at.map(({ t, along }) => literal(t.shape, ...along.data));

describe("scan", () => {
  it("computes once what is the same for all steps, and the steps in a time linear in their number", () => {
    const count = (length: number) => {
      let seen = 0;
      const w = literal([2, 2], 0.1, 0.2, 0.3, 0.4);
      const [last] = scan(
        (c: Tensor) => [tanh(matmul(c, matmul(w, w))), null] as const,
        literal([1, 2], 1, 2),
        {},
        { length },
      );
      const watch = ({ op }: { op: string }) => {
        if (op === "matmul") seen++;
      };
      evaluate([sum(last)], new Map(), { watch });
      return seen;
    };
    expect([count(1), count(10), count(100)]).toEqual([2, 11, 101]);
  });

  it("carries whole numbers and truth values, which have no gradient", () => {
    const f = (x: Tensor) => {
      const [{ value }, counts] = scan(
        ({ value, count }: { value: Tensor; count: Tensor }) => [
          { value: mul(value, cast(count, "float32")), count: add(count, 1) },
          count,
        ],
        { value: x, count: cast(iota(1), "int32") },
        {},
        { length: 3 },
      );
      return add(sum(value), mul(0, sum(cast(counts, "float32"))));
    };
    const shift = (x: Tensor) => f(add(x, fill([1], 1)));
    expect(numbersOf(grad(shift)(literal([1], 2)))).toEqual([0]);
  });

  it("keeps gradient rules of one's own, and what they take from around them", () => {
    const k = input("k", []);
    const doubled = customGradient(
      (x: Tensor) => mul(x, 1),
      (g) => [mul(g, k)],
    );
    const f = (x: Tensor) => scan((c: Tensor) => [doubled(c), null] as const, x, {}, { length: 3 })[0];
    const feeds = new Map([[k, { dtype: "float64" as const, shape: [], data: Float64Array.of(2) }]]);
    expect(numbersOf(grad(f)(literal([], 5)), feeds)).toEqual([8]);
  });

  it("has gradients in literals from around it", () => {
    const [x, w] = [literal([], 2), literal([1], 3)];
    const [last] = scan((c: Tensor) => [mul(mul(c, w), 2), null] as const, fill([1], 1), {}, { length: 2 });
    const total = sum(mul(last, x));
    expect(valuesOf(vjp([total], [literal([], 1)], [x, w]))).toEqual([[36], [48]]);
  });

  it("gives results where their slices stand, whichever way it goes", () => {
    const run = (reverse: boolean) =>
      numbersOf(
        scan(
          (c: Tensor, x: Tensor) => {
            const next = add(c, x);
            return [next, next] as const;
          },
          literal([], 0),
          literal([4], 1, 2, 3, 4),
          { reverse },
        )[1],
      );
    expect(run(false)).toEqual([1, 3, 6, 10]);
    expect(run(true)).toEqual([10, 9, 7, 4]);
  });

  it("passes on what a step only passes on", () => {
    const outside = literal([2], 7, 8);
    const [last, all] = scan(
      (c: readonly Tensor[], x: Tensor) => [[c[1], x], { old: c[0], x, outside, literal: fill([], 3) }],
      [literal([], 1), literal([], 2)] as readonly Tensor[],
      literal([2], 5, 6),
    );
    expect(valuesOf([...last, all.old, all.x, all.outside, all.literal])).toEqual([
      [5],
      [6],
      [1, 2],
      [5, 6],
      [7, 8, 7, 8],
      [3, 3],
    ]);
  });

  it("refuses no steps, steps that differ, and a carry that changes", () => {
    const step = (c: Tensor) => [c, null] as const;
    const c = literal([], 1);
    const refuse = (f: () => unknown, message: RegExp) =>
      expect(f).toThrow(
        expect.objectContaining({ code: "bad-shape", message: expect.stringMatching(message) }),
      );
    refuse(() => scan(step, c, {}, { length: 0 }), /0 steps/);
    refuse(() => scan(step, c, {}), /how many steps/);
    refuse(() => scan(step, c, [literal([2], 1, 2), literal([3], 1, 2, 3)]), /2 and 3/);
    refuse(
      () => scan(() => [literal([1], 1), null] as const, c, {}, { length: 2 }),
      /given .*\[\].*leaves .*\[1\]/,
    );
    refuse(() => scan(() => [cast(c, "int32"), null] as const, c, {}, { length: 2 }), /int32/);
  });
});

import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ndarray } from "../../src/array/ndarray.ts";
import { openInline } from "../../src/runtime/index.ts";
import { input, nodeOf, type Primitive, type Tensor } from "../../src/tensor/graph.ts";
import { mul, scan, sub } from "../../src/tensor/index.ts";
import { type Sample, samples } from "../onnx/samples.ts";
import { type Case, numbersOf, type Plain, wrong } from "./agreeing.ts";
import { formulas, type Numbers } from "./formulas.ts";

const host = openInline();
afterAll(() => host.close());

/** The same operand with other numbers, where it has numbers of its own. */
const changed = (a: Plain, f: (x: number, i: number) => number): Plain =>
  a.dtype === "float32" ? ndarray("float32", a.shape, Float32Array.from(a.data, f)) : a;

/** Operands in halves, so that there are ties, zeros and halves among them. */
const coarse = (a: Plain) => changed(a, (x) => Math.round(2 * x) / 2);
const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 1];

/** What else operands may be, where it makes a difference: sums of products are the same sums for any numbers. */
function variants(primitive: Primitive): ((a: Plain) => Plain)[] {
  if (primitive === "isNaN") return [(a) => changed(a, (_, i) => odd[i % odd.length])];
  return /conv|sumPool|sumUnpool|matmul|randomBits|foldKey/.test(primitive) ? [] : [coarse];
}

function caseOf({ build }: Sample, feeds: Case["feeds"], name: string): Case {
  const inputs = feeds.map((a, i) => input(`${name}.${i}`, a.shape, a.dtype));
  return { feeds, inputs, output: build(inputs) };
}

describe("by loops over their entries, in the evaluator and in ONNX Runtime", () => {
  const primitives = Object.keys(formulas) as (keyof typeof formulas)[];

  it.each(primitives)("%s", async (primitive: keyof typeof formulas) => {
    const drawn = fc.sample(samples[primitive as Primitive], { numRuns: 6, seed: 4 });
    const cases = drawn.flatMap((sample, i) => [
      caseOf(sample, sample.arrays, `${i}`),
      ...variants(primitive).map((variant) => caseOf(sample, sample.arrays.map(variant), `${i}'`)),
    ]);
    const formula = formulas[primitive] as (operands: readonly Numbers[], attributes: object) => Numbers;
    const want = cases.map(({ feeds, output }) => formula(feeds.map(numbersOf), nodeOf(output).attributes));
    expect(await wrong(host, cases, want)).toEqual([]);
  });

  it("loops: what is carried and what is stacked, either way, and loops in loops", async () => {
    const drawn = fc.sample(
      fc.record({
        length: fc.integer({ min: 1, max: 5 }),
        width: fc.integer({ min: 1, max: 4 }),
        reverse: fc.boolean(),
        turns: fc.integer({ min: 1, max: 3 }),
        seed: fc.integer({ min: 0, max: 999 }),
      }),
      { numRuns: 12, seed: 4 },
    );
    const numbers = (n: number, from: number) =>
      Float32Array.from({ length: n }, (_, i) => Math.sin(from + 3 * i));
    const cases: Case[] = [];
    const want: Numbers[] = [];
    for (const { length, width, reverse, turns, seed } of drawn) {
      const feeds = [
        ndarray("float32", [width], numbers(width, seed)),
        ndarray("float32", [length, width], numbers(length * width, seed + 1)),
      ];
      const inputs = feeds.map((a, i) => input(`${i}`, a.shape));
      const turned = (carry: Tensor, x: Tensor) =>
        scan((c: Tensor, _: object) => [sub(x, mul(c, 0.7)), null] as const, carry, {}, { length: turns })[0];
      const [last, all] = scan(
        (carry: Tensor, x: Tensor) => {
          const next = turned(carry, x);
          return [next, mul(next, x)] as const;
        },
        inputs[0],
        inputs[1],
        { reverse },
      );
      const carry = Array.from(feeds[0].data);
      const stacked = new Array<number>(length * width);
      for (let t = 0; t < length; t++) {
        const at = (reverse ? length - 1 - t : t) * width;
        for (let i = 0; i < width; i++) {
          const x = feeds[1].data[at + i];
          for (let turn = 0; turn < turns; turn++) carry[i] = x - carry[i] * Math.fround(0.7);
          stacked[at + i] = carry[i] * x;
        }
      }
      cases.push({ feeds, inputs, output: last }, { feeds, inputs, output: all });
      want.push({ shape: [width], data: carry }, { shape: [length, width], data: stacked });
    }
    expect(await wrong(host, cases, want)).toEqual([]);
  });
});

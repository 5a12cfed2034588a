import { afterAll, describe, expect, test } from "vitest";
import { type NdArray, ndarray } from "../../src/array/ndarray.ts";
import type { Lowered } from "../../src/onnx/index.ts";
import { openInline } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import { input, make, type Unary } from "../../src/tensor/graph.ts";
import { compileLoop } from "../../src/wasm/index.ts";

const host = openInline();
afterAll(() => host.close());

/** Numbers of all sizes, both signs, and those that are none. */
const special = [0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e-40, -1e-40];
const sizes = Array.from({ length: 400 }, (_, i) => 10 ** (-12 + 0.04 * i));
const near = Array.from({ length: 801 }, (_, i) => -20 + 0.05 * i);
const far = [85, 88.5, 89, 100, 103, 150].flatMap((x) => [x, -x]);
const all = [...special, ...sizes, ...sizes.map((x) => -x), ...near, ...far];

/** The largest error against float64, beside a share of the value, in units of float32's precision. */
const allowed: { readonly [U in Unary]?: number } = {
  exp: 3,
  log: 3,
  tanh: 6,
  sigmoid: 4,
  softplus: 4,
  erf: 8,
  sin: 3,
  cos: 3,
  atan: 1,
  sqrt: 1,
  reciprocal: 1,
  floor: 0,
  round: 0,
  sign: 0,
  abs: 0,
  neg: 0,
  relu: 0,
  step: 0,
};

/** Below this, float32 has no full precision. */
const tiny = 2 ** -126;

describe("functions of programs", () => {
  test.each(Object.entries(allowed) as [Unary, number][])("%s", async (op, units) => {
    const x = input("x", [all.length]);
    const y = make(op, [x], {});
    const spec = { length: 1, state: {}, scanned: {}, shared: { x }, collected: { y } };
    const { lowered } = compileLoop(spec) as { lowered: Lowered };
    const given = ndarray("float32", [all.length], Float32Array.from(all));
    const { outputs } = await host.run(await host.load(lowered), { x: given });
    const [want] = evaluate([y], new Map([[x, given]]));
    const wrong = all.flatMap((_, i) => {
      const [got, exact] = [Number((outputs.y as NdArray).data[i]), Number(want.data[i])];
      if (Object.is(got, exact) || got === exact) return [];
      const tolerance = units === 0 ? 0 : units * 2 ** -24 * Math.abs(exact) + tiny;
      return Math.abs(got - exact) <= tolerance ? [] : [`${op}(${given.data[i]}): ${got} for ${exact}`];
    });
    expect(wrong.slice(0, 8)).toEqual([]);
  });
});

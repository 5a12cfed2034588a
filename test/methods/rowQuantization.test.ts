import { afterAll, expect, it } from "vitest";
import type { NdArray } from "../../src/array/ndarray.ts";
import { rowQuantization } from "../../src/methods/compression/rowQuantization.ts";
import { mlp } from "../../src/nn/index.ts";
import { openInline } from "../../src/runtime/index.ts";
import { beginning, planOf, train } from "../../src/training/index.ts";
import { classes, training } from "../training/setup.ts";

const host = openInline();
afterAll(() => host.close());

const data = classes(24);
const model = mlp([4], 3, [6, 5]);
const kernel = "params/hidden.1.0.kernel";
const numbers = (array: NdArray) => Array.from(array.data as Float32Array);

it("fixes the signs of the network that it goes on from, and trains a scale for each row", async () => {
  const before = await train(planOf(training({}, { model }), data), data, 1, host);
  const plan = planOf(training({ quantized: rowQuantization() }, { model }), data);
  const start = await beginning(host, plan, { data, seed: 1, from: before.values });
  const after = await train(plan, data, 1, host, { from: before.values });
  const weights = numbers(before.values[kernel]);
  const [first, last] = [start, after.values].map((values) => numbers(values[`${kernel}/scale`]));
  first.forEach((scale, row) => {
    const sizes = weights.slice(6 * row, 6 * row + 6).map(Math.abs);
    expect(scale).toBeCloseTo(sizes.reduce((sum, w) => sum + w, 0) / 6, 5);
  });
  expect(Math.max(...last.map((scale, row) => Math.abs(scale - first[row])))).toBeGreaterThan(0.001);
  expect(numbers(after.values[`${kernel}/levels`])).toEqual(weights.map(Math.sign));
});

it("has nothing to do where there is no layer between the first and the last", () => {
  expect(() => planOf(training({ quantized: rowQuantization() }, { model: mlp([4], 3, [6]) }), data)).toThrow(
    expect.objectContaining({ code: "conflict", culprit: "row-quantization on mlp(6)" }),
  );
});

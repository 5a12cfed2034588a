import fc from "fast-check";
import { expect, test } from "vitest";
import { stream } from "../../src/array/random.ts";
import { inBags } from "../../src/data/index.ts";
import type { Dataset } from "../../src/kinds/index.ts";
import { refusal } from "./helpers.ts";

/** Row i has the input i and the target 10 i. */
const numbered = (size: number): Dataset => ({
  name: "numbered",
  task: "regression",
  size,
  inputs: {
    x: { dtype: "float32", shape: [size, 1], data: Float32Array.from({ length: size }, (_, i) => i) },
  },
  target: { dtype: "float32", shape: [size, 1], data: Float32Array.from({ length: size }, (_, i) => 10 * i) },
  classes: [],
});

test("bags are dealt from different rows, and respond with their mean", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), fc.nat(), (n, k, seed) => {
      fc.pre(k <= n);
      const bags = inBags(numbered(n), { size: k }, stream(seed));
      const x = bags.inputs.x.data as Float32Array;
      expect([bags.size, bags.together]).toEqual([n - (n % k), k]);
      expect(new Set(x).size).toBe(bags.size);
      for (let row = 0; row < bags.size; row++) {
        const bag = Math.floor(row / k);
        expect(bags.group?.data[row]).toBe(bag);
        const mean = x.slice(bag * k, (bag + 1) * k).reduce((a, b) => a + b, 0) / k;
        expect(bags.target.data[row]).toBeCloseTo(10 * mean, 3);
      }
    }),
    { numRuns: 50 },
  );
});

test("private responses are clipped, and their noise is of the scale that privacy asks for", () => {
  const [n, size, epsilon, clip] = [20000, 4, 0.5, 3];
  // all targets lie beyond the clip but that of row 0
  const noisy = inBags(numbered(n), { size, privacy: { epsilon, clip } }, stream(1));
  const noise = Array.from({ length: n / size }, (_, bag) => Number(noisy.target.data[bag * size]) - clip);
  const mean = noise.reduce((a, b) => a + b, 0) / noise.length;
  const spread = noise.reduce((a, b) => a + Math.abs(b), 0) / noise.length;
  const scale = (2 * clip) / (size * epsilon);
  // Laplace: mean 0, mean absolute value the scale; standard errors sqrt(2) and 1 scale / sqrt(5000)
  expect(Math.abs(mean)).toBeLessThan(0.1 * scale);
  expect(Math.abs(spread / scale - 1)).toBeLessThan(0.07);
});

test("classes stay as they are, and have no private form", async () => {
  const labelled: Dataset = {
    ...numbered(6),
    task: "classification",
    target: { dtype: "int32", shape: [6], data: Int32Array.of(0, 1, 2, 3, 4, 5) },
    classes: ["a", "b", "c", "d", "e", "f"],
  };
  const bags = inBags(labelled, { size: 2 }, stream(0));
  expect(Array.from(bags.target.data as Int32Array)).toEqual(Array.from(bags.inputs.x.data as Float32Array));
  const act = () => inBags(labelled, { size: 2, privacy: { epsilon: 1, clip: 1 } }, stream(0));
  expect((await refusal(act)).code).toBe("conflict");
  expect((await refusal(() => inBags(labelled, { size: 7 }, stream(0)))).code).toBe("bad-option");
});

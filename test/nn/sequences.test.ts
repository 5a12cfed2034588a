import { expect, it } from "vitest";
import { fromNested } from "../../src/array/ndarray.ts";
import { models } from "../../src/nn/index.ts";
import { concat, constant, fill, keyOf } from "../../src/tensor/index.ts";
import { normals, numbersOf } from "../tensor/numbers.ts";

const known = constant(normals([2, 3, 4], 1, "known"));
const mask = constant(
  fromNested([
    [1, 1, 1, 0, 0],
    [1, 1, 1, 0, 0],
  ]),
);
const padded = (value: number) => concat([known, fill([2, 2, 4], value)], 1);

it.each(["lstm", "gru", "bag", "transformer"])("%s reads a sequence of numbers to its end", (name) => {
  const model = models[name]([5, 4], 3, { task: "classification", masked: true });
  expect(model.inputs).toEqual({ x: [5, 4], mask: [5] });
  const weights = model.init(keyOf([1, 2]));
  const predicted = (value: number) => numbersOf(model.apply(weights, { x: padded(value), mask }).prediction);
  const [zeros, sevens] = [predicted(0), predicted(7)];
  zeros.forEach((value, i) => {
    expect(sevens[i]).toBeCloseTo(value, 8);
  });
  expect(new Set(zeros).size).toBe(6);
});

it.each(["lstm", "gru", "bag", "transformer", "mlp"])(
  "%s takes sequences of one length without a mask",
  (name) => {
    const model = models[name]([3, 4], 2, { task: "classification", masked: false });
    expect(model.inputs).toEqual({ x: [3, 4] });
    expect(model.apply(model.init(keyOf([1, 2])), { x: known }).prediction.shape).toEqual([2, 2]);
  },
);

it("models of texts and sequences take no tables, those of images no sequences", () => {
  expect(() => models.lstm([4], 2)).toThrow(/texts and sequences, and these are none/);
  expect(() => models.cnn([3, 4], 2)).toThrow(/cnn/);
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { tableSource } from "../../src/data/columns.ts";
import { imageSource } from "../../src/data/pixels.ts";
import { median, moments } from "../../src/data/source.ts";
import { range, refusal } from "./helpers.ts";

const target = {
  task: "classification",
  name: "t",
  classes: ["n", "y"],
  labels: Int32Array.of(0, 1, 0, 1),
} as const;

test("a table by hand", () => {
  const source = tableSource({ name: "hand", target }, [
    { kind: "number", name: "a", values: Float64Array.of(1, Number.NaN, 3, 100) },
    { kind: "category", name: "c", codes: Int32Array.of(0, -1, 1, 2), levels: ["p", "q", "r"] },
    { kind: "number", name: "flat", values: Float64Array.of(7, 7, 7, 8) },
  ]);
  const learned = source.fit(Int32Array.of(0, 1, 2));
  // Of 1 and 3: mean 2, spread sqrt((1 + 1) / 2) = 1, median 2. Level r and column flat are not seen to vary.
  expect(learned).toEqual({
    kind: "table",
    columns: [
      { kind: "number", name: "a", at: 0, width: 1, mean: 2, spread: 1, fill: 2 },
      { kind: "category", name: "c", at: 1, width: 2, levels: ["p", "q"] },
    ],
    target: "t",
    classes: ["n", "y"],
    targetScale: [],
  });
  const encoded = source.encode(learned, Int32Array.of(0, 1, 2, 3));
  expect(encoded.inputs.x.shape).toEqual([4, 3]);
  expect([...encoded.inputs.x.data]).toEqual([-1, 1, 0, 0, 0, 0, 1, 0, 1, 98, 0, 0]);
  expect(encoded.target).toEqual({ dtype: "int32", shape: [4], data: Int32Array.of(0, 1, 0, 1) });
  expect(JSON.parse(JSON.stringify(learned))).toEqual(learned);
});

test("a regression target is standardised and can be put back", () => {
  const values = Float64Array.of(10, 20, 30, 1000);
  const source = tableSource({ name: "r", target: { task: "regression", name: "y", values } }, [
    { kind: "number", name: "a", values: Float64Array.of(1, 2, 3, 4) },
  ]);
  const learned = source.fit(Int32Array.of(0, 1, 2));
  const [{ mean, spread }] = learned.targetScale;
  // 10, 20, 30: mean 20, spread sqrt(200 / 3).
  expect([mean, spread]).toEqual([20, expect.closeTo(Math.sqrt(200 / 3), 12)]);
  const { target: y } = source.encode(learned, Int32Array.of(3, 0));
  expect(y.shape).toEqual([2, 1]);
  expect(Array.from(y.data as Float32Array, (v) => v * spread + mean)).toEqual([
    expect.closeTo(1000, 3),
    expect.closeTo(10, 4),
  ]);
});

test("images are standardised a channel", () => {
  // Two images of two channels of 1 x 2 pixels; the second channel is constant.
  const data = Uint8Array.of(0, 255, 51, 51, 255, 255, 51, 51);
  const source = imageSource(
    { name: "i", target: { ...target, labels: Int32Array.of(0, 1) } },
    { shape: [2, 1, 2], data, full: 255 },
  );
  const learned = source.fit(range(2));
  // 0, 1, 1, 1: mean 3/4, variance 3/16. 51/255 = 0.2 throughout.
  expect(learned).toMatchObject({
    kind: "image",
    shape: [2, 1, 2],
    mean: [0.75, expect.closeTo(0.2, 12)],
    spread: [expect.closeTo(Math.sqrt(3) / 4, 12), 1],
  });
  const { x } = source.encode(learned, Int32Array.of(1, 0)).inputs;
  expect(x.shape).toEqual([2, 2, 1, 2]);
  const [low, high] = [-0.75 / (Math.sqrt(3) / 4), 0.25 / (Math.sqrt(3) / 4)];
  [high, high, 0, 0, low, high, 0, 0].forEach((v, i) => {
    expect(x.data[i]).toBeCloseTo(v, 5);
  });
});

test("what is learned depends on the training rows alone", () => {
  const number = fc.double({ noNaN: true, min: -1e6, max: 1e6 });
  fc.assert(
    fc.property(
      fc.array(number, { minLength: 6, maxLength: 20 }),
      fc.array(number, { minLength: 5, maxLength: 5 }),
      (known, other) => {
        const learn = (unseen: readonly number[]) => {
          const values = Float64Array.from([...known, 0, 1, ...unseen]);
          const labels = new Int32Array(values.length);
          const codes = Int32Array.from(values, (v) => (v > 0 ? 1 : 0));
          const source = tableSource({ name: "p", target: { ...target, labels } }, [
            { kind: "number", name: "a", values },
            { kind: "category", name: "c", codes, levels: ["down", "up"] },
          ]);
          return source.fit(range(known.length + 2));
        };
        expect(learn(other)).toEqual(learn([0, 0, 0, 0, 0]));
      },
    ),
  );
});

test("encoded training numbers have mean 0 and spread 1", () => {
  // Below 1e-300 everything counts as 0: a float64 holds too few digits of subnormal numbers to tell their mean
  // and spread (those of 0, 0, 5e-324 are 0), and of the smallest normal ones the mean of many may be subnormal.
  const number = fc
    .double({ noNaN: true, noDefaultInfinity: true, min: -1e150, max: 1e150 })
    .map((v) => (Math.abs(v) < 1e-300 ? 0 : v));
  fc.assert(
    fc.property(fc.array(number, { minLength: 3, maxLength: 40 }), (values) => {
      const { mean, spread } = moments(range(values.length), (row) => values[row]);
      if (spread === 0) return values.every((v) => v === values[0]);
      const z = values.map((v) => (v - mean) / spread);
      const average = z.reduce((sum, v) => sum + v, 0) / z.length;
      const square = z.reduce((sum, v) => sum + v * v, 0) / z.length;
      const digits = Math.abs(mean) / spread;
      return digits > 1e6 || (Math.abs(average) < 1e-6 && Math.abs(square - 1) < 1e-6);
    }),
  );
});

test("the median by hand", () => {
  const of = (...values: number[]) => median(range(values.length), (row) => values[row]);
  expect([of(3, 1, 2), of(10, 9, 8, 1), of(5, Number.NaN, 7), of(10, 9, 100)]).toEqual([2, 8.5, 6, 10]);
});

test("preprocessing of other data is refused", async () => {
  const table = (name: string) =>
    tableSource({ name: "a", target }, [{ kind: "number", name, values: Float64Array.of(1, 2, 3, 4) }]);
  const images = (side: number) =>
    imageSource(
      { name: "i", target },
      { shape: [1, side, side], data: Uint8Array.from({ length: 4 * side * side }, (_, i) => i), full: 255 },
    );
  const other = tableSource({ name: "b", target: { ...target, classes: ["n", "z"] } }, [
    { kind: "number", name: "x", values: Float64Array.of(1, 2, 3, 4) },
  ]);
  const rows = range(4);
  const learned = table("x").fit(rows);
  for (const act of [
    () => table("y").encode(learned, rows),
    () => images(2).encode(learned, rows),
    () => images(2).encode(images(3).fit(rows), rows),
    () => table("x").encode(images(2).fit(rows), rows),
    () => other.encode(learned, rows),
  ])
    expect((await refusal(act)).code).toBe("conflict");
  expect((await refusal(() => table("x").fit(new Int32Array(0)))).code).toBe("bad-option");
  expect((await refusal(() => table("x").fit(Int32Array.of(2)))).text).toContain(
    "constant or empty on the 1 training rows",
  );
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { tableSource } from "../../src/data/columns.ts";
import { type CsvOptions, csvSource } from "../../src/data/csv.ts";
import type { Description, Source } from "../../src/data/source.ts";
import { allot, partSizes, type Split, split, splitSizes } from "../../src/data/split.ts";
import { csv, range, refusal } from "./helpers.ts";

function made(labels: readonly number[], extra: Partial<Description> = {}): Source {
  const classes = Array.from({ length: Math.max(...labels) + 1 }, (_, c) => `c${c}`);
  const target = { task: "classification", name: "t", classes, labels: Int32Array.from(labels) } as const;
  return tableSource({ name: "made", target, ...extra }, [
    { kind: "number", name: "x", values: Float64Array.from(labels, (_, i) => i) },
  ]);
}

const regression = (n: number, extra: Partial<Description> = {}): Source =>
  tableSource(
    { name: "r", target: { task: "regression", name: "y", values: Float64Array.from(range(n)) }, ...extra },
    [{ kind: "number", name: "x", values: Float64Array.from(range(n)) }],
  );

const sizes = (s: Split) => [s.train.length, s.validation.length, s.test.length];
const parts = (s: Split) => [s.train, s.validation, s.test];
const counts = (rows: Int32Array, source: Source) =>
  source.classes.map((_, c) => rows.filter((row) => source.labels![row] === c).length);
const disjoint = (s: Split) =>
  new Set(parts(s).flatMap((rows) => [...rows])).size === sizes(s).reduce((a, n) => a + n);

test("sizes from shares and counts", () => {
  // By hand: 60/20/20 of 100; what is left of 1797 after 400 halved; shares of 10.
  expect(partSizes(100, {})).toEqual([60, 20, 20]);
  expect(partSizes(1797, { train: 400 })).toEqual([400, 699, 698]);
  expect(partSizes(100, { train: 50, validation: 10, test: 0.2 })).toEqual([50, 10, 20]);
  expect(partSizes(100, { test: 20 })).toEqual([60, 20, 20]);
  expect(partSizes(10, { train: 0.35, validation: 0.35, test: 0.3 })).toEqual([4, 3, 3]);
  expect(partSizes(10, { validation: 0, test: 0 })).toEqual([10, 0, 0]);
});

test("stratified: classes in proportion", () => {
  const source = made([...range(100)].map((i) => (i < 70 ? 0 : i < 90 ? 1 : 2)));
  const s = split(source, 3);
  expect(sizes(s)).toEqual([60, 20, 20]);
  // 60 % and 20 % of 70, 20 and 10.
  expect(parts(s).map((rows) => counts(rows, source))).toEqual([
    [42, 12, 6],
    [14, 4, 2],
    [14, 4, 2],
  ]);
  expect(split(source, 3)).toEqual(s);
  expect(split(source, 4)).not.toEqual(s);
});

test("every class in every part where there are enough rows, training first where not", () => {
  const source = made([...Array(50).fill(0), 1, 1, 1, 2, 2]);
  for (let seed = 0; seed < 20; seed++) {
    const s = split(source, seed);
    expect(parts(s).map((rows) => counts(rows, source).slice(1))).toEqual([
      [1, 1],
      [1, 0],
      [1, 1],
    ]);
  }
});

test("parts do not overlap, have their sizes and all classes in training", () => {
  const labels = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 20, maxLength: 80 });
  fc.assert(
    fc.property(labels, fc.nat(), fc.double({ min: 0.3, max: 0.7, noNaN: true }), (list, seed, train) => {
      const full = [...list, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4];
      const source = made(full);
      const s = split(source, seed, { train });
      expect(disjoint(s)).toBe(true);
      expect(sizes(s)).toEqual([...partSizes(full.length, { train })]);
      expect(Math.min(...counts(s.train, source))).toBeGreaterThan(0);
      // Each class is within two rows of its share.
      counts(s.train, source).forEach((n, c) => {
        const all = full.filter((label) => label === c).length;
        expect(Math.abs(n - (all * s.train.length) / full.length)).toBeLessThanOrEqual(2);
      });
    }),
  );
});

test("allot sums to what is asked and takes no more than there is", () => {
  const classes = fc.array(fc.nat(30), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(classes, fc.array(fc.nat(100), { minLength: 3, maxLength: 3 }), (have, cuts) => {
      const total = have.reduce((a, n) => a + n, 0);
      const weights = cuts.reduce((a, n) => a + n, 1);
      const asked = cuts.map((n) => Math.floor((total * n) / weights));
      const table = allot(have, asked);
      expect(table.map((row) => row.reduce((a, n) => a + n, 0))).toEqual(asked);
      have.forEach((n, c) => {
        expect(table.reduce((sum, row) => sum + row[c], 0)).toBeLessThanOrEqual(n);
        expect(Math.min(...table.map((row) => row[c]))).toBeGreaterThanOrEqual(0);
      });
    }),
  );
});

test("a row is drawn for each part as often as its share says", () => {
  const source = regression(20);
  const hits = new Float64Array(20);
  for (let seed = 0; seed < 500; seed++) for (const row of split(source, seed).train) hits[row] += 1 / 500;
  // Binomial with p = 0.6, n = 500: standard deviation 0.022.
  for (const share of hits) expect(Math.abs(share - 0.6)).toBeLessThan(0.1);
});

test("no group is on both sides, and sizes and classes are near what was asked", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 12, maxLength: 40 }),
      fc.nat(),
      (lengths, seed) => {
        const groups = Int32Array.from(lengths.flatMap((length, g) => Array<number>(length).fill(g)));
        const source = made(
          [...groups].map((_, i) => i % 2),
          { groups },
        );
        const s = split(source, seed);
        expect(disjoint(s)).toBe(true);
        const seen = parts(s).map((rows) => new Set([...rows].map((row) => groups[row])));
        expect(seen[0].size + seen[1].size + seen[2].size).toBe(lengths.length);
        expect(Math.min(...sizes(s))).toBeGreaterThan(0);
        expect(Math.abs(s.train.length / groups.length - 0.6)).toBeLessThan(0.25);
        expect(Math.min(...counts(s.train, source))).toBeGreaterThan(0);
      },
    ),
    { numRuns: 50 },
  );
});

test("seeds give different groups", () => {
  const groups = range(200).map((i) => i % 20);
  const source = regression(200, { groups });
  const tests = new Set([...range(10)].map((seed) => split(source, seed).test.join()));
  expect(tests.size).toBeGreaterThan(5);
});

test("by time, training is the past", () => {
  const time = Float64Array.from(range(50), (i) => (i * 37) % 50);
  const source = regression(50, { time });
  const s = split(source, 0);
  expect(sizes(s)).toEqual([30, 10, 10]);
  const span = (rows: Int32Array) => [time[rows[0]], time[rows[rows.length - 1]]];
  expect(parts(s).map(span)).toEqual([
    [0, 29],
    [30, 39],
    [40, 49],
  ]);
  // Fewer rows: the latest ones.
  expect(parts(split(source, 0, { train: 20, validation: 5, test: 5 })).map(span)).toEqual([
    [20, 39],
    [40, 44],
    [45, 49],
  ]);
  // Rows of the same time stay together: years of 10 rows.
  const years = regression(50, { time: Float64Array.from(range(50), (i) => Math.floor(i / 10)) });
  expect(sizes(split(years, 0, { train: 0.55, validation: 0.2, test: 0.25 }))).toEqual([20, 10, 20]);
});

test("test rows of its own are kept, or chosen from", () => {
  const source = made(
    [...range(60)].map((i) => i % 3),
    { test: range(20, 40) },
  );
  const s = split(source, 1);
  // 40 rows as 60 : 20.
  expect(sizes(s)).toEqual([30, 10, 20]);
  expect([...s.test]).toEqual([...range(20, 40)]);
  const fewer = split(source, 1, { train: 12, test: 6 });
  expect(sizes(fewer)).toEqual([12, 28, 6]);
  expect(counts(fewer.test, source)).toEqual([2, 2, 2]);
  expect(Math.min(...fewer.test)).toBeGreaterThanOrEqual(40);
});

test("what cannot be done is refused", async () => {
  const source = made([...range(30)].map((i) => i % 3));
  const say = async (s: Source, options: object) => {
    const { code, text } = await refusal(() => split(s, 0, options));
    return `${code}: ${text}`;
  };
  expect(await say(source, { train: 31 })).toMatch(/bad-option: the parts take 31 rows of 30/);
  expect(await say(source, { train: -1 })).toMatch(/bad-option: train cannot be -1/);
  expect(await say(source, { test: 1.5 })).toMatch(/bad-option: test cannot be 1.5/);
  expect(await say(source, { test: Number.NaN })).toMatch(/bad-option/);
  expect(await say(source, { test: 30 })).toMatch(/bad-option: no rows are left for training/);
  expect(await say(source, { train: 2 })).toMatch(/bad-data: .*none of the 2 training rows has class/);
  expect(await say(source, { by: "group" })).toMatch(/conflict: .*no groups/);
  expect(await say(source, { by: "time" })).toMatch(/conflict: .*no time/);
  expect(await say(regression(30, { groups: range(30).map((i) => i % 2) }), {})).toMatch(
    /2 groups do not make 3 parts/,
  );
  expect(await say(regression(30, { time: new Float64Array(30) }), {})).toMatch(/same time/);
  const shared = regression(30, { groups: range(30).map((i) => i % 10), test: range(5, 25) });
  expect(await say(shared, {})).toMatch(/conflict: .*same group as some of the test rows/);
});

describe("parts that the data say themselves", () => {
  const names = ["train", "Validation", "test", "training", "", "val", "testing"];
  const table = (of = (i: number) => names[i % 7]) =>
    csv("size,y,part", 21, (i) => `${i * i},${i % 2},${of(i)}`);
  const source = (text = table(), options: Partial<CsvOptions> = {}) =>
    csvSource(text, { target: "y", split: "part", ...options });

  test("are the same for every seed, and rows of none are left out", () => {
    const parts = split(source(), 0);
    expect([parts.train, parts.validation, parts.test].map((rows) => [...rows])).toEqual([
      [0, 3, 7, 10, 14, 17],
      [1, 5, 8, 12, 15, 19],
      [2, 6, 9, 13, 16, 20],
    ]);
    expect(split(source(), 1)).toEqual(parts);
    expect(splitSizes(source(), {})).toEqual([6, 6, 6]);
    expect(source().notes.join(" ")).toMatch(/"part" says which part a row is in and is no input/);
    const random = split(source(), 0, { by: "random" });
    expect(random.train.length + random.validation.length + random.test.length).toBe(21);
  });

  test.each([
    ['row 3: column "part" holds "tset", which is no part', table((i) => (i === 2 ? "tset" : names[i % 3]))],
    ['column "part" has no row for validation', table((i) => names[2 * (i % 2)])],
  ])("are refused: %s", async (words, text) => {
    expect((await refusal(() => source(text))).text).toContain(words);
  });

  test("have no sizes to ask for", async () => {
    expect(await refusal(() => split(source(), 0, { test: 3 }))).toMatchObject({
      code: "bad-option",
      culprit: "test",
    });
    const plain = csvSource(table(), { target: "y", drop: ["part"] });
    expect((await refusal(() => split(plain, 0, { by: "given" }))).code).toBe("conflict");
  });
});

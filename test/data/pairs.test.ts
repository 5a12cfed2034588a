import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { openData, readImagePairs, split, twins } from "../../src/data/index.ts";
import { csv, range, refusal, temporary } from "./helpers.ts";

const { at, write } = temporary();

const rows = (i: number) =>
  `${i},${2 * i + 1},${i % 2 ? "red" : "blue"},${i % 3 ? "red" : "blue"},z${i},${i % 2}`;
const table = csv("left_size,right_size,left.hue,right.hue,note,same", 12, rows);
const open = async (text: string, options: object = {}) =>
  openData(await write("pairs.csv", text), { target: "same", pairs: true, ...options });

describe("tables of pairs", () => {
  test("have an axis of two, and both sides are scaled alike by what is in training", async () => {
    const source = await open(table);
    expect([source.task, source.size, source.classes]).toEqual(["classification", 12, ["0", "1"]]);
    const pre = source.fit(range(4));
    const { inputs, target, paired } = source.encode(pre, Int32Array.of(1, 9));
    expect([inputs.x.shape, [...target.data], paired]).toEqual([[2, 2, 3], [1, 1], true]);
    // sizes of training: 0 1 2 3 on the left, 1 3 5 7 on the right
    const sizes = [0, 1, 2, 3, 1, 3, 5, 7];
    const mean = 22 / 8;
    const spread = Math.sqrt(sizes.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 8);
    const x = inputs.x.data as Float32Array;
    const expected = [1, 3, 9, 19].map((v) => (v - mean) / spread);
    [0, 3, 6, 9].forEach((place, i) => {
      expect(x[place]).toBeCloseTo(expected[i], 5);
    });
    // row 1: red and red; row 9: red and blue
    expect([...x].filter((_, i) => i % 3 > 0)).toEqual([0, 1, 0, 1, 0, 1, 1, 0]);
    expect(source.notes.join(" ")).toMatch(/of neither side: note/);
  });

  test("of texts are cut by one tokenizer", async () => {
    const words = (i: number) => `one ${i},one two ${i % 3},${i % 2}`;
    const source = await open(csv("left_line,right_line,same", 12, words), { text: "line" });
    const { inputs, vocabulary } = source.encode(source.fit(range(12)), range(3));
    expect([inputs.ids.shape, inputs.mask.shape]).toEqual([
      [3, 2, 3],
      [3, 2, 3],
    ]);
    expect([...inputs.mask.data].slice(0, 6)).toEqual([1, 1, 0, 1, 1, 1]);
    expect(inputs.ids.data[0]).toBe(inputs.ids.data[3]);
    expect(vocabulary).toBe(2 + 14);
  });

  test("may say how alike two things are, and drop a column of both sides", async () => {
    const source = await open(
      csv("left_a,right_a,left_b,right_b,alike", 12, (i) => `${i},${-i},${i % 5},7,${i / 7}`),
      {
        target: "alike",
        drop: ["left_b"],
      },
    );
    expect([source.task, source.encode(source.fit(range(12)), range(1)).inputs.x.shape]).toEqual([
      "regression",
      [1, 2, 1],
    ]);
  });

  test("may be kept together by what is on one side, or parted by a column, which are no inputs", async () => {
    const named = csv(
      "left_id,right_id,left_a,right_a,part,same",
      24,
      (i) => `p${i % 8},p${i % 5},${i % 7},${i % 3},${["train", "validation", "test"][i % 3]},${i % 2}`,
    );
    const grouped = await open(named, { group: "left_id", drop: ["part"] });
    expect(grouped.encode(grouped.fit(range(24)), range(1)).inputs.x.shape).toEqual([1, 2, 1]);
    const { train, test: rest } = split(grouped, 0);
    const trained = new Set(Array.from(train, (row) => row % 8));
    expect(Array.from(rest, (row) => row % 8).filter((thing) => trained.has(thing))).toEqual([]);
    const parted = await open(named, { split: "part", drop: ["left_id"] });
    expect([...split(parted, 0).validation]).toEqual(Array.from(range(8), (i) => 3 * i + 1));
  });

  test.each([
    ['"left_size" has none of the right side', table.replace("right_size", "right_length")],
    ["has no columns left_... and right_...", table.replaceAll(/(left|right)/g, "x$1")],
    ['row 3: column "left_size" holds "big"', table.replace("\n2,5", "\n2,5").replace("\n2,", "\nbig,")],
  ])("are refused: %s", async (words, text) => {
    const { code, text: said } = await refusal(() => open(text));
    expect(code).toBe("bad-data");
    expect(said).toContain(words);
  });

  test("of texts need the column on both sides", async () => {
    expect((await refusal(() => open(table, { text: "line" }))).text).toMatch(
      /no columns left_line and right_line/,
    );
  });
});

describe("pairs of images", () => {
  const picture = (grey: number) =>
    sharp({ create: { width: 3, height: 2, channels: 3, background: { r: grey, g: grey, b: grey } } })
      .png()
      .toBuffer();

  test("come from a folder and a table of files, each read once", async () => {
    for (let i = 0; i < 5; i++) await write(`photos/${i}.png`, await picture(50 * i));
    const list = (wrong = "") =>
      csv(
        "left,right,label",
        12,
        (i) => `${i % 5}.png,${(2 * i) % 5}${i === 7 ? wrong : ""}.png,${i % 2 ? "same" : "other"}`,
      );
    const source = await readImagePairs(at("photos"), await write("list.csv", list()));
    expect([source.size, source.classes]).toEqual([12, ["other", "same"]]);
    const pre = source.fit(range(12));
    if (pre.kind !== "pair" || pre.of.kind !== "image") throw new Error("images");
    const { inputs } = source.encode(
      { ...pre, of: { ...pre.of, mean: [0], spread: [1 / 255] } },
      Int32Array.of(3),
    );
    expect(inputs.x.shape).toEqual([1, 2, 1, 2, 3]);
    expect([inputs.x.data[0], inputs.x.data[6]].map(Number).map(Math.round)).toEqual([150, 50]);
    const grouped = split(await readImagePairs(at("photos"), at("list.csv"), { group: "left" }), 0);
    const lefts = new Set(Array.from(grouped.train, (row) => row % 5));
    expect([...grouped.test].some((row) => lefts.has(row % 5))).toBe(false);
    const wrong = await write("wrong.csv", list("x"));
    expect((await refusal(() => readImagePairs(at("photos"), wrong))).text).toMatch(
      /wrong\.csv, row 8: column "right" holds "4x\.png", which is no PNG or JPEG image/,
    );
  });
});

describe("twins", () => {
  test("of one kind are nearer to each other", async () => {
    const source = twins({ n: 200 });
    const { inputs, target } = source.encode(source.fit(range(200)), range(200));
    const x = inputs.x.data as Float32Array;
    const gap = (pair: number) =>
      Math.hypot(...range(8).map((_, j) => x[16 * pair + j] - x[16 * pair + 8 + j]));
    const mean = (label: number) => {
      const own = [...range(200)].filter((pair) => target.data[pair] === label).map(gap);
      return own.reduce((a, b) => a + b, 0) / own.length;
    };
    expect(mean(1)).toBeLessThan(0.6 * mean(0));
    expect((await openData("twins", { seed: 1 })).classes).toEqual(["different", "same"]);
  });
});

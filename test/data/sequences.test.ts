import { describe, expect, test } from "vitest";
import { fromNested, ndarray } from "../../src/array/ndarray.ts";
import { arraySource, openData, waves } from "../../src/data/index.ts";
import { csv, range, refusal, temporary } from "./helpers.ts";

const { at, write } = temporary();

/** Twelve walks of 2 or 3 steps, last step first, with two columns. */
const lines = Array.from({ length: 12 }, (_, walk) =>
  Array.from(
    { length: 2 + (walk % 2) },
    (_, step) =>
      `w${walk},${9 - step},${10 * walk + step},${step % 2 ? "up" : "down"},${walk % 2 ? "a" : "b"}`,
  ),
).flat();
const table = `walk,t,height,way,who\n${lines.join("\n")}\n`;
const open = async (text: string, options: object = {}) =>
  openData(await write("walks.csv", text), { target: "who", sequence: "walk", time: "t", ...options });

describe("tables of steps", () => {
  test("are sequences in order of time, with a mask where they differ in length", async () => {
    const source = await open(table);
    expect([source.task, source.size, source.classes, source.time]).toEqual([
      "classification",
      12,
      ["a", "b"],
      undefined,
    ]);
    const pre = source.fit(range(2));
    const { inputs, target } = source.encode(pre, Int32Array.of(1, 0));
    expect([inputs.x.shape, inputs.mask.shape, [...target.data]]).toEqual([
      [2, 3, 3],
      [2, 3],
      [0, 1],
    ]);
    expect([...inputs.mask.data]).toEqual([1, 1, 1, 1, 1, 0]);
    // training steps have heights 0, 1, 10, 11, 12
    const mean = 34 / 5;
    const spread = Math.sqrt([0, 1, 10, 11, 12].reduce((sum, v) => sum + (v - mean) ** 2, 0) / 5);
    const scaled = (v: number) => (v - mean) / spread;
    // height, down, up; times fall from row to row, so the last row comes first
    const expected = [
      scaled(12),
      1,
      0,
      scaled(11),
      0,
      1,
      scaled(10),
      1,
      0,
      scaled(1),
      0,
      1,
      scaled(0),
      1,
      0,
      0,
      0,
      0,
    ];
    [...inputs.x.data].forEach((value, i) => {
      expect(Number(value)).toBeCloseTo(expected[i], 5);
    });
    expect(source.notes.join(" ")).toMatch(/12 sequences.*"t" orders the steps.*Sequences of 2 to 3 steps/);
  });

  test("stand as they are without a time, are cut, and need no mask where they are of one length", async () => {
    const source = await open(table, { time: undefined, drop: ["t", "way"], tokens: 2 });
    const { inputs } = source.encode(source.fit(range(12)), Int32Array.of(1));
    expect([inputs.x.shape, Object.keys(inputs)]).toEqual([[1, 2, 1], ["x"]]);
    const [first, second] = inputs.x.data as Float32Array;
    expect(first).toBeLessThan(second);
    expect(source.notes.join(" ")).toMatch(/6 of them are cut to 2 steps/);
  });

  test("may have a number to predict, groups, and sequences without a target", async () => {
    const rows = (i: number) => `${i >> 1},${i * i},${(i >> 1) === 12 ? "" : (i >> 1) / 7},g${(i >> 1) % 3}`;
    const source = await open(csv("walk,height,who,club", 26, rows), { time: undefined, group: "club" });
    expect([source.task, source.size, [...(source.groups ?? [])].slice(0, 4)]).toEqual([
      "regression",
      12,
      [0, 1, 2, 0],
    ]);
  });

  test.each([
    [
      'row 4: column "who" holds "b", and "a" in row 3 of the same sequence',
      table.replace("w1,8,11,up,a", "w1,8,11,up,b"),
    ],
    ['row 4: no sequence (column "walk")', table.replace("w1,8,", ",8,")],
    ['row 4: column "t" holds "", which is no time', table.replace("w1,8,", "w1,,")],
    ['row 4: column "t" holds "soon"', table.replace("w1,8,", "w1,soon,")],
  ])("are refused: %s", async (words, text) => {
    const { code, text: said } = await refusal(() => open(text));
    expect(code).toBe("bad-data");
    expect(said).toContain(words);
  });

  test("have no test file and no texts", async () => {
    expect((await refusal(() => open(table, { text: "way" }))).code).toBe("conflict");
    expect((await refusal(() => open(table, { sequence: "wlak" }))).text).toMatch(/did you mean "walk"/);
    expect((await refusal(() => open(table, { tokens: 0 }))).code).toBe("bad-option");
  });
});

describe("arrays of sequences", () => {
  const x = ndarray(
    "float32",
    [10, 3, 2],
    Float32Array.from({ length: 60 }, (_, i) => i),
  );
  const y = fromNested([0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
  const where = { path: "a.npz", row: (row: number) => `a.npz, row ${row + 1}` };

  test("end where lengths say so", () => {
    const lengths = fromNested([3, 3, 1, 3, 3, 3, 3, 3, 3, 2]);
    const source = arraySource(x, y, where, { sequence: true, lengths });
    const { inputs } = source.encode(source.fit(range(10)), Int32Array.of(2, 9));
    expect([...inputs.mask.data]).toEqual([1, 0, 0, 1, 1, 0]);
    expect([...inputs.x.data].slice(2, 6)).toEqual([0, 0, 0, 0]);
    const even = arraySource(x, y, where, { sequence: true });
    expect(Object.keys(even.encode(even.fit(range(10)), range(2)).inputs)).toEqual(["x"]);
    // as images otherwise
    expect(arraySource(x, y, where).fit(range(10)).kind).toBe("image");
  });

  test("are refused with other shapes and impossible lengths", async () => {
    const of = (more: object, a = x) => refusal(() => arraySource(a, y, where, { sequence: true, ...more }));
    expect((await of({ lengths: fromNested([3, 3, 4, 3, 3, 3, 3, 3, 3, 3]) })).text).toMatch(
      /row 3: lengths holds 4/,
    );
    expect((await of({ lengths: fromNested([3, 3]) })).text).toMatch(
      /lengths of shape \[2\] for 10 sequences/,
    );
    expect((await of({}, ndarray("float32", [10, 6], x.data))).text).toMatch(/holds no sequences/);
    expect((await refusal(() => openData("digits", { sequence: true }))).code).toBe("bad-option");
    await write("folder/x.npy", new Uint8Array(1));
    await write("folder/y.npy", new Uint8Array(1));
    expect((await refusal(() => openData(at("folder"), { sequence: "t" }))).text).toMatch(
      /arrays have no column/,
    );
  });
});

describe("waves", () => {
  test("lie about their shapes", async () => {
    const source = waves({ n: 30, noise: 0 });
    const pre = source.fit(range(30));
    if (pre.kind !== "sequence" || pre.of.kind !== "table") throw new Error("sequences");
    const [column] = pre.of.columns;
    if (column.kind !== "number") throw new Error("numbers");
    const { inputs } = source.encode(pre, range(30));
    const [x, mask] = [inputs.x.data as Float32Array, inputs.mask.data as Float32Array];
    const steps = inputs.x.shape[1];
    // row 1 is a square: only two heights
    const square = [...x.subarray(steps, 2 * steps)].filter((_, t) => mask[steps + t] === 1);
    const heights = new Set(square.map((v) => Math.round(v * column.spread + column.mean)));
    expect([...heights].sort()).toEqual([-1, 1]);
    expect((await openData("waves", { seed: 2 })).classes).toEqual(["sine", "square", "sawtooth"]);
  });
});

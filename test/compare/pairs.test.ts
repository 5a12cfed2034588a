import sharp from "sharp";
import { afterAll, describe, expect, test } from "vitest";
import { asBegun, beginningModel, readBeginning } from "../../src/compare/begin.ts";
import { ofPairs } from "../../src/compare/candidates.ts";
import { candidatesFor, compare, exportWinner, settingOf } from "../../src/compare/index.ts";
import { predictFile } from "../../src/compare/predict.ts";
import { reportHtml } from "../../src/compare/report/page.ts";
import { modelFor } from "../../src/compare/trial.ts";
import { openData, readImagePairs, type Source, twins } from "../../src/data/index.ts";
import type { TablePreprocessing } from "../../src/kinds/index.ts";
import { mlp, models } from "../../src/nn/index.ts";
import { openInline, openModel } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import { keyOf } from "../../src/tensor/index.ts";
import { csv, range, refusal, temporary } from "../data/helpers.ts";
import { type Case, caseOf, furthest, own } from "./exportCase.ts";

const host = openInline();
afterAll(() => host.close());
const { at, write } = temporary();
const data = twins({ n: 200, noise: 0.3 });

test("pairs are told apart by one model for both sides, and by lines of their differences", async () => {
  const candidates = await candidatesFor(["mlp"], [["mixup"], ["dropout"]]);
  const request = { data, candidates, seeds: [0], epochs: 30, rate: 0.01 };
  const comparison = await compare(request, { out: at("out"), workers: 1 });
  expect(comparison.setting).toMatchObject({ score: "accuracy", data: { inputShape: [2, 8] } });
  for (const { test: scores, status } of comparison.trials) {
    expect(status).toBe("done");
    expect(scores.accuracy).toBeGreaterThan(0.7);
    expect(Object.keys(scores).some((name) => /corruption|fgsm|pgd|detection/.test(name))).toBe(false);
  }
  for (const { bytes, latency } of comparison.times) {
    expect(bytes).toBeGreaterThan(4 * 64 * 128);
    expect(latency).toBeGreaterThan(0);
  }
  const logistic = comparison.references.find(({ candidate }) => candidate === "logistic");
  expect(logistic?.test.accuracy).toBeGreaterThan(0.7);
  expect(reportHtml(comparison)).toContain("what moves one side of a pair");
  await exportWinner(request, comparison, at("twins.onnx"));
  const names = range(8).map((_, j) => j + 1);
  const heads = ["left", "right"].flatMap((side) => Array.from(names, (j) => `${side}_x${j}`));
  const same = csv(heads.join(), 3, (i) => heads.map((_, j) => Math.sin(8 * i + (j % 8))).join());
  const predictions = await predictFile(at("twins.onnx"), await write("same.csv", same));
  expect(predictions).toMatchObject({ task: "classification", labels: ["same", "same", "same"] });
}, 60_000);

test("noise studies of pairs are refused", async () => {
  const request = { data, candidates: await candidatesFor(["mlp"], []), study: { kind: "noise" } as const };
  expect((await refusal(() => settingOf(request))).culprit).toBe("noise-study");
});

const probabilitiesOf = async (model: string, path: string, options: { images?: string } = {}) => {
  const predictions = await predictFile(model, path, options);
  if (predictions.task !== "classification") throw new Error("no classes");
  return predictions.probabilities.flat();
};

/** The predictions of our own for all pairs. */
const wanted = async (it: Case, n: number) =>
  (await own(host, it, it.source.encode(it.preprocessing, range(n)))).data;

const hues = ["red", "blue", "green"];
const things = (i: number) =>
  `${i % 5 === 2 ? "" : i},${(7 * i) % 11},${hues[i % 3]},${hues[(2 * i + (i % 2)) % 3]},z${i},${i % 2}`;
const table = csv("left_size,Right.size,left_hue,right_hue,note,same", 24, things);

describe("an exported model of pairs", () => {
  const rows = 24;
  const exported = async (name: string, source: Source, make = models.mlp) => {
    const it = await caseOf(host, source, ofPairs(make), {}, { rows, epochs: 1 });
    await write(name, it.bytes);
    return it;
  };
  const openTable = async () =>
    openData(await write("pairs.csv", table), { target: "same", pairs: true, keep: ["left_hue"] });

  test("predicts a table as training does, either side first, and takes an unknown category as a missing one", async () => {
    const it = await exported("table.onnx", await openTable());
    const found = await probabilitiesOf(at("table.onnx"), at("pairs.csv"));
    expect(furthest(found, await wanted(it, rows))).toBeLessThan(1e-5);
    const turned = table.replace(/.*/, "right_size,left_size,right_hue,left_hue,note,same");
    const again = await probabilitiesOf(at("table.onnx"), await write("turned.csv", turned));
    expect(furthest(again, found)).toBeLessThan(1e-6);
    const asked = (hue: string) =>
      write(`${hue}.csv`, `left_size,left_hue,right_size,right_hue\n3,${hue},5,blue\n`);
    const unknown = await probabilitiesOf(at("table.onnx"), await asked("mauve"));
    expect(unknown).toEqual(await probabilitiesOf(at("table.onnx"), await asked("NA")));
    expect(furthest(unknown, await probabilitiesOf(at("table.onnx"), await asked("red")))).toBeGreaterThan(
      1e-4,
    );
  });

  test("has the inputs of one side after those of the other, for any number of rows", async () => {
    const it = await exported("table.onnx", await openTable());
    const model = await openModel(it.bytes);
    expect(model.inputs).toEqual(["left_size", "left_hue", "right_size", "right_hue"]);
    await model.close();
  });

  test("predicts texts as training does", async () => {
    const words = (i: number) => `one ${i % 5},one two ${i % 3},${i % 2}`;
    const path = await write("texts.csv", csv("left_line,right_line,same", rows, words));
    const source = await openData(path, { target: "same", pairs: true, text: "line" });
    const it = await exported("texts.onnx", source, models.gru);
    expect(furthest(await probabilitiesOf(at("texts.onnx"), path), await wanted(it, rows))).toBeLessThan(
      1e-5,
    );
    const lacking = await write("lacking.csv", "left_line,right_lines\na,b\n");
    expect((await refusal(() => predictFile(at("texts.onnx"), lacking))).text).toMatch(
      /no column "right_line".*did you mean "right_lines"/,
    );
  });

  test("predicts images as training does, which lie beside the table or in a folder", async () => {
    for (let i = 0; i < 5; i++) {
      const create = { width: 4, height: 3, channels: 3 as const, background: { r: 50 * i, g: 9, b: 200 } };
      await write(`photos/${i}.png`, await sharp({ create }).png().toBuffer());
    }
    const list = csv("left,right,label", rows, (i) => `${i % 5}.png,${(2 * i) % 5}.png,${"ab"[i % 2]}`);
    const path = await write("list.csv", list);
    const it = await exported("images.onnx", await readImagePairs(at("photos"), path));
    const found = await probabilitiesOf(at("images.onnx"), path, { images: at("photos") });
    expect(furthest(found, await wanted(it, rows))).toBeLessThan(1e-5);
    expect(await probabilitiesOf(at("images.onnx"), await write("photos/list.csv", list))).toEqual(found);
    const { text, code } = await refusal(() => predictFile(at("images.onnx"), path));
    expect(code).toBe("bad-data");
    expect(text).toMatch(/row 1: column "left" holds "0.png", which is no PNG or JPEG image.*\(--images\)/);
  });

  test("is refused what is no such file", async () => {
    await exported("table.onnx", await openTable());
    const refused = (path: string, options = {}) =>
      refusal(() => predictFile(at("table.onnx"), path, options));
    const lacking = await write("lacking.csv", table.replace("left_hue", "hue"));
    expect(await refused(lacking)).toMatchObject({ code: "unknown-name", culprit: "left_hue" });
    const junk = await write("junk.csv", table.replace("\n0,", "\nbig,"));
    expect((await refused(junk)).text).toMatch(/row 1: column "left_size" was learned as numbers/);
    expect((await refused(at(""))).text).toMatch(/is a folder, the model takes a table/);
    expect(await refused(at("pairs.csv"), { images: at("") })).toMatchObject({ culprit: "images" });
  });
});

describe("a model of pairs that begins with a file", () => {
  const small = (shape: readonly number[], outputs: number) => mlp(shape, outputs, [6]);
  const initial = (begun: ReturnType<typeof beginningModel>, source: Source) => {
    const model = modelFor(source.encode(source.fit(range(20)), range(20)), begun);
    const made = Object.entries(model.init(keyOf([7, 0])));
    return Object.fromEntries(made.map(([path, value]) => [path, evaluate([value])[0]]));
  };

  test("has all of its weights where that is one of pairs, and its scales", async () => {
    const it = await caseOf(host, data, ofPairs(small), {}, { rows: 60, epochs: 1 });
    await write("pairs.onnx", it.bytes);
    const begin = await readBeginning(at("pairs.onnx"));
    const begun = initial(beginningModel(small, begin, data), data);
    for (const [path, value] of Object.entries(begun))
      expect(value, path).toEqual(it.trained.values[`params/${path}`]);
    const source = asBegun(twins({ n: 40, seed: 3 }), begin);
    expect(source.fit(range(10))).toEqual(it.preprocessing);
  });

  test("looks at both sides with what a file of single things has learned", async () => {
    const n = 40;
    const path = await write(
      "singles.csv",
      csv("size,hue,kind", n, (i) => `${(i * i) % 7},${hues[i % 3]},${"abc"[i % 3]}`),
    );
    const it = await caseOf(
      host,
      await openData(path, { target: "kind" }),
      small,
      {},
      { rows: n, epochs: 1 },
    );
    await write("single.onnx", it.bytes);
    const begin = await readBeginning(at("single.onnx"));
    const pairs = await openData(await write("pairs.csv", table), { target: "same", pairs: true });
    const source = asBegun(pairs, begin);
    const { columns } = it.preprocessing as TablePreprocessing;
    expect(source.fit(range(9))).toMatchObject({ kind: "pair", target: "same", of: { columns } });
    const begun = initial(beginningModel(small, begin, source), source);
    expect(begun["head.kernel"].shape).toEqual([2, 12]);
    expect(begun["hidden.0.0.kernel"]).toEqual(it.trained.values["params/hidden.0.0.kernel"]);
    const refused = await refusal(() => asBegun(data, { ...begin, preprocessing: digits }).fit(range(9)));
    expect(refused.text).toMatch(/is a pair, of which each is a row of .* takes an image/);
  });

  const digits = {
    kind: "image" as const,
    shape: [1, 8, 8] as const,
    mean: [0],
    spread: [1],
    target: "t",
    classes: [],
    targetScale: [],
  };
});

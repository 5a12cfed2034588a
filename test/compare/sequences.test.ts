import { afterAll, describe, expect, test } from "vitest";
import { asBegun, beginningModel, readBeginning } from "../../src/compare/begin.ts";
import { candidatesFor, compare, exportWinner } from "../../src/compare/index.ts";
import { predictFile, predictionsCsv } from "../../src/compare/predict.ts";
import { reportHtml } from "../../src/compare/report/page.ts";
import { modelFor } from "../../src/compare/trial.ts";
import { openData, type Source, waves } from "../../src/data/index.ts";
import { models, recurrentModel } from "../../src/nn/index.ts";
import { type ModelValue, openInline, openModel } from "../../src/runtime/index.ts";
import { range, refusal, temporary } from "../data/helpers.ts";
import { type Case, caseOf, furthest, type Make, own } from "./exportCase.ts";

const host = openInline();
afterAll(() => host.close());
const { at, write } = temporary();

test("sequences are told apart by models of their order, with methods that blend and spoil them", async () => {
  const candidates = await candidatesFor(["gru"], [["mixup"], ["input-noise"]]);
  const data = waves({ n: 120, noise: 0.1 });
  const request = { data, candidates, seeds: [0], epochs: 12, rate: 0.01 };
  const comparison = await compare(request, { out: at("out"), workers: 1 });
  expect(comparison.setting.data.inputShape[1]).toBe(1);
  for (const { test: scores, status, curve } of comparison.trials) {
    expect(status).toBe("done");
    expect(Object.keys(scores)).toContain("calibrationError");
    expect(curve.at(-1)?.trainLoss).toBeLessThan(curve[0].trainLoss);
  }
  expect(comparison.references.map(({ status }) => status)).toEqual(["done", "done"]);
  expect(reportHtml(comparison)).toContain("those that are known are for tables and images");
  await exportWinner(request, comparison, at("waves.onnx"));
  const heights = range(20).map((step) => step);
  const wave = (name: string, f: (step: number) => number) => [...heights].map((t) => `${name},${f(t)}\n`);
  const lines = [...wave("a", (t) => Math.sin(t)), ...wave("b", (t) => (t % 8 < 4 ? 1 : -1))];
  const ask = await write("ask.csv", `sequence,height\n${lines.join("")}`);
  expect(await predictFile(at("waves.onnx"), ask)).toMatchObject({ target: "wave", sequences: ["a", "b"] });
}, 60_000);

const n = 20;
/** Walks of 2 to 5 steps, last step first, some without a height. */
const walk = (i: number, length = 2 + (i % 4)) =>
  Array.from({ length }, (_, t) => {
    const height = t === 1 && i % 3 === 0 ? "" : (10 * i + t * t) % 17;
    return `w${i},${9 - t},${height},${t % 2 ? "up" : "down"},${"ab"[i % 2]}`;
  });
const tableOf = (rows: readonly string[]) => `walk,t,height,way,who\n${rows.join("\n")}\n`;
const uneven = tableOf(Array.from({ length: n }, (_, i) => walk(i)).flat());
const even = tableOf(Array.from({ length: n }, (_, i) => walk(i, 3)).flat());

const open = async (text: string, options: object = {}) =>
  openData(await write("walks.csv", text), { target: "who", sequence: "walk", time: "t", ...options });
const exported = async (source: Source, make: Make = models.gru): Promise<Case> => {
  const it = await caseOf(host, source, make, {}, { rows: n, epochs: 1 });
  await write("best.onnx", it.bytes);
  return it;
};
const found = async (text: string) => {
  const predictions = await predictFile(at("best.onnx"), await write("new.csv", text));
  if (predictions.task !== "classification") throw new Error("no classes");
  return predictions;
};
const wanted = async (it: Case) => (await own(host, it, it.source.encode(it.preprocessing, range(n)))).data;

describe("an exported model of sequences", () => {
  test.each(["gru", "lstm", "transformer", "bag", "mlp"])(
    "predicts a file as training does, each sequence to its own end: %s",
    async (name) => {
      const it = await exported(await open(uneven), models[name]);
      const { probabilities, sequences } = await found(uneven);
      expect(sequences).toEqual(Array.from({ length: n }, (_, i) => `w${i}`));
      expect(furthest(probabilities.flat(), await wanted(it))).toBeLessThan(1e-5);
    },
  );

  test("takes steps in any order, and unknown categories as missing ones", async () => {
    await exported(await open(uneven));
    const [few, turned] = [walk(7), walk(7).toReversed()];
    const { probabilities } = await found(tableOf([...few, ...walk(2)]));
    const mixed = tableOf(turned.flatMap((row, i) => [row, ...walk(2).slice(2 * i, 2 * i + 2)]));
    const again = await found(mixed);
    expect(again.sequences).toEqual(["w7", "w2"]);
    expect(furthest(again.probabilities.flat(), probabilities.flat())).toBeLessThan(1e-6);
    const [strange, none] = ["sideways", ""].map((way) => mixed.replaceAll(/up|down/g, way));
    expect((await found(strange)).probabilities).toEqual((await found(none)).probabilities);
    const [heads, line] = predictionsCsv(again).split("\n");
    expect(heads).toBe("sequence,label,p(a),p(b)");
    expect(line).toMatch(new RegExp(`^w7,${again.labels[0]},`));
  });

  test("does not look behind a sequence's end", async () => {
    const { bytes } = await exported(await open(uneven));
    const model = await openModel(bytes);
    expect(model.inputs).toEqual(["height", "way", "mask"]);
    const ask = async (height: number, way: string) => {
      const feeds: Record<string, ModelValue> = {
        height: { dtype: "float32", shape: [1, 5], data: Float32Array.of(1, 2, height, height, height) },
        way: { dtype: "string", shape: [1, 5], data: ["up", "down", way, way, way] },
        mask: { dtype: "float32", shape: [1, 5], data: Float32Array.of(1, 1, 0, 0, 0) },
      };
      return (await model.run(feeds)).outputs.probabilities.data;
    };
    expect(await ask(12, "up")).toEqual(await ask(Number.NaN, ""));
    await model.close();
  });

  test("is refused a sequence longer than those of training, unless training cut them too", async () => {
    await exported(await open(uneven));
    const longer = tableOf([...walk(1), ...walk(2, 6)]);
    const error = await refusal(() => found(longer));
    expect(error).toMatchObject({ code: "bad-data", culprit: "walk" });
    expect(error.text).toMatch(/row 4: sequence w2 has 6 steps, and those .* had at most 5/);
    await exported(await open(uneven, { tokens: 3 }));
    const { probabilities } = await found(longer);
    // the first in time are the last rows
    const kept = tableOf([...walk(1), ...walk(2, 6).slice(3)]);
    expect((await found(kept)).probabilities).toEqual(probabilities);
  });

  test("is refused other lengths where training knew one only", async () => {
    const it = await exported(await open(even));
    expect(furthest((await found(even)).probabilities.flat(), await wanted(it))).toBeLessThan(1e-5);
    for (const length of [2, 4])
      expect((await refusal(() => found(tableOf(walk(0, length))))).text).toMatch(
        new RegExp(`sequence w0 has ${length} steps, and those .* had 3, all of them`),
      );
  });

  test("is refused what is no such file", async () => {
    await exported(await open(uneven));
    const refused = (text: string) => refusal(() => found(text));
    expect((await refused(uneven.replace("walk,", "wlak,"))).text).toMatch(
      /no column "walk".*did you mean "wlak"/,
    );
    expect(await refused(uneven.replace(",t,", ",time,"))).toMatchObject({
      code: "unknown-name",
      culprit: "t",
    });
    expect(await refused(uneven.replace(",way", ",means"))).toMatchObject({ culprit: "way" });
    expect((await refused(uneven.replace("w1,9,", ",9,"))).text).toMatch(/row 3: no sequence/);
    expect((await refused(uneven.replace("w1,9,", "w1,,"))).text).toMatch(/which is no time/);
    expect((await refused(tableOf([]).trimEnd())).text).toMatch(/has column names but no rows/);
  });
});

describe("a model of sequences that begins with a file", () => {
  const small: Make = (shape, outputs, about) =>
    recurrentModel(shape, outputs, { cell: "gru", units: 5, masked: about?.masked });

  test("takes shorter ones, whatever their columns are called, and no longer ones", async () => {
    const it = await exported(await open(even), small);
    const begin = await readBeginning(at("best.onnx"));
    const shorter = uneven.replace("walk,t,", "trip,hour,");
    const renamed = { sequence: "trip", time: "hour", tokens: 3 };
    const source = asBegun(await open(shorter, renamed), begin);
    const pre = source.fit(range(5));
    expect(pre).toEqual({ ...it.preprocessing, column: "trip", time: "hour", cut: true });
    const data = source.encode(pre, range(n));
    expect([data.inputs.x.shape, [...data.inputs.mask.data].slice(0, 3)]).toEqual([
      [n, 3, 3],
      [1, 1, 0],
    ]);
    const model = modelFor(data, beginningModel(small, begin, source));
    expect(model.leaves.map(({ path }) => path)).toEqual(it.trained.plan.leaves.map(({ path }) => path));
    const longer = asBegun(await open(uneven), begin);
    expect((await refusal(() => longer.fit(range(5)))).text).toMatch(
      /is a sequence of up to 5 steps, and .* takes a sequence of up to 3 steps/,
    );
  });
});

import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NdArray } from "../../src/array/ndarray.ts";
import { writeNpz } from "../../src/array/npz.ts";
import { asBegun, beginningModel, dataOf, membersOf, readBeginning } from "../../src/compare/begin.ts";
import { type CompareRequest, candidatesFor, compare, settingOf, shelf } from "../../src/compare/index.ts";
import { prepare } from "../../src/compare/prepare.ts";
import { reportHtml } from "../../src/compare/report/page.ts";
import { trainingOf } from "../../src/compare/trial.ts";
import { imageSource, loadDataset, type Source, split } from "../../src/data/index.ts";
import { textSource } from "../../src/data/text/index.ts";
import type { Model } from "../../src/kinds/index.ts";
import { begunWith, mlp, models, resnet } from "../../src/nn/index.ts";
import { weightCompander } from "../../src/parts/parametrizations/weightCompander.ts";
import { openInline, openModel } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import { keyOf } from "../../src/tensor/index.ts";
import { saveCheckpoint } from "../../src/training/checkpoint.ts";
import { beginning, lift, planOf, predict, train } from "../../src/training/index.ts";
import { temporary } from "../data/helpers.ts";
import { references } from "../methods/small.ts";
import { classes as clouds, training } from "../training/setup.ts";
import { type Case, caseOf, furthest, type Make, own, pixelsOf, refusal } from "./exportCase.ts";

const host = openInline();
afterAll(() => host.close());
const { at, write } = temporary();

const digits = await loadDataset("digits");
const small: Make = (shape, outputs) => resnet(shape, outputs, { channels: [2, 4] });
const trained = await caseOf(host, digits, small, {}, { rows: 60, epochs: 1 });
beforeAll(async () => {
  await write("best.onnx", trained.bytes);
});

/** The initial values of a model, by path. */
const initial = (model: Model, seed = 7) =>
  Object.fromEntries(
    Object.entries(model.init(keyOf([seed, 0]))).map(([path, value]) => [path, evaluate([value])[0]]),
  );

const weightsOf = ({ trained: { values } }: Case) =>
  Object.fromEntries(
    Object.entries(values).flatMap(([path, a]) => (path.startsWith("params/") ? [[path.slice(7), a]] : [])),
  );

/** Images of the size of digits, with other classes. */
function others(classes: readonly string[], side = 8): Source {
  const n = 40;
  const labels = Int32Array.from({ length: n }, (_, i) => i % classes.length);
  const data = Uint8Array.from({ length: n * side * side }, (_, i) => (i * 37) % 256);
  const target = { task: "classification" as const, name: "kind", classes, labels };
  return imageSource({ name: "others", target }, { shape: [1, side, side], data, full: 255 });
}

describe("a model that begins with a file", () => {
  test("has the weights and running statistics of an exported one, to the last bit, whatever the seed", async () => {
    const begin = await readBeginning(at("best.onnx"));
    expect(begin.model).toBe(small([1, 8, 8], 10).name);
    const begun = initial(beginningModel(small, begin, digits)([1, 8, 8], 10));
    expect(begun).toEqual(weightsOf(trained));
    expect(Object.keys(begun).some((path) => path.includes("mean"))).toBe(true);
  });

  test("has a new head, and only that, for other classes", async () => {
    const begin = await readBeginning(at("best.onnx"));
    const learned = weightsOf(trained);
    for (const classes of [["a", "b", "c"], Array.from("abcdefghij")]) {
      const source = others(classes);
      const bare = initial(small([1, 8, 8], classes.length));
      const begun = initial(beginningModel(small, begin, source)([1, 8, 8], classes.length));
      for (const [path, value] of Object.entries(begun))
        expect(value, path).toEqual(path.startsWith("head.") ? bare[path] : learned[path]);
    }
  });

  test("begins with a checkpoint of one run, or with arrays by name", async () => {
    const [data, model] = [clouds(18), mlp([4], 3, [5])];
    const plan = planOf(training({}, { model }), data);
    const stopped = { checkpoint: at("run.npz"), signal: AbortSignal.abort() };
    expect(await refusal(() => train(plan, data, 0, host, stopped))).toMatchObject({ code: "interrupted" });
    const { weights } = await readBeginning(at("run.npz"));
    expect(Object.keys(weights).sort()).toEqual(model.leaves.map(({ path }) => path).sort());
    expect(initial(begunWith(model, weights))).toEqual(weights);
    await write("named.npz", writeNpz(weights));
    expect((await readBeginning(at("named.npz"))).weights).toEqual(weights);
  });

  test("is refused where a parameter does not fit, lacks, or has no place, which is named", async () => {
    const begin = await readBeginning(at("best.onnx"));
    const make = (of: Make, shape: readonly number[], outputs = 10) =>
      refusal(() => beginningModel(of, begin, digits)(shape, outputs));
    const wide = await make((shape, outputs) => resnet(shape, outputs, { channels: [3, 4] }), [1, 8, 8]);
    expect(wide).toMatchObject({ code: "bad-shape", culprit: "stem.0.kernel" });
    expect(wide.message).toMatch(/\[2,1,3,3\] in .*best\.onnx, and \[3,1,3,3\] in resnet/);
    expect(await make(models.mlp, [1, 8, 8])).toMatchObject({
      code: "unknown-name",
      culprit: "hidden.0.0.kernel",
    });
    const { weights } = begin;
    const more = { ...weights, "head.extra": weights["head.bias"] };
    const surplus = await refusal(() => begunWith(small([1, 8, 8], 10), more));
    expect(surplus).toMatchObject({ code: "unknown-name", culprit: "head.extra" });
    const whole = {
      ...weights,
      "head.bias": { dtype: "int32", shape: [10], data: new Int32Array(10) } as NdArray,
    };
    expect(await refusal(() => begunWith(small([1, 8, 8], 10), whole))).toMatchObject({
      code: "bad-dtype",
      culprit: "head.bias",
    });
  });

  test("is refused what a method made the weights from", async () => {
    const compander = { compander: lift(weightCompander, weightCompander()) };
    const companded = await caseOf(host, digits, models.linear, compander, { rows: 50, epochs: 1 });
    await write("companded.onnx", companded.bytes);
    const begin = await readBeginning(at("companded.onnx"));
    const error = await refusal(() => beginningModel(models.linear, begin, digits)([1, 8, 8], 10));
    expect(error).toMatchObject({ code: "unknown-name" });
    expect(error.message).toMatch(/holds "head\.0\.kernel\/\w+", which mlp\(\) has no place for/);
  });

  test("is refused where the file is not whole, of other making, or of several runs", async () => {
    for (const share of [0.2, 0.9]) {
      await write("cut.onnx", trained.bytes.subarray(0, Math.floor(share * trained.bytes.length)));
      const error = await refusal(() => readBeginning(at("cut.onnx")));
      expect(error).toMatchObject({ code: "bad-file", culprit: at("cut.onnx") });
    }
    await write("text.onnx", "no model");
    expect((await refusal(() => readBeginning(at("text.onnx")))).code).toBe("bad-file");
    await write("zip.npz", "PK and nothing else");
    expect((await refusal(() => readBeginning(at("zip.npz")))).code).toBe("bad-file");
    expect((await refusal(() => readBeginning(at("absent.onnx")))).code).toBe("bad-file");
    const runs = [0, 1].map(() => ({ total: 0, history: [] }));
    const two = { identity: "two", epoch: 1, done: 0, seconds: 0, runs, arrays: {} };
    await saveCheckpoint(at("two.npz"), two);
    expect((await refusal(() => readBeginning(at("two.npz")))).message).toMatch(/a checkpoint of 2 runs/);
  });
});

describe("an ONNX file of other making", () => {
  interface FileCase {
    readonly name: string;
    readonly onnx: string;
  }
  const { cases } = references<FileCase>("onnx-files");
  const file = cases.find(({ name }) => name === "residual") as FileCase;

  test("brings its network along, which is trained and exported as any other", async () => {
    await write("residual.onnx", Buffer.from(file.onnx, "base64"));
    const from = await readBeginning(at("residual.onnx"));
    expect(from).toMatchObject({ model: "residual.onnx", network: { shape: [1, 8, 8] } });
    const of = membersOf({ data: digits, from }).model("residual.onnx");
    const tuned = await caseOf(host, digits, of, {}, { rows: 100, epochs: 1 });
    const learned = weightsOf(tuned);
    for (const [path, { data }] of Object.entries(from.weights)) {
      const moved = furthest(learned[path].data as Float32Array, data as Float32Array);
      expect(moved, path).toBeGreaterThan(0);
      // three steps of Adam at 0.01; running statistics move toward those of the data
      if (!path.includes("running")) expect(moved, path).toBeLessThan(0.05);
    }
    const model = await openModel(tuned.bytes);
    const rows = Int32Array.of(1, 5, 9);
    const { outputs } = await model.run({ image: pixelsOf(tuned, rows) });
    await model.close();
    const want = await own(host, tuned, digits.encode(tuned.preprocessing, rows));
    expect(furthest(outputs.probabilities.data as Float32Array, want.data)).toBeLessThan(1e-5);
  });

  test("is begun with again once it was trained and exported, as often as one likes", async () => {
    await write("residual.onnx", Buffer.from(file.onnx, "base64"));
    let from = await readBeginning(at("residual.onnx"));
    for (const data of [digits, others(["a", "b", "c"])]) {
      const of = membersOf({ data, from }).model("residual.onnx");
      const tuned = await caseOf(host, data, of, {}, { rows: 40, epochs: 1 });
      await write("tuned.onnx", tuned.bytes);
      from = await readBeginning(at("tuned.onnx"));
      expect(from).toMatchObject({ model: "residual.onnx", network: { shape: [1, 8, 8] } });
      expect(from.weights).toEqual(weightsOf(tuned));
      const again = membersOf({ data, from }).model("residual.onnx");
      const { classes } = tuned.preprocessing;
      expect(initial(again([1, 8, 8], classes.length))).toEqual(from.weights);
      expect(again([1, 8, 8], classes.length).places).toEqual(tuned.trained.plan.recipe.about.model.places);
    }
  });

  test("is refused for texts, and where it has operators that are not known", async () => {
    await write("residual.onnx", Buffer.from(file.onnx, "base64"));
    const of = membersOf({ data: digits, from: await readBeginning(at("residual.onnx")) }).model(
      "residual.onnx",
    );
    const error = await refusal(() => of([8], 2, { task: "classification", vocabulary: 9 }));
    expect(error).toMatchObject({ code: "conflict", culprit: at("residual.onnx") });
    const text = Buffer.from(file.onnx, "base64").toString("latin1");
    await write("unknown.onnx", Buffer.from(text.replaceAll("Conv", "Conw"), "latin1"));
    const unknown = await refusal(() => readBeginning(at("unknown.onnx")));
    expect(unknown).toMatchObject({ code: "conflict", culprit: at("unknown.onnx") });
    expect(unknown.message).toMatch(/it has the operator Conw/);
  });
});

describe("data for a model that was trained before", () => {
  test("are encoded as it takes them, and only the target is learned anew", async () => {
    const begin = await readBeginning(at("best.onnx"));
    const source = others(["a", "b"]);
    const rows = Int32Array.of(0, 1, 2);
    const begun = asBegun(source, begin);
    const pre = begun.fit(rows);
    expect(pre).toEqual({ ...trained.preprocessing, target: "kind", classes: ["a", "b"], targetScale: [] });
    const own = source.fit(rows);
    expect(begun.encode(pre, rows).inputs.x.data).not.toEqual(source.encode(own, rows).inputs.x.data);
    expect(begun.notes.at(-1)).toBe("Inputs are encoded as best.onnx takes them.");
  });

  test("are refused where they are of another kind or size", async () => {
    const begin = await readBeginning(at("best.onnx"));
    const refused = (source: Source) => refusal(() => asBegun(source, begin).fit(Int32Array.of(0, 1, 2)));
    expect((await refused(others(["a", "b"], 6))).message).toMatch(
      /is an image of \[1,6,6\], and .* an image of \[1,8,8\]/,
    );
    expect((await refused(await loadDataset("penguins"))).message).toMatch(
      /a row of the columns .*, and .* an image/,
    );
    const labels = Int32Array.from({ length: 12 }, (_, i) => i % 2);
    const target = { task: "classification" as const, name: "t", classes: ["a", "b"], labels };
    const texts = Array.from(labels, (label) => (label === 0 ? "yes and" : "no but"));
    expect((await refused(textSource({ name: "texts", target }, texts))).message).toMatch(
      /is a text of 2 tokens/,
    );
  });
});

describe("a comparison that begins with a file", () => {
  const models = { small: (shape: readonly number[], outputs: number) => mlp(shape, outputs, [24]) };
  const asking = async (): Promise<CompareRequest> => {
    const whole = await caseOf(host, digits, models.small, {}, { rows: 600, epochs: 10 });
    await write("mlp.onnx", whole.bytes);
    const candidates = await candidatesFor(["small"], [], [], shelf([], models));
    const sizes = { train: 40, validation: 40, test: 100 };
    const from = await readBeginning(at("mlp.onnx"));
    return { data: digits, models, candidates, seeds: [0], split: sizes, rate: 1e-4, epochs: 2, from };
  };

  test("predicts before its first step what the file predicts", async () => {
    const request = await asking();
    const setting = await settingOf(request);
    const prepared = prepare(dataOf(request), 0, request.split ?? {}, 0);
    const [candidate] = request.candidates;
    const recipe = await trainingOf(candidate, [], 0.1, 1, setting, prepared, membersOf(request));
    const plan = planOf(recipe, prepared.train);
    const start = await beginning(host, plan, { data: prepared.train, seed: 5 });
    const model = await openModel(await readFile(at("mlp.onnx")));
    const rows = split(digits, 0, request.split).test;
    const scale = { ...prepared.preprocessing, mean: [0], spread: [1] };
    const { outputs } = await model.run({ image: digits.encode(scale, rows).inputs.x });
    await model.close();
    const want = await predict(host, plan, start, prepared.test);
    expect(furthest(outputs.probabilities.data as Float32Array, want.data)).toBeLessThan(1e-5);
  });

  test("says so, and fine-tuning is then from few examples of every class, beside the same from scratch", async () => {
    const protocol = { id: "fine-tuning", options: { size: 1 } };
    const request = { ...(await asking()), protocol };
    const tuned = await compare(request, { out: at("tuned"), workers: 1 });
    const [{ test: scores }] = tuned.trials;
    expect(scores.accuracy).toBeGreaterThan(0.8);
    expect(scores.scratch).toBeLessThan(0.6);
    expect(scores.gain).toBeCloseTo(scores.accuracy - scores.scratch, 12);
    expect(scores).not.toHaveProperty("kept");
    const name = `mlp.onnx (${request.from?.fingerprint})`;
    expect(tuned.setting.from).toBe(name);
    expect(reportHtml(tuned)).toContain(`begin with the weights of ${name}`);
  });
});

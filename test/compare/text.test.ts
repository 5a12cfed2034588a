import { mkdtempSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { shelf } from "../../src/compare/candidates.ts";
import { type Comparison, candidatesFor, compare, exportWinner } from "../../src/compare/index.ts";
import { predictFile, predictionsCsv } from "../../src/compare/predict.ts";
import { prepare } from "../../src/compare/prepare.ts";
import { reportHtml } from "../../src/compare/report/page.ts";
import { trainingOf } from "../../src/compare/trial.ts";
import { loadDataset, openData, type Source } from "../../src/data/index.ts";
import { languageModel, type NamedModel } from "../../src/nn/index.ts";
import { planOf } from "../../src/training/index.ts";

const folder = mkdtempSync(join(tmpdir(), "ockham-texts-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

/** A transformer so small that its curvature is soon known. */
const models: Readonly<Record<string, NamedModel>> = {
  tiny: ([tokens], _, text) =>
    languageModel(text?.vocabulary ?? 0, tokens, { layers: 1, width: 8, heads: 2, hidden: 8 }),
};

async function run(data: Source, model: string, name: string, split: object) {
  const candidates = await candidatesFor([model], [], [], shelf([], models));
  const request = { data, candidates, models, seeds: [0], epochs: 4, rate: 0.02, split };
  const comparison = await compare(request, { out: at(name), workers: 1 });
  await exportWinner(request, comparison, at(`${name}.onnx`));
  return comparison;
}

const measured = ({ trials: [{ test: scores }] }: Comparison): string[] => Object.keys(scores);

describe("a text that is continued", () => {
  let comparison: Comparison;
  beforeAll(async () => {
    const data = await loadDataset("coriolanus", { tokens: 16 });
    comparison = await run(data, "tiny", "play", { train: 256, validation: 32, test: 32 });
  }, 60_000);

  test("is scored in nats, perplexity, bits a character and accuracy, which fit each other", () => {
    expect(comparison.setting).toMatchObject({
      score: "loss",
      split: { by: "time" },
      data: { task: "tokens" },
    });
    const [{ test: scores, validation, status }] = comparison.trials;
    expect(status).toBe("done");
    expect(scores.perplexity).toBeCloseTo(Math.exp(scores.loss), 4);
    expect(scores.bitsPerCharacter).toBeCloseTo(scores.loss / Math.log(2), 6);
    // better than nothing, worse than knowing
    expect(scores.loss).toBeLessThan(Math.log(60));
    expect(scores.nextTokenAccuracy).toBeGreaterThan(0.05);
    expect(Object.keys(validation)).toContain("loss");
    expect(measured(comparison).some((name) => /corruption|fgsm|pgd|detection/.test(name))).toBe(false);
    expect(reportHtml(comparison)).toContain("tokens are no numbers that could be moved a little");
  });

  test("its exported model says how well it continues a file, and goes on with it", async () => {
    const text = "CORIOLANUS:\nWhat is the matter, you dissentious rogues?\n";
    await writeFile(at("new.txt"), text);
    const predictions = await predictFile(at("play.onnx"), at("new.txt"), { out: at("new.csv") });
    if (predictions.task !== "tokens") throw new Error("no text");
    const [{ tokens, loss, bitsPerCharacter, next }] = predictions.texts;
    expect(tokens).toBe(text.length - 1);
    expect(loss).toBeGreaterThan(1);
    expect(bitsPerCharacter).toBeCloseTo(loss / Math.log(2), 6);
    expect(next.length).toBeGreaterThan(100);
    expect(await readFile(at("new.csv"), "utf8")).toBe(predictionsCsv(predictions));
    expect(await predictFile(at("play.onnx"), at("new.txt"))).toEqual(predictions);
  });
});

describe("texts that are told apart", () => {
  const words = (i: number) => (i % 2 === 1 ? "a lovely bright day" : "some dark gloomy night");
  let comparison: Comparison;
  beforeAll(async () => {
    const lines = Array.from(
      { length: 120 },
      (_, i) => `"${words(i)} ${i % 7}",${i % 2 === 1 ? "light" : "dark"}`,
    );
    await writeFile(at("moods.csv"), `line,mood\n${lines.join("\n")}\n`);
    const data = await openData(at("moods.csv"), { text: "line", target: "mood" });
    comparison = await run(data, "bag", "moods", {});
  }, 60_000);

  test("have the scores of classification, and reference lines that count tokens", () => {
    const [{ test: scores }] = comparison.trials;
    expect(scores.accuracy).toBeGreaterThanOrEqual(0);
    expect(measured(comparison)).toContain("calibrationError");
    expect(measured(comparison).some((name) => /corruption|fgsm|pgd|detection/.test(name))).toBe(false);
    const logistic = comparison.references.find(({ candidate }) => candidate.startsWith("logistic"));
    expect(logistic?.test.accuracy).toBe(1);
  });

  test("are predicted from a table and from plain files", async () => {
    await writeFile(at("new-moods.csv"), "line\na lovely day\ngloomy\n");
    await writeFile(at("mood.txt"), "a lovely day");
    const table = await predictFile(at("moods.onnx"), at("new-moods.csv"));
    const file = await predictFile(at("moods.onnx"), at("mood.txt"));
    if (table.task !== "classification" || file.task !== "classification") throw new Error("no classes");
    expect(table.labels.length).toBe(2);
    file.probabilities[0].forEach((p, i) => {
      expect(p).toBeCloseTo(table.probabilities[0][i], 5);
    });
    expect(file.files).toEqual([at("mood.txt")]);
  });
});

describe("what makes no sense for texts", () => {
  const planned = async (methods: readonly string[], model = "transformer") => {
    const data = await loadDataset("coriolanus", { tokens: 16 });
    const members = shelf();
    const [, candidate] = await candidatesFor([model], [methods]);
    const prepared = prepare(data, 0, { train: 64, validation: 32, test: 32 }, 0);
    const setting = {
      optimizer: { id: "adam", options: {} },
      schedule: { id: "constant", options: {} },
      batchSize: 16,
    };
    const training = await trainingOf(candidate, candidate.methods, 0.01, 1, setting, prepared, members);
    return planOf(training, prepared.train);
  };

  test.each(["mixup", "adamixup", "cutout", "label-smoothing", "ps-kd"])(
    "%s is refused with its own words",
    async (id) => {
      await expect(planned([id])).rejects.toMatchObject({ code: "conflict", culprit: id });
    },
  );

  test.each(["mlp", "cnn", "bag"])("the model %s is refused", async (model) => {
    await expect(planned(["l2"], model)).rejects.toMatchObject({ code: "conflict", culprit: model });
  });

  test("dropout reaches the tokens", async () => {
    // only what draws random numbers reads the key
    const drawsIn = async (id: string) =>
      (await planned([id])).steps.inputs.some(({ name }) => name === "key");
    expect([await drawsIn("l2"), await drawsIn("dropout")]).toEqual([false, true]);
  });
});

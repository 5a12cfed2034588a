import { expect, test } from "vitest";
import { candidatesFor, compare, exportWinner, settingOf } from "../../src/compare/index.ts";
import { predictFile } from "../../src/compare/predict.ts";
import { reportHtml } from "../../src/compare/report/page.ts";
import { communities } from "../../src/data/index.ts";
import { refusal, temporary } from "../data/helpers.ts";

const { at, write } = temporary();
const data = communities({ n: 150 });

test("nodes are told apart with their neighbours' help, compared, exported and predicted", async () => {
  const candidates = await candidatesFor(["gcn", "mlp"], [["dropout"]]);
  const request = { data, candidates, seeds: [0, 1], epochs: 60, batchSize: 150, rate: 0.02 };
  const comparison = await compare(request, { out: at("out"), workers: 1 });
  expect(comparison.setting).toMatchObject({ score: "accuracy", data: { inputShape: [6] } });
  const mean = (name: string) => {
    const own = comparison.trials.filter(({ candidate }) => candidate === name);
    return own.reduce((sum, trial) => sum + trial.test.accuracy, 0) / own.length;
  };
  expect(mean("gcn: none")).toBeGreaterThan(mean("mlp: none"));
  const names = Object.keys(comparison.trials[0].test);
  expect(names).toContain("effectiveRank");
  expect(names.some((name) => /corruption|fgsm|pgd|detection/.test(name))).toBe(false);
  expect(reportHtml(comparison)).toContain("the graph that a model has learned");
  await exportWinner(request, comparison, at("best.onnx"));
  const ask = await write("ask.csv", "node\n7\n100\n7\n");
  const predictions = await predictFile(at("best.onnx"), ask);
  if (predictions.task !== "classification") throw new Error("no classes");
  expect(predictions.labels.length).toBe(3);
  expect(predictions.probabilities[0]).toEqual(predictions.probabilities[2]);
  const strange = await write("strange.csv", "node\n7\n150\n");
  expect((await refusal(() => predictFile(at("best.onnx"), strange))).text).toMatch(
    /row 2: "150" is no node/,
  );
}, 60_000);

test("blends of nodes and noise studies are refused", async () => {
  const asked = (methods: string[]) => candidatesFor(["gcn"], [methods]);
  const request = { data, seeds: [0], epochs: 1, candidates: await asked(["mixup"]) };
  expect(await refusal(() => compare(request, { out: at("mixed") }))).toMatchObject({
    code: "conflict",
    culprit: "mixup",
  });
  const study = { ...request, candidates: await asked([]), study: { kind: "noise" } as const };
  expect((await refusal(() => settingOf(study))).culprit).toBe("noise-study");
});

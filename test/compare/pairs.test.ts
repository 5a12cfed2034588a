import { expect, test } from "vitest";
import { candidatesFor, compare, exportWinner, settingOf } from "../../src/compare/index.ts";
import { reportHtml } from "../../src/compare/report/page.ts";
import { twins } from "../../src/data/index.ts";
import { refusal, temporary } from "../data/helpers.ts";

const { at } = temporary();
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
  const logistic = comparison.references.find(({ candidate }) => candidate === "logistic");
  expect(logistic?.test.accuracy).toBeGreaterThan(0.7);
  expect(reportHtml(comparison)).toContain("what moves one side of a pair");
  const { text } = await refusal(() => exportWinner(request, comparison, at("best.onnx")));
  expect(text).toMatch(/models for pairs are not among/);
}, 60_000);

test("noise studies of pairs are refused", async () => {
  const request = { data, candidates: await candidatesFor(["mlp"], []), study: { kind: "noise" } as const };
  expect((await refusal(() => settingOf(request))).culprit).toBe("noise-study");
});

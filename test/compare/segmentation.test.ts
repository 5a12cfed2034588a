import { expect, test } from "vitest";
import { candidatesFor, compare, settingOf, shelf } from "../../src/compare/index.ts";
import { reportHtml } from "../../src/compare/report/page.ts";
import { shapes } from "../../src/data/index.ts";
import { unet } from "../../src/nn/index.ts";
import { temporary } from "../data/helpers.ts";

const { at } = temporary();
const data = shapes({ n: 60, side: 8, noise: 0 });
const models = {
  small: (shape: readonly number[], outputs: number) => unet(shape, outputs, { channels: [4, 6] }),
};
const split = { train: 30, validation: 10, test: 20 };

test("a class a pixel is compared by mean IoU, better than at the start, and reported", async () => {
  const candidates = await candidatesFor(["small"], [["cutmix"]], [], shelf([], models));
  const request = { data, models, candidates, split, seeds: [0], epochs: 20, batchSize: 10, rate: 0.01 };
  const comparison = await compare(request, { out: at("shapes"), workers: 1 });
  expect(comparison.setting).toMatchObject({
    score: "meanIou",
    data: { task: "segmentation", inputShape: [1, 8, 8] },
  });
  for (const { test: scores, curve } of comparison.trials) {
    for (const name of ["meanIou", "dice", "pixelAccuracy", "corruption", "fgsm"]) {
      expect(scores[name], name).toBeGreaterThan(0);
      expect(scores[name], name).toBeLessThanOrEqual(1);
    }
    expect(curve.at(-1)?.trainLoss).toBeLessThan(0.9 * curve[0].trainLoss);
  }
  const page = reportHtml(comparison);
  for (const words of [/did best on shapes/, /Mean IoU under corruption/, /Dice/])
    expect(page).toMatch(words);
});

test("models with one answer an image, and noise studies, are refused", async () => {
  const candidates = await candidatesFor(["cnn"], []);
  const asked = { data, candidates, split, seeds: [0], epochs: 1 };
  await expect(compare(asked, { out: at("cnn") })).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("one answer for an image"),
    hint: "use unet",
  });
  await expect(settingOf({ ...asked, study: { kind: "noise" } })).rejects.toMatchObject({
    code: "conflict",
    culprit: "noise-study",
  });
});

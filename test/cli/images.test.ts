import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { checkFlags } from "../../src/cli/compare/flags.ts";
import type { Comparison } from "../../src/compare/index.ts";
import { csv, temporary } from "../data/helpers.ts";
import { run, tiny } from "./run.ts";

const { at, write } = temporary();

describe("masks", () => {
  test("without images, or beside what they say themselves, are refused", () => {
    const clash = (culprit: string) => expect.objectContaining({ code: "conflict", culprit });
    expect(() => checkFlags({ masks: "m" })).toThrow(clash("--masks without --images"));
    for (const [flag, more] of [
      ["--target", { target: "x" }],
      ["--task", { task: "regression" }],
    ] as const)
      expect(() => checkFlags({ images: "i", masks: "m", ...more })).toThrow(clash(`--masks and ${flag}`));
    expect(() => checkFlags({ images: "i", masks: "m" })).not.toThrow();
  });

  test("want a model with an answer a pixel", async () => {
    const { code, stderr } = await run(at(""), ...tiny, "--data", "shapes", "--methods", "l1");
    expect(stderr).toMatch(/mlp.* gives one answer for an image, .*\n.*use unet/);
    expect(code).toBe(2);
  });
});

test("pairs of images have the columns of their table, and images alone have none", () => {
  for (const column of ["group", "groups", "time", "split"]) {
    expect(() => checkFlags({ images: "i", [column]: "x" })).toThrow("images have no columns");
    expect(() => checkFlags({ images: "i", pairs: "p.csv", [column]: "x" })).not.toThrow();
  }
  expect(() => checkFlags({ images: "i", pairs: "p.csv", split: "x", trainSize: "9" })).toThrow(
    "--train-size and --split",
  );
});

const square = (level: number) =>
  sharp({ create: { width: 8, height: 8, channels: 3, background: { r: level, g: level, b: level } } })
    .png()
    .toBuffer();

test("a number to predict of images is compared by RMSE in its own unit", async () => {
  for (let i = 0; i < 40; i++) await write(`lit/${i}.png`, await square(6 * i));
  await write(
    "lit/labels.csv",
    csv("file,level", 40, (i) => `${i}.png,${i / 4}`),
  );
  const words = ["compare", "--images", "lit", "--target", "level", "--model", "mlp", "--methods", "none"];
  const { code, stdout } = await run(at(""), ...words, "--seeds", "1", "--epochs", "60", "--json");
  expect(code).toBe(0);
  const { setting, trials } = JSON.parse(stdout) as Comparison;
  expect(setting).toMatchObject({ score: "rmse", data: { task: "regression", inputShape: [1, 8, 8] } });
  // levels are 0 to 10, so that their spread is 2.9
  expect(trials[0].test.rmse).toBeLessThan(1.5);
});

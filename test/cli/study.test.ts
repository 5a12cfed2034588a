import { readFile } from "node:fs/promises";
import { parseHTML } from "linkedom";
import { describe, expect, test } from "vitest";
import type { Comparison } from "../../src/compare/index.ts";
import { temporary } from "../data/helpers.ts";
import { run, tiny } from "./run.ts";

const { at } = temporary();

describe("a noise study", () => {
  const asked = [...tiny, "--noise-study", "--methods", "mixup", "--out", "study"];

  test("of images: a table, words and a page of its own, also when resumed", async () => {
    const { code, stdout, stderr } = await run(at(""), ...asked);
    expect(stderr).toMatch(/results go to study/);
    expect(code).toBe(0);
    for (const words of [/mCE/, /FPR95/, /Under corruption, /, /At telling foreign data, /])
      expect(stdout).toMatch(words);
    const comparison = JSON.parse(await readFile(at("study/comparison.json"), "utf8")) as Comparison;
    expect(comparison.setting.study).toEqual({ kind: "noise" });
    const [plain, mixed] = comparison.trials;
    expect(plain.test.relativeCorruption).toBe(1);
    for (const { name } of comparison.metrics.filter(
      ({ group }) => group === "detection" || group === "robustness",
    ))
      if (/Error|outside|relative/.test(name)) expect(mixed.test[name], name).toBeGreaterThan(0);
    expect(plain.test.error).toBeCloseTo(1 - plain.test.accuracy, 12);
    expect(plain.outside?.map(({ data }) => data)).toEqual([
      "random values",
      "shuffled pixels",
      "inverted images",
    ]);

    const { document } = parseHTML(await readFile(at("study/report.html"), "utf8"));
    const titles = [...document.querySelectorAll("h3")].map((each) => each.textContent);
    expect(titles.slice(0, 4)).toEqual([
      "Robustness and uncertainty",
      "By kind of corruption",
      "By foreign data",
      "Robustness",
    ]);
    const head = [...document.querySelectorAll(`[id$="-kinds"] thead th`)].map((each) => each.textContent);
    expect(head).toEqual([
      "Method",
      ...["Gaussian noise", "shot noise", "impulse noise", "blur", "contrast", "brightness", "pixelation"],
      ...["occlusion", "FGSM"],
    ]);

    const again = await run(at(""), ...asked, "--resume", "--json");
    expect(again.code).toBe(0);
    expect((JSON.parse(again.stdout) as Comparison).outcome).toEqual(comparison.outcome);
  });

  test("of a table of numbers to predict, with RMSE in place of errors", async () => {
    const words = [...tiny, "--noise-study", "--data", "diabetes", "--methods", "input-noise", "--json"];
    const { code, stdout } = await run(at(""), ...words);
    expect(code).toBe(0);
    const { trials, metrics } = JSON.parse(stdout) as Comparison;
    expect(trials[1].test.corruptionError).toBeGreaterThan(1);
    expect(metrics.map(({ name }) => name)).not.toContain("outsideAuroc");
    expect(trials[0].outside).toBeUndefined();
  });

  test.each([
    [
      "foreign data without a study",
      ["--outside", "digits"],
      /--outside without --noise-study/,
      /add --noise-study/,
    ],
    [
      "a table as foreign images",
      ["--noise-study", "--outside", "wine"],
      /wine cannot be shown/,
      /leave --outside out/,
    ],
    ["foreign data that are not there", ["--noise-study", "--outside", "mnst"], /mnst/, /mnist/],
  ])("refuses %s", async (_, words, culprit, remedy) => {
    const { code, stderr } = await run(at(""), ...tiny, ...words);
    expect(stderr).toMatch(culprit);
    expect(stderr).toMatch(remedy);
    expect(code).toBe(2);
  });
});

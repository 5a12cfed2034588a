import { expect, test } from "vitest";
import { candidatesFor, compare } from "../../src/compare/index.ts";
import { reportHtml } from "../../src/compare/report/page.ts";
import { waves } from "../../src/data/index.ts";
import { temporary } from "../data/helpers.ts";

const { at } = temporary();

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
}, 60_000);

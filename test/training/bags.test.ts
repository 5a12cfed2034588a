import { afterAll, expect, test } from "vitest";
import type { NdArray } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import { inBags } from "../../src/data/index.ts";
import { bagLoss } from "../../src/methods/losses/bagLoss.ts";
import { openInline } from "../../src/runtime/index.ts";
import { planOf, train } from "../../src/training/index.ts";
import { paced, quick, regression, values } from "./setup.ts";

const host = openInline();
afterAll(() => host.close());

const bags = inBags(values(26), { size: 4 }, stream(3));

test("batches are of whole bags, and an epoch of all of them", async () => {
  const plan = planOf(regression({ bags: bagLoss() }, { batchSize: 8, epochs: 4 }), bags);
  const drawn: number[] = [];
  const watched = paced(host, quick, ({ data }: NdArray) => drawn.push(...(data as Int32Array)));
  await train(plan, bags, 0, watched);
  const epochs = Array.from({ length: 4 }, (_, e) => drawn.slice(24 * e, 24 * (e + 1)));
  for (const rows of epochs) {
    expect([...rows].sort((a, b) => a - b)).toEqual(Array.from({ length: 24 }, (_, i) => i));
    for (let at = 0; at < 24; at += 4)
      expect(rows.slice(at, at + 4)).toEqual([0, 1, 2, 3].map((i) => rows[at] + i));
  }
  expect(new Set(epochs.map(String)).size).toBe(4);
});

test("batches that would part bags are refused", () => {
  const plan = () => planOf(regression({ bags: bagLoss() }, { batchSize: 6 }), bags);
  expect(plan).toThrow(/part bags of 4/);
});

test("data without groups are refused", () => {
  expect(() => planOf(regression({ bags: bagLoss() }), values(24))).toThrow(/groups are its bags/);
});

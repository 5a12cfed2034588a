import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { partsOf } from "../../experiments/common/data.ts";
import { openJournal } from "../../experiments/common/journal.ts";
import { tidy } from "../../experiments/common/record.ts";
import { trainArms } from "../../experiments/common/train.ts";
import { rates } from "../../experiments/common/use.ts";
import { type Experiment, experiment, type Journal } from "../../src/kinds/index.ts";
import { mlp } from "../../src/nn/index.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ockham-journal-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const signal = new AbortController().signal;

/** Counts what it measures. */
const counting = (measured: number[]): Experiment =>
  experiment({
    id: "counting",
    claim: "What is measured once is not measured again.",
    setting: "diabetes, two rates, three seeds",
    run: async (scale, tools) =>
      trainArms(
        {
          arms: [{ name: "none", variants: rates([0.01, 0.02]) }],
          data: await partsOf("diabetes", { train: 40, validation: 20, test: 20 }, tools.signal),
          seeds: 3,
          epochs: 1,
          batchSize: 20,
          rate: 0.01,
          optimizer: sgd(),
          model: (shape, outputs) => mlp(shape, outputs, [4]),
          measure: async ({ seed, trained }) => {
            measured.push(seed);
            return { loss: trained.history[0].trainLoss };
          },
        },
        scale,
        tools,
      ),
    judge: () => ({ says: "holds", numbers: {}, why: "" }),
  });

async function run(resume: boolean, stopAfter = Number.POSITIVE_INFINITY) {
  const measured: number[] = [];
  const one = counting(measured);
  const journal = await openJournal(folder, one, "quick", resume);
  let added = 0;
  const watched: Journal = {
    ...journal,
    async add(key, report) {
      if (added++ === stopAfter) throw new Error("stopped");
      await journal.add(key, report);
    },
  };
  const reports = await one
    .run("quick", { signal, progress: () => {}, journal: watched })
    .catch(() => undefined);
  return { reports: reports?.map(tidy), measured, found: journal.found };
}

test("a stopped experiment goes on where it stood, and ends as one that was not stopped", async () => {
  const whole = await run(false);
  expect(whole.measured).toHaveLength(6);
  const cut = await run(false, 3);
  expect(cut.reports).toBeUndefined();
  const rest = await run(true);
  expect(rest.found).toBe(3);
  expect(rest.measured.length).toBeLessThan(6);
  expect(rest.reports).toEqual(whole.reports);
});

test("a torn last line, or a journal of another setting, is not gone on with", async () => {
  await run(false);
  const path = join(folder, "counting.quick.unfinished.jsonl");
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.slice(0, -10));
  expect((await openJournal(folder, counting([]), "quick", true)).found).toBe(5);
  const other = { ...counting([]), setting: "another" };
  expect((await openJournal(folder, other, "quick", true)).found).toBe(0);
});

test("a journal that cannot be written names its file", async () => {
  writeFileSync(join(folder, "file"), "");
  await expect(openJournal(join(folder, "file"), counting([]), "full", false)).rejects.toMatchObject({
    code: "cannot-write",
    culprit: expect.stringContaining("counting.full.unfinished.jsonl"),
  });
});

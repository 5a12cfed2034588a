import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Result, reportsOf, reproduce, saveResult } from "../../experiments/common/record.ts";
import { experiments } from "../../experiments/registry.ts";
import type { ExperimentTools } from "../../src/kinds/index.ts";
import { registry } from "../../src/registry.ts";

const ids = Object.keys(experiments);
const verdicts = ["holds", "partly", "fails", "cannot tell"];
const quiet = (signal = new AbortController().signal): ExperimentTools => ({ signal, progress() {} });

describe("every experiment", () => {
  it.each(ids)("%s runs at smoke scale and is judged", async (id) => {
    const experiment = await experiments[id]();
    expect(experiment.id).toBe(id);
    const steps: number[] = [];
    const tools = { ...quiet(), progress: (done: number, of: number) => steps.push(done / of) };
    const result = await reproduce(experiment, "smoke", tools);
    const reports = reportsOf(result);
    expect(verdicts).toContain(result.verdict.says);
    expect(result.verdict.why).not.toBe("");
    expect(reports.length).toBeGreaterThan(0);
    expect(reports.every(({ arm, variant }) => typeof arm === "string" && typeof variant === "string")).toBe(
      true,
    );
    expect(steps).toContain(1);
    expect(result.seconds).toBeLessThan(5);
  });

  it.each(ids)("%s says which catalogue paper it is about, as its member does", async (id) => {
    const entry = registry.find((one) => one.id === id);
    // a study of several members has no member of its own
    expect((await experiments[id]()).paper).toBe(entry === undefined ? id : entry.paper?.id);
  });
});

it("every member has an experiment, or a reason for having none", async () => {
  const bare = registry.map(({ id }) => id).filter((id) => !ids.includes(id));
  const definitions = await Promise.all(registry.map((entry) => entry.load()));
  const excused = definitions.filter(({ exempt }) => exempt.experiment !== undefined).map(({ id }) => id);
  expect(bare.sort()).toEqual(excused.sort());
});

it("an experiment that is stopped says so", async () => {
  const experiment = await experiments.sam();
  await expect(reproduce(experiment, "smoke", quiet(AbortSignal.abort()))).rejects.toMatchObject({
    code: "interrupted",
  });
});

it("a saved result reads back as it was, and gives way to larger scales only", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ockham-"));
  try {
    const result = await reproduce(await experiments.ridge(), "smoke", quiet());
    const { path } = await saveResult(folder, result);
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual(result);
    await saveResult(folder, { ...result, scale: "full" });
    expect(await saveResult(folder, result)).toEqual({ path, larger: "full" });
    expect(JSON.parse(await readFile(path, "utf8")).scale).toBe("full");
  } finally {
    await rm(folder, { recursive: true });
  }
});

describe("every kept result", () => {
  const folder = new URL("../../experiments/results/", import.meta.url);
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".json")) : [];
  it("is there", () => expect(files.length).toBeGreaterThan(0));

  it.each(files)("%s has the verdict that follows from its numbers", async (file) => {
    const result = JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Result;
    const experiment = await experiments[result.id]();
    const { says, why } = experiment.judge(reportsOf(result));
    expect({ says, why }).toEqual({ says: result.verdict.says, why: result.verdict.why });
    expect({ claim: result.claim, setting: result.setting }).toEqual({
      claim: experiment.claim,
      setting: experiment.setting,
    });
  });
});

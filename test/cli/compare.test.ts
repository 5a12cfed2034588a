import { readdir, readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import type { Comparison, Trial } from "../../src/compare/index.ts";
import { csv, temporary } from "../data/helpers.ts";
import { run, start, tiny } from "./run.ts";

const { at, write } = temporary();

const trialsIn = async (folder: string): Promise<Trial[]> =>
  (await readFile(at(`${folder}/trials.jsonl`), "utf8").catch(() => ""))
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

/** What must not depend on when and where a trial ran, in an order of its own. */
const lasting = (trials: readonly Trial[]) =>
  trials
    .map(({ seconds: _, test, ...rest }) => ({ ...rest, test: { ...test, latency: undefined } }))
    .sort((a, b) => (a.candidate + a.seed < b.candidate + b.seed ? -1 : 1));

describe("a comparison", () => {
  test("prints a table, differences and words, and leaves its files", async () => {
    const { code, stdout, stderr } = await run(at(""), ...tiny, "--methods", "mixup,l1");
    expect(stderr).toMatch(/results go to ockham-out.digits\b/);
    expect(code).toBe(0);
    for (const words of [/accuracy/, /plain training/, /mixup/, /l1/, /nearest neighbours/, /With one seed/])
      expect(stdout).toMatch(words);
    expect(stdout).toMatch(/report {2}ockham-out.digits.report\.html/);
    const files = await readdir(at("ockham-out/digits"));
    for (const name of ["report.html", "comparison.json", "trials.csv", "trials.jsonl", "setting.json"])
      expect(files).toContain(name);
    expect(files.filter((name) => name.endsWith(".part"))).toEqual([]);
    const lines = (await readFile(at("ockham-out/digits/trials.csv"), "utf8")).trim().split("\r\n");
    // three candidates and the reference lines of classification
    expect(lines.length - 1).toBe(3 + (await referencesOf("ockham-out/digits")));
    await writesBeside();
  });

  const referencesOf = async (folder: string) =>
    (JSON.parse(await readFile(at(`${folder}/comparison.json`), "utf8")) as Comparison).references.length;

  async function writesBeside(): Promise<void> {
    const { code, stdout, stderr } = await run(at(""), ...tiny, "--methods", "none", "--json");
    expect(code).toBe(0);
    expect(stderr).toMatch(/results go to ockham-out.digits-2/);
    const comparison = JSON.parse(stdout) as Comparison;
    expect(comparison.setting).toMatchObject({ epochs: 1, seeds: [0], data: { name: "digits" } });
    expect(comparison.setting.split).toMatchObject({ train: 400, validation: 400, test: 400 });
    expect(JSON.parse(await readFile(at("ockham-out/digits-2/comparison.json"), "utf8"))).toEqual(comparison);
  }

  test("runs in a setting, with its measures, and goes on where it was stopped", async () => {
    const args = [
      "compare",
      "--setting",
      "continual",
      "--model",
      "mlp",
      "--epochs",
      "1",
      "--methods",
      "replay",
    ];
    const options = ["--set", "continual.tasks=2", "--out", "stages", "--quiet", "--json"];
    const { code, stdout, stderr } = await run(at(""), ...args, ...options, "--seeds", "2");
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const { setting, metrics, trials, references, outcome } = JSON.parse(stdout) as Comparison;
    expect(setting.protocol).toMatchObject({ id: "continual", options: { scenario: "class", tasks: 2 } });
    expect(setting.score).toBe("averageAccuracy");
    expect(metrics.map(({ name }) => name)).toEqual(expect.arrayContaining(["forgetting", "stepTime"]));
    expect(references).toEqual([]);
    expect(trials).toHaveLength(4);
    for (const { test: scores, grids } of trials) {
      const values = grids?.accuracy.values as number[][];
      expect(scores.averageAccuracy).toBeCloseTo((values[1][0] + values[1][1]) / 2);
      expect(scores.forgetting).toBeCloseTo(values[0][0] - values[1][0]);
    }
    expect(outcome.differences.some(({ metric }) => metric === "averageAccuracy")).toBe(true);
    const page = await readFile(at("stages/report.html"), "utf8");
    for (const words of ["Accuracy matrix", "Accuracy on the tasks so far", "class-incremental"])
      expect(page).toContain(words);
    const again = await run(at(""), ...args, ...options, "--seeds", "2", "--resume");
    expect(lasting((JSON.parse(again.stdout) as Comparison).trials)).toEqual(lasting(trials));
  });

  test("takes a table, a person's own method, exports the best model and predicts with it", async () => {
    await write(
      "flowers.csv",
      csv("width,colour,kind", 90, (i) => `${(i * 7) % 31},${"rgb"[i % 3]},k${i % 3}`),
    );
    await write(
      "mine.ts",
      `import { nonNegative, penalty, type Penalty } from "ockham";
       import { abs, mul, sum } from "ockham/tensor";
       export const mine = penalty("mine", {
         summary: "absolute values", options: { strength: nonNegative(0.001, "factor") }, examples: [],
         create: ({ strength }): Penalty => ({ value: (w) => mul(strength, sum(abs(w))) }),
       });`,
    );
    const asked = ["compare", "--data", "flowers.csv", "--target", "kind", "--seeds", "1", "--epochs", "30"];
    const more = ["--method", "./mine.ts", "--methods", "mine+dropout", "--set", "mine.strength=0.002"];
    const { code, stdout, stderr } = await run(at(""), ...asked, ...more, "--export", "best.onnx");
    expect(stderr).toMatch(/90 rows, 3 columns/);
    expect(code).toBe(0);
    expect(stdout).toMatch(/mine\+dropout/);
    await write("new.csv", "colour,width\nr,3\ng,4\nb,5\n");
    const predicted = await run(at(""), "predict", "best.onnx", "new.csv", "--out", "predictions.csv");
    expect(predicted.text).toMatch(/3 predictions of kind in predictions\.csv/);
    const [head, ...rows] = (await readFile(at("predictions.csv"), "utf8")).trim().split("\n");
    expect(head).toBe("label,p(k0),p(k1),p(k2)");
    // the colour gives the kind away: r is k0, g is k1, b is k2
    expect(rows.map((row) => row.split(",")[0])).toEqual(["k0", "k1", "k2"]);
  });

  test("a method of a person's own that throws is named with its line", async () => {
    await write(
      "wrong.ts",
      `import { penalty } from "ockham";
export const wrong = penalty("wrong", {
  summary: "broken", options: {}, examples: [],
  create: () => ({ value: (w) => (w as never as { no: { such: never } }).no.such }),
});`,
    );
    const { code, stderr } = await run(at(""), ...tiny, "--method", "wrong.ts", "--methods", "none");
    expect(stderr).toMatch(/error: wrong\.ts:4: TypeError: .*'such'/);
    expect(code).toBe(2);
  });
});

describe("stopping and resuming", () => {
  const asked = ["compare", "--model", "mlp", "--methods", "mixup,sam", "--seeds", "2", "--epochs", "3"];

  test.each([
    ["whose seeds are trained one by one", "mixup,sam", 2, []],
    ["whose seeds are trained side by side", "mixup", 3, []],
    ["whose tries are trained side by side", "mixup", 1, ["--tune", "4"]],
  ])("killed at any moment, one %s resumes to the same trials", async (_, methods, seeds, more) => {
    const total = seeds * (methods.split(",").length + 1);
    const [whole, broken] = [`whole ${seeds}`, `broken ${seeds}`];
    const words = [...asked, "--methods", methods, "--seeds", `${seeds}`, ...more];
    expect((await run(at(""), ...words, "--out", whole, "--workers", "1")).code).toBe(0);
    const { child, said, ended } = start(at(""), [...words, "--out", broken]);
    await said(/training/);
    while ((await trialsIn(broken)).length < total / 3)
      await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill("SIGKILL");
    expect((await ended).signal).toBe("SIGKILL");
    const before = await trialsIn(broken);
    expect(before.length).toBeLessThan(total);
    const resumed = await run(at(""), ...words, "--out", broken, "--resume");
    expect(resumed.text).toMatch(`of ${total} trials were done before`);
    expect(resumed.code).toBe(0);
    const after = await trialsIn(broken);
    expect(after.slice(0, before.length)).toEqual(before);
    expect(lasting(after)).toEqual(lasting(await trialsIn(whole)));
  });

  test("Ctrl-C stops within two seconds, keeps what is done and says how to go on", async () => {
    const { child, said, ended } = start(at(""), [...asked, "--seeds", "50", "--out", "long"]);
    await said(/training/);
    while ((await trialsIn("long")).length < 1) await new Promise((resolve) => setTimeout(resolve, 20));
    const begun = performance.now();
    child.kill("SIGINT");
    const { code, stderr } = await ended;
    expect(performance.now() - begun).toBeLessThan(2000);
    expect(code).toBe(130);
    const { length } = await trialsIn("long");
    expect(length).toBeGreaterThan(0);
    expect(stderr).toMatch(`stopped: ${length} finished trial`);
    expect(stderr).toMatch(/go on with: ockham compare --model mlp .* --seeds 50 --out long --resume\n/);
  });

  test("--resume with other options is refused", async () => {
    const { code, stderr } = await run(at(""), ...tiny, "--out", "long", "--resume");
    expect(code).toBe(2);
    expect(stderr).toMatch(/begun with another/);
  });
});

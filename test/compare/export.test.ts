import { mkdtempSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { exportModel } from "../../src/compare/export.ts";
import { readExported } from "../../src/compare/exported.ts";
import { modelCost } from "../../src/compare/modelCost.ts";
import { predictFile, predictionsCsv } from "../../src/compare/predict.ts";
import { loadDataset, tableSource } from "../../src/data/index.ts";
import type { AnyMethod } from "../../src/kinds/index.ts";
import { models, recurrentModel, resnet } from "../../src/nn/index.ts";
import { weightCompander } from "../../src/parts/parametrizations/weightCompander.ts";
import { packageFile } from "../../src/root.ts";
import { type ModelValue, openInline, openModel } from "../../src/runtime/index.ts";
import { add, fold, mean, mul, normal, scalar, softmax, sub, type Tensor } from "../../src/tensor/index.ts";
import { lift } from "../../src/training/index.ts";
import { type Case, caseOf, furthest, labelsOf, type Make, own, pixelsOf, refusal } from "./exportCase.ts";

const host = openInline();
const folder = mkdtempSync(join(tmpdir(), "ockham-export-"));
afterAll(async () => {
  await host.close();
  rmSync(folder, { recursive: true });
});
const inFolder = (name: string) => join(folder, name);

async function expectSameOnImages(it: Case): Promise<void> {
  const model = await openModel(it.bytes);
  for (const n of [1, 2, 17]) {
    const rows = Int32Array.from({ length: n }, (_, i) => 3 + 50 * i);
    const { outputs } = await model.run({ image: pixelsOf(it, rows) });
    const want = await own(host, it, it.source.encode(it.preprocessing, rows));
    expect(outputs.probabilities.shape).toEqual([n, 10]);
    expect(furthest(outputs.probabilities.data as Float32Array, want.data)).toBeLessThan(1e-5);
    expect(outputs.label.data).toEqual(labelsOf(want, it.preprocessing.classes));
  }
  await model.close();
}

const penguins = await caseOf(host, await loadDataset("penguins"), models.mlp);
const digits = await loadDataset("digits");
const cnn = await caseOf(host, digits, models.cnn, {}, { rows: 100, epochs: 1 });
const penguinsFile = fileURLToPath(packageFile("data/penguins.csv.gz"));

/** Feeds of a table by column, with missing values where nothing is said. */
function penguin(given: Readonly<Record<string, number | string>>): Record<string, ModelValue> {
  const { preprocessing } = penguins;
  if (preprocessing.kind !== "table") throw new Error("no table");
  return Object.fromEntries(
    preprocessing.columns.map(({ kind, name }): [string, ModelValue] => [
      name,
      kind === "number"
        ? { dtype: "float32", shape: [1, 1], data: Float32Array.of(Number(given[name] ?? Number.NaN)) }
        : { dtype: "string", shape: [1, 1], data: [String(given[name] ?? "")] },
    ]),
  );
}

describe("an exported table model", () => {
  test("predicts a whole file, missing values and all, as training does", async () => {
    await writeFile(inFolder("penguins.onnx"), penguins.bytes);
    const out = inFolder("predicted.csv");
    const found = await predictFile(inFolder("penguins.onnx"), penguinsFile, { out });
    const { source, preprocessing } = penguins;
    const all = source.encode(
      preprocessing,
      Int32Array.from({ length: source.size }, (_, i) => i),
    );
    const want = await own(host, penguins, all);
    if (found.task !== "classification") throw new Error("no classes");
    expect(found.probabilities).toHaveLength(344);
    expect(furthest(found.probabilities.flat(), want.data)).toBeLessThan(1e-5);
    expect(found.labels).toEqual(labelsOf(want, preprocessing.classes));
    const lines = (await readFile(out, "utf8")).trimEnd().split("\n");
    expect(lines[0]).toBe("label,p(Adelie),p(Chinstrap),p(Gentoo)");
    expect(lines).toHaveLength(345);
    const [label, ...shown] = lines[1].split(",");
    expect(label).toBe(found.labels[0]);
    expect(furthest(shown.map(Number), found.probabilities[0])).toBeLessThan(1e-6);
  });

  test("gives the same for any number of rows", async () => {
    const all = await predictFile(inFolder("penguins.onnx"), penguinsFile);
    const lines = "species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year";
    const rows = ["x,Torgersen,39.1,18.7,181,3750,male,2007", "x,Torgersen,39.5,17.4,186,3800,female,2007"];
    if (all.task !== "classification") throw new Error("no classes");
    for (const n of [1, 2]) {
      await writeFile(inFolder("few.csv"), [lines, ...rows.slice(0, n), ""].join("\n"));
      const few = await predictFile(inFolder("penguins.onnx"), inFolder("few.csv"));
      if (few.task !== "classification") throw new Error("no classes");
      expect(furthest(few.probabilities.flat(), all.probabilities.slice(0, n).flat())).toBeLessThan(1e-6);
    }
  });

  test("takes an unknown level as a missing one, and a missing number as the training median", async () => {
    const model = await openModel(penguins.bytes);
    const ask = async (given: Record<string, number | string>) =>
      (await model.run(penguin(given))).outputs.probabilities.data as Float32Array;
    const { preprocessing: pre } = penguins;
    if (pre.kind !== "table") throw new Error("no table");
    const fills = Object.fromEntries(
      pre.columns.flatMap((column) => (column.kind === "number" ? [[column.name, column.fill]] : [])),
    );
    const missing = await ask({});
    expect(furthest(await ask({ island: "Atlantis", sex: "?" }), missing)).toBe(0);
    expect(furthest(await ask(fills), missing)).toBeLessThan(1e-6);
    expect(furthest(await ask({ island: "Dream" }), missing)).toBeGreaterThan(1e-4);
    expect(furthest(await ask({ bill_length_mm: 59 }), missing)).toBeGreaterThan(1e-4);
    await model.close();
  });

  test("says what it is", () => {
    const read = readExported(penguins.bytes, "best.onnx");
    expect(read.preprocessing).toEqual(penguins.preprocessing);
    expect(read).toMatchObject({ name: "best", task: "classification", methods: [], model: "mlp(128-64)" });
    expect(read.inputs).toContain("bill_length_mm");
    expect(read.outputs).toEqual(["probabilities", "label"]);
  });

  test("keeps precision where numbers are large against their spread", async () => {
    const n = 60;
    const values = Float64Array.from({ length: n }, (_, i) => 1_000_000 + (i % 7));
    const labels = Int32Array.from({ length: n }, (_, i) => i % 2);
    const target = { task: "classification" as const, name: "t", classes: ["a", "b"], labels };
    const source = tableSource({ name: "large", target }, [{ kind: "number", name: "x", values }]);
    const it = await caseOf(host, source, models.mlp, {}, { rows: n });
    const model = await openModel(it.bytes);
    const x: ModelValue = { dtype: "float32", shape: [n, 1], data: Float32Array.from(values) };
    const { outputs } = await model.run({ x });
    const data = it.source.encode(it.preprocessing, Int32Array.from(values.keys()));
    expect(
      furthest(outputs.probabilities.data as Float32Array, (await own(host, it, data)).data),
    ).toBeLessThan(1e-5);
    await model.close();
  });

  test("tells columns apart from its outputs and from its inside", async () => {
    const n = 40;
    const numbers = (f: (i: number) => number) => Float64Array.from({ length: n }, (_, i) => f(i));
    const target = { task: "regression" as const, name: "t", values: numbers((i) => 3 * i + 100) };
    const names = ["value", "%0", "_%0", "data/x", "%model/prediction"];
    const source = tableSource(
      { name: "names", target },
      names.map((name, k) => ({
        kind: "number" as const,
        name,
        values: numbers((i) => Math.sin(i * (k + 1))),
      })),
    );
    const it = await caseOf(host, source, models.mlp, {}, { rows: n });
    await writeFile(inFolder("names.onnx"), it.bytes);
    const rows = Array.from({ length: n }, (_, i) => names.map((_, k) => Math.sin(i * (k + 1))).join());
    await writeFile(inFolder("names.csv"), [names.join(), ...rows, ""].join("\n"));
    const found = await predictFile(inFolder("names.onnx"), inFolder("names.csv"));
    if (found.task !== "regression") throw new Error("no values");
    const want = await own(
      host,
      it,
      source.encode(
        it.preprocessing,
        Int32Array.from({ length: n }, (_, i) => i),
      ),
    );
    const [{ mean: centre, spread }] = it.preprocessing.targetScale;
    const inUnits = Array.from(want.data, (value) => value * spread + centre);
    expect(furthest(found.values.flat(), inUnits)).toBeLessThan(1e-5 * spread + 1e-5 * centre);
  });

  test("predicts values in the target's own unit", async () => {
    const source = await loadDataset("diabetes");
    const it = await caseOf(host, source, models.linear);
    await writeFile(inFolder("diabetes.onnx"), it.bytes);
    const file = fileURLToPath(packageFile("data/diabetes.csv.gz"));
    const found = await predictFile(inFolder("diabetes.onnx"), file);
    if (found.task !== "regression") throw new Error("no values");
    const all = source.encode(
      it.preprocessing,
      Int32Array.from({ length: source.size }, (_, i) => i),
    );
    const want = await own(host, it, all);
    const [{ mean: centre, spread }] = it.preprocessing.targetScale;
    const errors = found.values.map(([value], i) => (value - centre) / spread - want.data[i]);
    expect(Math.max(...errors.map(Math.abs))).toBeLessThan(1e-5);
    expect(predictionsCsv(found).split("\n")[0]).toBe("value");
  });
});

describe("an exported image model", () => {
  test("predicts as training does: convolutions", () => expectSameOnImages(cnn));

  test("predicts as training does: batch normalization with its running statistics", async () => {
    const make: Make = (shape, outputs) => resnet(shape, outputs, { channels: [4, 8] });
    await expectSameOnImages(await caseOf(host, digits, make, {}, { rows: 100, epochs: 1 }));
  });

  test.each(["gru", "lstm"] as const)(
    "predicts as training does: a loop over the rows of an image, %s",
    async (cell) => {
      const make: Make = (shape, outputs) => recurrentModel(shape, outputs, { cell, units: 6, layers: 2 });
      await expectSameOnImages(await caseOf(host, digits, make, {}, { rows: 100, epochs: 1 }));
    },
  );

  test("predicts as training does: a method that makes the weights from arrays of its own", async () => {
    const compander = lift(weightCompander, weightCompander());
    const it = await caseOf(
      host,
      digits,
      models.cnn,
      { "weight-compander": compander },
      { rows: 100, epochs: 1 },
    );
    expect(readExported(it.bytes, "m").methods).toEqual(["weight-compander"]);
    await expectSameOnImages(it);
  });

  test("predicts as training does: a method that predicts with random numbers and the state it carries", async () => {
    const noisy: AnyMethod = {
      state: () => ({ scale: scalar(0.3) }),
      predict: (inputs, step, state: { scale: Tensor }) => {
        const x = add(inputs.x, mul(state.scale, normal(fold(step.key, "noise"), inputs.x.shape)));
        return softmax(step.apply(step.weights, { x }).prediction);
      },
    };
    await expectSameOnImages(await caseOf(host, digits, models.mlp, { noisy }, { rows: 100, epochs: 1 }));
  });

  test("predicts as training does: statistics over the rows at hand", async () => {
    const centred: AnyMethod = { layer: (x) => sub(x, mean(x, { axes: [0], keep: true })) };
    await expectSameOnImages(await caseOf(host, digits, models.mlp, { centred }, { rows: 100, epochs: 1 }));
  });
});

describe("an export", () => {
  test("is refused with the preprocessing of other data, naming the model", async () => {
    const error = await refusal(() => exportModel(cnn.trained, penguins.preprocessing, { name: "wrong" }));
    expect(error).toMatchObject({ code: "conflict", culprit: "wrong" });
    expect(error.message).toMatch(/takes \[1,8,8\]/);
  });

  test("is refused where predictions read what new rows do not have", async () => {
    const cheat: AnyMethod = {
      layer: (x, _, step) => add(x, mean(step.batch.target)),
    };
    const error = await refusal(() => caseOf(host, digits, models.mlp, { cheat }, { rows: 50, epochs: 1 }));
    expect(error).toMatchObject({ code: "conflict" });
    expect(error.message).toMatch(/"data\/target"/);
  });

  test("costs as many bytes as the file has, and a time for one row", async () => {
    for (const { bytes, preprocessing } of [penguins, cnn]) {
      const cost = await modelCost(bytes, preprocessing);
      expect(cost.bytes).toBe(bytes.length);
      expect(cost.latency).toBeGreaterThan(0);
      expect(cost.latency).toBeLessThan(50);
    }
  });

  test("holds the weights once: its size is theirs and little more", () => {
    const weights = cnn.trained.plan.leaves.reduce((sum, { path }) => {
      return sum + cnn.trained.values[`params/${path}`].data.byteLength;
    }, 0);
    expect(cnn.bytes.length).toBeGreaterThan(weights);
    expect(cnn.bytes.length).toBeLessThan(weights + 6000);
  });
});

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { bundled } from "../../scripts/site.ts";

const { exports, name } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

/** Doors for Node: comparisons read and write files, charts are drawn on a document of their own. */
const forNode = ["./compare", "./plots", "./package.json"];

const doors = Object.keys(exports as Record<string, unknown>).filter(
  (door) => !forNode.includes(door) && !door.includes("*"),
);
const members = [
  "./losses/crossEntropy",
  "./optimizers/adam",
  "./methods/optimizers/sam",
  "./estimators/ridge",
];

describe("a bundle for browsers", () => {
  test.each([...doors, ...members])("of %s imports nothing of Node", async (door) => {
    const { inputs, outputs } = await bundled(`export * from "${name}${door.slice(1)}";`);
    const left = Object.values(outputs).flatMap(({ imports }) => imports.filter(({ external }) => external));
    expect(left).toEqual([]);
    expect(
      Object.keys(inputs).filter((input) => /onnxruntime-node|runtime\/node|\(disabled\)/.test(input)),
    ).toEqual([]);
  });

  test("has everything of the front door but what needs files and processes", async () => {
    const namesOf = async (path: string) => new Set(Object.keys(await import(path)));
    const [node, browser] = await Promise.all([
      namesOf("../../src/index.ts"),
      namesOf("../../src/browser.ts"),
    ]);
    expect([...browser].filter((one) => !node.has(one))).toEqual([]);
    const missing = [...node].filter((one) => !browser.has(one)).sort();
    expect(missing).toMatchInlineSnapshot(`
      [
        "cacheFolder",
        "candidatesFor",
        "compare",
        "csvOf",
        "datasets",
        "exportModel",
        "exportWinner",
        "fetchDataset",
        "fetchedDatasets",
        "jsonOf",
        "knownNames",
        "loadDataset",
        "metricsFor",
        "openData",
        "parseMethods",
        "predictFile",
        "predictionsCsv",
        "readBeginning",
        "readFeatures",
        "readGraph",
        "readIdxFile",
        "readIdxPart",
        "readImagePairs",
        "readImages",
        "readMasks",
        "readNpyPair",
        "readNpzSource",
        "readPairs",
        "readSequences",
        "readTable",
        "readTexts",
        "readTokenizer",
        "reportHtml",
        "settingOf",
        "shelf",
        "summarize",
        "tableColumns",
        "tableText",
      ]
    `);
  });

  test("of one part stays small", async () => {
    const { outputs } = await bundled(`import { matmul } from "${name}/tensor"; console.log(matmul);`);
    const bytes = Object.values(outputs).reduce((sum, one) => sum + one.bytes, 0);
    expect(bytes).toBeLessThan(50_000);
  });
});

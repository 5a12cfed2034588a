import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requestOf } from "../../src/cli/compare/request.ts";
import { dataOf } from "../../src/compare/begin.ts";
import { exportModel, membersOf, settingOf } from "../../src/compare/index.ts";
import { loadDataset, openData, type TextPreprocessing } from "../../src/data/index.ts";
import { bagOfTokens, mlp, models } from "../../src/nn/index.ts";
import { openInline } from "../../src/runtime/index.ts";
import { planOf, train } from "../../src/training/index.ts";
import { caseOf } from "../compare/exportCase.ts";
import { csv, range, refusal, temporary } from "../data/helpers.ts";
import { references } from "../methods/small.ts";
import { training } from "../training/setup.ts";

const host = openInline();
afterAll(() => host.close());
const { at, write } = temporary();
const { signal } = new AbortController();

const digits = await loadDataset("digits");

describe("--from", () => {
  beforeAll(async () => {
    await write("mlp.onnx", (await caseOf(host, digits, models.mlp, {}, { rows: 40, epochs: 1 })).bytes);
    const narrow = (shape: readonly number[], outputs: number) => mlp(shape, outputs, [3]);
    await write("narrow.onnx", (await caseOf(host, digits, narrow, {}, { rows: 40, epochs: 1 })).bytes);
    const [{ onnx }] = references<{ name: string; onnx: string }>("onnx-files").cases;
    await write("residual.onnx", Buffer.from(onnx, "base64"));
  });

  test("an exported model is begun with by its own kind of network", async () => {
    const request = await requestOf({ from: at("mlp.onnx"), methods: "none" }, signal);
    expect(request.candidates.map(({ model }) => model)).toEqual(["mlp"]);
    expect((await settingOf(request)).from).toMatch(/^mlp\.onnx \([0-9a-f]{16}\)$/);
  });

  test("a file of other making is the network itself", async () => {
    const request = await requestOf({ from: at("residual.onnx"), methods: "none" }, signal);
    expect(request.candidates.map(({ model, name }) => [model, name])).toEqual([["residual.onnx", "none"]]);
    expect(membersOf(request).model("residual.onnx")([1, 8, 8], 10).leaves[0].path).toBe("stem.weight");
  });

  test("a network of sizes of its own, or a model that does not fit, is refused before anything is trained", async () => {
    const narrow = await refusal(() => requestOf({ from: at("narrow.onnx"), methods: "none" }, signal));
    expect(narrow).toMatchObject({ code: "conflict", culprit: "--from" });
    expect(narrow.text).toMatch(/holds the network mlp\(3\)/);
    const cnn = await refusal(() =>
      requestOf({ from: at("mlp.onnx"), model: "cnn", methods: "none" }, signal),
    );
    expect(cnn).toMatchObject({ code: "unknown-name", culprit: "conv.0.0.kernel" });
    const table = await refusal(() => requestOf({ from: at("mlp.onnx"), data: "penguins" }, signal));
    expect(table.text).toMatch(/a row of the columns .* takes an image of \[1,8,8\]/);
  });

  test("texts are read with the tokenizer and at the length of the model", async () => {
    const words = (i: number, more: string) =>
      `${i % 2 === 0 ? "calm sea" : "warm oven"} ${more} ${"and so on ".repeat(i % 4)}`;
    const rows = (name: string, more: string) =>
      write(
        name,
        csv("body,about", 40, (i) => `${words(i, more)},${i % 2 === 0 ? "sea" : "kitchen"}`),
      );
    const source = await openData(await rows("old.csv", "once"), { text: "body", target: "about" });
    const pre = source.fit(range(40)) as TextPreprocessing;
    const data = source.encode(pre, range(40));
    const model = bagOfTokens(pre.vocabulary, pre.tokens, 2);
    const trained = await train(planOf(training({}, { model }), data), data, 0, host);
    await write("bag.onnx", exportModel(trained, pre, { name: "bag" }));
    const flags = {
      from: at("bag.onnx"),
      data: await rows("new.csv", "newer words"),
      text: "body",
      target: "about",
    };
    const request = await requestOf({ ...flags, methods: "none" }, signal);
    expect(request.candidates.map(({ model: name }) => name)).toEqual(["bag"]);
    const begun = dataOf(request);
    const fitted = begun.fit(range(20));
    expect(fitted).toMatchObject({
      tokenizer: pre.tokenizer,
      tokens: pre.tokens,
      vocabulary: pre.vocabulary,
    });
    // "newer words" were never seen: the unknown word, twice
    const { inputs, vocabulary } = begun.encode(fitted, range(2));
    expect(Array.from(inputs.ids.data as Int32Array).filter((id) => id === 1)).toHaveLength(4);
    expect(vocabulary).toBe(pre.vocabulary);
  });
});

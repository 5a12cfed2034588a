import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requestOf } from "../../src/cli/compare/request.ts";
import { dataOf, readBeginning } from "../../src/compare/begin.ts";
import { exportModel, membersOf, settingOf, shelf } from "../../src/compare/index.ts";
import { loadDataset, openData, pairSource, type TextPreprocessing } from "../../src/data/index.ts";
import { bagOfTokens, mlp, models } from "../../src/nn/index.ts";
import { openInline } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import { keyOf } from "../../src/tensor/index.ts";
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

  test("what was trained of a file of other making is that network still, also of pairs", async () => {
    const request = await requestOf({ from: at("residual.onnx"), methods: "none" }, signal);
    const of = membersOf(request).model("residual.onnx");
    await write("tuned.onnx", (await caseOf(host, digits, of, {}, { rows: 40, epochs: 1 })).bytes);
    const again = await requestOf({ from: at("tuned.onnx"), methods: "none" }, signal);
    expect(again.candidates.map(({ model }) => model)).toEqual(["residual.onnx"]);
    const twos = Int32Array.from({ length: 80 }, (_, i) => (7 * i) % digits.size);
    const labels = Int32Array.from({ length: 40 }, (_, i) => i % 2);
    const target = { task: "classification", name: "same", classes: ["no", "yes"], labels } as const;
    const pairs = pairSource({ name: "pairs", target }, digits, twos);
    const begun = membersOf({ data: pairs, from: again.from }).model("residual.onnx");
    const trained = await caseOf(host, pairs, begun, {}, { rows: 40, epochs: 1 });
    await write("pairs.onnx", trained.bytes);
    const from = await readBeginning(at("pairs.onnx"));
    expect(from).toMatchObject({ model: "residual.onnx", preprocessing: { kind: "pair" } });
    const model = membersOf({ data: pairs, from }).model("residual.onnx")([1, 8, 8], 2, {
      task: "classification",
      paired: true,
    });
    const [kernel] = evaluate([model.init(keyOf([3, 0]))["head.kernel"]]);
    expect(kernel).toEqual(trained.trained.values["params/head.kernel"]);
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

  test("pairs are begun with by a model of pairs, or by one of what they are pairs of", async () => {
    const [path, single] = await Promise.all([
      write(
        "pairs.csv",
        csv("left_a,right_a,same", 30, (i) => `${i % 7},${i % 5},${i % 2}`),
      ),
      write(
        "single.csv",
        csv("a,b", 30, (i) => `${i % 7},${i % 2}`),
      ),
    ]);
    const pairs = await openData(path, { target: "same", pairs: true });
    await write(
      "pairs.onnx",
      (await caseOf(host, pairs, shelf().model("mlp"), {}, { rows: 30, epochs: 1 })).bytes,
    );
    const singles = await openData(single, { target: "b" });
    await write("single.onnx", (await caseOf(host, singles, models.mlp, {}, { rows: 30, epochs: 1 })).bytes);
    const flags = { data: path, pairs: true as const, target: "same", methods: "none" };
    for (const from of ["pairs.onnx", "single.onnx"])
      expect((await requestOf({ ...flags, from: at(from) }, signal)).candidates[0].model).toBe("mlp");
    const alone = await refusal(() =>
      requestOf({ data: single, target: "b", from: at("pairs.onnx") }, signal),
    );
    expect(alone.text).toMatch(/is a row of the columns a, and .* takes a pair, of which each is a row/);
  });

  test("sequences are cut where the model that is begun with ends", async () => {
    const steps = (length: number) =>
      csv(
        "walk,a,who",
        12 * length,
        (i) => `${Math.floor(i / length)},${i % 7},${Math.floor(i / length) % 2}`,
      );
    const columns = { sequence: "walk", target: "who" };
    const three = await openData(await write("three.csv", steps(3)), columns);
    await write("gru.onnx", (await caseOf(host, three, models.gru, {}, { rows: 12, epochs: 1 })).bytes);
    const flags = { data: await write("five.csv", steps(5)), ...columns, methods: "none" };
    const request = await requestOf({ ...flags, from: at("gru.onnx") }, signal);
    expect(request.candidates.map(({ model }) => model)).toEqual(["gru"]);
    expect(request.data.notes.join(" ")).toMatch(/12 of them are cut to 3 steps/);
    const longer = await refusal(() => requestOf({ ...flags, from: at("gru.onnx"), tokens: "4" }, signal));
    expect(longer.text).toMatch(/a sequence of up to 4 steps, and .* takes a sequence of up to 3 steps/);
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

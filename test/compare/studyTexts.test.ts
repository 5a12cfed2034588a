import { describe, expect, test } from "vitest";
import { stream } from "../../src/array/random.ts";
import { candidatesFor, compare, settingOf, shelf } from "../../src/compare/index.ts";
import { reportHtml } from "../../src/compare/report/page.ts";
import { checkForeign, foreignTo } from "../../src/compare/study/foreign.ts";
import { spoiledTexts } from "../../src/compare/study/texts.ts";
import {
  loadDataset,
  passageSource,
  type Source,
  type TextOptions,
  type TextPreprocessing,
  textSource,
} from "../../src/data/index.ts";
import { tokenizerOf } from "../../src/data/text/index.ts";
import type { Dataset } from "../../src/kinds/index.ts";
import { bagOfTokens, type NamedModel } from "../../src/nn/index.ts";
import { range, temporary } from "../data/helpers.ts";

const { at } = temporary();

const subjects = ["ship", "harbour", "sail", "anchor", "deck", "tide", "captain", "rope"];
const others = ["oven", "flour", "bread", "salt", "yeast", "butter", "sugar", "spoon"];
const between = ["the", "a", "near", "and", "of", "with"];

/** Texts about two things, in words or characters; n / 2 each, of 6 to 17 words. */
function texts(n: number, options: TextOptions = {}, name = "texts", words = [subjects, others]): Source {
  const random = stream(3);
  const pick = (list: readonly string[]) => list[random.integers(list.length)];
  const labels = Int32Array.from({ length: n }, (_, i) => i % 2);
  const lines = Array.from(labels, (label, i) =>
    Array.from({ length: 6 + (i % 12) }, (_, j) => pick(j % 2 === 0 ? words[label] : between)).join(" "),
  );
  const target = { task: "classification" as const, name: "about", classes: ["sea", "kitchen"], labels };
  return textSource({ name, target }, lines, { tokens: 18, ...options });
}

function encoded(source: Source) {
  const pre = source.fit(range(source.size)) as TextPreprocessing;
  return { pre, data: source.encode(pre, range(source.size)), tokenizer: tokenizerOf(pre.tokenizer) };
}

const listsOf = ({ inputs: { ids, mask }, size }: Dataset): number[][] =>
  Array.from({ length: size }, (_, row) => {
    const width = ids.shape[1];
    const length = mask.data.subarray(row * width, (row + 1) * width).filter((v) => v === 1).length;
    return Array.from(ids.data.subarray(row * width, row * width + length) as Int32Array);
  });

const meanLength = (lists: readonly number[][]) => lists.flat().length / lists.length;

describe("spoiled texts", () => {
  const { pre, data, tokenizer } = encoded(texts(400));
  const clean = listsOf(data);
  const all = spoiledTexts(data, pre, stream(1));
  const of = (kind: string) =>
    all.filter((one) => one.kind === kind).map((one) => ({ ...one, lists: listsOf(one.data) }));
  const changed = (lists: readonly number[][]) =>
    lists
      .flatMap((list, i) => list.map((id, j) => (id === clean[i][j] ? 0 : 1)))
      .reduce<number>((a, b) => a + b, 0) / clean.flat().length;

  test("are of six kinds at five severities, from what a seed draws, and keep shapes and targets", () => {
    expect([...new Set(all.map(({ kind }) => kind))]).toHaveLength(6);
    expect(all).toHaveLength(30);
    const again = spoiledTexts({ ...data }, pre, stream(1));
    for (const [i, one] of all.entries()) {
      expect(one.data.inputs.ids.data.join()).toBe(again[i].data.inputs.ids.data.join());
      expect(one.data.inputs.ids.shape).toEqual(data.inputs.ids.shape);
      expect(one.data.target).toBe(data.target);
      expect(Math.min(...listsOf(one.data).map(({ length }) => length))).toBeGreaterThan(0);
    }
    const other = spoiledTexts({ ...data }, pre, stream(2));
    expect(other[0].data.inputs.ids.data.join()).not.toBe(all[0].data.inputs.ids.data.join());
  });

  test("lose, exchange or mistake the share of their tokens that a severity stands for", () => {
    const shares = [0.05, 0.1, 0.2, 0.3, 0.5];
    const near = (value: number, share: number) => expect(Math.abs(value - share)).toBeLessThan(0.03);
    for (const [i, share] of shares.entries()) {
      near(1 - meanLength(of("missing tokens")[i].lists) / meanLength(clean), share);
      const unknown = of("unknown tokens")[i].lists;
      near(unknown.flat().filter((id) => id === 1).length / clean.flat().length, share);
      near(changed(unknown), share);
      const replaced = of("replaced tokens")[i].lists;
      // what comes from the pool may be what was there: near to a tenth of it is "the"
      expect(changed(replaced)).toBeLessThan(share + 0.03);
      expect(changed(replaced)).toBeGreaterThan(0.8 * share);
      const swaps = of("swapped tokens")[i].lists;
      for (const [row, list] of swaps.entries()) expect([...list].sort()).toEqual([...clean[row]].sort());
      const cut = of("cut texts")[i].lists;
      for (const [row, list] of cut.entries()) expect(list).toEqual(clean[row].slice(0, list.length));
      near(meanLength(cut) / meanLength(clean), 1 - [0.1, 0.2, 0.4, 0.6, 0.8][i]);
    }
  });

  test("with typing errors have more unknown words, the more errors there are", () => {
    const unknown = of("typing errors").map(
      ({ lists }) => lists.flat().filter((id) => id === 1).length / lists.flat().length,
    );
    for (const [i, share] of unknown.slice(1).entries()) expect(share).toBeGreaterThan(unknown[i]);
    // a word of five letters is whole with probability 0.8^5 = 0.33
    expect(unknown[4]).toBeGreaterThan(0.3);
    expect(tokenizer.tokenOf(1)).toBe("<unk>");
  });

  test("of characters are mistyped in so many places", () => {
    const letters = encoded(texts(60, { tokenizer: "characters", tokens: 200 }));
    const typed = spoiledTexts(letters.data, letters.pre, stream(1)).filter(
      (one) => one.kind === "typing errors",
    );
    const read = (one: Dataset) => listsOf(one).map((list) => letters.tokenizer.decode(list));
    const before = read(letters.data);
    for (const [i, share] of [0.01, 0.03, 0.06, 0.1, 0.2].entries()) {
      const edits = read(typed[i].data).map((text, row) => distance(text, before[row]));
      const all = edits.reduce((a, b) => a + b) / before.join("").length;
      // a swap of two is two edits of one, a letter may be replaced by itself
      expect(all).toBeGreaterThan(0.7 * share);
      expect(all).toBeLessThan(1.5 * share);
    }
  });

  test("of a tokenizer without unknown words are of five kinds, and marks stay", () => {
    const bytes = encoded(texts(20, { tokenizer: "bytes", tokens: 150 }));
    const kinds = new Set(spoiledTexts(bytes.data, bytes.pre, stream(1)).map(({ kind }) => kind));
    expect(kinds.size).toBe(5);
    expect(kinds).not.toContain("unknown tokens");
    const json = pre.tokenizer as { model: { vocab: Record<string, number> }; added_tokens: object[] };
    const next = Object.keys(json.model.vocab).length;
    const mark = { ...json.added_tokens[0], id: next, content: "[CLS]" };
    const marked = { ...pre, tokenizer: { ...json, added_tokens: [...json.added_tokens, mark] } };
    const ids = Int32Array.from(data.inputs.ids.data as Int32Array, (id, place) =>
      place % 18 === 0 ? next : id,
    );
    const led = { ...data, inputs: { ...data.inputs, ids: { ...data.inputs.ids, data: ids } } };
    for (const one of spoiledTexts(led, marked, stream(1)))
      expect(listsOf(one.data).map((list) => list.lastIndexOf(next))).toEqual(new Array(400).fill(0));
  });
});

/** Levenshtein's: the fewest characters to add, leave out or replace. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length];
}

describe("foreign texts", () => {
  const source = texts(400);
  const { pre, data } = encoded(source);

  test("are as long as the real ones, of their tokens: drawn alike, or as often as they occur", () => {
    const made = foreignTo(data, pre, stream(1));
    expect(Object.keys(made)).toEqual(["random tokens", "mixed texts"]);
    const count = (lists: readonly number[][], id: number) => lists.flat().filter((one) => one === id).length;
    const clean = listsOf(data);
    const the = tokenizerOf(pre.tokenizer).idOf("the") as number;
    for (const one of Object.values(made))
      expect(listsOf(one).map(({ length }) => length)).toEqual(clean.map(({ length }) => length));
    const distinct = new Set(clean.flat()).size;
    const total = clean.flat().length;
    expect(count(listsOf(made["mixed texts"]), the) / count(clean, the)).toBeCloseTo(1, 0);
    expect(count(listsOf(made["random tokens"]), the) / (total / distinct)).toBeCloseTo(1, 0);
    expect(count(clean, the)).toBeGreaterThan((1.5 * total) / distinct);
  });

  test("of another data set are read by the same tokenizer", () => {
    const other = texts(30, { tokens: 9 }, "others", [others, subjects]);
    checkForeign(source, other);
    const { others: shown } = foreignTo(data, pre, stream(1), other);
    expect(shown.size).toBe(30);
    expect(shown.inputs.ids.shape).toEqual([30, 18]);
    const tokenizer = tokenizerOf(pre.tokenizer);
    for (const id of listsOf(shown).flat())
      expect([...others, ...subjects, ...between]).toContain(tokenizer.tokenOf(id));
  });

  test("do not go with images, nor with a text that is continued", async () => {
    for (const other of [await loadDataset("digits"), passageSource({ name: "play" }, "to be ".repeat(200))])
      expect(() => checkForeign(source, other)).toThrow(
        expect.objectContaining({ code: "conflict", culprit: other.name }),
      );
  });
});

describe("a noise study of texts", () => {
  const models: Readonly<Record<string, NamedModel>> = {
    tiny: ([tokens], outputs, text) => bagOfTokens(text?.vocabulary ?? 0, tokens, outputs, 8),
  };

  test("measures corruption, foreign data and calibration, and says what it does not measure", async () => {
    const candidates = await candidatesFor(["tiny"], [["dropout"]], [], shelf([], models));
    const asked = { data: texts(160), models, candidates, seeds: [0], epochs: 12, rate: 0.02 };
    const request = { ...asked, study: { kind: "noise" as const, outside: texts(30, {}, "more") } };
    const found = await compare(request, { out: at("study"), workers: 1 });
    const [plain, dropped] = found.trials;
    const { error, corruptionError, relativeCorruption, outsideAuroc } = plain.test;
    expect(plain.status).toBe("done");
    expect(error).toBeLessThan(0.1);
    expect(corruptionError).toBeGreaterThan(error);
    expect(relativeCorruption).toBe(1);
    expect(dropped.test.relativeCorruption).toBeGreaterThan(0);
    // mixed texts are of both kinds at once, so that nobody is sure of them
    expect(outsideAuroc).toBeGreaterThan(0.55);
    expect(plain.test).not.toHaveProperty("fgsmError");
    expect(plain.outside?.map(({ data }) => data)).toEqual(["more", "random tokens", "mixed texts"]);
    expect(new Set(plain.robustness.map(({ kind }) => kind)).size).toBe(6);
    const page = reportHtml(found);
    for (const words of [
      /noise study/,
      /Attacks are not measured/,
      /typing errors/,
      /tokens mixed from all texts/,
    ])
      expect(page).toMatch(words);
    expect(page).not.toMatch(/<th[^>]*>[^<]*FGSM/);
  });

  test("is refused for a text that is continued", async () => {
    const data = passageSource({ name: "play" }, "to be ".repeat(200));
    const candidates = await candidatesFor(["transformer"], []);
    const asked = settingOf({ data, candidates, seeds: [0], study: { kind: "noise" } });
    await expect(asked).rejects.toMatchObject({ code: "conflict", culprit: "noise-study" });
  });
});

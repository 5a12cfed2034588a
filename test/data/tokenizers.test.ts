import { describe, expect, it } from "vitest";
import { byteTokenizer, characterTokenizer, tokenizerOf, wordTokenizer } from "../../src/data/index.ts";
import type { TokenizerJson } from "../../src/kinds/index.ts";
import { references } from "../methods/small.ts";

interface Case {
  readonly name: string;
  readonly file: TokenizerJson;
  readonly texts: readonly string[];
  readonly ids: readonly (readonly number[])[];
  readonly plain: readonly (readonly number[])[];
  readonly decoded: readonly string[];
}

describe("tokenizer files", () => {
  const { cases, source } = references<Case>("tokenizers");
  it.each(cases.map((c) => [c.name, c] as const))(`%s, as the package does (${source.script})`, (_, c) => {
    const tokenizer = tokenizerOf(c.file);
    c.texts.forEach((text, i) => {
      expect(tokenizer.encode(text), text).toEqual(c.ids[i]);
      expect(tokenizer.encode(text, { special: false }), text).toEqual(c.plain[i]);
      expect(tokenizer.decode(c.ids[i]), text).toBe(c.decoded[i]);
    });
  });
});

describe("tokenizers without a file", () => {
  it("characters are their own tokens, others unknown", () => {
    const tokenizer = tokenizerOf(characterTokenizer(["a", "b", "é"]));
    expect(tokenizer.encode("abéx")).toEqual([2, 3, 4, 1]);
    expect(tokenizer.decode([2, 3, 4])).toBe("abé");
    expect(tokenizer.vocabulary).toBe(5);
  });

  it("words are in lower case, and signs apart", () => {
    const tokenizer = tokenizerOf(wordTokenizer(["it", "works", "!"]));
    expect(tokenizer.encode("It works!")).toEqual([2, 3, 4]);
    expect(tokenizer.encode("It works!?")).toEqual([2, 3, 1]);
  });

  it("bytes say any text, and give it back", () => {
    const tokenizer = tokenizerOf(byteTokenizer());
    for (const text of ["plain", "häßlich 👍🏽\n", ""]) {
      expect(tokenizer.encode(text)).toEqual([...new TextEncoder().encode(text)]);
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    }
  });

  it("a text is cut so that the post-processor's tokens still fit", () => {
    const { cases } = references<Case>("tokenizers");
    const { file, texts, ids } = cases[0];
    const tokenizer = tokenizerOf(file);
    const cut = tokenizer.encode(texts[0], { most: 5 });
    expect(cut).toEqual([...ids[0].slice(0, 4), ids[0].at(-1)]);
  });
});

describe("what cannot be used is said", () => {
  const model = { type: "WordLevel", vocab: { a: 0 }, unk_token: "a" };
  it.each([
    [{}, "no model"],
    [{ model: { type: "Magic", vocab: { a: 0 } } }, "Magic"],
    [{ model: { ...model, vocab: {} } }, "no vocabulary"],
    [{ model: { ...model, vocab: { a: -1 } } }, "-1"],
    [{ model, normalizer: { type: "Nmt" } }, "Nmt"],
    [{ model, pre_tokenizer: { type: "UnicodeScripts" } }, "UnicodeScripts"],
    [{ model, pre_tokenizer: { type: "Split", pattern: { Regex: "(?<=a" } } }, "pattern"],
    [{ model, post_processor: { type: "Other" } }, "Other"],
    [{ model: { type: "BPE", vocab: { a: 0 }, merges: ["a b"] } }, "merge 1"],
  ] as const)("%o", (json, part) => {
    expect(() => tokenizerOf(json, "file.json")).toThrow(
      expect.objectContaining({
        code: "bad-data",
        culprit: "file.json",
        message: expect.stringContaining(part),
      }),
    );
  });
});

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  loadDataset,
  openData,
  passageSource,
  readTexts,
  readTokenizer,
  type Source,
  split,
  textSource,
  tokenizerOf,
} from "../../src/data/index.ts";
import type { Dataset, Preprocessing } from "../../src/kinds/index.ts";

const all = (source: Source) => Int32Array.from({ length: source.size }, (_, row) => row);
const rowsOf = ({ inputs: { ids } }: Dataset) =>
  Array.from({ length: ids.shape[0] }, (_, row) =>
    Array.from((ids.data as Int32Array).subarray(row * ids.shape[1], (row + 1) * ids.shape[1])),
  );
const asText = (pre: Preprocessing) => {
  if (pre.kind !== "text") throw new Error("no text");
  return tokenizerOf(pre.tokenizer);
};

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ockham-text-"));
});
afterAll(() => rm(folder, { recursive: true }));

const written = async (name: string, content: string): Promise<string> => {
  const path = join(folder, name);
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, content);
  return path;
};

const labels = Int32Array.from({ length: 12 }, (_, i) => i % 2);
const target = { task: "classification", name: "class", classes: ["no", "yes"], labels } as const;
const texts = Array.from(labels, (label, i) => `${label === 1 ? "good" : "bad"} thing number ${i % 3}!`);

describe("texts that are told apart", () => {
  it("are cut or filled up to one length, with a mask", () => {
    const source = textSource({ name: "t", target }, texts, { tokens: 6 });
    const pre = source.fit(all(source));
    const data = source.encode(pre, Int32Array.of(1, 2));
    const tokenizer = asText(pre);
    expect(rowsOf(data).map((row) => tokenizer.decode(row))).toEqual([
      "good thing number 1 !",
      "bad thing number 2 !",
    ]);
    expect(Array.from(data.inputs.mask.data as Float32Array)).toEqual([1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0]);
    expect(rowsOf(data)[0][5]).toBe(tokenizer.padding);
    const short = textSource({ name: "t", target }, texts, { tokens: 2 });
    expect(rowsOf(short.encode(short.fit(all(short)), Int32Array.of(1)))[0].length).toBe(2);
    expect(short.notes.join(" ")).toContain("12 of them are cut to 2 tokens");
  });

  it("learn their vocabulary on the training rows alone, and keep its size", () => {
    const source = textSource({ name: "t", target }, texts);
    const pre = source.fit(Int32Array.of(0, 2, 4));
    const tokenizer = asText(pre);
    expect(tokenizer.idOf("bad")).toBeDefined();
    expect(tokenizer.idOf("good")).toBeUndefined();
    const [row] = rowsOf(source.encode(pre, Int32Array.of(1)));
    expect(row[0]).toBe(tokenizer.idOf("<unk>"));
    const whole = source.fit(all(source));
    expect(pre.kind === "text" && whole.kind === "text" && pre.vocabulary === whole.vocabulary).toBe(true);
  });

  it("keep the most frequent words where there are too many", () => {
    const source = textSource({ name: "t", target }, texts, { vocabulary: 3 });
    const tokenizer = asText(source.fit(all(source)));
    expect(tokenizer.vocabulary).toBe(5);
    expect(["thing", "number", "!"].every((word) => tokenizer.idOf(word) !== undefined)).toBe(true);
  });

  it("refuse preprocessing of other data, and sizes that are none", () => {
    const source = textSource({ name: "t", target }, texts);
    const table: Preprocessing = { kind: "table", columns: [], target: "", classes: [], targetScale: [] };
    expect(() => source.encode(table, all(source))).toThrow(expect.objectContaining({ code: "conflict" }));
    expect(() => textSource({ name: "t", target }, texts, { tokens: 0 })).toThrow(
      expect.objectContaining({ code: "bad-option", culprit: "tokens" }),
    );
  });
});

describe("a text that is continued", () => {
  it("is cut into windows whose targets are the next tokens", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 60, maxLength: 120 }),
        fc.integer({ min: 1, max: 5 }),
        (text, tokens) => {
          const characters = Array.from(text);
          const source = passageSource({ name: "p" }, text, { tokens });
          const pre = source.fit(all(source));
          const data = source.encode(pre, all(source));
          const tokenizer = asText(pre);
          const next = data.target.data as Int32Array;
          const ids = data.inputs.ids.data as Int32Array;
          expect(Array.from(ids, (id) => tokenizer.tokenOf(id))).toEqual(characters.slice(0, ids.length));
          // the very last target may be a character that no training window begins with
          next.slice(0, -1).forEach((id, i) => {
            expect(tokenizer.tokenOf(id)).toBe(characters[i + 1]);
          });
        },
      ),
      { numRuns: 50 },
    );
  });

  it("is split by position: nothing that is predicted in a later part was in an earlier one", async () => {
    const source = await loadDataset("coriolanus", { tokens: 32 });
    const { train, validation, test } = split(source, 0);
    const end = (rows: Int32Array) => (Math.max(...rows) + 1) * 32;
    // the last target of a part is the first input of the next; targets come after that
    const first = (rows: Int32Array) => Math.min(...rows) * 32 + 1;
    expect(first(validation)).toBeGreaterThan(end(train));
    expect(first(test)).toBeGreaterThan(end(validation));
    expect(split(source, 1)).toEqual(split(source, 0));
  });

  it("can be cut into bytes and words, and says how many characters a token stands for", async () => {
    for (const tokenizer of ["bytes", "words"] as const) {
      const source = await loadDataset("coriolanus", { tokenizer });
      const data = source.encode(source.fit(all(source)), Int32Array.of(0));
      expect(data.charactersPerToken).toBeCloseTo(tokenizer === "bytes" ? 1 : 4.5, 0);
    }
  });

  it("needs ten windows", () => {
    expect(() => passageSource({ name: "p" }, "short", { tokens: 4 })).toThrow(
      expect.objectContaining({ code: "bad-data", culprit: "p" }),
    );
  });
});

describe("files of texts", () => {
  const rows = Array.from(labels, (label, i) => ({ body: texts[i], spam: label === 1 ? "yes" : "no", n: i }));

  it("a column of CSV or JSON Lines", async () => {
    const csv = await written(
      "a.csv",
      `body,spam,n\n${rows.map((r) => `"${r.body}",${r.spam},${r.n}`).join("\n")}\n`,
    );
    const json = await written("a.jsonl", rows.map((row) => JSON.stringify(row)).join("\n"));
    const [first, second] = await Promise.all(
      [csv, json].map(async (path) => {
        const source = await openData(path, { text: "body", target: "spam", tokens: 8 });
        const pre = source.fit(all(source));
        expect(pre).toMatchObject({ kind: "text", column: "body", target: "spam", classes: ["no", "yes"] });
        return rowsOf(source.encode(pre, all(source)));
      }),
    );
    expect(first).toEqual(second);
    expect(first.length).toBe(12);
    await expect(openData(csv, { text: "bodi", target: "spam" })).rejects.toMatchObject({
      code: "unknown-name",
      hint: expect.stringContaining("body"),
    });
    await expect(openData(csv, { tokens: 4, target: "spam" })).rejects.toMatchObject({ code: "bad-option" });
  });

  it("folders by class, with test texts of their own", async () => {
    for (const [part, offset] of [
      ["train", 0],
      ["test", 6],
    ] as const)
      for (let i = 0; i < 6; i++)
        await written(`classes/${part}/${labels[i] === 1 ? "yes" : "no"}/${i}.txt`, texts[offset + i]);
    await written("classes/train/no/readme.md", "no text");
    const source = await readTexts(join(folder, "classes"));
    expect(source).toMatchObject({ task: "classification", size: 12, classes: ["no", "yes"] });
    expect(source.test?.length).toBe(6);
    expect(source.notes.join(" ")).toContain("readme.md");
  });

  it("one plain file, and a folder of them", async () => {
    const path = await written("story/one.txt", "To be, or not to be. ".repeat(40));
    await written("story/two.txt", "That is the question. ".repeat(40));
    expect((await openData(path, { text: true })).size).toBe(13);
    const both = await openData(join(folder, "story"), { text: true, tokens: 16 });
    expect(both).toMatchObject({ task: "tokens", size: 107 });
  });

  it("broken ones are refused by name", async () => {
    const bad = join(folder, "latin.txt");
    await writeFile(bad, Uint8Array.of(0x68, 0xe4, 0xff));
    await expect(readTexts(bad)).rejects.toMatchObject({ code: "bad-file", culprit: bad });
    await expect(readTexts(join(folder, "absent.txt"))).rejects.toMatchObject({ code: "bad-file" });
    await expect(readTexts(await written("x.pdf", "?"))).rejects.toMatchObject({ code: "bad-file" });
    await mkdir(join(folder, "nothing"), { recursive: true });
    await expect(readTexts(join(folder, "nothing"))).rejects.toMatchObject({ code: "bad-file" });
  });
});

describe("files of tokenizers", () => {
  it("a vocabulary of BERT's kind", async () => {
    const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nhello\nwor\n##ld\n!\n";
    const tokenizer = await readTokenizer(await written("bert/vocab.txt", vocabulary));
    expect(tokenizer.encode("Hello world!")).toEqual([2, 4, 5, 6, 7, 3]);
    expect(tokenizer.encode("bye")).toEqual([2, 1, 3]);
    expect(tokenizer.padding).toBe(0);
  });

  it("a vocabulary and merges of GPT-2's kind, and the folder of them", async () => {
    const tokens = ["h", "i", "Ġ", "hi", "Ġhi", "<|endoftext|>"];
    const vocabulary = JSON.stringify(Object.fromEntries(tokens.map((token, id) => [token, id])));
    await written("gpt/vocab.json", vocabulary);
    await written("gpt/merges.txt", "#version: 0.2\nh i\nĠ hi\n");
    for (const path of ["gpt/vocab.json", "gpt"]) {
      const tokenizer = await readTokenizer(join(folder, path));
      expect(tokenizer.encode("hi hi<|endoftext|>")).toEqual([3, 4, 5]);
      expect(tokenizer.decode([3, 4, 5])).toBe("hi hi");
    }
  });

  it.each([
    ["cut.json", '{"model": {', "bad-file"],
    ["other.json", '{"a": 1}', "bad-file"],
    ["list.json", "[1]", "bad-file"],
    ["words.txt", "just\nwords\n", "bad-data"],
  ])("%s is refused by name", async (name, content, code) => {
    const path = await written(`bad/${name}`, content);
    await expect(readTokenizer(path)).rejects.toMatchObject({ code, culprit: path });
  });
});

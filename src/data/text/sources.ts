import { ndarray } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import type { Dataset } from "../../kinds/dataset.ts";
import type { Preprocessing, TokenizerJson } from "../../kinds/preprocessing.ts";
import { type Description, fitTarget, makeSource, mismatch, type Source } from "../source.ts";
import { type Tokenizer, tokenizerOf } from "./tokenizer.ts";
import {
  byteTokenizer,
  characterTokenizer,
  countsOf,
  frequent,
  type Units,
  unitsOf,
  unknownToken,
  wordTokenizer,
} from "./vocabularies.ts";

export interface TextOptions {
  /** Characters, words or bytes, or a tokenizer of one's own. */
  readonly tokenizer?: Units | Tokenizer;
  /** Ids of an example. */
  readonly tokens?: number;
  /** Most words or characters that have an id of their own: those that are most frequent in training. */
  readonly vocabulary?: number;
}

export type TextPreprocessing = Preprocessing & { kind: "text" };

const usualVocabulary = 5000;
const leastWindows = 10;
/** Tokens of an example where nobody says how many: of a long text; and at most, of one that is classified. */
const usualWindow = 64;
const mostTokens = 256;

/** How texts become ids, once the training texts are known. */
interface Cutter {
  /** Ids, all below this, whatever was in the training texts. */
  readonly vocabulary: number;
  /** What a text is cut into: units to be numbered, or ids. */
  cut(text: string): Iterable<Unit>;
  /** The tokenizer, from the units of the training texts. */
  fit(training: Iterable<Unit>): TokenizerJson;
}

type Unit = string | number;

function cutterOf(texts: Iterable<string>, options: TextOptions, usual: Units): Cutter {
  const { tokenizer = usual, vocabulary: most = usualVocabulary } = options;
  checkWhole("vocabulary", most);
  if (tokenizer === "characters" || tokenizer === "words") {
    const make = tokenizer === "words" ? wordTokenizer : characterTokenizer;
    const cut = unitsOf[tokenizer];
    const distinct = countsOf(all(texts, cut)).size;
    return {
      vocabulary: 2 + Math.min(most, distinct),
      cut,
      fit: (training) => make(frequent(countsOf(training as Iterable<string>), most)),
    };
  }
  const given = tokenizer === "bytes" ? tokenizerOf(byteTokenizer()) : tokenizer;
  return { vocabulary: given.vocabulary, cut: (text) => given.encode(text), fit: () => given.json };
}

/** The units of all texts, one after another. */
function* all<T>(texts: Iterable<string>, cut: (text: string) => Iterable<T>): Generator<T> {
  for (const text of texts) yield* cut(text);
}

function checkWhole(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1)
    throw new OckhamError(
      "bad-option",
      name,
      `${name} cannot be ${value}`,
      "give a whole number of at least 1",
    );
}

const checked = (pre: Preprocessing, name: string): TextPreprocessing => {
  if (pre.kind === "text") return pre;
  throw mismatch(name, `these are texts, not ${pre.kind === "image" ? "images" : "a table"}`);
};

/**
 * Texts to be told apart as a source. Encoded: `ids` int32 [n, tokens], cut at the end or filled up with the padding
 * id, and `mask` float32 [n, tokens], 1 for a token and 0 for padding. Tokens are words unless told; words and
 * characters get ids by how frequent they are in the training rows. `tokens` is, unless told, what holds 19 of 20
 * texts whole, and at most 256.
 *
 * Throws `bad-option` for sizes that are none.
 */
export function textSource(
  description: Description,
  texts: readonly string[],
  options: TextOptions & { readonly column?: string } = {},
): Source {
  const { name, target } = description;
  const cutter = cutterOf(texts, options, "words");
  const lengths = texts.map((text) => countOf(cutter.cut(text)));
  const tokens = options.tokens ?? Math.min(mostTokens, Math.max(1, quantile(lengths, 0.95)));
  checkWhole("tokens", tokens);
  const cutShort = lengths.filter((length) => length > tokens).length;
  const characters = texts.reduce((sum, text) => sum + text.length, 0);
  const charactersPerToken =
    characters /
    Math.max(
      1,
      lengths.reduce((a, b) => a + b, 0),
    );

  const learn = (train: Int32Array): Preprocessing => ({
    kind: "text",
    tokenizer: cutter.fit(
      all(
        Array.from(train, (row) => texts[row]),
        cutter.cut,
      ),
    ),
    vocabulary: cutter.vocabulary,
    tokens,
    ...(options.column === undefined ? {} : { column: options.column }),
    ...fitTarget(target, train),
  });
  const inputs = (pre: Preprocessing, rows: Int32Array) =>
    encodeTexts(
      checked(pre, name),
      Array.from(rows, (row) => texts[row]),
    );
  const notes = [
    `${texts.length} texts of ${Math.min(...lengths)} to ${Math.max(...lengths)} tokens.`,
    ...(cutShort > 0 ? [`${cutShort} of them are cut to ${tokens} tokens.`] : []),
    ...(description.notes ?? []),
  ];
  const source = makeSource({ ...description, notes }, texts.length, learn, inputs);
  return {
    ...source,
    encode: (pre, rows) => ({
      ...source.encode(pre, rows),
      vocabulary: checked(pre, name).vocabulary,
      charactersPerToken,
    }),
  };
}

function countOf(units: Iterable<unknown>): number {
  let n = 0;
  for (const _ of units) n++;
  return n;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 1;
}

/** Texts as a model of this preprocessing takes them: `ids` and `mask`. */
export function encodeTexts(
  { tokenizer: json, tokens }: TextPreprocessing,
  texts: readonly string[],
): Dataset["inputs"] {
  const tokenizer = tokenizerOf(json);
  const shape = [texts.length, tokens];
  const ids = new Int32Array(texts.length * tokens).fill(tokenizer.padding);
  const mask = new Float32Array(ids.length);
  texts.forEach((text, row) => {
    const found = tokenizer.encode(text, { most: tokens });
    ids.set(found, row * tokens);
    mask.fill(1, row * tokens, row * tokens + found.length);
  });
  return { ids: ndarray("int32", shape, ids), mask: ndarray("float32", shape, mask) };
}

/**
 * One long text to be continued, as a source for language models: windows of `tokens` tokens one after another, and
 * for each place the token that comes next. Encoded: `ids` and target int32 [n, tokens].
 *
 * Windows do not overlap, and `time` is their position: a split has training before validation before test, so that
 * nothing that is to be predicted was seen in training. Tokens are characters unless told; characters and words get
 * ids by how frequent they are in the training rows. What is left at the end is too short for a window and dropped.
 *
 * Throws `bad-data` for a text that makes fewer than ten windows, `bad-option` for sizes that are none.
 */
export function passageSource(
  { name, origin, notes = [] }: Pick<Description, "name" | "origin" | "notes">,
  text: string,
  options: TextOptions = {},
): Source {
  const cutter = cutterOf([text], options, "characters");
  const { tokens = usualWindow } = options;
  checkWhole("tokens", tokens);
  const units = [...cutter.cut(text)];
  const size = Math.floor((units.length - 1) / tokens);
  if (size < leastWindows)
    throw new OckhamError(
      "bad-data",
      name,
      `${name} has ${units.length} tokens, which make ${Math.max(0, size)} windows of ${tokens}`,
      `give a text of at least ${leastWindows * tokens + 1} tokens, or shorter windows`,
    );
  const charactersPerToken = text.length / units.length;
  return {
    name,
    task: "tokens",
    size,
    classes: [],
    ...(origin && { origin }),
    notes: [
      `${size} windows of ${tokens} tokens, one after another; ${cutter.vocabulary} different ids.`,
      ...notes,
    ],
    time: Float64Array.from({ length: size }, (_, row) => row),
    fit(train) {
      const training = Array.from(train).flatMap((row) => units.slice(row * tokens, (row + 1) * tokens));
      return {
        kind: "text",
        tokenizer: cutter.fit(training),
        vocabulary: cutter.vocabulary,
        tokens,
        target: "next token",
        classes: [],
        targetScale: [],
      };
    },
    encode(pre, rows) {
      const { tokenizer: json, vocabulary } = checked(pre, name);
      const numbers = numbersOf(units, tokenizerOf(json));
      const from = (shift: number) => {
        const data = new Int32Array(rows.length * tokens);
        rows.forEach((row, i) => {
          data.set(numbers.subarray(row * tokens + shift, (row + 1) * tokens + shift), i * tokens);
        });
        return ndarray("int32", [rows.length, tokens], data);
      };
      return {
        name,
        task: "tokens",
        size: rows.length,
        inputs: { ids: from(0) },
        target: from(1),
        classes: [],
        vocabulary,
        charactersPerToken,
      };
    },
  };
}

/** Units as ids; those that the tokenizer has none for as its unknown token. */
function numbersOf(units: readonly Unit[], tokenizer: Tokenizer): Int32Array {
  const unknown = tokenizer.idOf(unknownToken) ?? 0;
  return Int32Array.from(units, (unit) =>
    typeof unit === "number" ? unit : (tokenizer.idOf(unit) ?? unknown),
  );
}

import { ndarray } from "../../array/ndarray.ts";
import type { Stream } from "../../array/random.ts";
import type { TextPreprocessing } from "../../data/text/index.ts";
import { type Tokenizer, tokenizerOf } from "../../data/text/tokenizer.ts";
import type { Dataset } from "../../kinds/index.ts";
import type { Spoiled } from "../measure/corruptions.ts";
import { severities } from "./levels.ts";

/** A change of a run of a text's tokens; `level` says how much. */
type Edit = (ids: readonly number[], level: number, stream: Stream) => number[];

/** One way of spoiling texts, with what its severities stand for. */
interface TextCorruption {
  readonly kind: string;
  readonly unit: string;
  readonly levels: readonly [number, number, number, number, number];
  readonly edit: Edit;
}

/** What texts are spoiled with. */
interface Words {
  readonly tokenizer: Tokenizer;
  /** Tokens of the texts at hand, as often as they occur there, and the characters of these. */
  readonly pool: Int32Array;
  readonly letters: readonly string[];
  /** Stands for words that were never seen; undefined where the tokenizer knows every text. */
  readonly unknown?: number;
  /** Marks such as [CLS], which no one writes. */
  isMark(id: number): boolean;
}

const unknownNames = ["<unk>", "[UNK]"];

function wordsOf({ tokenizer: json }: TextPreprocessing, texts: readonly (readonly number[])[]): Words {
  const tokenizer = tokenizerOf(json);
  const unknown = unknownNames.map(tokenizer.idOf).find((id) => id !== undefined);
  const marks = new Map<number, boolean>();
  const isMark = (id: number) => {
    const known = marks.get(id) ?? (id !== unknown && tokenizer.decode([id]) === "");
    marks.set(id, known);
    return known;
  };
  const pool = Int32Array.from(texts.flat().filter((id) => !isMark(id)));
  const letters = [...new Set(tokenizer.decode(new Set(pool)))].filter((c) => c.trim() !== "").sort();
  return { tokenizer, pool, letters, isMark, ...(unknown === undefined ? {} : { unknown }) };
}

/** The tokens of each text, without padding. */
const textsOf = ({ inputs: { ids, mask }, size }: Dataset): number[][] =>
  Array.from({ length: size }, (_, row) => {
    const [, width] = ids.shape;
    const at = (place: number) => row * width + place;
    return Array.from({ length: width }, (_, place) => place)
      .filter((place) => mask.data[at(place)] === 1)
      .map((place) => ids.data[at(place)] as number);
  });

/** The data with other tokens, cut or filled up to their length; a text keeps at least one. */
function withTexts(data: Dataset, texts: readonly (readonly number[])[], padding: number): Dataset {
  const [, width] = data.inputs.ids.shape;
  const ids = new Int32Array(data.size * width).fill(padding);
  const mask = new Float32Array(ids.length);
  for (const [row, text] of texts.entries()) {
    const kept = text.slice(0, width);
    ids.set(kept, row * width);
    mask.fill(1, row * width, row * width + kept.length);
  }
  const shape = [data.size, width];
  return {
    ...data,
    inputs: { ...data.inputs, ids: ndarray("int32", shape, ids), mask: ndarray("float32", shape, mask) },
  };
}

/** A text with each run of its words changed; marks stay where they are. */
function edited(ids: readonly number[], { isMark }: Words, edit: (run: number[]) => number[]): number[] {
  const result: number[] = [];
  let run: number[] = [];
  for (const id of [...ids, undefined]) {
    if (id !== undefined && !isMark(id)) {
      run.push(id);
      continue;
    }
    if (run.length > 0) result.push(...edit(run));
    run = [];
    if (id !== undefined) result.push(id);
  }
  return result.length > 0 ? result : ids.slice(0, 1);
}

/** Neighbours change places; none moves twice. */
const swapped: Edit = (ids, share, stream) => {
  const result = [...ids];
  for (let i = 0; i + 1 < result.length; i++)
    if (stream.uniform() < share) {
      [result[i], result[i + 1]] = [result[i + 1], result[i]];
      i++;
    }
  return result;
};

/** Characters change places with the next, are left out, followed by another, or replaced by one: a quarter each. */
function mistyped(text: string, share: number, letters: readonly string[], stream: Stream): string {
  const characters = Array.from(text);
  let result = "";
  for (let i = 0; i < characters.length; i++) {
    const c = characters[i];
    if (stream.uniform() >= share || letters.length === 0) {
      result += c;
      continue;
    }
    const kind = stream.integers(4);
    const other = letters[stream.integers(letters.length)];
    if (kind === 0) result += (characters[++i] ?? "") + c;
    else if (kind === 1) result += c + other;
    else if (kind === 2) result += other;
  }
  return result;
}

const shares = [0.05, 0.1, 0.2, 0.3, 0.5] as const;

function textKinds({ tokenizer, pool, letters, unknown }: Words): TextCorruption[] {
  const kept = (share: number, stream: Stream) => stream.uniform() >= share;
  const kinds: TextCorruption[] = [
    {
      kind: "typing errors",
      unit: "share of characters swapped, left out, added or replaced",
      levels: [0.01, 0.03, 0.06, 0.1, 0.2],
      edit: (ids, share, stream) =>
        tokenizer.encode(mistyped(tokenizer.decode(ids), share, letters, stream), { special: false }),
    },
    {
      kind: "missing tokens",
      unit: "share of tokens left out",
      levels: shares,
      edit: (ids, share, stream) => ids.filter(() => kept(share, stream)),
    },
    {
      kind: "replaced tokens",
      unit: "share of tokens taken from other texts",
      levels: shares,
      edit: (ids, share, stream) =>
        ids.map((id) => (kept(share, stream) ? id : pool[stream.integers(pool.length)])),
    },
    { kind: "swapped tokens", unit: "share of neighbours that change places", levels: shares, edit: swapped },
    {
      kind: "cut texts",
      unit: "share of tokens cut off at the end",
      levels: [0.1, 0.2, 0.4, 0.6, 0.8],
      edit: (ids, share) => ids.slice(0, Math.max(1, Math.round((1 - share) * ids.length))),
    },
  ];
  if (unknown === undefined) return kinds;
  const unknownTokens: Edit = (ids, share, stream) => ids.map((id) => (kept(share, stream) ? id : unknown));
  return [
    ...kinds,
    { kind: "unknown tokens", unit: "share of tokens never seen", levels: shares, edit: unknownTokens },
  ];
}

const remembered = new WeakMap<Dataset, readonly Spoiled[]>();

/**
 * Texts at severities 1 to 5 of six kinds of corruption (five where no token stands for unknown words): typing errors
 * (characters as Belinkov and Bisk 2018 and Pruthi et al. 2019 change them), tokens left out or swapped (Wei and Zou 2019
 * do so to augment), replaced, never seen, or cut off. Drawn from the seed, so that all candidates meet the same.
 */
export function spoiledTexts(data: Dataset, pre: TextPreprocessing, random: Stream): readonly Spoiled[] {
  const known = remembered.get(data);
  if (known !== undefined) return known;
  const texts = textsOf(data);
  const words = wordsOf(pre, texts);
  const made = textKinds(words).flatMap(({ kind, levels, edit }) =>
    severities.map((strength): Spoiled => {
      const stream = random.split(kind).split(`${strength}`);
      const level = levels[strength - 1];
      const changed = texts.map((ids) => edited(ids, words, (run) => edit(run, level, stream)));
      return { kind, strength, data: withTexts(data, changed, words.tokenizer.padding) };
    }),
  );
  remembered.set(data, made);
  return made;
}

/**
 * Texts that mean nothing, as long as those given: of tokens drawn alike from all that occur, and of tokens drawn as
 * often as they occur, which mixes all texts.
 */
export function senselessTexts(
  data: Dataset,
  pre: TextPreprocessing,
  random: Stream,
): Readonly<Record<string, Dataset>> {
  const texts = textsOf(data);
  const words = wordsOf(pre, texts);
  const drawnFrom = (pool: ArrayLike<number>, stream: Stream) =>
    withTexts(
      data,
      texts.map((ids) =>
        edited(ids, words, (run) => run.map(() => pool[stream.integers(pool.length)] as number)),
      ),
      words.tokenizer.padding,
    );
  return {
    "random tokens": drawnFrom([...new Set(words.pool)], random.split("tokens")),
    "mixed texts": drawnFrom(words.pool, random.split("mixed")),
  };
}

import type { TokenizerJson } from "../../kinds/preprocessing.ts";
import { byteCharacters } from "./normalizers.ts";

/** What the tokenizers that need no file cut texts into. */
export type Units = "characters" | "words" | "bytes";
export const units: readonly Units[] = ["characters", "words", "bytes"];

const padding = "<pad>";
/** The token that stands for units that have none of their own. */
export const unknownToken = "<unk>";

const special = (id: number, content: string) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

const file = (parts: TokenizerJson): TokenizerJson => ({
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  ...parts,
});

/** Ids for tokens after those of the special ones. */
const numbered = (tokens: readonly string[]): Record<string, number> =>
  Object.fromEntries([padding, unknownToken, ...tokens].map((token, id) => [token, id]));

const word =
  /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu;

/** The units of a text, as the tokenizers below cut it. */
export const unitsOf: Readonly<Record<"characters" | "words", (text: string) => Iterable<string>>> = {
  characters: (text) => text,
  words: (text) => lowered(text).match(word) ?? [],
};

const lowered = (text: string): string => Array.from(text, (c) => c.toLowerCase()).join("");

/** How often each unit occurs. */
export function countsOf(units: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const unit of units) counts.set(unit, (counts.get(unit) ?? 0) + 1);
  return counts;
}

/** The most frequent units, `most` of them, in the order of their code points. */
export const frequent = (counts: ReadonlyMap<string, number>, most: number): string[] =>
  [...counts]
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([unit]) => unit)
    .sort();

/** A tokenizer whose tokens are characters: id 0 is padding, 1 any other character. */
export const characterTokenizer = (characters: readonly string[]): TokenizerJson =>
  file({
    added_tokens: [special(0, padding), special(1, unknownToken)],
    decoder: { type: "Fuse" },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: unknownToken,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: numbered(characters),
      merges: [],
    },
  });

/** A tokenizer whose tokens are words in lower case, and runs of signs: id 0 is padding, 1 any other word. */
export const wordTokenizer = (words: readonly string[]): TokenizerJson =>
  file({
    added_tokens: [special(0, padding), special(1, unknownToken)],
    normalizer: { type: "Lowercase" },
    pre_tokenizer: { type: "Whitespace" },
    model: { type: "WordLevel", vocab: numbered(words), unk_token: unknownToken },
  });

/** A tokenizer whose tokens are the 256 bytes of UTF-8, so that no text is unknown; id 256 is padding. */
export const byteTokenizer = (): TokenizerJson =>
  file({
    added_tokens: [special(256, padding)],
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: { ...Object.fromEntries(byteCharacters.map((c, byte) => [c, byte])), [padding]: 256 },
      merges: [],
    },
  });

import { bytePair } from "./bytePair.ts";
import { badTokenizer, fieldOf, isRecord, type Part, unknownPart } from "./json.ts";
import { unigram } from "./unigram.ts";

/** Cuts a pre-token into tokens of its vocabulary, as ids. */
export interface TokenModel {
  readonly ids: ReadonlyMap<string, number>;
  /** Undefined where unknown pieces are left out. */
  readonly unknown: number | undefined;
  encode(piece: string): number[];
}

const known = ["BPE", "WordPiece", "WordLevel", "Unigram"];

/** The model that a tokenizer file describes. Throws `bad-data` for unknown kinds and vocabularies that are none. */
export function tokenModelOf(part: unknown, path: string): TokenModel {
  if (!isRecord(part)) throw badTokenizer(path, "it has no model", "check how the file was written");
  switch (part.type ?? guessed(part)) {
    case "BPE":
      return bytePair(part, vocabularyOf(part, path), path);
    case "WordPiece":
      return wordPiece(part, vocabularyOf(part, path), path);
    case "WordLevel":
      return wordLevel(part, vocabularyOf(part, path), path);
    case "Unigram":
      return unigram(part, path);
    default:
      throw unknownPart(path, "model", part.type, known);
  }
}

/** Files of old releases do not name their model. */
function guessed(part: Part): string | undefined {
  if (Array.isArray(part.merges)) return "BPE";
  if (Array.isArray(part.vocab)) return "Unigram";
  return "max_input_chars_per_word" in part ? "WordPiece" : undefined;
}

function vocabularyOf({ vocab }: Part, path: string): Map<string, number> {
  const entries = isRecord(vocab) ? Object.entries(vocab) : [];
  const bad = entries.find(([, id]) => !Number.isInteger(id) || (id as number) < 0);
  if (entries.length === 0 || bad !== undefined)
    throw badTokenizer(
      path,
      bad === undefined
        ? "its model has no vocabulary"
        : `the id of ${JSON.stringify(bad[0])} is ${JSON.stringify(bad[1])}`,
      "check how the file was written",
    );
  return new Map(entries as [string, number][]);
}

/** The longest token that a word begins with, then the longest of the rest, and so on; unknown as a whole where one is missing. */
function wordPiece(part: Part, ids: ReadonlyMap<string, number>, path: string): TokenModel {
  const unknown = ids.get(fieldOf(part, "unk_token", "[UNK]", path));
  const prefix = fieldOf(part, "continuing_subword_prefix", "##", path);
  const most = fieldOf(part, "max_input_chars_per_word", 100, path);
  const none = unknown === undefined ? [] : [unknown];
  return {
    ids,
    unknown,
    encode(piece) {
      const characters = Array.from(piece);
      if (characters.length > most) return none;
      const found: number[] = [];
      for (let start = 0; start < characters.length; ) {
        let end = characters.length;
        let id: number | undefined;
        for (; end > start && id === undefined; end--) {
          const token = characters.slice(start, end).join("");
          id = ids.get(start > 0 ? prefix + token : token);
        }
        if (id === undefined) return none;
        found.push(id);
        start = end + 1;
      }
      return found;
    },
  };
}

function wordLevel(part: Part, ids: ReadonlyMap<string, number>, path: string): TokenModel {
  const unknown = ids.get(fieldOf(part, "unk_token", "<unk>", path));
  return {
    ids,
    unknown,
    encode(piece) {
      const id = ids.get(piece) ?? unknown;
      return id === undefined ? [] : [id];
    },
  };
}

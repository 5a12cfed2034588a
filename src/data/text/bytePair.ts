import { badTokenizer, fieldOf, type Part } from "./json.ts";
import type { TokenModel } from "./models.ts";

/** How often a pair is merged before others, and what it becomes. */
interface Merge {
  readonly rank: number;
  readonly id: number;
}

const encoder = new TextEncoder();
/** Pieces whose tokens are remembered. */
const mostRemembered = 10_000;

/**
 * Byte pair encoding: a piece as its characters, of which the pair that was learned first is merged, again and again.
 * Sennrich, Haddow and Birch 2016. As the package `tokenizers`, with its options `unk_token`, `fuse_unk`,
 * `byte_fallback`, `ignore_merges`, `continuing_subword_prefix` and `end_of_word_suffix`; dropout is for training a
 * tokenizer and is left out.
 */
export function bytePair(part: Part, ids: ReadonlyMap<string, number>, path: string): TokenModel {
  const text = (name: string) => fieldOf(part, name, "", path);
  const flag = (name: string) => fieldOf(part, name, false, path);
  const [unk, prefix, suffix] = [
    text("unk_token"),
    text("continuing_subword_prefix"),
    text("end_of_word_suffix"),
  ];
  const unknown = unk === "" ? undefined : ids.get(unk);
  const [fuse, fallback, whole] = [flag("fuse_unk"), flag("byte_fallback"), flag("ignore_merges")];
  const merges = mergesOf(part, ids, prefix, path);
  const remembered = new Map<string, number[]>();

  /** The ids of a piece's characters: unknown ones as bytes, as the unknown token, or left out. */
  function symbols(piece: string): number[] {
    const characters = Array.from(piece);
    const result: number[] = [];
    let unsaid = false;
    characters.forEach((c, i) => {
      const token = (i > 0 ? prefix : "") + c + (i === characters.length - 1 ? suffix : "");
      const id = ids.get(token);
      if (id !== undefined) {
        result.push(id);
        unsaid = false;
        return;
      }
      const bytes = fallback ? byteIds(c, ids) : undefined;
      if (bytes !== undefined) {
        result.push(...bytes);
        unsaid = false;
      } else if (unknown !== undefined && !(fuse && unsaid)) {
        result.push(unknown);
        unsaid = true;
      }
    });
    return result;
  }

  return {
    ids,
    unknown,
    encode(piece) {
      const own = whole ? ids.get(piece) : undefined;
      if (own !== undefined) return [own];
      if (merges.size === 0) return symbols(piece);
      const known = remembered.get(piece);
      if (known !== undefined) return known;
      const result = merged(symbols(piece), merges);
      if (remembered.size < mostRemembered) remembered.set(piece, result);
      return result;
    },
  };
}

/** A character's UTF-8 bytes as tokens `<0x..>`; undefined where one is not in the vocabulary. */
export function byteIds(character: string, ids: ReadonlyMap<string, number>): number[] | undefined {
  const found: number[] = [];
  for (const byte of encoder.encode(character)) {
    const id = ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
    if (id === undefined) return undefined;
    found.push(id);
  }
  return found;
}

const base = 2 ** 26;
const pairOf = (left: number, right: number): number => left * base + right;

function mergesOf(
  part: Part,
  ids: ReadonlyMap<string, number>,
  prefix: string,
  path: string,
): Map<number, Merge> {
  const list = part.merges ?? [];
  if (!Array.isArray(list))
    throw badTokenizer(path, "its merges are no list", "check how the file was written");
  const merges = new Map<number, Merge>();
  list.forEach((entry: unknown, rank) => {
    const pair = typeof entry === "string" ? entry.split(" ") : entry;
    const [left, right] = Array.isArray(pair) && pair.length === 2 ? (pair as unknown[]) : [];
    if (typeof left !== "string" || typeof right !== "string")
      throw badTokenizer(path, `merge ${rank + 1} is no pair of tokens`, "check how the file was written");
    const [a, b, both] = [left, right, left + right.slice(prefix.length)].map((token) => ids.get(token));
    if (a === undefined || b === undefined || both === undefined)
      throw badTokenizer(
        path,
        `merge ${rank + 1}, ${JSON.stringify(left)} with ${JSON.stringify(right)}, is not in the vocabulary`,
        "give vocabulary and merges that belong together",
      );
    // of equal pairs the last one counts, as in the package
    merges.set(pairOf(a, b), { rank, id: both });
  });
  return merges;
}

/** Merges the pair of lowest rank, the leftmost of equals, until none is left. */
function merged(symbols: number[], merges: ReadonlyMap<number, Merge>): number[] {
  const list = symbols;
  for (;;) {
    let best: Merge | undefined;
    for (let i = 0; i + 1 < list.length; i++) {
      const merge = merges.get(pairOf(list[i], list[i + 1]));
      if (merge !== undefined && (best === undefined || merge.rank < best.rank)) best = merge;
    }
    if (best === undefined) return list;
    // all places of the pair, from the left
    let to = 0;
    for (let i = 0; i < list.length; i++) {
      const merge = i + 1 < list.length ? merges.get(pairOf(list[i], list[i + 1])) : undefined;
      if (merge === best) {
        list[to++] = best.id;
        i++;
      } else list[to++] = list[i];
    }
    list.length = to;
  }
}

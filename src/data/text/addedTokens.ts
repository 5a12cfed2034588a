import { badTokenizer, fieldOf, type Part, partsOf } from "./json.ts";
import type { Normalizer } from "./normalizers.ts";

/** A token that is found in the text itself, before the model sees it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Not bordering on a letter, digit or underscore. */
  readonly word: boolean;
  /** Takes the space before or after it along. */
  readonly left: boolean;
  readonly right: boolean;
  /** Looked for after normalization. */
  readonly normalized: boolean;
  /** Left out when ids are made a text again. */
  readonly special: boolean;
}

export function addedTokensOf(file: Part, path: string): AddedToken[] {
  return partsOf(file, "added_tokens", path).map((part) => {
    const flag = (name: string) => fieldOf(part, name, false, path);
    const special = flag("special");
    const token = {
      id: fieldOf(part, "id", -1, path),
      content: fieldOf(part, "content", "", path),
      word: flag("single_word"),
      left: flag("lstrip"),
      right: flag("rstrip"),
      normalized: fieldOf(part, "normalized", !special, path),
      special,
    };
    if (token.content === "" || !Number.isInteger(token.id) || token.id < 0)
      throw badTokenizer(path, "an added token has no content or no id", "check how the file was written");
    return token;
  });
}

/** A stretch of text, or the added token that stands there. */
export type Stretch = string | AddedToken;

/** Cuts a text at added tokens, the leftmost first and the longest of those. */
export type Finder = (text: string) => Stretch[];

const wordCharacter = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

/** A finder of these tokens; `normalize` is applied to what they are called, for text that it was applied to. */
export function finderOf(tokens: readonly AddedToken[], normalize: Normalizer = (text) => text): Finder {
  const named = tokens
    .map((token) => ({ token, name: normalize(token.content) }))
    .filter(({ name }) => name !== "")
    .sort((a, b) => b.name.length - a.name.length);
  if (named.length === 0) return (text) => [text];
  const escaped = named.map(({ name }) => name.replace(/[\^$\\.*+?()[\]{}|/]/g, "\\$&"));
  const byName = new Map(named.map(({ name, token }) => [name, token]));
  const pattern = new RegExp(escaped.join("|"), "gu");
  return (text) => {
    const found: Stretch[] = [];
    let end = 0;
    for (const match of text.matchAll(pattern)) {
      const token = byName.get(match[0]) as AddedToken;
      let [from, to] = [match.index, match.index + match[0].length];
      if (token.word && (endsInWord(text.slice(0, from)) || startsInWord(text.slice(to)))) continue;
      if (token.left) from = end + text.slice(end, from).replace(/\p{White_Space}+$/u, "").length;
      if (token.right) to = text.length - text.slice(to).replace(/^\p{White_Space}+/u, "").length;
      // the space before it may have been taken by the one before
      from = Math.max(from, end);
      if (from > end) found.push(text.slice(end, from));
      found.push(token);
      end = Math.max(end, to);
    }
    if (end < text.length) found.push(text.slice(end));
    return found;
  };
}

const endsInWord = (text: string): boolean => wordCharacter.test(Array.from(text.slice(-2)).at(-1) ?? "");
const startsInWord = (text: string): boolean => wordCharacter.test(Array.from(text.slice(0, 2))[0] ?? "");

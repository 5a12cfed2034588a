import { badTokenizer, fieldOf, isRecord, type Part, partsOf, unknownPart } from "./json.ts";
import { patternOf, toByteCharacters } from "./normalizers.ts";
import { literalRegex, regexOf } from "./regex.ts";

/** Cuts pieces of a text further; `first` tells the piece at the text's beginning. */
export type PreTokenizer = (piece: string, first: boolean) => string[];

const known = [
  "Sequence",
  "BertPreTokenizer",
  "Whitespace",
  "WhitespaceSplit",
  "ByteLevel",
  "Metaspace",
  "Split",
  "Punctuation",
  "Digits",
  "CharDelimiterSplit",
];

const gpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
/** ASCII's four ranges of signs, and all that Unicode calls punctuation. */
const signs = /[!-/:-@[-`{-~]|\p{P}/gu;

/** The pre-tokenizer that a tokenizer file describes; null leaves texts whole. Throws `bad-data` for unknown kinds. */
export function preTokenizerOf(part: unknown, path: string): PreTokenizer {
  if (part === null || part === undefined) return (piece) => [piece];
  if (!isRecord(part))
    throw badTokenizer(path, "its pre-tokenizer is no part", "check how the file was written");
  switch (part.type) {
    case "Sequence": {
      const all = partsOf(part, "pretokenizers", path).map((one) => preTokenizerOf(one, path));
      return (piece, first) =>
        all.reduce((pieces, one) => pieces.flatMap((each, i) => one(each, first && i === 0)), [piece]);
    }
    case "BertPreTokenizer":
      return (piece) => words(piece).flatMap((word) => cut(word, signs, "Isolated"));
    case "Whitespace":
      return matches(regexOf("\\w+|[^\\w\\s]+", path));
    case "WhitespaceSplit":
      return words;
    case "ByteLevel":
      return byteLevel(part, path);
    case "Metaspace":
      return metaspace(part, path);
    case "Split": {
      const pattern = patternOf(part, path);
      const behavior = fieldOf(part, "behavior", "Removed", path);
      if (fieldOf(part, "invert", false, path))
        return (piece) =>
          behavior === "Removed" ? matches(pattern)(piece, false) : inverted(piece, pattern, behavior);
      return (piece) => cut(piece, pattern, behavior);
    }
    case "Punctuation": {
      const behavior = fieldOf(part, "behavior", "Isolated", path);
      return (piece) => cut(piece, signs, behavior);
    }
    case "Digits": {
      const pattern = fieldOf(part, "individual_digits", false, path) ? /\p{N}/gu : /\p{N}+/gu;
      return (piece) => cut(piece, pattern, "Isolated");
    }
    case "CharDelimiterSplit": {
      const pattern = literalRegex(fieldOf(part, "delimiter", " ", path));
      return (piece) => cut(piece, pattern, "Removed");
    }
    default:
      throw unknownPart(path, "pre-tokenizer", part.type, known);
  }
}

const words = (piece: string): string[] => piece.split(/\p{White_Space}+/u).filter((word) => word !== "");

const matches =
  (pattern: RegExp): PreTokenizer =>
  (piece) =>
    piece.match(pattern) ?? [];

interface Span {
  readonly text: string;
  readonly hit: boolean;
}

/** A text as what a pattern matches, and what stands between. */
function spans(piece: string, pattern: RegExp): Span[] {
  const found: Span[] = [];
  let end = 0;
  for (const match of piece.matchAll(pattern)) {
    if (match[0] === "") continue;
    if (match.index > end) found.push({ text: piece.slice(end, match.index), hit: false });
    found.push({ text: match[0], hit: true });
    end = match.index + match[0].length;
  }
  if (end < piece.length) found.push({ text: piece.slice(end), hit: false });
  return found;
}

const inverted = (piece: string, pattern: RegExp, behavior: string): string[] =>
  joined(
    spans(piece, pattern).map(({ text, hit }) => ({ text, hit: !hit })),
    behavior,
  );

const cut = (piece: string, pattern: RegExp, behavior: string): string[] =>
  joined(spans(piece, pattern), behavior);

/** What becomes of the delimiters (`hit`): removed, pieces of their own, or joined to a neighbour. */
function joined(parts: readonly Span[], behavior: string): string[] {
  if (behavior === "Removed") return parts.filter(({ hit }) => !hit).map(({ text }) => text);
  const result: string[] = [];
  parts.forEach(({ text, hit }, i) => {
    const before = parts[i - 1];
    const toPrevious =
      before !== undefined &&
      ((behavior === "MergedWithPrevious" && hit && !before.hit) ||
        (behavior === "MergedWithNext" && !hit && before.hit) ||
        (behavior === "Contiguous" && hit === before.hit));
    if (toPrevious) result[result.length - 1] += text;
    else result.push(text);
  });
  return result;
}

function byteLevel(part: Part, path: string): PreTokenizer {
  const prefixed = fieldOf(part, "add_prefix_space", true, path);
  const pattern = fieldOf(part, "use_regex", true, path) ? regexOf(gpt2, path) : undefined;
  return (piece) => {
    const text = prefixed && !piece.startsWith(" ") ? ` ${piece}` : piece;
    return (pattern === undefined ? [text] : (text.match(pattern) ?? [])).map(toByteCharacters);
  };
}

function metaspace(part: Part, path: string): PreTokenizer {
  const mark = fieldOf(part, "replacement", "▁", path);
  const usual = fieldOf(part, "add_prefix_space", true, path) ? "always" : "never";
  const scheme = fieldOf(part, "prepend_scheme", usual, path);
  const pattern = literalRegex(mark);
  const parted = fieldOf(part, "split", true, path);
  return (piece, first) => {
    const marked = piece.replaceAll(" ", mark);
    const wanted = scheme === "always" || (scheme === "first" && first);
    const text = wanted && !marked.startsWith(mark) ? mark + marked : marked;
    return parted ? cut(text, pattern, "MergedWithNext") : [text];
  };
}

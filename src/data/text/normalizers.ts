import { badTokenizer, fieldOf, isRecord, type Part, partsOf, unknownPart } from "./json.ts";
import { literalRegex, regexOf } from "./regex.ts";

export type Normalizer = (text: string) => string;

const known = [
  "Sequence",
  "NFC",
  "NFD",
  "NFKC",
  "NFKD",
  "Lowercase",
  "StripAccents",
  "Strip",
  "Replace",
  "Prepend",
  "ByteLevel",
  "BertNormalizer",
];

/** The normalizer that a tokenizer file describes; null does nothing. Throws `bad-data` for kinds that are not known here. */
export function normalizerOf(part: unknown, path: string): Normalizer {
  if (part === null || part === undefined) return (text) => text;
  if (!isRecord(part))
    throw badTokenizer(path, "its normalizer is no part", "check how the file was written");
  const flag = (name: string, fallback: boolean) => fieldOf(part, name, fallback, path);
  switch (part.type) {
    case "Sequence": {
      const all = partsOf(part, "normalizers", path).map((one) => normalizerOf(one, path));
      return (text) => all.reduce((value, one) => one(value), text);
    }
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD": {
      const form = part.type;
      return (text) => text.normalize(form);
    }
    case "Lowercase":
      return lowered;
    case "StripAccents":
      return (text) => text.replace(/\p{M}/gu, "");
    case "Strip": {
      const [left, right] = [flag("strip_left", true), flag("strip_right", true)];
      return (text) => stripped(text, left, right);
    }
    case "Replace": {
      const [pattern, content] = [patternOf(part, path), fieldOf(part, "content", "", path)];
      return (text) => text.replace(pattern, () => content);
    }
    case "Prepend": {
      const prefix = fieldOf(part, "prepend", "", path);
      return (text) => (text === "" ? "" : prefix + text);
    }
    case "ByteLevel":
      return toByteCharacters;
    case "BertNormalizer":
      return bert(part, path);
    default:
      throw unknownPart(path, "normalizer", part.type, known);
  }
}

/** Lower case by character, so that a final sigma is like any other. */
const lowered = (text: string): string => Array.from(text, (c) => c.toLowerCase()).join("");

function stripped(text: string, left: boolean, right: boolean): string {
  const cut = left ? text.replace(/^\p{White_Space}+/u, "") : text;
  return right ? cut.replace(/\p{White_Space}+$/u, "") : cut;
}

/** The pattern of a part: `{ "String": ... }` or `{ "Regex": ... }`. */
export function patternOf(part: Part, path: string): RegExp {
  const { pattern } = part;
  if (isRecord(pattern) && typeof pattern.String === "string") return literalRegex(pattern.String);
  if (isRecord(pattern) && typeof pattern.Regex === "string") return regexOf(pattern.Regex, path);
  throw badTokenizer(
    path,
    `the pattern of ${JSON.stringify(part.type)} is missing`,
    "check how it was written",
  );
}

/** As BERT's own: control characters go, space is made plain, Chinese characters stand alone; then accents and case. */
function bert(part: Part, path: string): Normalizer {
  const clean = fieldOf(part, "clean_text", true, path);
  const chinese = fieldOf(part, "handle_chinese_chars", true, path);
  const lower = fieldOf(part, "lowercase", true, path);
  const accents = fieldOf(part, "strip_accents", lower, path);
  return (text) => {
    let value = text;
    if (clean)
      value = value
        // tab and line ends are space, not control characters
        .replace(/\0|\ufffd|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Cn}\p{Co}]/gu, "")
        .replace(/[\t\n\r\p{White_Space}]/gu, " ");
    if (chinese) value = value.replace(ideographs, " $& ");
    if (accents) value = value.normalize("NFD").replace(/\p{Mn}/gu, "");
    return lower ? lowered(value) : value;
  };
}

const ideographs =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;

/** GPT-2's characters for the 256 bytes: printable ones stand for themselves, the others for 256 and on. */
export const byteCharacters: readonly string[] = (() => {
  let next = 256;
  const printable = (byte: number) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
})();

const encoder = new TextEncoder();

/** A text's UTF-8 bytes as GPT-2's characters. */
export const toByteCharacters = (text: string): string =>
  Array.from(encoder.encode(text), (byte) => byteCharacters[byte]).join("");

import { badTokenizer, fieldOf, isRecord, type Part, partsOf, unknownPart } from "./json.ts";
import { byteCharacters, patternOf } from "./normalizers.ts";

/** Changes tokens so that, joined, they are the text. */
export type Decoder = (tokens: readonly string[]) => string[];

const known = [
  "Sequence",
  "ByteLevel",
  "WordPiece",
  "Metaspace",
  "BPEDecoder",
  "ByteFallback",
  "Fuse",
  "Strip",
  "Replace",
];

const byteOf = new Map(byteCharacters.map((c, byte) => [c, byte]));
const utf8 = new TextDecoder();

/** The decoder that a tokenizer file describes; null puts a space between tokens. Throws `bad-data` for unknown kinds. */
export function decoderOf(part: unknown, path: string): Decoder {
  if (part === null || part === undefined) return (tokens) => tokens.map((t, i) => (i > 0 ? ` ${t}` : t));
  if (!isRecord(part)) throw badTokenizer(path, "its decoder is no part", "check how the file was written");
  switch (part.type) {
    case "Sequence": {
      const all = partsOf(part, "decoders", path).map((one) => decoderOf(one, path));
      return (tokens) => all.reduce<string[]>((list, one) => one(list), [...tokens]);
    }
    case "ByteLevel":
      return (tokens) => [fromByteCharacters(tokens.join(""))];
    case "WordPiece":
      return wordPieces(part, path);
    case "Metaspace": {
      const mark = fieldOf(part, "replacement", "▁", path);
      const prefixed = fieldOf(part, "prepend_scheme", "always", path) !== "never";
      return (tokens) =>
        tokens.map((token, i) => {
          const text = token.replaceAll(mark, " ");
          return i === 0 && prefixed ? text.replace(/^ /, "") : text;
        });
    }
    case "BPEDecoder": {
      const suffix = fieldOf(part, "suffix", "</w>", path);
      return (tokens) => tokens.map((t, i) => t.replaceAll(suffix, i === tokens.length - 1 ? "" : " "));
    }
    case "ByteFallback":
      return bytesJoined;
    case "Fuse":
      return (tokens) => [tokens.join("")];
    case "Strip": {
      const content = fieldOf(part, "content", " ", path);
      const [start, stop] = [fieldOf(part, "start", 0, path), fieldOf(part, "stop", 0, path)];
      return (tokens) => tokens.map((token) => stripped(token, content, start, stop));
    }
    case "Replace": {
      const [pattern, content] = [patternOf(part, path), fieldOf(part, "content", "", path)];
      return (tokens) => tokens.map((token) => token.replace(pattern, () => content));
    }
    default:
      throw unknownPart(path, "decoder", part.type, known);
  }
}

function fromByteCharacters(text: string): string {
  const bytes = Array.from(text, (c) => byteOf.get(c));
  return bytes.includes(undefined) ? text : utf8.decode(Uint8Array.from(bytes as number[]));
}

function wordPieces(part: Part, path: string): Decoder {
  const prefix = fieldOf(part, "prefix", "##", path);
  const tidy = fieldOf(part, "cleanup", true, path);
  return (tokens) =>
    tokens.map((token, i) => {
      const text = i === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
      if (!tidy) return text;
      return text
        .replaceAll(" .", ".")
        .replaceAll(" ?", "?")
        .replaceAll(" !", "!")
        .replaceAll(" ,", ",")
        .replaceAll(" ' ", "'")
        .replaceAll(" n't", "n't")
        .replaceAll(" 'm", "'m")
        .replaceAll(" do not", " don't")
        .replaceAll(" 's", "'s")
        .replaceAll(" 've", "'ve")
        .replaceAll(" 're", "'re");
    });
}

/** Tokens `<0x..>` in a row as the characters that they spell; a replacement character for each where they spell none. */
function bytesJoined(tokens: readonly string[]): string[] {
  const result: string[] = [];
  let bytes: number[] = [];
  const flush = () => {
    if (bytes.length === 0) return;
    const text = utf8.decode(Uint8Array.from(bytes));
    if (text.includes("\ufffd")) result.push(...bytes.map(() => "\ufffd"));
    else result.push(text);
    bytes = [];
  };
  for (const token of tokens) {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
    if (byte !== undefined) bytes.push(Number.parseInt(byte, 16));
    else {
      flush();
      result.push(token);
    }
  }
  flush();
  return result;
}

function stripped(token: string, content: string, start: number, stop: number): string {
  const characters = Array.from(token);
  let [from, to] = [0, characters.length];
  while (from < start && characters[from] === content) from++;
  while (characters.length - to < stop && to > from && characters[to - 1] === content) to--;
  return characters.slice(from, to).join("");
}

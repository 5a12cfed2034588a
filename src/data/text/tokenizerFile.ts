import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { TokenizerJson } from "../../kinds/preprocessing.ts";
import { checkFile, readText } from "../files.ts";
import { badFile, plainName } from "../names.ts";
import { badTokenizer, isRecord } from "./json.ts";
import { type Tokenizer, tokenizerOf } from "./tokenizer.ts";

/**
 * A tokenizer from a file: a Hugging Face `tokenizer.json`; a `vocab.txt` of BERT's kind, a token a line (WordPiece,
 * lower case where no token has a capital); or a `vocab.json` of GPT-2's kind with `merges.txt` beside it (byte-level
 * BPE). A folder stands for the one of them that it holds.
 *
 * Throws `bad-file` for a file that is missing, not whole or of no known kind; `bad-data` for parts not known here.
 */
export async function readTokenizer(path: string): Promise<Tokenizer> {
  if ((await stat(path).catch(() => undefined))?.isDirectory()) return readTokenizer(await fileIn(path));
  await checkFile(path);
  const text = await readText(path);
  if (plainName(path).endsWith(".txt")) return tokenizerOf(wordPieceJson(text, path), path);
  const json = parsed(text, path);
  if ("model" in json) return tokenizerOf(json, path);
  const merges = join(dirname(path), plainName(path).replace(/vocab\.json$/, "merges.txt"));
  if (!plainName(path).endsWith("vocab.json"))
    throw badFile(path, "is no tokenizer: it has no model", "give a tokenizer.json, vocab.txt or vocab.json");
  return tokenizerOf(byteLevelJson(json, await readText(merges), merges), path);
}

const usualFiles = ["tokenizer.json", "vocab.txt", "vocab.json"];

async function fileIn(folder: string): Promise<string> {
  for (const name of usualFiles) {
    const path = join(folder, name);
    if ((await stat(path).catch(() => undefined))?.isFile()) return path;
  }
  throw badFile(folder, "holds no tokenizer", `give a folder with ${usualFiles.join(", ")}`);
}

function parsed(text: string, path: string): TokenizerJson {
  try {
    const json: unknown = JSON.parse(text);
    if (isRecord(json)) return json;
  } catch (cause) {
    throw badFile(path, "is not whole: it is no JSON", "copy or download it again", cause);
  }
  throw badFile(path, "holds no record", "give a tokenizer.json, vocab.txt or vocab.json");
}

const linesOf = (text: string): string[] => text.replace(/\r?\n$/, "").split(/\r?\n/);

const special = (id: number, content: string) => ({
  ...{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
});

/** BERT's tokenizer around a vocabulary. */
function wordPieceJson(text: string, path: string): TokenizerJson {
  const tokens = linesOf(text);
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const [cls, sep] = ["[CLS]", "[SEP]"].map((name) => {
    const id = ids.get(name);
    if (id === undefined || !ids.has("[UNK]"))
      throw badTokenizer(
        path,
        `it has no ${ids.has("[UNK]") ? name : "[UNK]"}, so it is no vocabulary of WordPiece`,
        "give one token a line, [UNK], [CLS] and [SEP] among them; or a tokenizer.json",
      );
    return [name, id] as const;
  });
  const named = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].filter((name) => ids.has(name));
  const cased = tokens.some((token) => !named.includes(token) && /^(?!\[).*\p{Lu}/u.test(token));
  return {
    added_tokens: named.map((name) => special(ids.get(name) as number, name)),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: !cased,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: { type: "BertProcessing", sep, cls },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  };
}

/** GPT-2's tokenizer around a vocabulary and its merges. */
function byteLevelJson(vocab: TokenizerJson, text: string, path: string): TokenizerJson {
  const lines = linesOf(text).filter((line, i) => !(i === 0 && line.startsWith("#version")) && line !== "");
  const bad = lines.findIndex((line) => line.split(" ").length !== 2);
  if (bad >= 0)
    throw badTokenizer(
      path,
      `line ${JSON.stringify(lines[bad])} is no pair of tokens`,
      "give a merge a line",
    );
  const end = "<|endoftext|>";
  const id = vocab[end];
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    added_tokens: typeof id === "number" ? [special(id, end)] : [],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: { type: "BPE", unk_token: null, vocab, merges: lines },
  };
}

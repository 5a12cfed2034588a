import type { TokenizerJson } from "../../kinds/preprocessing.ts";
import { type AddedToken, addedTokensOf, finderOf } from "./addedTokens.ts";
import { decoderOf } from "./decoders.ts";
import { badTokenizer, isRecord } from "./json.ts";
import { tokenModelOf } from "./models.ts";
import { normalizerOf } from "./normalizers.ts";
import { postProcessorOf } from "./postProcessors.ts";
import { preTokenizerOf } from "./preTokenizers.ts";

export interface EncodeOptions {
  /** Whether the post-processor's tokens are added; true unless told. */
  readonly special?: boolean;
  /** Most ids, those of the post-processor among them: the end of a longer text is cut off. */
  readonly most?: number;
}

/** Texts to ids and back. */
export interface Tokenizer {
  /** What it is made from, as a `tokenizer.json` has it. */
  readonly json: TokenizerJson;
  /** All ids are below this. */
  readonly vocabulary: number;
  /** The id that fills up short texts; models see by the mask that it stands for nothing. */
  readonly padding: number;
  /** The ids of a text, with what the post-processor adds, such as [CLS] and [SEP]. */
  encode(text: string, options?: EncodeOptions): number[];
  /** A text again; special tokens are left out. What the normalizer took away stays away. */
  decode(ids: Iterable<number>): string;
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
}

const paddingNames = ["<pad>", "[PAD]", "<|padding|>", "<|endoftext|>", "</s>"];

/**
 * A tokenizer from what a Hugging Face `tokenizer.json` holds: added tokens, then normalizer, pre-tokenizer, model
 * (BPE, WordPiece, WordLevel or Unigram) and post-processor, as the package `tokenizers` runs them.
 *
 * Throws `bad-data`, naming `path`, for parts that are not known here or not whole.
 */
export function tokenizerOf(json: TokenizerJson, path = "tokenizer"): Tokenizer {
  if (!isRecord(json)) throw badTokenizer(path, "it is no tokenizer", "give a tokenizer.json");
  const normalize = normalizerOf(json.normalizer, path);
  const preTokenize = preTokenizerOf(json.pre_tokenizer, path);
  const model = tokenModelOf(json.model, path);
  const process = postProcessorOf(json.post_processor, path);
  const decode = decoderOf(json.decoder, path);
  const added = addedTokensOf(json, path);
  const inRaw = finderOf(added.filter((token) => !token.normalized));
  const inNormalized = finderOf(
    added.filter((token) => token.normalized),
    normalize,
  );
  const ids = new Map([...model.ids, ...added.map(({ content, id }) => [content, id] as const)]);
  const tokens = new Map([...model.ids].map(([token, id]) => [id, token]));
  // a token that is looked for in normalized text is read back as it stands there
  for (const { id, content, normalized } of added) tokens.set(id, normalized ? normalize(content) : content);
  const special = new Set(added.filter((token) => token.special).map(({ id }) => id));

  function encodeText(text: string): number[] {
    const result: number[] = [];
    let first = true;
    const take = (stretch: string | AddedToken, use: (text: string) => void) => {
      if (typeof stretch === "string") use(stretch);
      else result.push(stretch.id);
      first = false;
    };
    for (const raw of inRaw(text))
      take(raw, (stretch) => {
        for (const normal of inNormalized(normalize(stretch)))
          take(normal, (piece) => {
            for (const word of preTokenize(piece, first)) if (word !== "") result.push(...model.encode(word));
          });
      });
    return result;
  }

  return {
    json,
    vocabulary: 1 + [...ids.values()].reduce((most, id) => Math.max(most, id), 0),
    padding: paddingId(json, ids),
    encode(text, { special: withSpecial = true, most = Number.POSITIVE_INFINITY } = {}) {
      const room = withSpecial ? most - process([]).length : most;
      const content = encodeText(text).slice(0, Math.max(0, room));
      return withSpecial ? process(content) : content;
    },
    decode(list) {
      const words = [...list].flatMap((id) => (special.has(id) ? [] : (tokens.get(id) ?? [])));
      return decode(words).join("");
    },
    idOf: (token) => ids.get(token),
    tokenOf: (id) => tokens.get(id),
  };
}

function paddingId({ padding }: TokenizerJson, ids: ReadonlyMap<string, number>): number {
  if (isRecord(padding) && typeof padding.pad_id === "number") return padding.pad_id;
  const name = paddingNames.find((one) => ids.has(one));
  return name === undefined ? 0 : (ids.get(name) as number);
}

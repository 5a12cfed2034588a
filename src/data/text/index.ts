/** Texts: what needs no files. */
export {
  encodeTexts,
  passageSource,
  type TextOptions,
  type TextPreprocessing,
  textSource,
} from "./sources.ts";
export { type EncodeOptions, type Tokenizer, tokenizerOf } from "./tokenizer.ts";
export {
  byteTokenizer,
  characterTokenizer,
  type Units,
  units,
  wordTokenizer,
} from "./vocabularies.ts";

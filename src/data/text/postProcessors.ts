import { badTokenizer, isRecord, type Part, partsOf, unknownPart } from "./json.ts";

/** Ids with the special tokens that a model expects around them. */
export type PostProcessor = (ids: readonly number[]) => number[];

const known = ["Sequence", "TemplateProcessing", "BertProcessing", "RobertaProcessing", "ByteLevel"];

/** What a tokenizer file adds to the ids of one text; null adds nothing. Throws `bad-data` for kinds not known here. */
export function postProcessorOf(part: unknown, path: string): PostProcessor {
  if (part === null || part === undefined) return (ids) => [...ids];
  if (!isRecord(part))
    throw badTokenizer(path, "its post-processor is no part", "check how the file was written");
  switch (part.type) {
    case "Sequence": {
      const all = partsOf(part, "processors", path).map((one) => postProcessorOf(one, path));
      return (ids) => all.reduce<number[]>((list, one) => one(list), [...ids]);
    }
    case "ByteLevel":
      return (ids) => [...ids];
    case "BertProcessing":
    case "RobertaProcessing": {
      const [before, after] = [pairId(part, "cls", path), pairId(part, "sep", path)];
      return (ids) => [before, ...ids, after];
    }
    case "TemplateProcessing":
      return template(part, path);
    default:
      throw unknownPart(path, "post-processor", part.type, known);
  }
}

function pairId(part: Part, name: string, path: string): number {
  const pair = part[name];
  if (Array.isArray(pair) && typeof pair[1] === "number") return pair[1];
  throw badTokenizer(path, `${name} of its post-processor has no id`, "check how the file was written");
}

function template(part: Part, path: string): PostProcessor {
  const special = isRecord(part.special_tokens) ? part.special_tokens : {};
  const pieces = partsOf(part, "single", path).map((piece) => {
    if (isRecord(piece.Sequence)) return undefined;
    const name = isRecord(piece.SpecialToken) ? piece.SpecialToken.id : undefined;
    const entry = typeof name === "string" ? special[name] : undefined;
    if (isRecord(entry) && Array.isArray(entry.ids)) return entry.ids as number[];
    throw badTokenizer(
      path,
      `its post-processor speaks of ${JSON.stringify(name)}, which has no ids`,
      "check how the file was written",
    );
  });
  return (ids) => pieces.flatMap((piece) => piece ?? ids);
}

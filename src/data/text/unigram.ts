import { byteIds } from "./bytePair.ts";
import { badTokenizer, fieldOf, type Part } from "./json.ts";
import type { TokenModel } from "./models.ts";

/** What an unknown character costs beyond the least likely token. */
const unknownPenalty = 10;

/**
 * The most probable way to cut a piece into tokens, each with a log probability of its own (Viterbi). Kudo 2018. A
 * character that is in no token is unknown, at the score of the least likely token less 10; unknown characters in a
 * row are one token, or their bytes where the file says `byte_fallback`.
 */
export function unigram(part: Part, path: string): TokenModel {
  const vocab = part.vocab;
  if (!Array.isArray(vocab) || vocab.length === 0 || !vocab.every(isEntry))
    throw badTokenizer(path, "its vocabulary is no list of tokens with scores", "check how it was written");
  const tokens = vocab as [string, number][];
  const ids = new Map(tokens.map(([token], id) => [token, id]));
  const unkId = part.unk_id;
  const unknown = typeof unkId === "number" ? unkId : undefined;
  const fallback = fieldOf(part, "byte_fallback", false, path);
  const least = tokens.reduce((low, [, score]) => Math.min(low, score), Number.POSITIVE_INFINITY);
  const longest = tokens.reduce((most, [token]) => Math.max(most, Array.from(token).length), 0);

  /** The best way to cut, as pieces; those that are unknown have no id. */
  function cut(characters: readonly string[]): { text: string; id: number | undefined }[] {
    const n = characters.length;
    const best = new Float64Array(n + 1).fill(Number.NEGATIVE_INFINITY);
    const from = new Int32Array(n + 1);
    const via: (number | undefined)[] = new Array(n + 1);
    best[0] = 0;
    for (let start = 0; start < n; start++) {
      let single = false;
      let token = "";
      for (let end = start + 1; end <= Math.min(n, start + longest); end++) {
        token += characters[end - 1];
        const id = ids.get(token);
        if (id === undefined) continue;
        single ||= end === start + 1;
        consider(start, end, tokens[id][1], id);
      }
      if (!single) consider(start, start + 1, least - unknownPenalty, undefined);
    }
    function consider(start: number, end: number, score: number, id: number | undefined): void {
      if (best[start] + score <= best[end]) return;
      best[end] = best[start] + score;
      from[end] = start;
      via[end] = id;
    }
    const pieces: { text: string; id: number | undefined }[] = [];
    for (let end = n; end > 0; end = from[end])
      pieces.push({ text: characters.slice(from[end], end).join(""), id: via[end] });
    return pieces.reverse();
  }

  return {
    ids,
    unknown,
    encode(piece) {
      const result: number[] = [];
      let unsaid = "";
      const flush = () => {
        if (unsaid === "") return;
        const bytes = fallback ? byteIds(unsaid, ids) : undefined;
        if (bytes !== undefined) result.push(...bytes);
        else if (unknown !== undefined) result.push(unknown);
        else
          throw badTokenizer(
            path,
            `${JSON.stringify(unsaid)} is in no token`,
            "give a tokenizer with unk_id",
          );
        unsaid = "";
      };
      for (const { text, id } of cut(Array.from(piece))) {
        if (id === undefined) {
          unsaid += text;
          continue;
        }
        flush();
        result.push(id);
      }
      flush();
      return result;
    },
  };
}

const isEntry = (entry: unknown): boolean =>
  Array.isArray(entry) && typeof entry[0] === "string" && typeof entry[1] === "number";

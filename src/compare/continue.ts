import { type NdArray, ndarray } from "../array/ndarray.ts";
import { type Stream, stream } from "../array/random.ts";
import type { TextPreprocessing } from "../data/text/index.ts";
import { textsFrom } from "../data/text/read.ts";
import { type Tokenizer, tokenizerOf } from "../data/text/tokenizer.ts";
import { openModel } from "../runtime/index.ts";
import type { ExportedModel } from "./exported.ts";

/** How well a model continues texts, and how it would go on with them. */
export interface Continuations {
  readonly task: "tokens";
  readonly target: string;
  readonly files: readonly string[];
  readonly texts: readonly Continued[];
}

export interface Continued {
  /** Tokens that were predicted: all but the first. */
  readonly tokens: number;
  /** Mean negative log likelihood of a token, in nats; NaN for a text of one token. */
  readonly loss: number;
  readonly bitsPerCharacter: number;
  /** Share of tokens that were thought most likely. */
  readonly nextTokenAccuracy: number;
  /** What might come next, drawn from the model's probabilities by a fixed seed. */
  readonly next: string;
}

/** Tokens that a text is continued by, and the temperature of the draw. */
const drawn = 120;
const temperature = 0.8;
/** Windows that run at once. */
const windows = 16;

/** Probabilities [n, tokens, vocabulary] after the tokens of some windows, each padded at its end. */
type Run = (rows: readonly (readonly number[])[]) => Promise<NdArray>;

/** Reads texts and continues them. Throws `bad-file` for what cannot be read. */
export async function continueTexts(
  bytes: Uint8Array,
  { inputs, outputs }: ExportedModel,
  pre: TextPreprocessing,
  modelPath: string,
  dataPath: string,
): Promise<Continuations> {
  const { texts, files } = await textsFrom(dataPath, pre.column);
  const tokenizer = tokenizerOf(pre.tokenizer, modelPath);
  const model = await openModel(bytes, { name: modelPath });
  const run: Run = async (rows) => {
    const ids = new Int32Array(rows.length * pre.tokens).fill(tokenizer.padding);
    for (const [i, row] of rows.entries()) ids.set(row, i * pre.tokens);
    const fed = { [inputs[0]]: ndarray("int32", [rows.length, pre.tokens], ids) };
    return (await model.run(fed)).outputs[outputs[0]] as NdArray;
  };
  try {
    const found: Continued[] = [];
    for (const text of texts) {
      const ids = tokenizer.encode(text);
      const scores = await scoresOf(ids, text.length, pre.tokens, run);
      found.push({
        ...scores,
        next: await goingOn(ids, pre.tokens, tokenizer, run, stream(0).split("next")),
      });
    }
    return { task: "tokens", target: pre.target, files: files ?? [dataPath], texts: found };
  } finally {
    await model.close();
  }
}

/** Scores over windows one after another, as in training. */
async function scoresOf(ids: readonly number[], characters: number, tokens: number, run: Run) {
  let [nats, right, count] = [0, 0, 0];
  for (let at = 0; at + 1 < ids.length; at += windows * tokens) {
    const starts = Array.from({ length: windows }, (_, i) => at + i * tokens).filter(
      (s) => s + 1 < ids.length,
    );
    const { data, shape } = await run(starts.map((start) => ids.slice(start, start + tokens)));
    const vocabulary = shape[2];
    const probabilities = data as Float32Array;
    for (const [row, start] of starts.entries())
      for (let place = 0; place < tokens && start + place + 1 < ids.length; place++) {
        const from = (row * tokens + place) * vocabulary;
        const own = probabilities.subarray(from, from + vocabulary);
        const p = own[ids[start + place + 1]];
        nats -= Math.log(Math.max(1e-12, p));
        if (p >= own.reduce((a, b) => Math.max(a, b))) right++;
        count++;
      }
  }
  const loss = nats / count;
  return {
    tokens: count,
    loss,
    bitsPerCharacter: (loss / Math.LN2) * (ids.length / characters),
    nextTokenAccuracy: right / count,
  };
}

async function goingOn(
  ids: readonly number[],
  tokens: number,
  tokenizer: Tokenizer,
  run: Run,
  random: Stream,
): Promise<string> {
  if (ids.length === 0) return "";
  const all = [...ids];
  for (let i = 0; i < drawn; i++) {
    const seen = all.slice(-tokens);
    const { data, shape } = await run([seen]);
    const from = (seen.length - 1) * shape[2];
    all.push(drawFrom((data as Float32Array).subarray(from, from + shape[2]), tokenizer, random));
  }
  return tokenizer.decode(all.slice(ids.length));
}

/** An id by its probability to the power 1 / temperature; never padding. */
function drawFrom(probabilities: Float32Array, { padding }: Tokenizer, random: Stream): number {
  const weights = Float64Array.from(probabilities, (p, id) => (id === padding ? 0 : p ** (1 / temperature)));
  let left = random.uniform() * weights.reduce((a, b) => a + b, 0);
  return Math.max(
    0,
    weights.findIndex((weight) => {
      left -= weight;
      return left <= 0;
    }),
  );
}

import type { Dataset } from "../../kinds/index.ts";
import type { Host } from "../../runtime/index.ts";
import { probeRows, type Trained, tokenOutcome } from "../../training/index.ts";
import type { Scores } from "../results.ts";

/** Texts that run at once: each is many predictions. */
const textRows = 64;

/**
 * How well a text is continued: mean negative log likelihood of the next token in nats, its exponential, bits for a
 * character (of the text, however many a token stands for), and the share of tokens that were thought most likely.
 */
export async function tokenScores({ plan, values }: Trained, data: Dataset, host: Host): Promise<Scores> {
  const { loss, right } = await probeRows(host, plan, values, data, "tokens", tokenOutcome, textRows);
  const mean = (list: Float32Array) => list.reduce((a, b) => a + b, 0) / list.length;
  const nats = mean(loss.data as Float32Array);
  return {
    loss: nats,
    perplexity: Math.exp(nats),
    bitsPerCharacter: nats / Math.LN2 / (data.charactersPerToken ?? 1),
    nextTokenAccuracy: mean(right.data as Float32Array),
  };
}

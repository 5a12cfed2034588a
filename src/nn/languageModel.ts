import { sizeOf } from "../array/ndarray.ts";
import type { Loss, Model } from "../kinds/index.ts";
import {
  add,
  customGradient,
  exp,
  expandDims,
  flatten,
  gather,
  iota,
  logSoftmax,
  mean,
  mul,
  neg,
  oneHot,
  reshape,
  sub,
  type Tensor,
} from "../tensor/index.ts";
import { lecunNormal } from "./initializers.ts";
import { linear } from "./layers.ts";
import { staged } from "./models.ts";
import { type TransformerOptions, transformerStages } from "./transformer.ts";

/**
 * A causal transformer language model: token embedding with positions, blocks, a last normalization where blocks do not
 * end in one, and a head without bias. Input `ids`, int32 [n, tokens]; prediction [n, tokens, vocabulary], where place
 * t sees the ids up to t.
 */
export function languageModel(vocabulary: number, tokens: number, options: TransformerOptions = {}): Model {
  const { layers = 2, width = 128 } = options;
  const { stages, last } = transformerStages(vocabulary, options, true);
  return staged(
    `transformer(${width}x${layers})`,
    [tokens],
    [
      ...stages,
      ...last.map((part) => ({ name: "features", part })),
      { name: "head", part: linear(vocabulary, { init: lecunNormal, bias: false, head: true }) },
    ],
    { input: "ids", lead: 1 },
  );
}

/** -log softmax(logits)[id] for logits [..., vocabulary] and ids int32 [...]; the gradient is softmax(logits) less the one-hot id. */
const surprise = customGradient(
  (logits: Tensor, ids: Tensor) => {
    const [vocabulary] = logits.shape.slice(-1);
    const starts = mul(iota(sizeOf(ids.shape)), vocabulary);
    return neg(reshape(gather(flatten(logSoftmax(logits)), add(starts, flatten(ids))), ids.shape));
  },
  (g, [logits, ids]) => {
    const excess = sub(exp(logSoftmax(logits)), oneHot(ids, logits.shape[logits.shape.length - 1]));
    return [mul(expandDims(g, -1), excess), null];
  },
);

/** Cross entropy of the next id, averaged over the places of a text: [n, tokens, vocabulary], int32 [n, tokens] -> [n], in nats. */
export const nextToken: Loss = {
  tasks: ["tokens"],
  value: (prediction, target) => mean(surprise(prediction, target), { axes: [-1] }),
};

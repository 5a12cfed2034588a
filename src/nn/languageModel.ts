import { sizeOf } from "../array/ndarray.ts";
import type { Leaf, Loss, Model } from "../kinds/index.ts";
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
  normal,
  oneHot,
  reshape,
  sub,
  type Tensor,
} from "../tensor/index.ts";
import { transformerBlock } from "./attention.ts";
import { lecunNormal } from "./initializers.ts";
import { layerNorm, linear } from "./layers.ts";
import { staged } from "./models.ts";
import { type ModuleOf, sequence } from "./module.ts";

/** Spread of the initial values of embeddings. */
const deviation = 0.02;

const table = (layer: string, shape: readonly number[]): Leaf => ({
  path: `${layer}.embedding`,
  layer,
  role: "embedding",
  outAxis: null,
  shape,
});

/** A learned vector for each of `vocabulary` ids: int32 [...] -> [..., width]. */
export const embedding =
  (vocabulary: number, width: number): ModuleOf =>
  (name, shape) => {
    const leaf = table(name, [vocabulary, width]);
    return {
      leaves: [leaf],
      shape: [...shape, width],
      init: (key) => ({ [leaf.path]: mul(deviation, normal(key, leaf.shape)) }),
      apply: (ids, { weights }) => gather(weights[leaf.path], ids),
    };
  };

/** A learned vector added at each place of an example: [tokens, width]. */
export const position: ModuleOf = (name, shape) => {
  const leaf = table(name, shape);
  return {
    leaves: [leaf],
    shape,
    init: (key) => ({ [leaf.path]: mul(deviation, normal(key, shape)) }),
    apply: (x, { weights }) => add(x, weights[leaf.path]),
  };
};

export interface LanguageModelOptions {
  readonly layers?: number;
  readonly width?: number;
  readonly heads?: number;
  /** Units of the hidden layers of the feed-forward parts; 4 times the width unless told. */
  readonly hidden?: number;
}

/**
 * A causal transformer language model: token and position embedding, blocks with normalization before each part,
 * a last normalization and a head without bias. Input `ids`, int32 [n, tokens]; prediction [n, tokens, vocabulary],
 * where place t sees the ids up to t.
 */
export const languageModel = (
  vocabulary: number,
  tokens: number,
  { layers = 2, width = 128, heads = 4, hidden }: LanguageModelOptions = {},
): Model =>
  staged(
    `transformer(${width}x${layers})`,
    [tokens],
    [
      { name: "tokens", part: sequence(embedding(vocabulary, width), position) },
      ...Array.from({ length: layers }, (_, i) => ({
        name: `block.${i}`,
        part: transformerBlock(heads, { hidden, causal: true }),
      })),
      { name: "features", part: layerNorm() },
      { name: "head", part: linear(vocabulary, { init: lecunNormal, bias: false, head: true }) },
    ],
    { input: "ids", lead: 1 },
  );

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

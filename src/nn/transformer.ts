import type { Model } from "../kinds/index.ts";
import {
  add,
  div,
  expandDims,
  fold,
  gelu,
  max,
  mean,
  mul,
  relu,
  reshape,
  slice,
  sum,
} from "../tensor/index.ts";
import { type AttentionOptions, attention, dense } from "./attention.ts";
import { embedding } from "./embedding.ts";
import { lecunNormal } from "./initializers.ts";
import { layerNorm, linear, residual } from "./layers.ts";
import { type Stage, staged } from "./models.ts";
import { type ModuleOf, sequence, stateless } from "./module.ts";
import { type Positions, position, sinusoidal } from "./positions.ts";

export type FeedForwardActivation = "gelu" | "relu";

/** Two dense layers with an activation between them, on each token alone: [..., width] -> [..., hidden] -> [..., width]. */
export const feedForward =
  (hidden: number, activation: FeedForwardActivation = "gelu"): ModuleOf =>
  (name, shape) =>
    sequence(
      dense(hidden),
      stateless((s) => s, activation === "gelu" ? gelu : relu),
      dense(shape[shape.length - 1]),
    )(name, shape);

export interface BlockOptions extends AttentionOptions {
  /** Units of the hidden layer of the feed-forward part; 4 times the width unless told. */
  readonly hidden?: number;
  readonly activation?: FeedForwardActivation;
  /** Whether each part is normalized before it, x + part(norm(x)), or after, norm(x + part(x)); before unless told. */
  readonly norm?: "before" | "after";
}

/** norm(x + body(x)): as in the first transformers. */
const normedAfter =
  (body: ModuleOf): ModuleOf =>
  (name, shape) => {
    const main = body(`${name}.body`, shape);
    const norm = layerNorm()(`${name}.norm`, shape);
    return {
      leaves: [...main.leaves, ...norm.leaves],
      shape,
      init: (key) => ({ ...main.init(fold(key, "body")), ...norm.init(fold(key, "norm")) }),
      apply: (x, context) => norm.apply(add(x, main.apply(x, context)), context),
    };
  };

/**
 * A transformer block: self-attention, attention to a memory where there is one, and the feed-forward part, each added
 * to what it is given and normalized before or after (Xiong et al. 2020 on the difference).
 */
export const transformerBlock =
  (heads: number, { hidden, activation, norm = "before", memory, ...own }: BlockOptions = {}): ModuleOf =>
  (name, shape) => {
    const part = (body: ModuleOf) =>
      norm === "before" ? residual(sequence(layerNorm(), body)) : normedAfter(body);
    return sequence(
      part(attention(heads, own)),
      ...(memory === undefined ? [] : [part(attention(heads, { memory, keyValueHeads: own.keyValueHeads }))]),
      part(feedForward(hidden ?? 4 * shape[shape.length - 1], activation)),
    )(name, shape);
  };

export interface TransformerOptions
  extends Pick<BlockOptions, "hidden" | "activation" | "norm" | "keyValueHeads"> {
  readonly layers?: number;
  readonly width?: number;
  readonly heads?: number;
  /** How it knows where tokens stand; learned vectors unless told. */
  readonly positions?: Positions;
}

/** Embedded tokens and blocks, as named stages; normalized at the end where blocks do not end so. Steps of numbers, where there is no vocabulary, are embedded by a dense layer. */
export function transformerStages(
  vocabulary: number | undefined,
  { layers = 2, width = 128, heads = 4, positions = "learned", ...block }: TransformerOptions,
  causal: boolean,
): { readonly stages: readonly Stage[]; readonly last: readonly ModuleOf[] } {
  const added = { learned: [position], sinusoidal: [sinusoidal] }[positions as string] ?? [];
  const inScores = positions === "rotary" || positions === "alibi" ? { positions } : {};
  return {
    stages: [
      {
        name: "tokens",
        part: sequence(vocabulary === undefined ? dense(width) : embedding(vocabulary, width), ...added),
      },
      ...Array.from({ length: layers }, (_, i) => ({
        name: `block.${i}`,
        part: transformerBlock(heads, { ...block, ...inScores, causal }),
      })),
    ],
    last: block.norm === "after" ? [] : [layerNorm()],
  };
}

export type Pooling = "mean" | "first";

/** One vector for a text: the mean of its tokens, padding left out, or its first token. [tokens, width] -> [width]. */
export const pooled =
  (pooling: Pooling): ModuleOf =>
  (_, [, width]) => ({
    leaves: [],
    shape: [width],
    init: () => ({}),
    apply(x, { mask }) {
      const n = x.shape[0];
      if (pooling === "first") return reshape(slice(x, 1, 0, 1), [n, width]);
      if (mask === undefined) return mean(x, { axes: [1] });
      const total = sum(mul(x, expandDims(mask, 2)), { axes: [1] });
      // a text without tokens has the zero vector
      return div(total, max(sum(mask, { axes: [1], keep: true }), 1));
    },
  });

export interface EncoderOptions extends TransformerOptions {
  /** How the tokens become one vector; their mean unless told. */
  readonly pooling?: Pooling;
}

/** What models of sequences of numbers are told. */
export interface SequenceOptions {
  /** Whether sequences differ in length, so that there is a `mask` [n, steps] beside them; false unless told. */
  readonly masked?: boolean;
}

/**
 * A transformer that reads a whole sequence of numbers [steps, features]: as `encoder`, with a dense layer in place of
 * the embedding. Inputs `x` and, where `masked`, `mask` float32 [n, steps].
 */
export function sequenceEncoder(
  shape: readonly number[],
  outputs: number,
  { masked, ...options }: EncoderOptions & SequenceOptions = {},
): Model {
  const { layers = 2, width = 128 } = options;
  const stages = encoderStages(undefined, outputs, options);
  return staged(`transformer(${width}x${layers})`, shape, stages, { masked });
}

/**
 * A transformer that reads a whole text: embedding, blocks in which each token sees all others but padding, pooling and
 * a head. Inputs `ids` int32 and `mask` float32 [n, tokens], 1 for tokens; prediction [n, outputs].
 */
export function encoder(
  vocabulary: number,
  tokens: number,
  outputs: number,
  options: EncoderOptions = {},
): Model {
  const { layers = 2, width = 128 } = options;
  const stages = encoderStages(vocabulary, outputs, options);
  return staged(`transformer(${width}x${layers})`, [tokens], stages, { input: "ids", masked: true });
}

function encoderStages(
  vocabulary: number | undefined,
  outputs: number,
  { pooling = "mean", ...options }: EncoderOptions,
): readonly Stage[] {
  const { stages, last } = transformerStages(vocabulary, options, false);
  return [
    ...stages,
    { name: "features", part: sequence(...last, pooled(pooling)) },
    { name: "head", part: linear(outputs, { init: lecunNormal, head: true }) },
  ];
}

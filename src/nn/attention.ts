import { OckhamError } from "../error.ts";
import {
  add,
  constant,
  fold,
  gelu,
  matmul,
  mul,
  reshape,
  slice,
  softmax,
  transpose,
} from "../tensor/index.ts";
import { lecunNormal } from "./initializers.ts";
import { layerNorm, linear, residual } from "./layers.ts";
import { type ModuleOf, sequence, stateless } from "./module.ts";

const dense = (out: number): ModuleOf => linear(out, { init: lecunNormal });

/** What is added to the scores [tokens, tokens]: 0 for what a token may see, and for later tokens a number so low that they get no share. */
const causalMask = (tokens: number) =>
  constant({
    dtype: "float32",
    shape: [tokens, tokens],
    data: Float32Array.from({ length: tokens * tokens }, (_, at) =>
      at % tokens > Math.floor(at / tokens) ? -1e9 : 0,
    ),
  });

export interface AttentionOptions {
  /** Whether a token sees itself and earlier ones only; false unless told. */
  readonly causal?: boolean;
}

/**
 * Multi-head self-attention over tokens [tokens, width]; Vaswani et al. 2017, section 3.2.
 *
 *   softmax(q k^T / sqrt(width / heads)) v by heads, then a dense layer
 *
 * q, k and v come from one dense layer, whose outputs are in this order, each by heads. Throws `bad-shape` when
 * the width does not divide into the heads.
 */
export const attention =
  (heads: number, { causal = false }: AttentionOptions = {}): ModuleOf =>
  (name, shape) => {
    const [tokens, width] = shape;
    if (width % heads !== 0)
      throw new OckhamError(
        "bad-shape",
        name,
        `a width of ${width} does not divide into ${heads} heads`,
        "choose another number of heads",
      );
    const each = width / heads;
    const qkv = dense(3 * width)(`${name}.qkv`, shape);
    const out = dense(width)(`${name}.out`, shape);
    return {
      leaves: [...qkv.leaves, ...out.leaves],
      shape,
      init: (key) => ({ ...qkv.init(fold(key, "qkv")), ...out.init(fold(key, "out")) }),
      apply(x, context) {
        const n = x.shape[0];
        const byHeads = transpose(
          reshape(qkv.apply(x, context), [n, tokens, 3, heads, each]),
          [2, 0, 3, 1, 4],
        );
        const [q, k, v] = [0, 1, 2].map((i) =>
          reshape(slice(byHeads, 0, i, i + 1), [n, heads, tokens, each]),
        );
        const scores = mul(matmul(q, k, { transposeB: true }), 1 / Math.sqrt(each));
        const shares = softmax(causal ? add(scores, causalMask(tokens)) : scores);
        const mixed = transpose(matmul(shares, v), [0, 2, 1, 3]);
        return out.apply(reshape(mixed, [n, tokens, width]), context);
      },
    };
  };

/** Two dense layers with gelu between them, on each token alone: [..., width] -> [..., hidden] -> [..., width]. */
export const feedForward =
  (hidden: number): ModuleOf =>
  (name, shape) =>
    sequence(
      dense(hidden),
      stateless((s) => s, gelu),
      dense(shape[shape.length - 1]),
    )(name, shape);

export interface BlockOptions extends AttentionOptions {
  /** Units of the hidden layer of the feed-forward part; 4 times the width unless told. */
  readonly hidden?: number;
}

/** x + attention(norm(x)), then x + feedForward(norm(x)): a transformer block with normalization before each part. */
export const transformerBlock =
  (heads: number, { hidden, causal = false }: BlockOptions = {}): ModuleOf =>
  (name, shape) =>
    sequence(
      residual(sequence(layerNorm(), attention(heads, { causal }))),
      residual(sequence(layerNorm(), feedForward(hidden ?? 4 * shape[shape.length - 1]))),
    )(name, shape);

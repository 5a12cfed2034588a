import {
  layerNorm,
  lecunNormal,
  linear,
  type ModuleOf,
  position,
  residual,
  sequence,
  staged,
  stateless,
} from "../../src/nn/index.ts";
import {
  fold,
  gelu,
  matmul,
  mean,
  mul,
  reshape,
  softmax,
  type Tensor,
  transpose,
} from "../../src/tensor/index.ts";
import type { ModelOf } from "./train.ts";

const dense = (out: number): ModuleOf => linear(out, { init: lecunNormal });

/** Images [1, height, width] as tokens: squares of `side` pixels, [tokens, side^2]. */
const patches = (side: number): ModuleOf =>
  stateless(
    ([, height, width]) => [(height * width) / side ** 2, side ** 2],
    (x) => {
      const [n, , height, width] = x.shape;
      const cut = reshape(x, [n, height / side, side, width / side, side]);
      return reshape(transpose(cut, [0, 1, 3, 2, 4]), [n, -1, side ** 2]);
    },
  );

/** softmax(q k^T / sqrt(d)) v by heads over tokens [tokens, width]; Vaswani et al. 2017, section 3.2. */
const attention =
  (heads: number): ModuleOf =>
  (name, shape) => {
    const [tokens, width] = shape;
    const [q, k, v, out] = ["q", "k", "v", "out"].map((part) => dense(width)(`${name}.${part}`, shape));
    const parts = [q, k, v, out];
    const split = (x: Tensor) =>
      transpose(reshape(x, [x.shape[0], tokens, heads, width / heads]), [0, 2, 1, 3]);
    return {
      leaves: parts.flatMap((part) => part.leaves),
      shape,
      init: (key) => Object.assign({}, ...parts.map((part, i) => part.init(fold(key, i)))),
      apply(x, context) {
        const [queries, keys, values] = [q, k, v].map((part) => split(part.apply(x, context)));
        const scores = mul(matmul(queries, keys, { transposeB: true }), 1 / Math.sqrt(width / heads));
        const mixed = transpose(matmul(softmax(scores), values), [0, 2, 1, 3]);
        return out.apply(reshape(mixed, x.shape), context);
      },
    };
  };

const block = (width: number, heads: number): ModuleOf =>
  sequence(
    residual(sequence(layerNorm(), attention(heads))),
    residual(
      sequence(
        layerNorm(),
        dense(2 * width),
        stateless((shape) => shape, gelu),
        dense(width),
      ),
    ),
  );

const meanToken: ModuleOf = stateless(
  ([, width]) => [width],
  (x) => mean(x, { axes: [1] }),
);

/** A small vision transformer with normalization before each part: two blocks, width 48, four heads, patches of 2 x 2. */
export const tinyVit: ModelOf = (shape, outputs) =>
  staged("vit(48x2)", shape, [
    { name: "tokens", part: sequence(patches(2), dense(48), position) },
    { name: "block.0", part: block(48, 4) },
    { name: "block.1", part: block(48, 4) },
    { name: "features", part: sequence(layerNorm(), meanToken) },
    { name: "head", part: linear(outputs, { init: lecunNormal, head: true }) },
  ]);

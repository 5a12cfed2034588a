import type { Network, Workload } from "../workloads.ts";
import { installed, type Untyped } from "./installed.ts";
import { Cannot } from "./serve.ts";

/** The networks of the bench in TensorFlow.js, on its wasm backend, which has one thread in Node. */
export const tf = installed("@tensorflow/tfjs");

/** A tensor of TensorFlow.js. */
export type T = Untyped;
export type Model = (params: readonly T[], x: T, factors?: readonly T[]) => T;

/** Its wasm products of transposed matrices are slow, so this gradient transposes first. */
const product: (x: T, w: T) => T = tf.customGrad((x: T, w: T, save: (kept: T[]) => void) => {
  save([x, w]);
  return {
    value: tf.matMul(x, w),
    gradFunc: (g: T, [a, b]: T[]) => [tf.matMul(g, tf.transpose(b)), tf.matMul(tf.transpose(a), g)],
  };
});

/** Weights are [in, out] here, as its own layers have them. */
const dense = (x: T, w: T, b?: T): T => {
  const y = product(x, w);
  return b === undefined ? y : y.add(b);
};

const mlp: Model = (params, x) => {
  let y = x;
  for (let i = 0; i < params.length - 2; i += 2) y = dense(y, params[i], params[i + 1]).relu();
  return dense(y, params.at(-2), params.at(-1));
};

const norm = (x: T, gain: T, bias: T): T => {
  const { mean, variance } = tf.moments(x, -1, true);
  return x.sub(mean).mul(variance.add(1e-5).rsqrt()).mul(gain).add(bias);
};

const gelu = (x: T): T => x.mul(x.mul(Math.SQRT1_2).erf().add(1).mul(0.5));

/** `x` are ids as one-hot rows [n tokens, vocabulary]: the wasm backend has no gradient of a gather. */
const transformer = (network: Network & { kind: "transformer" }): Model => {
  const { tokens, width, heads, layers } = network;
  const each = width / heads;
  const mask = tf.tensor2d(
    Float32Array.from({ length: tokens * tokens }, (_, i) =>
      i % tokens > Math.floor(i / tokens) ? -1e9 : 0,
    ),
    [tokens, tokens],
  );
  return (params, x, factors) => {
    const [take, spare] = [params[Symbol.iterator](), factors?.[Symbol.iterator]()];
    const next = () => take.next().value as T;
    const adapted = (y: T, w: T, b: T) => {
      const plain = dense(y, w, b);
      return spare === undefined ? plain : plain.add(dense(dense(y, spare.next().value), spare.next().value));
    };
    const attention = (y: T) => {
      const qkv = adapted(y, next(), next()).reshape([-1, tokens, 3, heads, each]).transpose([2, 0, 3, 1, 4]);
      const [q, k, v] = tf.unstack(qkv);
      const scores = tf.matMul(q, k, false, true).mul(1 / Math.sqrt(each));
      const mixed = tf.matMul(tf.softmax(scores.add(mask)), v).transpose([0, 2, 1, 3]);
      return adapted(mixed.reshape([-1, width]), next(), next());
    };
    let y = tf.matMul(x, next()).reshape([-1, tokens, width]).add(next()).reshape([-1, width]);
    for (let layer = 0; layer < layers; layer++) {
      y = y.add(attention(norm(y, next(), next())));
      const inner = gelu(adapted(norm(y, next(), next()), next(), next()));
      y = y.add(adapted(inner, next(), next()));
    }
    return dense(norm(y, next(), next()), next());
  };
};

export function modelOf(network: Network): Model {
  switch (network.kind) {
    case "mlp":
      return mlp;
    case "transformer":
      return transformer(network);
    default:
      throw new Cannot(
        "its wasm backend has no gradient of a convolution in the kernel (Conv2DBackpropFilter)",
      );
  }
}

const isValue = ({ network }: Workload) => network.kind !== "transformer" && network.outputs === 1;

export const lossOf = (workload: Workload): ((prediction: T, target: T) => T) =>
  isValue(workload)
    ? (prediction, target) => prediction.sub(target).square().mean()
    : (logits, target) => tf.losses.softmaxCrossEntropy(target, logits);

import type { Network, Workload } from "../workloads.ts";
import { installed, type Untyped } from "./installed.ts";

/** The networks of the bench in jax-js, on its wasm backend, which has one thread in Node 20. */
export const jax = installed("@jax-js/jax");
const { numpy: np, nn, lax } = jax;

/**
 * An array of jax-js, or a tracer. Functions take what they are given; all is traced once under jit, so that using
 * `.ref` everywhere costs nothing when the step runs.
 */
export type A = Untyped;
export type Values = readonly A[];
export type Model = (params: Values, x: A, factors?: Values) => A;

export const dense = (x: A, w: A, b?: A): A => {
  const y = np.matmul(x.ref, np.matrixTranspose(w.ref));
  return b === undefined ? y : y.add(b.ref);
};

const mlp: Model = (params, x) => {
  let y = x;
  for (let i = 0; i < params.length - 2; i += 2) y = nn.relu(dense(y, params[i], params[i + 1]));
  return dense(y, params[params.length - 2], params[params.length - 1]);
};

const halved = (x: A): A => {
  const [n, c, h, w] = x.shape as number[];
  return np.max(x.ref.reshape([n, c, h / 2, 2, w / 2, 2]), [3, 5]);
};

const convolve = (x: A, kernel: A, stride: number): A => {
  const pad = (kernel.shape[2] - 1) / 2;
  const pads = [
    [pad, pad],
    [pad, pad],
  ];
  return lax.convGeneralDilated(x.ref, kernel.ref, [stride, stride], pads);
};

const byChannel = (v: A): A => v.ref.reshape([v.shape[0], 1, 1]);

const cnn =
  (network: Network & { kind: "cnn" }): Model =>
  (params, x) => {
    let y = x;
    let at = 0;
    for (const _ of network.channels) {
      const z = convolve(y, params[at], 1).add(byChannel(params[at + 1]));
      y = nn.relu(halved(z));
      at += 2;
    }
    y = nn.relu(dense(y.reshape([y.shape[0], -1]), params[at], params[at + 1]));
    return dense(y, params[at + 2], params[at + 3]);
  };

const normed = (x: A, axis: number | readonly number[], epsilon = 1e-5): A => {
  const centred = x.ref.sub(np.mean(x.ref, axis, { keepdims: true }));
  const variance = np.mean(np.square(centred.ref), axis, { keepdims: true });
  return centred.div(np.sqrt(variance.add(epsilon)));
};

const layerNorm = (x: A, gain: A, bias: A): A => normed(x, -1).mul(gain.ref).add(bias.ref);

const resnet =
  (network: Network & { kind: "resnet" }): Model =>
  (params, x) => {
    let at = 0;
    const next = () => params[at++];
    const part = (y: A, stride = 1): A => {
      const z = normed(convolve(y, next(), stride), [0, 2, 3]);
      return z.mul(byChannel(next())).add(byChannel(next()));
    };
    let y = nn.relu(part(x));
    network.channels.forEach((_, group) => {
      for (let i = 0; i < network.blocks; i++) {
        const stride = i === 0 && group > 0 ? 2 : 1;
        const main = part(nn.relu(part(y, stride)));
        y = nn.relu(main.add(stride > 1 ? part(y, stride) : y.ref));
      }
    });
    return dense(np.mean(y, [2, 3]), next(), next());
  };

const transformer = ({ tokens, width, heads, layers }: Network & { kind: "transformer" }): Model => {
  const each = width / heads;
  const mask = np
    .array(
      Float32Array.from({ length: tokens * tokens }, (_, i) =>
        i % tokens > Math.floor(i / tokens) ? -1e9 : 0,
      ),
    )
    .reshape([tokens, tokens]);
  return (params, ids, factors) => {
    let [at, factor] = [0, 0];
    const next = () => params[at++];
    const adapted = (y: A, w: A, b: A) => {
      const plain = dense(y, w, b);
      if (factors === undefined) return plain;
      const down = dense(y, factors[factor++]);
      return plain.add(dense(down, factors[factor++]));
    };
    const attention = (y: A): A => {
      const n = y.shape[0];
      const qkv = adapted(y, next(), next());
      const byHeads = np.transpose(qkv.reshape([n, tokens, 3, heads, each]), [2, 0, 3, 1, 4]);
      const [q, k, v] = [0, 1, 2].map((i) => byHeads.ref.slice(i));
      const scores = np.matmul(q, np.matrixTranspose(k)).mul(1 / Math.sqrt(each));
      const mixed = np.matmul(nn.softmax(scores.add(mask.ref)), v);
      return adapted(np.transpose(mixed, [0, 2, 1, 3]).reshape([n, tokens, width]), next(), next());
    };
    // one-hot rows times the table: the gradient of a gather is slower here
    const table = next();
    let y = np.matmul(nn.oneHot(ids.ref, table.shape[0]), table.ref).add(next().ref);
    for (let layer = 0; layer < layers; layer++) {
      y = y.ref.add(attention(layerNorm(y, next(), next())));
      const inner = nn.gelu(adapted(layerNorm(y, next(), next()), next(), next()), { approximate: false });
      y = y.ref.add(adapted(inner, next(), next()));
    }
    return dense(layerNorm(y, next(), next()), next());
  };
};

export function modelOf(network: Network): Model {
  switch (network.kind) {
    case "mlp":
      return mlp;
    case "cnn":
      return cnn(network);
    case "resnet":
      return resnet(network);
    case "transformer":
      return transformer(network);
  }
}

export function lossOf({ network }: Workload): (prediction: A, y: A) => A {
  if (network.kind !== "transformer" && network.outputs === 1)
    return (prediction, y) => np.mean(np.square(prediction.ref.sub(y.ref)));
  return (logits, y) => {
    const classes = logits.shape[logits.shape.length - 1];
    const chosen = np.sum(nn.logSoftmax(logits.ref).mul(nn.oneHot(y.ref, classes)), -1);
    return np.mean(chosen).neg();
  };
}

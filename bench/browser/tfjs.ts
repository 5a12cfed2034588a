import * as tf from "@tensorflow/tfjs";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import type { NdArray } from "../../src/array/ndarray.ts";
import { type Contender, classes, rate, type Start, speedOf } from "./work.ts";

export type Backend = "wasm" | "cpu" | "webgl";

/** TensorFlow.js in the page's thread, eager operations and its own Adam. */
export function tensorflow(backend: Backend, threads: number): Contender {
  return {
    name: `TensorFlow.js (${backend})`,
    version: tf.version_core,
    async prepare(start) {
      const use = async () => {
        if (backend === "wasm") {
          setWasmPaths("/");
          setThreadsCount(threads);
        }
        if (!(await tf.setBackend(backend))) throw new Error(`there is no ${backend} here`);
        await tf.ready();
      };
      await use();
      const fed = start.batches.map(({ x, labels }) => ({ x: inputOf(start, x), y: targetOf(labels) }));
      const training = begin(start);
      const step = (i: number) => training.step(fed[i % fed.length]);
      let done = 0;
      let last: tf.Tensor | undefined;
      const one = () => {
        last?.dispose();
        last = step(done++);
      };
      return {
        losses: async (steps) => {
          await use();
          const found: number[] = [];
          for (let i = 0; i < steps; i++) {
            const loss = step(done++);
            found.push((await loss.data())[0]);
            loss.dispose();
          }
          return found;
        },
        speed: async (seconds) => {
          await use();
          return speedOf(seconds, one, async () => last?.data());
        },
        close: async () => {
          await use();
          last?.dispose();
          training.dispose();
          for (const { x, y } of fed) for (const tensor of [x, y]) tensor.dispose();
        },
      };
    },
  };
}

/** Images with their channels last, as its kernels want them. */
function inputOf({ work: { shape, batch } }: Start, x: Float32Array): tf.Tensor {
  const plain = tf.tensor(x, [batch, ...shape]);
  if (shape.length === 1) return plain;
  const last = plain.transpose([0, 2, 3, 1]);
  plain.dispose();
  return last;
}

const targetOf = (labels: Int32Array): tf.Tensor =>
  tf.tidy(() => tf.oneHot(tf.tensor(labels, [labels.length], "int32"), classes));

/** Its WebAssembly kernels of transposed products are slow: this gradient transposes first, four times as fast. */
const product = tf.customGrad((a, b, save) => {
  save([a, b]);
  return {
    value: a.matMul(b),
    gradFunc: (gradient, [x, w]) => [gradient.matMul(w.transpose()), x.transpose().matMul(gradient)],
  };
});

interface Training {
  step(batch: { readonly x: tf.Tensor; readonly y: tf.Tensor }): tf.Tensor;
  dispose(): void;
}

function begin({ params, work }: Start): Training {
  const side = work.shape.length === 3 ? work.shape[1] / 4 : 0;
  const layers = layersOf(params).map(([kernel, bias], i, all) => {
    const first = kernel.shape.length === 2 && all[i - 1]?.[0].shape.length === 4;
    return {
      kernel: variableOf(kernel, first ? side : 0),
      bias: tf.variable(tensorOf(bias)),
      rank: kernel.shape.length,
    };
  });
  const optimizer = tf.train.adam(rate, 0.9, 0.999, 1e-8);
  const predict = (x: tf.Tensor): tf.Tensor =>
    layers.reduce((value, { kernel, bias, rank }, i) => {
      if (rank === 4) return tf.maxPool(tf.conv2d(value, kernel, 1, "same").add(bias), 2, 2, "valid").relu();
      const flat = layers[i - 1]?.rank === 4 ? value.reshape([work.batch, -1]) : value;
      const dense = product(flat, kernel).add(bias);
      return i === layers.length - 1 ? dense : dense.relu();
    }, x);
  return {
    step: ({ x, y }) =>
      optimizer.minimize(() => tf.losses.softmaxCrossEntropy(y, predict(x)), true) as tf.Tensor,
    dispose: () => {
      optimizer.dispose();
      for (const { kernel, bias } of layers) for (const tensor of [kernel, bias]) tensor.dispose();
    },
  };
}

/** Kernels and biases in the order of the layers. */
export function layersOf(params: Start["params"]): (readonly [NdArray, NdArray])[] {
  const kernels = Object.keys(params).filter((path) => path.endsWith(".kernel"));
  return kernels.map((path) => [params[path], params[path.replace(/kernel$/, "bias")]]);
}

const tensorOf = ({ data, shape }: NdArray): tf.Tensor => tf.tensor(data as Float32Array, shape);

/** [out, in] as [in, out]; [out, in, height, width] as [height, width, in, out]. After images of that side, the inputs' channels go last. */
function variableOf(kernel: NdArray, side: number): tf.Tensor {
  return tf.tidy(() => {
    const plain = tensorOf(kernel);
    if (kernel.shape.length === 4) return tf.variable(plain.transpose([2, 3, 1, 0]));
    if (side === 0) return tf.variable(plain.transpose([1, 0]));
    const [outputs, inputs] = kernel.shape;
    const channels = inputs / (side * side);
    const split = plain.reshape([outputs, channels, side, side]);
    return tf.variable(split.transpose([2, 3, 1, 0]).reshape([inputs, outputs]));
  });
}

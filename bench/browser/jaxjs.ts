import * as jax from "@jax-js/jax";
import { lax, nn, numpy as np } from "@jax-js/jax";
import { layersOf } from "./tfjs.ts";
import { type Contender, classes, rate, type Start, speedOf } from "./work.ts";

type State = [params: jax.Array[], first: jax.Array[], second: jax.Array[], count: jax.Array];

const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8];

/** jax-js on WebAssembly: the whole step as one `jit`. It takes as many threads as the machine has cores, where the page is isolated. */
export function jaxjs(version: string): Contender {
  return {
    name: "jax-js (wasm)",
    version,
    async prepare(start) {
      await jax.init("wasm");
      jax.defaultDevice("wasm");
      const fed = start.batches.map(({ x, labels }) => ({
        x: np.array(x).reshape([start.work.batch, ...start.work.shape]),
        y: np.array(oneHot(labels)).reshape([labels.length, classes]),
      }));
      for (const { x, y } of fed) await Promise.all([x.blockUntilReady(), y.blockUntilReady()]);
      const step = jax.jit(stepOf(start));
      let state = begin(start);
      let done = 0;
      let last: jax.Array | undefined;
      const one = () => {
        const { x, y } = fed[done++ % fed.length];
        last?.dispose();
        [state, last] = step(state, x.ref, y.ref);
      };
      return {
        losses: async (steps) => {
          const found: number[] = [];
          for (let i = 0; i < steps; i++) {
            one();
            found.push((await (last as jax.Array).ref.data())[0]);
          }
          return found;
        },
        speed: (seconds) => speedOf(seconds, one, async () => last?.ref.data()),
        close: async () => {
          last?.dispose();
          for (const array of [...fed.flatMap(({ x, y }) => [x, y]), ...state.flat()]) array.dispose();
          step.dispose();
        },
      };
    },
  };
}

const oneHot = (labels: Int32Array): Float32Array =>
  Float32Array.from({ length: labels.length * classes }, (_, i) =>
    labels[Math.floor(i / classes)] === i % classes ? 1 : 0,
  );

/** Kernel and bias of each layer in turn; dense kernels as [in, out]. */
function begin({ params }: Start): State {
  const arrays = layersOf(params).flatMap(([kernel, bias]) => {
    const own = np.array(kernel.data as Float32Array).reshape(kernel.shape);
    return [kernel.shape.length === 2 ? own.transpose() : own, np.array(bias.data as Float32Array)];
  });
  const zeros = () => arrays.map((array) => np.zerosLike(array.ref));
  return [arrays, zeros(), zeros(), np.array(0)];
}

/** Every function here takes its arguments over, as all of jax-js's do. */
function stepOf(start: Start) {
  const lossOf = lossFor(start);
  return ([params, first, second, count]: State, x: jax.Array, y: jax.Array): [State, jax.Array] => {
    const [loss, gradients] = jax.valueAndGrad(lossOf)(
      params.map((p) => p.ref),
      x,
      y,
    );
    const next = count.add(1);
    const m = first.map((f, i) => f.mul(beta1).add(gradients[i].ref.mul(1 - beta1)));
    const v = second.map((s, i) => s.mul(beta2).add(np.square(gradients[i]).mul(1 - beta2)));
    const length = np.array(rate).div(np.array(1).sub(np.power(beta1, next.ref)));
    const scale = np.array(1).sub(np.power(beta2, next.ref));
    const updated = params.map((p, i) =>
      p.sub(m[i].ref.mul(length.ref).div(np.sqrt(v[i].ref.div(scale.ref)).add(epsilon))),
    );
    length.dispose();
    scale.dispose();
    return [[updated, m, v, next], loss];
  };
}

function lossFor({ work, params }: Start) {
  const ranks = layersOf(params).map(([kernel]) => kernel.shape.length);
  return (weights: jax.Array[], x: jax.Array, y: jax.Array): jax.Array => {
    const logits = ranks.reduce((value, rank, i) => {
      const [kernel, bias] = [weights[2 * i], weights[2 * i + 1]];
      if (rank === 4) {
        const drawn = lax.conv(value, kernel, [1, 1], "SAME").add(bias.reshape([-1, 1, 1]));
        const [n, channels, height, width] = drawn.shape;
        // its gradient is faster than that of lax.reduceWindow
        return nn.relu(np.max(drawn.reshape([n, channels, height / 2, 2, width / 2, 2]), [3, 5]));
      }
      const flat = ranks[i - 1] === 4 ? value.reshape([work.batch, -1]) : value;
      const dense = np.matmul(flat, kernel).add(bias);
      return i === ranks.length - 1 ? dense : nn.relu(dense);
    }, x);
    return y.mul(nn.logSoftmax(logits, -1)).sum().div(-work.batch);
  };
}

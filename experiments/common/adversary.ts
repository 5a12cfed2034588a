import type { NdArray } from "../../src/array/ndarray.ts";
import { withInputs } from "../../src/compare/measure/corruptions.ts";
import { accuracy } from "../../src/compare/metrics.ts";
import { first } from "../../src/compare/rows.ts";
import { method, type Step } from "../../src/kinds/index.ts";
import {
  add,
  fill,
  logSoftmax,
  max,
  min,
  mul,
  normal,
  sign,
  softmax,
  stopGradient,
  sub,
  sum,
  type Tensor,
  vjp,
} from "../../src/tensor/index.ts";
import { type Named, predict, probeLoop } from "../../src/training/index.ts";
import type { Finished } from "./train.ts";

type Seen = Pick<Step, "apply" | "weights" | "loss">;

/** One step of length 2.5 radius / steps up the loss by signs, back into the cube of half side `radius` around `clean`. */
function ascend(step: Seen, x: Tensor, clean: Tensor, target: Tensor, radius: number, steps: number): Tensor {
  const loss = sum(step.loss(step.apply(step.weights, { x }).prediction, target));
  const [slope] = vjp([loss], [fill([], 1)], [x]);
  const moved = add(x, mul((2.5 * radius) / steps, sign(slope)));
  return stopGradient(max(min(moved, add(clean, radius)), sub(clean, radius)));
}

/** Adversarial training: every batch is first moved against the model by projected gradient steps. Madry et al. 2018. */
export function adversarial(radius: number, steps: number): Named {
  const definition = method("adversarial", {
    summary: "trains on inputs moved against the model",
    options: {},
    examples: [],
    create: () => ({
      batch(batch, step) {
        let { x } = batch.inputs;
        for (let i = 0; i < steps; i++) x = ascend(step, x, batch.inputs.x, batch.target, radius, steps);
        return { ...batch, inputs: { ...batch.inputs, x } };
      },
    }),
  });
  return { name: "adversarial", method: definition() };
}

/**
 * TRADES (Zhang et al. 2019): cross entropy, and `beta` times KL(p(x) | p(x')), x' being where it is largest within
 * `radius`, sought from a start 0.001 away; the official code's loss and search, whose steps are radius / 4 long.
 */
export function trades(radius: number, steps: number, beta: number): Named {
  const definition = method("trades", {
    summary: "cross entropy, and how far the prediction can be moved",
    options: {},
    examples: [],
    create: () => ({
      losses({ outputs, batch, mode, loss, apply, weights, key }) {
        const { prediction } = outputs;
        const plain = loss(prediction, batch.target);
        if (mode === "eval") return plain;
        const clean = batch.inputs.x;
        const divergence = (x: Tensor, from: Tensor) => {
          const there = logSoftmax(apply(weights, { ...batch.inputs, x }).prediction);
          return sum(mul(softmax(from), sub(logSoftmax(from), there)), { axes: [-1] });
        };
        let x = add(clean, mul(0.001, normal(key, clean.shape)));
        for (let i = 0; i < steps; i++) {
          const [slope] = vjp([sum(divergence(x, stopGradient(prediction)))], [fill([], 1)], [x]);
          const moved = add(x, mul(radius / 4, sign(slope)));
          x = stopGradient(max(min(moved, add(clean, radius)), sub(clean, radius)));
        }
        return add(plain, mul(beta, divergence(x, prediction)));
      },
    }),
  });
  return { name: "trades", method: definition() };
}

/** Accuracy on the first validation and test rows after 20 projected gradient steps. */
export async function robustAccuracy(f: Finished, radius: number, rows: number) {
  const of = async (part: "validation" | "test") => {
    const data = first(f.parts[part], rows);
    const clean: NdArray = data.inputs.x;
    const { x } = await probeLoop(f.host, f.plan, f.values, data, "attack", {
      start: { x: clean },
      steps: 20,
      extra: { clean },
      build: (view, state, extra) => ({
        state: { x: ascend(view, state.x, extra.clean, view.batch.target, radius, 20) },
        collected: {},
      }),
    });
    const moved = withInputs(data, x.data as Float32Array);
    return accuracy(await predict(f.host, f.plan, f.values, moved), data.target.data as Int32Array);
  };
  return { robustValidation: await of("validation"), robust: await of("test") };
}

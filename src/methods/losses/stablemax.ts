import { fromNested } from "../../array/ndarray.ts";
import { method, type Params, type Step } from "../../kinds/index.ts";
import {
  add,
  constant,
  greaterEqual,
  log,
  logSoftmax,
  mul,
  neg,
  softmax,
  sub,
  sum,
  type Tensor,
  where,
} from "../../tensor/index.ts";

/** log s(x), with s(x) = x + 1 from 0 on and 1 / (1 - x) below. */
function logS(x: Tensor): Tensor {
  const up = greaterEqual(x, 0);
  return where(up, log(add(1, where(up, x, 0))), neg(log(sub(1, where(up, 0, x)))));
}

const seen = {
  outputs: { prediction: constant(fromNested([[3, -1, 0]])) },
  batch: { target: constant(fromNested([[0, 1, 0]])) },
  weights: { logits: constant(fromNested([[3, -1, 0]])) },
  apply: ({ logits }: Params) => ({ prediction: logits }),
} as unknown as Step;

/**
 * StableMax cross entropy: softmax with a slower function in place of the exponential.
 *
 *   loss_i = -sum_k target_ik log p_ik      p_ik = s(z_ik) / sum_l s(z_il)      s(z) = z + 1, or 1 / (1 - z) below 0
 *
 * In float32 the sum of exponentials soon equals its largest term: then loss and gradient of an example are exactly
 * zero, and learning stops (softmax collapse). s grows so slowly that this does not happen, so that networks without
 * weight decay go on to generalize (grokking). Predictions are s's probabilities too. Fills `losses` and `predict`.
 * Classification: target [n, classes] -> [n].
 */
export const stablemax = method("stablemax", {
  summary: "cross entropy of a softmax whose exponential cannot absorb small terms",
  paper: {
    id: "stablemax-perpgrad",
    title: "Grokking at the Edge of Numerical Stability",
    authors: ["Lucas Prieto", "Melih Barsbey", "Pedro A. M. Mediano", "Tolga Birdal"],
    year: 2025,
    arxiv: "2501.04697",
    url: "https://github.com/LucasPrietoAl/grokking-at-the-edge-of-numerical-stability",
    where: "eq. 6 and 7; utils.py in the authors' code",
    deviations: ["computed in float32, by the logarithm of s; the code computes this loss in float64"],
  },
  options: {},
  examples: [
    {
      value: ({ losses }) => (losses as NonNullable<typeof losses>)(seen, undefined),
      output: [Math.log((4 + 0.5 + 1) / 0.5)],
      source: "by hand: s(3, -1, 0) = (4, 1/2, 1)",
    },
    {
      value: ({ predict }) => (predict as NonNullable<typeof predict>)({}, seen, undefined),
      output: [[8 / 11, 1 / 11, 2 / 11]],
      source: "by hand",
    },
  ],
  create: () => ({
    losses: ({ outputs, batch }) =>
      neg(sum(mul(batch.target, logSoftmax(logS(outputs.prediction))), { axes: [-1] })),
    predict: (inputs, { apply, weights }) => softmax(logS(apply(weights, inputs).prediction)),
  }),
});

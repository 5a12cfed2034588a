import type { AnyMethod, Model, Scalar, Step } from "../kinds/index.ts";
import {
  add,
  exp,
  fold,
  mul,
  normal,
  slice,
  softplus,
  square,
  sub,
  sum,
  type Tensor,
} from "../tensor/index.ts";
import {
  type Coder,
  type ConvCoderOptions,
  convCoder,
  type DenseCoderOptions,
  denseCoder,
} from "./autoencoder.ts";
import { lecunNormal } from "./initializers.ts";
import { flatten, linear } from "./layers.ts";
import { staged } from "./models.ts";
import { type ModuleOf, sequence } from "./module.ts";

/** Means and log variances [n, k] from one array [n, 2 k]. */
function halves(posterior: Tensor): readonly [Tensor, Tensor] {
  const k = posterior.shape[1] / 2;
  return [slice(posterior, 1, 0, k), slice(posterior, 1, k, 2 * k)];
}

/**
 * The reparametrized code: mean + exp(log variance / 2) e, e standard normal and drawn anew from the step's key in
 * training; the mean in evaluation, or where there is no key. [n, 2 k] -> [n, k].
 */
const sampled: ModuleOf = (_, [width]) => ({
  leaves: [],
  shape: [width / 2],
  init: () => ({}),
  apply(posterior, { mode, key }) {
    const [mean, logVariance] = halves(posterior);
    if (mode === "eval" || key === undefined) return mean;
    return add(mean, mul(exp(mul(0.5, logVariance)), normal(fold(key, "code"), mean.shape)));
  },
});

const around = (coder: Coder, shape: readonly number[], code: number): Model =>
  staged(`vae(${coder.name}-${code})`, shape, [
    ...coder.encoder,
    { name: "posterior", part: sequence(flatten, linear(2 * code, { init: lecunNormal })) },
    { name: "code", part: sampled },
    ...coder.decoder,
  ]);

/**
 * A variational autoencoder (Kingma and Welling 2014) of dense layers: x [n, ...shape] -> prediction [n, size].
 *
 *   posterior [n, 2 code]    means, then log variances of a normal q(z | x) with independent entries
 *   code [n, code]           z = mean + exp(log variance / 2) e in training, the mean in evaluation
 *   prediction               what the decoder makes of z: means, or logits of pixels in [0, 1]
 *
 * `posterior` and `code` are activations. Train it on `asReconstruction(data)` with the method `elbo`. Started at
 * `code` with standard normal numbers (`apply(weights, {}, { from: { name: "code", value } })`) it makes new examples.
 */
export const vae = (shape: readonly number[], code: number, options: DenseCoderOptions = {}): Model =>
  around(denseCoder(shape, options), shape, code);

/** A convolutional variational autoencoder for images, used as `vae`. Throws `bad-shape` for what are no images. */
export const convVae = (shape: readonly number[], code: number, options: ConvCoderOptions = {}): Model =>
  around(convCoder(shape, options), shape, code);

/** KL(N(mean, diag exp(log variance)) | N(0, I)) of each example in nats: [n, 2 k] -> [n]. */
export function divergenceFromPrior(posterior: Tensor): Tensor {
  const [mean, logVariance] = halves(posterior);
  const terms = sub(add(square(mean), exp(logVariance)), add(1, logVariance));
  return mul(0.5, sum(terms, { axes: [-1] }));
}

export interface ElboOptions {
  /** Weight of the divergence; 1 is the bound itself, more asks for simpler codes (Higgins et al. 2017). */
  readonly beta?: Scalar;
  /** Of an example given its code: normal with variance 1 about the prediction, or pixels in [0, 1] with it as logits. */
  readonly likelihood?: "normal" | "bernoulli";
}

/**
 * The negative evidence lower bound as the losses of a variational autoencoder, in nats by example:
 *
 *   losses = -log p(target | code) + beta KL(q(code | x) | N(0, I))
 *
 *   normal       -log p = sum_j (prediction_j - target_j)^2 / 2, without the constant size / 2 log 2 pi
 *   bernoulli    -log p = sum_j softplus(prediction_j) - target_j prediction_j
 *
 * The target is the batch's, so that noise on the inputs makes a denoising autoencoder. One code is drawn an example.
 */
export function elbo({ beta = 1, likelihood = "normal" }: ElboOptions = {}): AnyMethod {
  const surprise = (prediction: Tensor, target: Tensor) =>
    likelihood === "normal"
      ? mul(0.5, square(sub(prediction, target)))
      : sub(softplus(prediction), mul(target, prediction));
  return {
    losses({ outputs, batch }: Step) {
      const reconstruction = sum(surprise(outputs.prediction, batch.target), { axes: [-1] });
      return add(reconstruction, mul(beta, divergenceFromPrior(outputs.activations.posterior)));
    },
  };
}

import { fromNested } from "../../array/ndarray.ts";
import { mapParams, optimizer, type Params, positive, type Step, share } from "../../kinds/index.ts";
import { add, constant, div, mul, pow, scalar, sqrt, square, sub, zerosLike } from "../../tensor/index.ts";

/** Sums of past gradients, and of their squares, each weighted by beta^age: the moments times 1 / (1 - beta). */
interface Sums {
  readonly first: Params;
  readonly second: Params;
}

/**
 * Adam: steps of about `rate` in every coordinate, whatever the scale of its gradient.
 *
 *   m <- beta1 m + (1 - beta1) g        m^ = m / (1 - beta1^t)
 *   v <- beta2 v + (1 - beta2) g^2      v^ = v / (1 - beta2^t)
 *   w <- w - rate m^ / (sqrt(v^) + epsilon)
 *
 * t counts from 1. Without weight decay; combine it with `weight-decay`, which then is AdamW.
 */
export const adam = optimizer("adam", {
  summary: "steps scaled by running moments of the gradient",
  paper: {
    id: "adam",
    title: "Adam: A Method for Stochastic Optimization",
    authors: ["Diederik P. Kingma", "Jimmy Ba"],
    year: 2014,
    arxiv: "1412.6980",
    where: "algorithm 1",
  },
  options: {
    beta1: share(0.9, "share of the past kept in the mean", [0.8, 0.9, 0.95]),
    beta2: share(0.999, "share of the past kept in the mean square", [0.99, 0.999]),
    epsilon: positive(1e-8, "keeps the division finite"),
  },
  examples: [
    {
      value: ({ init, update }) => {
        const params = { w: constant(fromNested([1, 1])) };
        const step = { params, rate: scalar(0.1), count: scalar(0) } as unknown as Step;
        return update({ w: constant(fromNested([3, -0.2])) }, init(params, step.about), step)[0].w;
      },
      output: [1 - 0.1, 1 + 0.1],
      source: "by hand: in the first step m^ / sqrt(v^) is the gradient's sign",
    },
  ],
  create: ({ beta1, beta2, epsilon }) => ({
    rate: 0.003,
    init: (params): Sums => ({
      first: mapParams(params, zerosLike),
      second: mapParams(params, zerosLike),
    }),
    // the factors 1 - beta and 1 / (1 - beta^t) are the same for all weights: they go into `rate` and `epsilon`
    update(gradients, { first, second }: Sums, { params, rate, count }) {
      const t = add(count, 1);
      const m = mapParams(gradients, (g, path) => add(mul(beta1, first[path]), g));
      const v = mapParams(gradients, (g, path) => add(mul(beta2, second[path]), square(g)));
      const scale = sqrt(div(sub(1, beta2), sub(1, pow(beta2, t))));
      const length = div(mul(rate, sub(1, beta1)), mul(scale, sub(1, pow(beta1, t))));
      const floor = div(epsilon, scale);
      const updated = mapParams(m, (value, path) =>
        sub(params[path], mul(length, div(value, add(sqrt(v[path]), floor)))),
      );
      return [updated, { first: m, second: v }];
    },
  }),
});

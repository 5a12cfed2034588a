import { fromNested } from "../../array/ndarray.ts";
import {
  type About,
  mapParams,
  method,
  nonNegative,
  type Params,
  positive,
  type Scalar,
  type Step,
  share,
} from "../../kinds/index.ts";
import {
  add,
  constant,
  div,
  equal,
  fill,
  mul,
  scalar,
  softmax,
  stopGradient,
  sub,
  where,
} from "../../tensor/index.ts";
import { begun, classesOnly, trajectoryLoss } from "./saf.ts";

interface State {
  /** Running mean of the model's weights and buffers as it used them. */
  readonly mean: Params;
}

/** The running mean with the weights of this step in it; at first, those alone. */
const averaged = ({ weights, count }: Step, { mean }: State, momentum: Scalar): Params =>
  mapParams(mean, (before, path) => {
    const now = weights[path];
    const later = add(mul(momentum, before), mul(sub(1, momentum), now));
    return stopGradient(where(equal(count, 0), now, later));
  });

/** A model with logits (w, 0), at w = 2 log 3. */
const one = {
  mode: "train",
  count: scalar(600),
  epoch: scalar(6),
  weights: { w: constant(fromNested([2 * Math.log(3), 0])) },
  outputs: { prediction: constant(fromNested([[2 * Math.log(3), 0]])) },
  batch: { inputs: {} },
  apply: ({ w }: Params) => ({ prediction: mul(w, constant(fromNested([[1, 0]]))) }),
} as unknown as Step;

/**
 * Memory-efficient sharpness-aware training: as `saf`, but near the predictions of a running mean of the weights.
 *
 *   mean <- momentum mean + (1 - momentum) w
 *   L + strength temperature^2 mean KL( softmax(z_mean / temperature) | softmax(z / temperature) )
 *
 * Needs one more copy of the weights in place of all predictions, and one more pass a step, without a gradient; the
 * mean's logits are those of evaluation mode. The mean should reach back over some epochs: 1 / (1 - momentum) steps.
 * From the epoch after `start` on (from 0). Classification only: throws `conflict` else.
 */
export const mesa = method("mesa", {
  summary: "keeps predictions near those of a running mean of the weights, for flat minima",
  paper: {
    id: "saf",
    title: "Sharpness-Aware Training for Free",
    authors: ["Jiawei Du", "Daquan Zhou", "Jiashi Feng", "Vincent Y. F. Tan", "Joey Tianyi Zhou"],
    year: 2022,
    arxiv: "2205.14083",
    url: "https://github.com/AngusDujw/SAF",
    where: "section 4.2; MESA_train.py in the authors' code",
  },
  options: {
    strength: nonNegative(0.8, "weight of the trajectory loss (lambda in the paper)", [0.3, 0.8, 2]),
    temperature: positive(5, "divisor of the logits (tau in the paper)", [1, 2, 5]),
    start: nonNegative(5, "last epoch without it, from 0 (E_start in the paper)", [1, 5, 10]),
    momentum: share(
      0.9995,
      "share of the mean that is kept (beta in the paper)",
      [0.98, 0.99, 0.995, 0.9995],
    ),
  },
  examples: [
    {
      options: { strength: 0.8, temperature: 2, momentum: 0.75 },
      value: ({ penalty }) => {
        // 3/4 of the mean and 1/4 of the weights are logits of 0
        const mean = { w: constant(fromNested([(-2 * Math.log(3)) / 3, 0])) };
        return (penalty as NonNullable<typeof penalty>)(one, { mean });
      },
      output: 0.8 * 4 * (0.5 * Math.log(0.5 / 0.75) + 0.5 * Math.log(0.5 / 0.25)),
      source: "by hand: the mean predicts (1/2, 1/2), the model (3/4, 1/4) for temperature 2",
    },
  ],
  exempt: { experiment: "an arm of saf's experiment" },
  create: ({ strength, temperature, start, momentum }) => ({
    state(_, about: About): State {
      classesOnly("mesa", about);
      const { leaves } = about.model;
      return { mean: Object.fromEntries(leaves.map(({ path, shape }) => [path, fill(shape, 0)])) };
    },
    penalty(step, state: State) {
      const { mode, epoch, batch, outputs } = step;
      if (mode === "eval") return scalar(0);
      const { prediction } = step.apply(averaged(step, state, momentum), batch.inputs, { mode: "eval" });
      const past = stopGradient(softmax(div(prediction, temperature)));
      return mul(mul(strength, begun(epoch, start)), trajectoryLoss(past, outputs.prediction, temperature));
    },
    after(updated, step, state: State) {
      return [updated, { mean: averaged(step, state, momentum) }];
    },
  }),
});

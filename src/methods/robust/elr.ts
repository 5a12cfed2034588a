import { fromNested } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import { type About, method, positive, type Step, share } from "../../kinds/index.ts";
import {
  add,
  clamp,
  constant,
  div,
  expandDims,
  fill,
  gather,
  greater,
  log,
  max,
  mean,
  mul,
  scalar,
  scatterAdd,
  softmax,
  stopGradient,
  sub,
  sum,
  type Tensor,
  where,
} from "../../tensor/index.ts";

interface State {
  /** [examples, classes]; zeros where an example was never seen. */
  readonly target: Tensor;
}

/** Probabilities [n, classes] kept away from 0 and 1, as in the authors' code. */
const probabilities = (logits: Tensor): Tensor => clamp(softmax(logits), 1e-4, 1 - 1e-4);

const normalized = (p: Tensor): Tensor => div(p, sum(p, { axes: [-1], keep: true }));

const step = (logits: readonly (readonly number[])[], index: readonly number[]): Step =>
  ({
    mode: "train",
    outputs: { prediction: constant(fromNested(logits)) },
    batch: { index: constant(fromNested(index, "int32")) },
  }) as unknown as Step;

/**
 * Early-learning regularization: holds the model to what it said of an example before it began to memorize.
 *
 *   t <- momentum t + (1 - momentum) p               of each example at each visit, p its probabilities, t = 0 at first
 *   penalty = strength mean_i log(1 - <p_i, t_i>)
 *
 * Networks fit the rightly labelled examples first. By then t points to their classes, and agreeing with it pays;
 * for a wrongly labelled example the gradient then cancels that of the cross entropy that would learn the wrong label. p is clamped to
 * [0.0001, 0.9999]; t takes no gradient. [examples, classes] numbers of memory. Classification only: throws
 * `conflict` else.
 */
export const elr = method("elr", {
  summary: "holds predictions to their own running mean, against memorizing wrong labels",
  paper: {
    id: "elr",
    title: "Early-Learning Regularization Prevents Memorization of Noisy Labels",
    authors: ["Sheng Liu", "Jonathan Niles-Weed", "Narges Razavian", "Carlos Fernandez-Granda"],
    year: 2020,
    arxiv: "2007.00151",
    url: "https://github.com/shengliu66/ELR",
    where: "eq. 6 and 9; ELR/model/loss.py in the authors' code",
    deviations: ["ELR+, with two networks and mixup, is not part of it"],
  },
  options: {
    strength: positive(3, "weight of the regularizer (lambda in the paper)", [1, 3, 7]),
    momentum: share(
      0.7,
      "share of the past kept in the running targets (beta in the paper)",
      [0.5, 0.7, 0.9],
    ),
  },
  examples: [
    {
      options: { strength: 2, momentum: 0.5 },
      value: ({ penalty }) =>
        (penalty as NonNullable<typeof penalty>)(
          step(
            [
              [Math.log(3), 0],
              [0, 0],
            ],
            [1, 0],
          ),
          {
            target: constant(
              fromNested([
                [0, 0],
                [1, 0],
              ]),
            ),
          },
        ),
      output: Math.log(1 - (0.75 * 0.875 + 0.25 * 0.125)) + Math.log(1 - 0.25),
      source:
        "by hand: the first has p = (3/4, 1/4) and t = (1, 0) / 2 + p / 2 = (7/8, 1/8); the second, never seen, p = (1/2, 1/2) and t = p / 2",
    },
    {
      options: { momentum: 0.5 },
      value: ({ after }) =>
        (after as NonNullable<typeof after>)({}, step([[Math.log(3), 0]], [1]), {
          target: constant(
            fromNested([
              [0.5, 0.5],
              [1, 0],
            ]),
          ),
        })[1].target,
      output: [
        [0.5, 0.5],
        [0.875, 0.125],
      ],
      source: "by hand",
    },
  ],
  exempt: { "finite differences": "the running targets follow the predictions, and take no gradient" },
  create: ({ strength, momentum }) => {
    const next = ({ outputs, batch }: Step, { target }: State): Tensor => {
      const p = stopGradient(normalized(probabilities(outputs.prediction)));
      return add(mul(momentum, gather(target, batch.index)), mul(sub(1, momentum), p));
    };
    return {
      state(_, { task, examples, classes }: About): State {
        if (task !== "classification")
          throw new OckhamError(
            "conflict",
            "elr",
            `elr is for classification, the data is for ${task}`,
            "leave it out",
          );
        return { target: fill([examples, classes], 0) };
      },
      penalty(seen, state: State) {
        if (seen.mode === "eval") return scalar(0);
        const agreement = sum(mul(next(seen, state), probabilities(seen.outputs.prediction)), { axes: [-1] });
        return mul(strength, mean(log(sub(1, agreement))));
      },
      after(updated, seen, state: State) {
        const { index } = seen.batch;
        const [examples] = state.target.shape;
        // where an example stands twice in a batch, the mean of the two
        const sums = scatterAdd(index, next(seen, state), examples);
        const counts = expandDims(scatterAdd(index, fill(index.shape, 1), examples), -1);
        return [updated, { target: where(greater(counts, 0), div(sums, max(counts, 1)), state.target) }];
      },
    };
  },
});

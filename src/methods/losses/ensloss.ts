import { fromNested } from "../../array/ndarray.ts";
import { type About, method, type Option, type Scalar, type Step, whole } from "../../kinds/index.ts";
import {
  add,
  argSort,
  cast,
  constant,
  div,
  equal,
  exp,
  greater,
  keyOf,
  log,
  max,
  min,
  mul,
  neg,
  normal,
  scalar,
  slice,
  sort,
  stopGradient,
  sub,
  sum,
  type Tensor,
  takeAlong,
  transpose,
  uniform,
  where,
} from "../../tensor/index.ts";
import { classesOnly } from "./saf.ts";

interface State {
  readonly lambda: Tensor;
}

/** Margins y f, [problems, n]: one problem for two classes, else each class against the rest. */
export function marginsOf(prediction: Tensor, target: Tensor): Tensor {
  const [, classes] = prediction.shape;
  const signs = sub(mul(2, target), 1);
  const own = (x: Tensor) => slice(x, 1, 1, 2);
  const scores = classes === 2 ? sub(own(prediction), slice(prediction, 1, 0, 1)) : prediction;
  return transpose(mul(classes === 2 ? own(signs) : signs, scores), [1, 0]);
}

/** -min(G, 1), G the inverse Box-Cox transform of u: exp(u) for lambda 0, else (1 + lambda u)^(1 / lambda), 0 where that is not defined. */
function slopes(u: Tensor, lambda: Scalar): Tensor {
  const zero = equal(lambda, 0);
  const safe = where(zero, 1, lambda);
  const grown = div(log(max(add(1, mul(safe, u)), 1e-30)), safe);
  return neg(exp(min(where(zero, u, grown), 0)));
}

/** Losses of margins [problems, n] whose derivatives are given: the steepest falls to the smallest margin. */
export function matched(margins: Tensor, drawn: Tensor): Tensor {
  const ranks = argSort(argSort(margins));
  const d = stopGradient(takeAlong(sort(drawn), ranks));
  const far = greater(margins, 1);
  // beyond margin 1 the derivative d / z is that of d log z
  const reached = where(far, add(1, log(where(far, margins, 1))), margins);
  return sub(mul(d, reached), mul(1e-6, margins));
}

const lambda: Option<number, true> = {
  default: 0,
  doc: "shape of the derivatives' distribution (lambda in the paper)",
  range: "a number from -1 to 1",
  grid: [-1, -0.5, 0, 0.5, 1],
  traced: true,
  valid: (v) => v >= -1 && v <= 1,
  parse: (text) => (text.trim() === "" || Number.isNaN(Number(text)) ? undefined : Number(text)),
};

/**
 * Ensemble of random losses: each batch is trained with derivatives drawn anew, such as a convex calibrated loss has.
 *
 *   z_i = y_i f(x_i)      G = exp(u), or (1 + lambda u)^(1 / lambda)      u ~ N(0, 1)
 *   d   = max(-G, -1), the steepest for the smallest z; over z_i where z_i > 1; less 1e-6
 *   loss_i has the derivative d_i in z_i
 *
 * No one loss is fitted, so that none is overfitted. Two classes: y is -1 or 1 and f the second score less the first;
 * more: each class against the rest, summed. With `period`, lambda is drawn from U(-1, 1) every so many epochs. The
 * value only serves its gradient and falls below 0. Fills `losses`; in evaluation it is the run's own loss.
 * Classification only: throws `conflict` else.
 */
export const ensloss = method("ensloss", {
  summary: "trains each batch with the derivatives of another random calibrated loss",
  paper: {
    id: "ensloss",
    title: "EnsLoss: Stochastic Calibrated Loss Ensembles for Preventing Overfitting in Classification",
    authors: ["Ben Dai"],
    year: 2024,
    arxiv: "2409.00908",
    url: "https://github.com/statmlben/ensLoss",
    where: "algorithm 1; losses.py in the authors' code",
    deviations: [
      "more than two classes, one against the rest, are not in the paper",
      "the value beyond margin 1 is that of a loss with the paper's derivative; the code's is d_i z_i / z_i, with the same gradient",
    ],
  },
  options: {
    lambda,
    period: whole(0, 0, "epochs between new draws of lambda; 0 keeps the one given", [0, 10]),
  },
  examples: [
    {
      value: () =>
        matched(
          constant(fromNested([[0.5, -0.25, 2, 0.75]])),
          constant(fromNested([[-0.5, -1, -0.125, -0.25]])),
        ),
      output: [
        [
          -0.5 * 0.5 - 0.5e-6,
          -1 * -0.25 + 0.25e-6,
          -0.125 * (1 + Math.log(2)) - 2e-6,
          -0.25 * 0.75 - 0.75e-6,
        ],
      ],
      tolerance: 1e-7,
      source: "by hand: the margins in rising order are entries 1, 0, 3, 2",
    },
    {
      options: { lambda: 1 },
      value: ({ losses, state }) => {
        const step = {
          mode: "train",
          key: keyOf([1, 2]),
          outputs: {
            prediction: constant(
              fromNested([
                [0, 0],
                [0, 0],
              ]),
            ),
          },
          batch: {
            target: constant(
              fromNested([
                [1, 0],
                [0, 1],
              ]),
            ),
          },
        } as unknown as Step;
        const start = (state as NonNullable<typeof state>)({}, { task: "classification" } as About, step.key);
        return (losses as NonNullable<typeof losses>)(step, start);
      },
      output: [0, 0],
      source: "by hand: margins of 0 cost nothing, whatever the derivatives",
    },
  ],
  create: ({ lambda: given, period }) => ({
    state(_, about: About, key): State {
      classesOnly("ensloss", about);
      const first = sub(mul(2, uniform(key, [])), 1);
      return { lambda: period > 0 ? first : add(scalar(0), given) };
    },
    losses({ mode, outputs, batch, key, loss }, state: State) {
      if (mode === "eval") return loss(outputs.prediction, batch.target);
      const margins = marginsOf(outputs.prediction, batch.target);
      const drawn = slopes(normal(key, margins.shape), state.lambda);
      return sum(matched(margins, drawn), { axes: [0] });
    },
    after(updated, { count, key, about }, state: State) {
      if (period === 0) return [updated, state];
      const done = div(add(count, 1), period * about.stepsPerEpoch);
      const whole = cast(cast(done, "int32"), "float32");
      const next = sub(mul(2, uniform(key, [])), 1);
      return [updated, { lambda: where(equal(done, whole), next, state.lambda) }];
    },
  }),
});

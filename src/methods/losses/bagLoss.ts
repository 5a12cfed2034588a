import { fromNested } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import { method, type Option, type Step } from "../../kinds/index.ts";
import {
  add,
  constant,
  div,
  expandDims,
  fill,
  gather,
  log,
  max,
  mean,
  mul,
  scatterAdd,
  softmax,
  square,
  sub,
  type Tensor,
} from "../../tensor/index.ts";

/** Each row replaced by the mean of the rows of its group. */
function meansBy(group: Tensor, groups: number, rows: Tensor): Tensor {
  const counts = scatterAdd(group, fill(group.shape, 1, rows.dtype), groups);
  return gather(div(scatterAdd(group, rows, groups), max(expandDims(counts, -1), 1)), group);
}

const strength: Option<number, true> = {
  default: 0.3,
  doc: "share of the instance loss (rho in the paper)",
  range: "a number from 0 to 1",
  grid: [0, 0.1, 0.3, 0.5, 1],
  traced: true,
  valid: (v) => v >= 0 && v <= 1,
  parse: (text) => (text.trim() === "" || Number.isNaN(Number(text)) ? undefined : Number(text)),
};

const bags = {
  mode: "train",
  about: { task: "regression", groups: 2 },
  outputs: { prediction: constant(fromNested([[1], [5], [2], [2]])) },
  batch: {
    target: constant(fromNested([[0], [2], [7], [1]])),
    group: constant(fromNested([0, 0, 1, 1], "int32")),
  },
  loss: (prediction: Tensor, target: Tensor) => mean(square(sub(prediction, target)), { axes: [-1] }),
} as unknown as Step;

/**
 * Learns from bags of examples of which only the mean response is known.
 *
 *   loss_i = (1 - strength) loss(mean prediction of i's bag, mean target) + strength loss(prediction_i, mean target)
 *
 * Strength 0 is the bag loss, 1 the instance loss. For squared errors the second is the first and the variance of the
 * predictions within a bag, so that strength is that of a penalty on it; between them is a bias that can be worth its
 * variance. The loss is the run's own; of classes, probabilities are averaged. Bags are the data's groups: where a batch
 * has only a part of one, that part (`inBags` makes data whose bags are drawn whole). Single targets are used in no other
 * way than by their mean. Fills `losses`; in evaluation it is the run's loss. Throws `conflict` for data without groups.
 */
export const bagLoss = method("bag-loss", {
  summary: "learns from the mean response of bags of examples",
  paper: {
    id: "aggregate-responses",
    title: "Learning from Aggregate responses: Instance Level versus Bag Level Loss Functions",
    authors: ["Adel Javanmard", "Lin Chen", "Vahab Mirrokni", "Ashwinkumar Badanidiyuru", "Gang Fu"],
    year: 2024,
    arxiv: "2401.11081",
    where: "section 2: the bag, instance and interpolating losses",
  },
  options: { strength },
  examples: [
    {
      options: { strength: 0 },
      value: ({ losses }) => (losses as NonNullable<typeof losses>)(bags, undefined),
      output: [4, 4, 4, 4],
      source: "by hand: the bags predict 3 and 2 and respond 1 and 4",
    },
    {
      options: { strength: 1 },
      value: ({ losses }) => (losses as NonNullable<typeof losses>)(bags, undefined),
      output: [0, 16, 4, 4],
      source: "by hand",
    },
    {
      options: { strength: 0.25 },
      value: ({ losses }) => mean((losses as NonNullable<typeof losses>)(bags, undefined)),
      output: 4 + (0.25 * (4 + 4 + 0 + 0)) / 4,
      source: "by hand: the bag loss and a quarter of the variance within bags",
    },
  ],
  create: ({ strength }) => ({
    losses({ mode, outputs, batch, loss, about }) {
      const { prediction } = outputs;
      if (mode === "eval") return loss(prediction, batch.target);
      if (batch.group === undefined)
        throw new OckhamError(
          "conflict",
          "bag-loss",
          "bag-loss needs data whose groups are its bags",
          "name the group column",
        );
      const { group } = batch;
      const averaged = (rows: Tensor) => meansBy(group, about.groups, rows);
      const response = averaged(batch.target);
      const together =
        about.task === "classification"
          ? log(max(averaged(softmax(prediction)), 1e-30))
          : averaged(prediction);
      const whole = loss(together, response);
      return add(whole, mul(strength, sub(loss(prediction, response), whole)));
    },
  }),
});

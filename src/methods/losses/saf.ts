import { fromNested } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import {
  type About,
  method,
  nonNegative,
  positive,
  type Scalar,
  type Step,
  whole,
} from "../../kinds/index.ts";
import {
  add,
  cast,
  constant,
  div,
  expandDims,
  fill,
  floor,
  gather,
  greater,
  log,
  logSoftmax,
  max,
  mean,
  mul,
  type Operand,
  scalar,
  scatterAdd,
  softmax,
  square,
  sub,
  sum,
  type Tensor,
} from "../../tensor/index.ts";

/** temperature^2 mean KL(past | softmax(prediction / temperature)) from softened past predictions; rows of zeros count as 0. */
export function trajectoryLoss(past: Tensor, prediction: Tensor, temperature: Scalar): Tensor {
  const now = logSoftmax(div(prediction, temperature));
  const divergences = sum(mul(past, sub(log(max(past, 1e-30)), now)), { axes: [-1] });
  return mul(square(temperature), mean(divergences));
}

/** 1 once the epoch (from 0) is past `start`, else 0. */
export const begun = (epoch: Tensor, start: Scalar): Tensor => cast(greater(epoch, start), "float32");

/** Throws `conflict` unless there are classes to compare. */
export function classesOnly(id: string, { task }: About): void {
  if (task !== "classification")
    throw new OckhamError(
      "conflict",
      id,
      `${id} is for classification, the data is for ${task}`,
      "leave it out",
    );
}

interface State {
  /** Softened predictions, [(lag + 1) examples, classes], one block an epoch in turn; zeros where none was made. */
  readonly past: Tensor;
}

/** Places of the batch's examples in the block of an epoch. */
function placesIn(epoch: Operand, lag: number, { index }: Step["batch"], past: Tensor): Tensor {
  const blocks = lag + 1;
  const block = sub(epoch, mul(blocks, floor(div(epoch, blocks))));
  return add(mul(cast(block, "int32"), past.shape[0] / blocks), index);
}

const seen = {
  mode: "train",
  epoch: scalar(6),
  outputs: {
    prediction: constant(
      fromNested([
        [2 * Math.log(3), 0],
        [0, 0],
      ]),
    ),
  },
  batch: { index: constant(fromNested([1, 0], "int32")) },
} as unknown as Step;
// two blocks of two examples; epoch 6 writes block 0 and looks at block 1
const before = constant(
  fromNested([
    [0.1, 0.9],
    [0.2, 0.8],
    [0, 0],
    [0.5, 0.5],
  ]),
);

/**
 * Sharpness-aware training for free: keeps predictions near those of some epochs ago.
 *
 *   L + strength temperature^2 mean KL( softmax(z_past / temperature) | softmax(z / temperature) )
 *
 * z_past are an example's logits `lag` epochs ago, as training saw them. A loss that falls fast on single batches is
 * sharp; holding on to the trajectory flattens it, at the cost of plain training and (lag + 1) examples x classes numbers
 * of memory. From the epoch after `start` on (from 0). What was not seen in that epoch adds nothing. Classification
 * only: throws `conflict` else.
 */
export const saf = method("saf", {
  summary: "keeps predictions near those of some epochs ago, for flat minima at no cost",
  paper: {
    id: "saf",
    title: "Sharpness-Aware Training for Free",
    authors: ["Jiawei Du", "Daquan Zhou", "Jiashi Feng", "Vincent Y. F. Tan", "Joey Tianyi Zhou"],
    year: 2022,
    arxiv: "2205.14083",
    url: "https://github.com/AngusDujw/SAF",
    where: "eq. 8 and 9; SAF_train.py in the authors' code",
    deviations: [
      "softened probabilities are kept in place of logits, which comes to the same",
      "an example that was left out of its epoch adds nothing; the code compares it with older logits, or with zeros",
    ],
  },
  options: {
    strength: nonNegative(0.3, "weight of the trajectory loss (lambda in the paper)", [0.1, 0.3, 1]),
    temperature: positive(5, "divisor of the logits (tau in the paper)", [1, 2, 5]),
    start: nonNegative(5, "last epoch without it, from 0 (E_start in the paper)", [1, 5, 10]),
    lag: whole(1, 3, "how many epochs ago (E tilde in the paper)", [1, 2, 3]),
  },
  examples: [
    {
      options: { strength: 0.3, temperature: 2, lag: 1 },
      value: ({ penalty }) => (penalty as NonNullable<typeof penalty>)(seen, { past: before }),
      output: (0.3 * 4 * (0.5 * Math.log(0.5 / 0.75) + 0.5 * Math.log(0.5 / 0.25))) / 2,
      source:
        "by hand: example 1 was at (1/2, 1/2) and is at (3/4, 1/4) for temperature 2; example 0 is not in block 1",
    },
    {
      options: { temperature: 2, lag: 1 },
      value: ({ after }) => (after as NonNullable<typeof after>)({}, seen, { past: before })[1].past,
      output: [
        [0.5, 0.5],
        [0.75, 0.25],
        [0, 0],
        [0.5, 0.5],
      ],
      source: "by hand: block 0 is overwritten",
    },
  ],
  create: ({ strength, temperature, start, lag }) => ({
    state(_, about: About): State {
      classesOnly("saf", about);
      return { past: fill([(lag + 1) * about.examples, about.classes], 0) };
    },
    penalty({ mode, epoch, batch, outputs }, { past }: State) {
      if (mode === "eval") return scalar(0);
      // one block further round the ring is the epoch `lag` ago
      const then = gather(past, placesIn(add(epoch, 1), lag, batch, past));
      const weight = mul(strength, begun(epoch, start));
      return mul(weight, trajectoryLoss(then, outputs.prediction, temperature));
    },
    after(updated, { epoch, batch, outputs }, { past }: State) {
      const places = placesIn(epoch, lag, batch, past);
      const rows = softmax(div(outputs.prediction, temperature));
      // where several rows are of one example, their mean
      const counts = gather(scatterAdd(places, fill(places.shape, 1), past.shape[0]), places);
      const change = div(sub(rows, gather(past, places)), expandDims(counts, -1));
      return [updated, { past: add(past, scatterAdd(places, change, past.shape[0])) }];
    },
  }),
});

import { fromNested } from "../../array/ndarray.ts";
import { type Batch, nonNegative, risk } from "../../kinds/index.ts";
import { abs, add, constant, mean, sub, type Tensor } from "../../tensor/index.ts";

const valueFor = (losses: readonly number[]) => (made: (losses: Tensor, batch: Batch) => Tensor) =>
  made(constant(fromNested(losses)), {} as Batch);

/**
 * Keeps the training loss from falling below a level.
 *
 *   risk = |mean(losses) - level| + level
 *
 * Above the level it is the mean; below, the gradient is turned round, so that the weights go up and down about the
 * level. Two such steps come to a small step down the squared norm of the gradient, of `gradient-regularization`
 * with `ascent` the learning rate. losses [n] -> scalar, in the loss's unit; batch by batch, as in the paper.
 */
export const flooding = risk("flooding", {
  summary: "turns the gradient round where the loss of a batch is below a level",
  paper: {
    id: "flooding",
    title: "Do We Need Zero Training Loss After Achieving Zero Training Error?",
    authors: ["Takashi Ishida", "Ikko Yamane", "Tomoya Sakai", "Gang Niu", "Masashi Sugiyama"],
    year: 2020,
    arxiv: "2002.08709",
    where: "eq. 2 and algorithm 1",
  },
  options: {
    level: nonNegative(0.02, "smallest loss that is sought (b in the paper)", [0.01, 0.02, 0.05, 0.1, 0.2]),
  },
  examples: [
    {
      options: { level: 0.25 },
      value: valueFor([0.5, 1]),
      output: 0.75,
      source: "by hand: above the level it is the mean",
    },
    {
      options: { level: 0.25 },
      value: valueFor([0, 0.25]),
      output: 0.375,
      source: "by hand: the mean 0.125 lies 0.125 below the level",
    },
  ],
  exempt: { experiment: "an arm of gradient-regularization's experiment, whose paper explains it" },
  create:
    ({ level }) =>
    (losses) =>
      add(abs(sub(mean(losses), level)), level),
});

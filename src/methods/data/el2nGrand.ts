import { fromNested } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import { method, oneOf, plainNumber, type Step, share, whole } from "../../kinds/index.ts";
import { mlp } from "../../nn/index.ts";
import { crossEntropy } from "../../parts/losses/crossEntropy.ts";
import { constant, oneHot } from "../../tensor/index.ts";
import { rehearsedAs } from "./common/rehearsed.ts";
import { gradientNorm, meanScores } from "./common/scores.ts";

/** The positions of the `keep` share with the highest scores, after the highest `drop` share. */
function kept(scores: Float64Array, keep: number, drop: number): Int32Array {
  const falling = Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a] || a - b);
  const first = Math.round(drop * scores.length);
  const counts = new Int32Array(scores.length);
  for (const i of falling.slice(first, first + Math.max(1, Math.round(keep * scores.length)))) counts[i] = 1;
  return counts;
}

const labels = constant(fromNested([0, 0, 0, 0], "int32"));

/** Four examples of class 0 whose probability of it is given. */
const guessing = (...probabilities: readonly number[]): Step =>
  ({
    outputs: { prediction: constant(fromNested(probabilities.map((p) => [Math.log(p), Math.log(1 - p)]))) },
    batch: { target: oneHot(labels, 2) },
  }) as unknown as Step;

const linear = mlp([2], 2, []);

/** A linear model without weights yet, on two examples of class 0. */
const untrained = {
  weights: {
    "head.kernel": constant(
      fromNested([
        [0, 0],
        [0, 0],
      ]),
    ),
    "head.bias": constant(fromNested([0, 0])),
  },
  apply: linear.apply,
  loss: crossEntropy().value,
  batch: {
    inputs: {
      x: constant(
        fromNested([
          [3, 4],
          [0, 0],
        ]),
      ),
    },
    target: constant(
      fromNested([
        [1, 0],
        [1, 0],
      ]),
    ),
  },
  about: { model: linear },
} as unknown as Step;

/**
 * Data diet: leaves out the examples that networks find easy early in training, and trains on the others from scratch.
 *
 *   el2n_i = mean over networks of |softmax(f(x_i)) - y_i|
 *   grand_i = mean over networks of |d loss_i / d weights|
 *   kept: the share `keep` with the highest scores, after the highest share `drop`
 *
 * The scores are those of `networks` networks with initial values of their own after the first `epochs` epochs of the
 * run. Most of what is learned first is learned from any data; examples with large errors or gradients move a network
 * most. The very highest scores are often wrong labels, which `drop` leaves out too. The number of steps stays as on all
 * of the data. Costs `networks` times `epochs` epochs more, GraNd also a gradient an example. Classification only;
 * throws `conflict` else, and where keep + drop is above 1.
 */
export const el2nGrand = method("el2n-grand", {
  summary: "trains on the examples with large errors or gradients early in training",
  paper: {
    id: "el2n-grand",
    title: "Deep Learning on a Data Diet: Finding Important Examples Early in Training",
    authors: ["Mansheej Paul", "Surya Ganguli", "Gintare Karolina Dziugaite"],
    year: 2021,
    arxiv: "2107.07075",
    url: "https://github.com/mansheej/data_diet",
    where: "scores.py and data.py (keep_max_scores, offset) in the authors' code",
  },
  options: {
    score: oneOf(
      ["el2n", "grand"],
      "el2n",
      "norm of the error of the probabilities, or of the loss's gradient",
    ),
    keep: plainNumber(share(0.7, "share of the examples that is kept", [0.3, 0.5, 0.7, 0.9])),
    drop: plainNumber(share(0, "share with the highest scores that is left out too", [0, 0.05, 0.1])),
    networks: whole(1, 10, "networks whose scores are averaged", [5, 10]),
    epochs: whole(
      0,
      2,
      "epochs of the run after which examples are scored (20 of 200 in the paper)",
      [1, 2, 4],
    ),
  },
  examples: [
    {
      options: { keep: 0.5, networks: 2 },
      value: async ({ examples }) => {
        const steps = [guessing(0.9, 0.2, 0.6, 0.5), guessing(0.9, 0.6, 0.4, 0.7)];
        const counts = await (examples as NonNullable<typeof examples>)(rehearsedAs(4, ...steps));
        return constant(fromNested(Array.from(counts)));
      },
      output: [0, 1, 1, 0],
      source: "by hand: mean errors 0.1, 0.6, 0.5, 0.4, times the square root of 2",
    },
    {
      options: { keep: 0.5, drop: 0.25, networks: 1 },
      value: async ({ examples }) => {
        const counts = await (examples as NonNullable<typeof examples>)(
          rehearsedAs(4, guessing(0.9, 0.2, 0.6, 0.5)),
        );
        return constant(fromNested(Array.from(counts)));
      },
      output: [0, 0, 1, 1],
      source: "by hand: errors 0.1, 0.8, 0.4, 0.5, of which the highest is dropped",
    },
    {
      value: () => gradientNorm(untrained),
      output: [Math.sqrt(0.5 * (25 + 1)), Math.sqrt(0.5)],
      source: "by hand: the error is (-1/2, 1/2), its square 1/2; times |x|^2 + 1",
    },
  ],
  create: ({ score, keep, drop, networks, epochs }) => ({
    async examples(rehearsal) {
      const { task } = rehearsal.about;
      if (task !== "classification")
        throw new OckhamError(
          "conflict",
          "el2n-grand",
          `el2n-grand is for classification, the data is for ${task}`,
          "leave it out",
        );
      if (keep + drop > 1)
        throw new OckhamError(
          "conflict",
          "el2n-grand",
          `el2n-grand cannot keep ${keep} of the examples after dropping ${drop}`,
          "keep or drop less",
        );
      return kept(await meanScores(rehearsal, score, epochs, networks), keep, drop);
    },
  }),
});

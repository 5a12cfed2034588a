import { kMeans } from "../../array/kmeans.ts";
import { fromNested, rows as rowsOf } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import { method, type Step, whole } from "../../kinds/index.ts";
import { argMax, constant, oneHot, type Tensor } from "../../tensor/index.ts";
import { rehearsedAs } from "./common/rehearsed.ts";

/** The most likely class, as data with uncertain labels have it. */
const classOf = ({ batch }: Step): Tensor => argMax(batch.target);
const output = ({ outputs }: Step): Tensor => outputs.prediction;
const plainLoss = ({ loss, outputs, batch }: Step): Tensor => loss(outputs.prediction, batch.target);

const meanAt = (values: Float32Array, at: readonly number[]): number =>
  at.reduce((sum, i) => sum + values[i] / at.length, 0);

/** Six examples of two classes: what the network says of them, and their losses. */
const early = {
  outputs: {
    prediction: constant(
      fromNested([
        [5, 0],
        [4, 0],
        [1, 0],
        [0, 1],
        [0, 6],
        [0, 5],
      ]),
    ),
  },
  batch: { target: oneHot(constant(fromNested([0, 0, 0, 1, 1, 1], "int32")), 2) },
  loss: () => constant(fromNested([0.01, 0.02, 0.3, 0.4, 0.01, 0.01])),
} as unknown as Step;

/**
 * USEFUL: repeats the examples that a network learns slowly, and trains again from the start.
 *
 *   1. train for `epochs` epochs
 *   2. in each class, two clusters of the network's outputs (k-means); the one with the higher mean loss is slow
 *   3. every slow example stands `factor` times in the data; begin again from the same initial values
 *
 * Networks learn simple features first and lean on them; with the slow examples repeated they learn all features at a
 * more even pace, as SAM makes them do, with which it combines. Choose `epochs` where the fall of the training error
 * begins to slow down. The number of steps stays. Classification only; throws `conflict` else.
 */
export const useful = method("useful", {
  summary: "repeats the slowly learned half of each class's clusters",
  paper: {
    id: "useful",
    title:
      "Changing the Training Data Distribution to Reduce Simplicity Bias Improves In-distribution Generalization",
    authors: ["Dang Nguyen", "Paymon Haddad", "Eric Gan", "Baharan Mirzasoleiman"],
    year: 2024,
    arxiv: "2404.17768",
    deviations: [
      "only the abstract, captions and summaries could be read: clusters, the choice by loss and the new start agree with " +
        "the caption of the overview; the network's output is taken to be the logits",
      "the number of steps is that on the data as they were; the paper trains as many epochs on the longer data",
    ],
  },
  options: {
    epochs: whole(
      1,
      8,
      "epochs of the run after which examples are told apart (8 of 200 in the paper)",
      [2, 4, 8],
    ),
    factor: whole(2, 2, "how often a slow example stands in the data", [2, 3]),
  },
  examples: [
    {
      value: async ({ examples }) => {
        const counts = await (examples as NonNullable<typeof examples>)(rehearsedAs(6, early));
        return constant(fromNested(Array.from(counts)));
      },
      output: [1, 1, 2, 2, 1, 1],
      source: "by hand: (1, 0) and (0, 1) lie apart from their classes' others, and have larger losses",
    },
  ],
  create: ({ epochs, factor }) => ({
    async examples({ about, data, random, train }) {
      if (about.task !== "classification")
        throw new OckhamError(
          "conflict",
          "useful",
          `useful is for classification, the data is for ${about.task}`,
          "leave it out",
        );
      const network = await train(epochs);
      const outputs = await network.examples(output);
      const losses = (await network.examples(plainLoss)).data as Float32Array;
      const labels = (await network.examples(classOf)).data as Int32Array;
      const counts = new Int32Array(data.size).fill(1);
      for (let k = 0; k < about.classes; k++) {
        const members = Array.from(labels.keys()).filter((i) => labels[i] === k);
        if (members.length === 0) continue;
        const clusters = kMeans(rowsOf(outputs, members), 2, random.split(k));
        const [a, b] = [0, 1].map((c) => members.filter((_, i) => clusters.labels[i] === c));
        if (a.length === 0 || b.length === 0) continue;
        for (const i of meanAt(losses, a) > meanAt(losses, b) ? a : b) counts[i] = factor;
      }
      return counts;
    },
  }),
});

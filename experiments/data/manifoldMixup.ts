import { experiment, type Scale } from "../../src/kinds/index.ts";
import { manifoldMixup as blending } from "../../src/methods/data/manifoldMixup.ts";
import { cnn } from "../../src/nn/index.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { mixup } from "../../src/parts/transforms/mixup.ts";
import { partsOf } from "../common/data.ts";
import { atLeast, chosen, column, meanOf, points, ratioAtMost, verdictOf } from "../common/judge.ts";
import { scores } from "../common/measures.ts";
import { trainArms } from "../common/train.ts";
import { rates, sweep } from "../common/use.ts";

const sizes: Readonly<Record<Scale, { train: number; seeds: number; epochs: number }>> = {
  smoke: { train: 60, seeds: 1, epochs: 1 },
  quick: { train: 300, seeds: 4, epochs: 40 },
  full: { train: 500, seeds: 8, epochs: 100 },
};

export const manifoldMixup = experiment({
  id: "manifold-mixup",
  paper: "manifold-mixup",
  claim:
    "Mixing hidden states lowers test error and negative log likelihood, below those of mixing inputs (tables 1 to 3).",
  setting:
    "UCI digits, 300 for validation, 1,000 for test; a CNN (16-32 channels), SGD with momentum 0.9, cosine schedule, " +
    "batches of 32. Full: 500 training images, 8 seeds, 100 epochs; quick: 300, 4 seeds, 40 epochs. Arms of three tries " +
    "each, chosen on validation accuracy: none (rates 0.05, 0.02, 0.1), mixup and manifold mixup (strength 2, 0.5, 1 at " +
    "rate 0.05; the inputs and two activations). Holds when manifold mixup gains 0.3 points on none, its negative log " +
    "likelihood is below none's, and its accuracy is not below mixup's.",
  async run(scale, tools) {
    const { train, seeds, epochs } = sizes[scale];
    return trainArms(
      {
        arms: [
          { name: "none", variants: rates([0.05, 0.02, 0.1]) },
          { name: "mixup", variants: sweep(mixup, "strength", [2, 0.5, 1]) },
          { name: "manifold-mixup", variants: sweep(blending, "strength", [2, 0.5, 1]) },
        ],
        data: await partsOf("digits", { train, validation: 300, test: 1000 }, tools.signal),
        seeds,
        epochs,
        batchSize: 32,
        rate: 0.05,
        optimizer: sgd(),
        model: (shape, outputs) => cnn(shape, outputs),
        measure: scores,
      },
      scale,
      tools,
    );
  },
  judge(reports) {
    const [own, none, mixed] = ["manifold-mixup", "none", "mixup"].map((arm) => chosen(reports, { arm }));
    return verdictOf(
      [
        atLeast("accuracy gain over none", points(own, none), 0.3, " points"),
        ratioAtMost("negative log likelihood relative to none", own, none, "nll", 1),
        atLeast("accuracy gain over mixup", points(own, mixed), 0, " points"),
      ],
      undefined,
      { "accuracy of none": meanOf(column(none, "accuracy")) },
    );
  },
});

import { experiment, type Scale } from "../../src/kinds/index.ts";
import { cnn } from "../../src/nn/index.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { cutmix as pasting } from "../../src/parts/transforms/cutmix.ts";
import { cutout } from "../../src/parts/transforms/cutout.ts";
import { mixup } from "../../src/parts/transforms/mixup.ts";
import { partsOf } from "../common/data.ts";
import { atLeast, chosen, column, meanOf, points, verdictOf } from "../common/judge.ts";
import { scores } from "../common/measures.ts";
import { trainArms } from "../common/train.ts";
import { rates, sweep } from "../common/use.ts";

interface Sizes {
  readonly data: string;
  readonly train: number;
  readonly seeds: number;
  readonly epochs: number;
  readonly squares: readonly number[];
}

const sizes: Readonly<Record<Scale, Sizes>> = {
  smoke: { data: "digits", train: 64, seeds: 1, epochs: 1, squares: [3] },
  quick: { data: "digits", train: 400, seeds: 4, epochs: 30, squares: [3, 2, 4] },
  full: { data: "mnist", train: 1500, seeds: 5, epochs: 40, squares: [10, 6, 14] },
};

export const cutmix = experiment({
  id: "cutmix",
  paper: "cutmix",
  claim: "CutMix lowers the test error of convolutional networks, by more than mixup and cutout do.",
  setting:
    "Full: 1,500 training images of MNIST, 500 for validation, 2,000 for test, 40 epochs, 5 seeds; quick: 400 UCI " +
    "digits, 300 and 1,000, 30 epochs, 4 seeds. A CNN (16-32 channels), SGD with momentum 0.9, cosine schedule, batches " +
    "of 32. Arms of three tries each, chosen on validation accuracy: none (rates 0.05, 0.02, 0.1), cutmix and mixup " +
    "(strength 1, 0.3, 2), cutout (three sizes), the last three at rate 0.05. Holds when cutmix gains 0.3 points on none " +
    "and is not below mixup and cutout.",
  async run(scale, tools) {
    const { data, train, seeds, epochs, squares } = sizes[scale];
    const [validation, test] = scale === "full" ? [500, 2000] : [300, 1000];
    return trainArms(
      {
        arms: [
          { name: "none", variants: rates([0.05, 0.02, 0.1]) },
          { name: "cutmix", variants: sweep(pasting, "strength", [1, 0.3, 2]) },
          { name: "mixup", variants: sweep(mixup, "strength", [1, 0.3, 2]) },
          { name: "cutout", variants: sweep(cutout, "size", squares) },
        ],
        data: await partsOf(data, { train, validation, test }, tools.signal),
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
    const [own, none, mixed, cut] = ["cutmix", "none", "mixup", "cutout"].map((arm) =>
      chosen(reports, { arm }),
    );
    return verdictOf(
      [
        atLeast("accuracy gain over none", points(own, none), 0.3, " points"),
        atLeast("accuracy gain over mixup", points(own, mixed), 0, " points"),
        atLeast("accuracy gain over cutout", points(own, cut), 0, " points"),
      ],
      undefined,
      { "accuracy of none": meanOf(column(none, "accuracy")) },
    );
  },
});

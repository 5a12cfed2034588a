import { experiment, type Scale } from "../../src/kinds/index.ts";
import { stochasticDepth as dropping } from "../../src/methods/regularizers/stochasticDepth.ts";
import { resnet } from "../../src/nn/index.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { partsOf } from "../common/data.ts";
import { atLeast, chosen, column, meanOf, points, ratioAtMost, verdictOf } from "../common/judge.ts";
import { scores } from "../common/measures.ts";
import { trainArms } from "../common/train.ts";
import { rates, sweep } from "../common/use.ts";

interface Sizes {
  readonly train: number;
  readonly seeds: number;
  readonly epochs: number;
  readonly blocks: number;
}

const sizes: Readonly<Record<Scale, Sizes>> = {
  smoke: { train: 40, seeds: 1, epochs: 1, blocks: 1 },
  quick: { train: 300, seeds: 3, epochs: 15, blocks: 2 },
  full: { train: 500, seeds: 6, epochs: 60, blocks: 4 },
};

export const stochasticDepth = experiment({
  id: "stochastic-depth",
  paper: "stochastic-depth",
  claim: "Dropping residual branches at random in training lowers the test error of deep residual networks.",
  setting:
    "UCI digits, 300 for validation, 1,000 for test; residual network of channels 8-16-32, SGD with momentum 0.9, cosine " +
    "schedule, batches of 32. Full: 500 training images, twelve branches (25 layers), 60 epochs, 6 seeds; quick: 300, six " +
    "branches, 15 epochs, 3 seeds. Arms of two tries each, chosen on validation accuracy: none (rates 0.05, 0.1), " +
    "stochastic depth (probability 0.2, 0.5 at rate 0.05). Holds when its accuracy is above none's and its negative log " +
    "likelihood below. The paper's saving of time is not looked at: branches are switched, not skipped.",
  async run(scale, tools) {
    const { train, seeds, epochs, blocks } = sizes[scale];
    return trainArms(
      {
        arms: [
          { name: "none", variants: rates([0.05, 0.1]) },
          { name: "stochastic-depth", variants: sweep(dropping, "probability", [0.5, 0.2]) },
        ],
        data: await partsOf("digits", { train, validation: 300, test: 1000 }, tools.signal),
        seeds,
        epochs,
        batchSize: 32,
        rate: 0.05,
        optimizer: sgd(),
        model: (shape, outputs) => resnet(shape, outputs, { channels: [8, 16, 32], blocks }),
        measure: scores,
      },
      scale,
      tools,
    );
  },
  judge(reports) {
    const [own, none] = ["stochastic-depth", "none"].map((arm) => chosen(reports, { arm }));
    return verdictOf(
      [
        atLeast("accuracy gain", points(own, none), 0, " points"),
        ratioAtMost("negative log likelihood relative to none", own, none, "nll", 1),
      ],
      undefined,
      { "accuracy of none": meanOf(column(none, "accuracy")) },
    );
  },
});

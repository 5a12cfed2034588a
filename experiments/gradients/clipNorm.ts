import { experiment, type Report, type Scale } from "../../src/kinds/index.ts";
import { mlp } from "../../src/nn/index.ts";
import { clipNorm as clipping } from "../../src/parts/gradients/clipNorm.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { constant } from "../../src/parts/schedules/constant.ts";
import { partsOf } from "../common/data.ts";
import { atLeast, chosen, column, meanOf, points, those, verdictOf } from "../common/judge.ts";
import { scores } from "../common/measures.ts";
import { trainArms } from "../common/train.ts";
import { rates, use } from "../common/use.ts";

const sizes: Readonly<Record<Scale, { train: number; seeds: number; epochs: number }>> = {
  smoke: { train: 64, seeds: 1, epochs: 1 },
  quick: { train: 500, seeds: 5, epochs: 30 },
  full: { train: 500, seeds: 10, epochs: 60 },
};

/** A run has solved the task when it gets this share of the test images right. */
const solved = 0.9;

const solvedOf = (reports: readonly Report[]): number[] => {
  const seeds = [...new Set(reports.map(({ seed }) => seed))];
  return seeds.map((seed) =>
    meanOf(column(those(reports, { seed }), "accuracy").map((accuracy) => (accuracy >= solved ? 1 : 0))),
  );
};

export const clipNorm = experiment({
  id: "clip-norm",
  paper: "pascanu-clip-omega",
  claim:
    "SGD with clipping and the regulariser solves long-range tasks such as temporal order at sequence lengths where " +
    "plain SGD fails. Tried here: clipping keeps gradients that explode from ending training.",
  setting:
    "The whole claim is tried by vanishing-gradient, so that at most a part of it can be seen here: UCI digits (500 training images, 300 for validation, 997 for test), a plain " +
    "MLP with ten hidden layers of 64 units without normalization, SGD with momentum 0.9 at constant rates 0.03, " +
    "0.1, 0.3, batches of 32; without clipping, and clipped to norm 1. A run solves the task at 90 % test accuracy. " +
    "Full: 10 seeds, 60 epochs; quick: 5 seeds, 30 epochs. Seen when clipping raises the share of solved runs over " +
    "the rates by 0.4, and is no more than 0.5 points worse at the best rate of each arm.",
  async run(scale, tools) {
    const { train, seeds, epochs } = sizes[scale];
    return trainArms(
      {
        arms: [
          { name: "sgd", variants: rates([0.1, 0.03, 0.3]) },
          { name: "clipped", variants: rates([0.1, 0.03, 0.3], [use(clipping, { threshold: 1 })]) },
        ],
        data: await partsOf("digits", { train, validation: 300, test: 997 }, tools.signal),
        seeds,
        epochs,
        batchSize: 32,
        rate: 0.1,
        optimizer: sgd(),
        schedule: constant(),
        model: (shape, outputs) => mlp(shape, outputs, Array(10).fill(64)),
        measure: scores,
      },
      scale,
      tools,
    );
  },
  judge(reports) {
    const [clipped, sgd_] = ["clipped", "sgd"].map((arm) => those(reports, { arm }));
    const [ours, theirs] = [solvedOf(clipped), solvedOf(sgd_)];
    return verdictOf(
      [
        atLeast(
          "gain in the share of solved runs",
          ours.map((share, i) => share - theirs[i]),
          0.4,
        ),
        atLeast(
          "accuracy gain at the best rates",
          points(chosen(reports, { arm: "clipped" }), chosen(reports, { arm: "sgd" })),
          -0.5,
          " points",
        ),
      ],
      {
        most: "partly",
        because: "the regulariser and the task of the claim are tried by vanishing-gradient",
      },
      {
        "share of runs solved with clipping": meanOf(ours),
        "share of runs solved without": meanOf(theirs),
        "share of runs that diverged without": meanOf(column(sgd_, "diverged")),
      },
    );
  },
});

import { experiment, type Report, type Scale } from "../../src/kinds/index.ts";
import { mlp } from "../../src/nn/index.ts";
import { normAnthology as anthology } from "../../src/parts/optimizers/normAnthology.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { constant as constantRate } from "../../src/parts/schedules/constant.ts";
import { partsOf } from "../common/data.ts";
import { chosen, column, meanOf, mostly, paired, plainly, verdictOf } from "../common/judge.ts";
import { lossOn, scores } from "../common/measures.ts";
import { trainArms, type Variant } from "../common/train.ts";
import { rates } from "../common/use.ts";

interface Sizes {
  readonly seeds: number;
  readonly steps: number;
  readonly widths: readonly number[];
  readonly train: number;
  readonly rates: number;
}

const sizes: Readonly<Record<Scale, Sizes>> = {
  smoke: { seeds: 1, steps: 2, widths: [8], train: 50, rates: 1 },
  quick: { seeds: 1, steps: 100, widths: [64, 256], train: 500, rates: 6 },
  full: { seeds: 3, steps: 300, widths: [64, 512], train: 500, rates: 8 },
};

/** The first rate, and so many each twice the one before. */
const doubling = (least: number, count: number): Variant[] =>
  rates(Array.from({ length: count }, (_, i) => least * 2 ** i));

const under = (optimizer: Variant["optimizer"], variants: readonly Variant[]): Variant[] =>
  variants.map((variant) => ({ ...variant, optimizer }));

const arms = (count: number) => [
  { name: "sgd", variants: under(sgd({ momentum: 0 }), doubling(0.02, count)) },
  { name: "sign", variants: under(anthology({ norms: "max" }), doubling(0.0002, count)) },
  { name: "spectral", variants: under(anthology({ norms: "spectral" }), doubling(0.005, count)) },
  { name: "modular", variants: under(anthology({ norms: "modular" }), doubling(0.005, count)) },
];

const rateOf = (reports: readonly Report[]) => Number(String(reports[0]?.variant).replace("rate ", ""));

export const normAnthology = experiment({
  id: "norm-anthology",
  paper: "norm-anthology",
  claim:
    "Adam, Shampoo and Prodigy without averages are steepest descent under particular norms, and operator norms chosen " +
    "by the role of layers train at least as well.",
  setting:
    "UCI digits, 500 training images in whole batches, constant rates, no momentum; MLPs with two hidden layers of 64 " +
    "or 512 units (quick: 64 or 256). Arms of eight rates, each twice the one before, chosen by the final training " +
    "loss (below 1e-6, by its mean over the steps): SGD (from 0.02), sign (from 0.0002), spectral and modular (from 0.005). Full: 3 seeds, 300 steps; quick: 1 " +
    "seed, 100 steps, six rates. Holds when the final training loss of spectral and of modular is at most that of " +
    "sign and of SGD in 2 of 3 seeds at the larger width, and modular's best rate moves between widths by at most a factor 2, SGD's or " +
    "sign's by at least one step more. That the three optimizers are such descent is in the tests.",
  async run(scale, tools) {
    const { seeds, steps, widths, train, rates: count } = sizes[scale];
    const data = await partsOf("digits", { train, validation: 300, test: 497 }, tools.signal);
    const reports: Report[] = [];
    for (const width of widths)
      reports.push(
        ...(await trainArms(
          {
            arms: arms(count),
            tags: { width },
            data,
            seeds,
            epochs: steps,
            batchSize: train,
            rate: 0.1,
            optimizer: sgd(),
            schedule: constantRate(),
            model: (shape, outputs) => mlp(shape, outputs, [width, width]),
            measure: async (f) => {
              const trainLoss = await lossOn(f, f.parts.train);
              const curve = meanOf(f.trained.history.map((epoch) => epoch.trainLoss));
              // float32 tells no losses below apart: there, the faster is better
              const validation = -(Math.max(trainLoss, 1e-6) + 1e-6 * curve);
              return { ...(await scores(f)), validation, trainLoss, curve };
            },
          },
          scale,
          tools,
        )),
      );
    return reports;
  },
  judge(reports) {
    const widths = [...new Set(reports.map(({ width }) => Number(width)))].sort((a, b) => a - b);
    const [small, large] = [widths[0], widths[widths.length - 1]];
    const at = (arm: string, width: number) => chosen(reports, { arm, width });
    const drift = (arm: string) => Math.log2(rateOf(at(arm, large)) / rateOf(at(arm, small)));
    const [modular, sign, plain] = ["modular", "sign", "sgd"].map(drift);
    const others = Math.max(Math.abs(sign), Math.abs(plain));
    const least = (own: string, other: string) =>
      mostly(
        `training loss of ${own} at most that of ${other}`,
        paired(at(own, large), at(other, large), "trainLoss").map((d) => d <= 0),
        2 / 3,
      );
    return verdictOf(
      [
        least("spectral", "sign"),
        least("spectral", "sgd"),
        least("modular", "sign"),
        least("modular", "sgd"),
        plainly("drift of modular's best rate (log2)", modular, Math.abs(modular) <= 1, "within 1 of 0"),
        plainly(
          "drift of SGD's or sign's best rate (log2)",
          others,
          others >= Math.abs(modular) + 1,
          "1 more than modular's",
        ),
      ],
      undefined,
      Object.fromEntries(
        ["sgd", "sign", "spectral", "modular"].flatMap((arm) => [
          [`training loss of ${arm}`, meanOf(column(at(arm, large), "trainLoss"))],
          [`accuracy of ${arm}`, meanOf(column(at(arm, large), "accuracy"))],
          [`drift of ${arm} (log2)`, drift(arm)],
        ]),
      ),
    );
  },
});

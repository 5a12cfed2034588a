import { stream } from "../../src/array/random.ts";
import { first } from "../../src/compare/rows.ts";
import { meanAndError } from "../../src/compare/statistics.ts";
import { withNoisyTarget } from "../../src/data/index.ts";
import { type Dataset, experiment, type Loss, type Report, type Scale } from "../../src/kinds/index.ts";
import { marginsOf, ensloss as member } from "../../src/methods/losses/ensloss.ts";
import { mlp } from "../../src/nn/index.ts";
import { compSum } from "../../src/parts/losses/compSum.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { relu, squeeze, sub } from "../../src/tensor/index.ts";
import { type Named, select } from "../../src/training/index.ts";
import { type Parts, type PartsOf, partsOf, seeded } from "../common/data.ts";
import {
  atLeast,
  atMost,
  chosen,
  column,
  meanOf,
  paired,
  plainly,
  points,
  verdictOf,
} from "../common/judge.ts";
import { scores } from "../common/measures.ts";
import { trainArms } from "../common/train.ts";
import { rates, use } from "../common/use.ts";

const sizes: Readonly<Record<Scale, { seeds: number; epochs: number }>> = {
  smoke: { seeds: 1, epochs: 1 },
  quick: { seeds: 4, epochs: 40 },
  full: { seeds: 10, epochs: 150 },
};

const wrong = 0.15;

/** The rows of two classes alone, called 0 and 1, of which `rows` are kept. */
function pair(data: Dataset, classes: readonly [number, number], rows: number): Dataset {
  const labels = data.target.data as Int32Array;
  const own = Array.from(labels.keys()).filter((i) => classes.includes(labels[i]));
  const kept = select(data, own.slice(0, rows));
  const target = Int32Array.from(kept.target.data as Int32Array, (label) => classes.indexOf(label));
  return {
    ...kept,
    target: { ...kept.target, dtype: "int32", data: target },
    classes: classes.map((c) => data.classes[c]),
  };
}

const pairs = (all: PartsOf, classes: readonly [number, number]): PartsOf =>
  seeded((seed): Parts => {
    const { train, validation, test } = all(seed);
    const noise = stream(seed).split("label noise");
    return {
      train: withNoisyTarget(pair(train, classes, 160), wrong, noise),
      validation: pair(validation, classes, 50),
      test: pair(test, classes, 110),
    };
  });

const hinge: Loss = {
  tasks: ["classification"],
  value: (prediction, target) => squeeze(relu(sub(1, marginsOf(prediction, target))), 0),
};

/** Has the validation data scored after every epoch. */
const watched: Named = { name: "watched", method: { between: async () => undefined } };

const tries = [0.05, 0.001, 0.01, 0.2];
const arms = [
  { name: "ensloss", variants: rates(tries, [use(member), watched]) },
  { name: "logistic", variants: rates(tries, [watched]) },
  { name: "hinge", variants: rates(tries, [watched]).map((v) => ({ ...v, loss: hinge })) },
  {
    name: "exponential",
    variants: rates(tries, [watched]).map((v) => ({ ...v, loss: compSum({ order: 0 }) })),
  },
];
const fixed = ["logistic", "hinge", "exponential"];
const tasks = ["breast-cancer", "digits 3 and 8", "digits 4 and 9"];

export const ensloss = experiment({
  id: "ensloss",
  paper: "ensloss",
  claim:
    "Training with randomly generated convex-calibrated loss derivatives generalises better than any fixed loss " +
    "(logistic, hinge, exponential) of the same network and overfits less in late epochs.",
  setting:
    "Breast cancer (300 training rows, 100 for validation, 169 for test), digits 3 and 8, digits 4 and 9 (160, 50, 110); " +
    "15 % of the training labels wrong; MLP with two layers of 128, SGD with momentum 0.9, cosine schedule, batches of 64. " +
    "Arms of four tries each (rates 0.001, 0.01, 0.05, 0.2), chosen on validation accuracy: EnsLoss, logistic, hinge, " +
    "exponential loss. The late drop is the best less the last validation accuracy of all epochs. Full: 10 seeds, 150 " +
    "epochs; quick: 4 seeds, 40 epochs. Holds when EnsLoss is at most 0.3 points below the best fixed loss on each task, " +
    "above logistic over all tasks with t at least 1.7 (p < 0.1, paired), and its late drop is smaller.",
  async run(scale, tools) {
    const digits = await partsOf("digits", { train: 900, validation: 300, test: 597 }, tools.signal);
    const data: readonly PartsOf[] = [
      await partsOf(
        "breast-cancer",
        { train: 300, validation: 100, test: 169, labelNoise: wrong },
        tools.signal,
      ),
      pairs(digits, [3, 8]),
      pairs(digits, [4, 9]),
    ];
    const reports: Report[] = [];
    for (const [i, task] of tasks.slice(0, scale === "smoke" ? 1 : undefined).entries())
      reports.push(
        ...(await trainArms(
          {
            tags: { task },
            arms,
            data: scale === "smoke" ? (seed) => small(data[i](seed)) : data[i],
            ...sizes[scale],
            batchSize: 64,
            rate: 0.05,
            optimizer: sgd(),
            model: (shape, outputs) => mlp(shape, outputs, [128, 128]),
            measure: async (f) => {
              const curve = f.trained.history.map((epoch) => epoch.validationScore ?? Number.NaN);
              return { ...(await scores(f)), drop: Math.max(...curve) - curve[curve.length - 1] };
            },
          },
          scale,
          tools,
        )),
      );
    return reports;
  },
  judge(reports) {
    const best = (task: string, arm: string) => chosen(reports, { task, arm });
    const top = (task: string): Report[] =>
      fixed
        .map((arm) => best(task, arm))
        .sort((a, b) => meanOf(column(b, "accuracy")) - meanOf(column(a, "accuracy")))[0];
    const gains = tasks.flatMap((task) => points(best(task, "ensloss"), best(task, "logistic")));
    const { mean, error } = meanAndError(gains);
    const drops = tasks.flatMap((task) => paired(best(task, "ensloss"), best(task, "logistic"), "drop"));
    return verdictOf(
      [
        ...tasks.map((task) =>
          atLeast(
            `${task}: accuracy less the best fixed loss's`,
            points(best(task, "ensloss"), top(task)),
            -0.3,
            " points",
          ),
        ),
        plainly("t of the accuracy gain over logistic", mean / error, mean / error >= 1.7, "at least 1.7"),
        atMost(
          "late drop less logistic's",
          drops.map((d) => 100 * d),
          0,
          " points",
        ),
      ],
      undefined,
      {
        "accuracy gain over logistic, points": mean,
        ...Object.fromEntries(
          tasks.flatMap((task) =>
            ["ensloss", ...fixed].map((arm) => [
              `${task}: accuracy of ${arm}`,
              meanOf(column(best(task, arm), "accuracy")),
            ]),
          ),
        ),
      },
    );
  },
});

const small = ({ train, validation, test }: Parts): Parts => ({
  train: first(train, 64),
  validation: first(validation, 20),
  test: first(test, 20),
});

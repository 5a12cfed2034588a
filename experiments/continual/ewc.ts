import { experiment, type Scale } from "../../src/kinds/index.ts";
import { ewc as consolidation } from "../../src/methods/continual/ewc.ts";
import { mlp } from "../../src/nn/index.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { l2 } from "../../src/parts/penalties/l2.ts";
import { continual } from "../../src/settings/continual.ts";
import { partsOf } from "../common/data.ts";
import { atLeast, chosen, column, meanOf, points, verdictOf } from "../common/judge.ts";
import { settingArms } from "../common/settings.ts";
import { rates, sweep } from "../common/use.ts";

const sizes: Readonly<Record<Scale, { train: number; tasks: number; seeds: number; epochs: number }>> = {
  smoke: { train: 40, tasks: 2, seeds: 1, epochs: 1 },
  quick: { train: 500, tasks: 4, seeds: 3, epochs: 20 },
  full: { train: 800, tasks: 8, seeds: 8, epochs: 30 },
};

export const ewc = experiment({
  id: "ewc",
  paper: "ewc",
  claim:
    "Elastic weight consolidation keeps what earlier tasks taught on a sequence of permuted images, where plain " +
    "training and a uniform penalty on weights forget (section 2.1, figure 2 of the paper).",
  setting:
    "UCI digits, domain-incremental by permutations of the pixels; MLP 64-100-100-10, Adam, cosine schedule, batches of " +
    "32. Arms of three tries each, chosen on validation average accuracy: none (rates 0.0003, 0.001, 0.003), l2 (strength " +
    "0.0001, 0.001, 0.01), ewc (strength 10, 100, 1000), the latter two at rate 0.001. Full: 8 tasks of 800 images, 30 " +
    "epochs each, 8 seeds; quick: 4 tasks of 500, 20 epochs, 3 seeds. Holds when ewc's average accuracy is 5 points above both.",
  async run(scale, tools) {
    const { train, tasks, seeds, epochs } = sizes[scale];
    const protocol = continual({ scenario: "domain", tasks });
    return settingArms(
      {
        arms: [
          { name: "none", variants: rates([0.001, 0.0003, 0.003]) },
          { name: "l2", variants: sweep(l2, "strength", [0.001, 0.0001, 0.01]) },
          { name: "ewc", variants: sweep(consolidation, "strength", [100, 10, 1000]) },
        ],
        data: await partsOf("digits", { train, validation: 400, test: 400 }, tools.signal),
        seeds,
        epochs,
        batchSize: 32,
        rate: 0.001,
        optimizer: adam(),
        model: (shape, outputs) => mlp(shape, outputs, [100, 100]),
        run: protocol.run,
        score: "averageAccuracy",
      },
      scale,
      tools,
    );
  },
  judge(reports) {
    const [own, none, ridge] = ["ewc", "none", "l2"].map((arm) => chosen(reports, { arm }));
    const mean = (list: typeof own, metric: string) => meanOf(column(list, metric));
    return verdictOf(
      [
        atLeast("average accuracy over none", points(own, none, "averageAccuracy"), 5, " points"),
        atLeast("average accuracy over l2", points(own, ridge, "averageAccuracy"), 5, " points"),
      ],
      undefined,
      {
        "average accuracy of none": mean(none, "averageAccuracy"),
        "forgetting of none": mean(none, "forgetting"),
        "forgetting of ewc": mean(own, "forgetting"),
        "learning accuracy of ewc": mean(own, "learningAccuracy"),
      },
    );
  },
});

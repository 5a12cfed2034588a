import { experiment, type Scale } from "../../src/kinds/index.ts";
import { replay as rehearsal } from "../../src/methods/continual/replay.ts";
import { mlp } from "../../src/nn/index.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { continual } from "../../src/settings/continual.ts";
import { partsOf } from "../common/data.ts";
import { atLeast, column, meanOf, points, those, verdictOf } from "../common/judge.ts";
import { settingArms } from "../common/settings.ts";
import { plain, use } from "../common/use.ts";

const sizes: Readonly<Record<Scale, { train: number; tasks: number; seeds: number; epochs: number }>> = {
  smoke: { train: 40, tasks: 2, seeds: 1, epochs: 1 },
  quick: { train: 600, tasks: 5, seeds: 4, epochs: 10 },
  full: { train: 1000, tasks: 5, seeds: 12, epochs: 20 },
};

export const replay = experiment({
  id: "replay",
  paper: "experience-replay",
  claim:
    "Training on a tiny memory beside the current data greatly lowers forgetting; even one example a class helps, " +
    "and it does not hurt by overfitting (section 5 of the paper).",
  setting:
    "UCI digits in five tasks of two classes, class-incremental; MLP 64-100-100-10, Adam at rate 0.001, cosine schedule, batches of " +
    "10. Arms: none, replay with a memory of 10, 50 and 200 examples. Full: 1,000 training images, 20 epochs a task, 12 " +
    "seeds; quick: 600, 10 epochs, 4 seeds. Holds when 10 examples gain 5 points of average accuracy, 200 gain 40, and each " +
    "larger memory gains over the smaller.",
  async run(scale, tools) {
    const { train, tasks, seeds, epochs } = sizes[scale];
    const memory = (size: number) => ({
      name: `replay ${size}`,
      variants: plain(use(rehearsal, { size })),
    });
    return settingArms(
      {
        arms: [{ name: "none", variants: plain() }, memory(10), memory(50), memory(200)],
        data: await partsOf("digits", { train, validation: 300, test: 400 }, tools.signal),
        seeds,
        epochs,
        batchSize: 10,
        rate: 0.001,
        optimizer: adam(),
        model: (shape, outputs) => mlp(shape, outputs, [100, 100]),
        run: continual({ tasks }).run,
        score: "averageAccuracy",
      },
      scale,
      tools,
    );
  },
  judge(reports) {
    const [none, tiny, small, large] = ["none", "replay 10", "replay 50", "replay 200"].map((arm) =>
      those(reports, { arm }),
    );
    const gain = (a: typeof none, b: typeof none) => points(a, b, "averageAccuracy");
    const mean = (list: typeof none, metric: string) => meanOf(column(list, metric));
    return verdictOf(
      [
        atLeast("gain by 10 examples", gain(tiny, none), 5, " points"),
        atLeast("gain by 200 examples", gain(large, none), 40, " points"),
        atLeast("gain by 50 over 10", gain(small, tiny), 0, " points"),
        atLeast("gain by 200 over 50", gain(large, small), 0, " points"),
      ],
      undefined,
      {
        "average accuracy of none": mean(none, "averageAccuracy"),
        "forgetting of none": mean(none, "forgetting"),
        "forgetting with 200": mean(large, "forgetting"),
      },
    );
  },
});

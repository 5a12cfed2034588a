import { experiment, moved, normOf, type Scale } from "../../src/kinds/index.ts";
import { mesa } from "../../src/methods/losses/mesa.ts";
import { saf as member } from "../../src/methods/losses/saf.ts";
import { sam } from "../../src/methods/optimizers/sam.ts";
import { mlp } from "../../src/nn/index.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { div, fill, sub, vjp } from "../../src/tensor/index.ts";
import { probe, trainable } from "../../src/training/index.ts";
import { partsOf } from "../common/data.ts";
import {
  atLeast,
  chosen,
  column,
  meanOf,
  mostly,
  paired,
  plainly,
  points,
  ratioAtMost,
  those,
  verdictOf,
} from "../common/judge.ts";
import { scores, topEigenvalue } from "../common/measures.ts";
import { type Finished, trainArms } from "../common/train.ts";
import { rates, sweep, use } from "../common/use.ts";

const sizes: Readonly<Record<Scale, { train: number; seeds: number; epochs: number }>> = {
  smoke: { train: 40, seeds: 1, epochs: 1 },
  quick: { train: 1000, seeds: 4, epochs: 30 },
  full: { train: 1000, seeds: 5, epochs: 60 },
};

/** How much the training loss rises by one step up its gradient, 0.05 long. */
async function ascentRise({ host, plan, values, parts }: Finished): Promise<number> {
  const paths = trainable(plan.leaves, plan.recipe.methods).map(({ path }) => path);
  const { rise } = await probe(host, plan, values, parts.train, "ascent rise", (view) => {
    const here = view.objective(view.params);
    const slopes = vjp(
      [here],
      [fill([], 1)],
      paths.map((path) => view.params[path]),
    );
    const slope = Object.fromEntries(paths.map((path, i) => [path, slopes[i]]));
    return { rise: sub(view.objective(moved(view.params, slope, div(0.05, normOf(slope)))), here) };
  });
  return Number(rise.data[0]);
}

export const saf = experiment({
  id: "saf",
  paper: "saf",
  claim:
    "The trajectory loss lowers sharpness and improves test accuracy over plain SGD at about SGD's cost per step, unlike " +
    "SAM which doubles it.",
  setting:
    "UCI digits, 1,000 training images, 200 for validation, 597 for test; MLP 64-128-128-10, SGD with momentum 0.9, cosine " +
    "schedule, batches of 32. Arms of three tries each, chosen on validation accuracy: SGD (rates 0.02, 0.05, 0.1), SAM " +
    "(radius 0.02, 0.05, 0.1), SAF (strength 0.3, 1, 3), MESA (strength 0.3, 0.8, 3, momentum 0.99), all at rate 0.05. " +
    "Sharpness is the rise of the training loss by one step of 0.05 up its gradient. Full: 5 seeds, 60 epochs; quick: 4 " +
    "seeds, 30 epochs. Holds when SAF's sharpness is at most 0.85 of that of SGD at the same rate and lower in 4 of 5 " +
    "seeds, its accuracy at most 0.2 points lower, and a step takes at most 1.3 times SGD's time where SAM's takes 1.6.",
  async run(scale, tools) {
    const { train, seeds, epochs } = sizes[scale];
    return trainArms(
      {
        arms: [
          { name: "sgd", variants: rates([0.05, 0.02, 0.1]) },
          { name: "sam", variants: sweep(sam, "radius", [0.05, 0.02, 0.1]) },
          { name: "saf", variants: sweep(member, "strength", [0.3, 1, 3]) },
          {
            name: "mesa",
            variants: [0.8, 0.3, 3].map((strength) => ({
              name: `strength ${strength}`,
              methods: [use(mesa, { strength, momentum: 0.99 })],
            })),
          },
        ],
        data: await partsOf("digits", { train, validation: 200, test: 597 }, tools.signal),
        seeds,
        epochs,
        batchSize: 32,
        rate: 0.05,
        optimizer: sgd(),
        model: (shape, outputs) => mlp(shape, outputs, [128, 128]),
        measure: async (f) => ({
          ...(await scores(f)),
          rise: await ascentRise(f),
          // too slow to trace for a run of a second
          ...(scale === "smoke" ? {} : { topEigenvalue: await topEigenvalue(f) }),
          milliseconds: (1000 * f.trained.seconds) / f.trained.steps,
        }),
      },
      scale,
      tools,
    );
  },
  judge(reports) {
    const same = those(reports, { arm: "sgd", variant: "rate 0.05" });
    const [own, plain, second, lean] = ["saf", "sgd", "sam", "mesa"].map((arm) => chosen(reports, { arm }));
    const slower = meanOf(column(second, "milliseconds")) / meanOf(column(same, "milliseconds"));
    return verdictOf(
      [
        ratioAtMost("sharpness relative to SGD", own, same, "rise", 0.85),
        mostly(
          "sharpness below SGD's",
          paired(own, same, "rise").map((d) => d < 0),
          4 / 5,
        ),
        atLeast("accuracy gain over SGD", points(own, plain), -0.2, " points"),
        ratioAtMost("time of a step relative to SGD", own, same, "milliseconds", 1.3),
        plainly("time of SAM's step relative to SGD", slower, slower >= 1.6, "at least 1.6"),
      ],
      undefined,
      {
        "accuracy of SGD": meanOf(column(plain, "accuracy")),
        "top eigenvalue relative to SGD":
          meanOf(column(own, "topEigenvalue")) / meanOf(column(same, "topEigenvalue")),
        "sharpness of SAM relative to SGD": meanOf(column(second, "rise")) / meanOf(column(same, "rise")),
        "sharpness of MESA relative to SGD": meanOf(column(lean, "rise")) / meanOf(column(same, "rise")),
        "accuracy gain of SAM over SGD": meanOf(points(second, plain)),
        "accuracy gain of MESA over SGD": meanOf(points(lean, plain)),
        "time of MESA's step relative to SGD":
          meanOf(column(lean, "milliseconds")) / meanOf(column(same, "milliseconds")),
      },
    );
  },
});

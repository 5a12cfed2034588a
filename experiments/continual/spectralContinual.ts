import { ndarray } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import { experiment, type Fitted, type Report, type Scale } from "../../src/kinds/index.ts";
import { l2Init } from "../../src/methods/continual/l2Init.ts";
import { spectralContinual as spectral } from "../../src/methods/continual/spectralContinual.ts";
import { wassersteinInit } from "../../src/methods/continual/wassersteinInit.ts";
import { mlp } from "../../src/nn/index.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { l2 } from "../../src/parts/penalties/l2.ts";
import { constant } from "../../src/parts/schedules/constant.ts";
import { accuracyOn, meanOf } from "../../src/settings/common/scores.ts";
import { select } from "../../src/training/index.ts";
import { partsOf } from "../common/data.ts";
import { atLeast, chosen, column, plainly, points, those, verdictOf } from "../common/judge.ts";
import { type RunSetting, settingArms } from "../common/settings.ts";
import { plain, sweep } from "../common/use.ts";

interface Size {
  readonly tasks: number;
  readonly last: number;
  readonly images: number;
  readonly epochs: number;
  readonly seeds: number;
  readonly strengths: readonly number[];
}

const sizes: Readonly<Record<Scale, Size>> = {
  smoke: { tasks: 2, last: 1, images: 50, epochs: 1, seeds: 1, strengths: [1e-3] },
  quick: { tasks: 12, last: 4, images: 150, epochs: 30, seeds: 2, strengths: [1e-3] },
  full: { tasks: 40, last: 10, images: 300, epochs: 60, seeds: 3, strengths: [1e-3, 1e-5, 1e-4, 1e-2] },
};

/** Task after task the same images with fresh random labels; scored by how well the last tasks were fitted in the end. */
const memorizing =
  ({ tasks, last, images }: Size): RunSetting =>
  async (learner, { train }, seed) => {
    const rows = select(
      train,
      Int32Array.from({ length: images }, (_, i) => i),
    );
    const random = stream(seed).split("random labels");
    const fitted: number[] = [];
    let from: Fitted | undefined;
    for (let task = 0; task < tasks; task++) {
      const labels = random.split(task).integers(10, images).data as Int32Array;
      const data = { ...rows, target: ndarray("int32", [images], labels) };
      from = await learner.fit({ data, ...(from === undefined ? {} : { from }) });
      fitted.push(await accuracyOn(from, data));
    }
    const end = meanOf(fitted.slice(-last));
    return { validation: { fitted: end }, test: { fitted: end, first: fitted[0] } };
  };

/** How far the mean over seeds ranges over the variants of an arm. */
function range(reports: readonly Report[], arm: string): number {
  const own = those(reports, { arm });
  const means = [...new Set(own.map(({ variant }) => variant as string))].map((variant) =>
    meanOf(column(those(own, { variant }), "fitted")),
  );
  return 100 * (Math.max(...means) - Math.min(...means));
}

export const spectralContinual = experiment({
  id: "spectral-continual",
  paper: "spectral-continual",
  claim:
    "Keeping each layer's largest singular value near 1 sustains the ability to fit new tasks over long sequences, with " +
    "less sensitivity to the strength than L2 or L2-init.",
  setting:
    "UCI digits with fresh random labels in each task, MLP 64-128-128-10, Adam at rate 0.001, batches of 50; the optimizer " +
    "begins anew with each task. Measured: training accuracy at the end of a task, averaged over the last tasks. Arms: none, l2, " +
    "l2-init, wasserstein-init, spectral-continual, with strengths 0.00001 to 0.01 each, the best one taken. Full: 40 tasks of " +
    "300 images, 60 epochs each, the last 10 tasks, 3 seeds; quick: 12 tasks of 150, 30 epochs, the last 4, 2 seeds, strength 0.001 only. Holds when spectral is 10 points " +
    "above none, at most 1 point below l2, and ranges less over the strengths than l2 and l2-init.",
  async run(scale, tools) {
    const size = sizes[scale];
    const { seeds, epochs, strengths } = size;
    return settingArms(
      {
        arms: [
          { name: "none", variants: plain() },
          { name: "l2", variants: sweep(l2, "strength", strengths) },
          { name: "l2-init", variants: sweep(l2Init, "strength", strengths) },
          { name: "wasserstein-init", variants: sweep(wassersteinInit, "strength", strengths) },
          { name: "spectral", variants: sweep(spectral, "strength", strengths) },
        ],
        data: await partsOf("digits", { train: 400, validation: 10, test: 10 }, tools.signal),
        seeds,
        epochs,
        batchSize: 50,
        rate: 0.001,
        optimizer: adam(),
        schedule: constant(),
        model: (shape, outputs) => mlp(shape, outputs, [128, 128]),
        run: memorizing(size),
        score: "fitted",
      },
      scale,
      tools,
    );
  },
  judge(reports) {
    const [own, none, ridge] = ["spectral", "none", "l2"].map((arm) => chosen(reports, { arm }));
    const ranges = Object.fromEntries(
      ["spectral", "l2", "l2-init", "wasserstein-init"].map((arm) => [arm, range(reports, arm)]),
    );
    const others = Math.min(ranges.l2, ranges["l2-init"]);
    const several = others > 0 || ranges.spectral > 0;
    return verdictOf(
      [
        atLeast("fitted over none", points(own, none, "fitted"), 10, " points"),
        atLeast("fitted over l2", points(own, ridge, "fitted"), -1, " points"),
        plainly(
          "points that spectral ranges over the strengths",
          several ? ranges.spectral : Number.NaN,
          ranges.spectral < others,
          `less than ${Number(others.toPrecision(3))}`,
        ),
      ],
      undefined,
      {
        "fitted by none": meanOf(column(none, "fitted")),
        "first task fitted by none": meanOf(column(none, "first")),
        ...Object.fromEntries(
          ["l2", "l2-init", "wasserstein-init", "spectral"].map((arm) => [
            `fitted by ${arm}`,
            meanOf(column(chosen(reports, { arm }), "fitted")),
          ]),
        ),
      },
    );
  },
});

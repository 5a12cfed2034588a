import type { Spoilable } from "../../src/compare/measure/corruptions.ts";
import { measureStudy } from "../../src/compare/study/measure.ts";
import { spearman } from "../../src/compare/study/metrics.ts";
import { fetchDataset, imageSource, loadDataset, type Source } from "../../src/data/index.ts";
import { experiment, type Preprocessing, type Scale } from "../../src/kinds/index.ts";
import { manifoldMixup } from "../../src/methods/data/manifoldMixup.ts";
import { weightDecay } from "../../src/methods/regularizers/weightDecay.ts";
import { cnn } from "../../src/nn/index.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { cutmix } from "../../src/parts/transforms/cutmix.ts";
import { cutout } from "../../src/parts/transforms/cutout.ts";
import { inputNoise } from "../../src/parts/transforms/inputNoise.ts";
import { labelSmoothing } from "../../src/parts/transforms/labelSmoothing.ts";
import { mixup } from "../../src/parts/transforms/mixup.ts";
import { predict } from "../../src/training/index.ts";
import { partsFrom } from "../common/data.ts";
import {
  atLeast,
  column,
  either,
  meanOf,
  paired,
  plainly,
  points,
  those,
  verdictOf,
} from "../common/judge.ts";
import { type Arm, type Finished, trainArms } from "../common/train.ts";
import { plain, use } from "../common/use.ts";

interface Sizes {
  readonly train: number;
  readonly test: number;
  readonly seeds: number;
  readonly epochs: number;
  readonly channels: readonly number[];
}

const sizes: Readonly<Record<Scale, Sizes>> = {
  smoke: { train: 32, test: 20, seeds: 1, epochs: 1, channels: [3] },
  quick: { train: 300, test: 1000, seeds: 3, epochs: 25, channels: [16, 32] },
  full: { train: 3000, test: 2000, seeds: 3, epochs: 30, channels: [16, 32] },
};

/** Images used of the fetched set: enough for all parts of every seed. */
const kept = 8000;

/** MNIST in squares of 2 x 2 pixels averaged: 14 x 14. */
async function halvedMnist(signal: AbortSignal): Promise<Source> {
  const source = await fetchDataset("mnist", { signal });
  const rows = Int32Array.from({ length: kept }, (_, i) => i);
  const pre = source.fit(rows) as Extract<Preprocessing, { kind: "image" }>;
  const x = source.encode(pre, rows).inputs.x.data as Float32Array;
  const data = new Float32Array(kept * 196);
  for (let i = 0; i < data.length; i++) {
    const at = Math.floor(i / 196) * 784 + 56 * Math.floor((i % 196) / 14) + 2 * (i % 14);
    const sum = x[at] + x[at + 1] + x[at + 28] + x[at + 29];
    data[i] = Math.min(1, Math.max(0, (sum / 4) * pre.spread[0] + pre.mean[0]));
  }
  const labels = (source.labels as Int32Array).slice(0, kept);
  const target = { task: "classification", name: "digit", classes: source.classes, labels } as const;
  return imageSource({ name: "mnist 14 x 14", target }, { shape: [1, 14, 14], data, full: 1 });
}

/** With the settings usual in the papers; all on top of weight decay. */
function armsFor(side: number): Arm[] {
  const decay = use(weightDecay, { strength: 5e-4 });
  const arm = (name: string, ...methods: readonly ReturnType<typeof use>[]): Arm => ({
    name,
    variants: plain(decay, ...methods),
  });
  return [
    arm("plain"),
    arm("label-smoothing", use(labelSmoothing, { strength: 0.1 })),
    arm("mixup", use(mixup, { strength: 1 })),
    arm("cutout", use(cutout, { size: Math.round(side / 2) })),
    arm("cutmix", use(cutmix, { strength: 1 })),
    arm("manifold-mixup", use(manifoldMixup, { strength: 1 })),
    arm("input-noise", use(inputNoise, { strength: 0.3 })),
    arm("mixup+label-smoothing", use(mixup, { strength: 1 }), use(labelSmoothing, { strength: 0.1 })),
  ];
}

async function measured({ plan, values, parts, seed, host }: Finished, outside: Source | undefined) {
  const study = await measureStudy({
    plan,
    values,
    test: parts.test,
    pre: parts.preprocessing as Spoilable,
    seed,
    host,
    outside,
    predict: (data) => predict(host, plan, values, data),
  });
  const { error = Number.NaN, ...scores } = study.scores as Record<string, number>;
  // the set that means nothing where no other images are at hand
  const foreign = study.outside.find(({ data }) => data === (outside?.name ?? "shuffled pixels"));
  return { accuracy: 1 - error, ...scores, foreignAuroc: foreign?.auroc ?? Number.NaN };
}

export const regularizersRobustnessStudy = experiment({
  id: "regularizers-robustness-study",
  paper: "regularizers-robustness-study",
  claim:
    "Cheap regularizers markedly change robustness and uncertainty: some lower the error under corruption at the same " +
    "clean accuracy, some tell foreign data better, and no single one wins all.",
  setting:
    "Full: 3,000 training images of MNIST averaged to 14 x 14 (in place of Fashion-MNIST), 500 for validation, 2,000 for " +
    "test; foreign data are images of CIFAR-10, grey and as small (in place of MNIST). Quick: 300 UCI digits of 8 x 8, 300 " +
    "and 1,000; foreign data are the digits with shuffled pixels. A CNN (16-32 channels), SGD with momentum 0.9, rate 0.05, " +
    "cosine schedule, batches of 32, weight decay 5e-4 in all arms, 3 seeds; full 30 epochs, quick 25. Arms, none of them " +
    "tuned: plain, label smoothing 0.1, mixup 1, cutout of half the side, cutmix 1, manifold mixup 1, input noise 0.3, " +
    "mixup with label smoothing. Eight corruptions of five severities, FGSM at 1 to 16 of 255 levels, foreign data told by " +
    "the largest probability. Holds when one arm lowers the mean corruption error by 2 points with its accuracy at most 1 " +
    "point below plain's, one raises the AUROC by 0.02, and the orders of the arms by the two differ (Spearman's " +
    "correlation below 0.9).",
  async run(scale, tools) {
    const { train, test, seeds, epochs, channels } = sizes[scale];
    const full = scale === "full";
    const source = full ? await halvedMnist(tools.signal) : await loadDataset("digits");
    const outside = full ? await fetchDataset("cifar10", { signal: tools.signal }) : undefined;
    return trainArms(
      {
        arms: armsFor(full ? 14 : 8).slice(0, scale === "smoke" ? 3 : undefined),
        data: partsFrom(source, { train, validation: full ? 500 : 300, test }),
        seeds,
        epochs,
        batchSize: 32,
        rate: 0.05,
        optimizer: sgd(),
        model: (shape, outputs) => cnn(shape, outputs, { channels }),
        measure: (f) => measured(f, outside),
      },
      scale,
      tools,
    );
  },
  judge(reports) {
    const of = (arm: string) => those(reports, { arm });
    const others = [...new Set(reports.map(({ arm }) => String(arm)))].filter((arm) => arm !== "plain");
    const none = of("plain");
    const even = others.filter((arm) => meanOf(points(of(arm), none)) >= -1);
    const gain = (arm: string) => paired(of(arm), none, "corruptionError").map((d) => -100 * d);
    const foreign = (arm: string) => paired(of(arm), none, "foreignAuroc");
    const best = (arms: readonly string[], by: (arm: string) => number[]) =>
      [...arms].sort((a, b) => meanOf(by(b)) - meanOf(by(a)))[0];
    const [sturdy, wary] = [best(even, gain), best(others, foreign)];
    const rho = spearman(
      others.map((arm) => meanOf(gain(arm))),
      others.map((arm) => meanOf(foreign(arm))),
    );
    const lowered = (arm: string) => atLeast(`corruption error lowered by ${arm}`, gain(arm), 2, " points");
    return verdictOf(
      [
        // the best arm is named; another may be surer
        sturdy === undefined
          ? plainly("arms within a point of plain's accuracy", 0, false, "at least 1")
          : either(
              lowered(sturdy),
              ...even
                .filter((arm) => arm !== sturdy)
                .map(lowered)
                .filter(surely),
            ),
        atLeast(`AUROC gained by ${wary}`, foreign(wary), 0.02),
        plainly("Spearman's correlation of the two orders", rho, rho < 0.9, "below 0.9"),
      ],
      undefined,
      Object.fromEntries(
        ["plain", ...others].flatMap((arm) =>
          [
            "accuracy",
            "corruptionError",
            "fgsmError",
            "foreignAuroc",
            "outsideFalsePositives",
            "calibrationErrorWidth",
          ].map((metric) => [`${arm}: ${metric}`, meanOf(column(of(arm), metric))]),
        ),
      ),
    );
  },
});

const surely = ({ says }: { readonly says: string }): boolean => says === "yes";

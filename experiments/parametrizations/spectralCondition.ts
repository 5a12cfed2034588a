import { type NdArray, sizeOf } from "../../src/array/ndarray.ts";
import { first } from "../../src/compare/rows.ts";
import {
  type AnyMethod,
  experiment,
  isWeight,
  type Leaf,
  mapParams,
  type Params,
  type Report,
  type Scale,
} from "../../src/kinds/index.ts";
import { spectralCondition as condition } from "../../src/methods/parametrizations/spectralCondition.ts";
import { mlp } from "../../src/nn/index.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { constant as constantRate } from "../../src/parts/schedules/constant.ts";
import { add, div, gramIteration, mul, norm, sub } from "../../src/tensor/index.ts";
import { type Build, type Named, probe } from "../../src/training/index.ts";
import { partsOf } from "../common/data.ts";
import { atMost, chosen, column, meanOf, plainly, those, verdictOf } from "../common/judge.ts";
import { lossOn } from "../common/measures.ts";
import { type Finished, type Numbers, trainArms } from "../common/train.ts";
import { rates, use } from "../common/use.ts";

interface Sizes {
  readonly seeds: number;
  readonly epochs: number;
  readonly widths: readonly number[];
  readonly train: number;
}

const sizes: Readonly<Record<Scale, Sizes>> = {
  smoke: { seeds: 1, epochs: 1, widths: [4, 8], train: 64 },
  quick: { seeds: 1, epochs: 13, widths: [32, 128, 512], train: 1000 },
  full: { seeds: 3, epochs: 13, widths: [32, 128, 512], train: 1000 },
};

/** Seven rates, each twice the one before; the middle one first. */
const around = (middle: number): number[] => [1, 1 / 8, 1 / 4, 1 / 2, 2, 4, 8].map((f) => f * middle);

/** Rates of 1 / in by layer, weights as the model has them: the neural tangent parametrization. */
function tangent(): Named {
  const factor = (leaf: Leaf) => (isWeight(leaf) ? 1 / sizeOf(leaf.shape.slice(1)) : 1);
  const method: AnyMethod = {
    after(updated, { params, about }, state) {
      const known = new Map(about.model.leaves.map((leaf) => [leaf.path, factor(leaf)]));
      const next = mapParams(updated, (w, path) =>
        add(params[path], mul(known.get(path) ?? 1, sub(w, params[path]))),
      );
      return [next, state];
    },
  };
  return { name: "tangent", method };
}

/** Keeps the initial weights; the last method, so that they are as the others made them. */
const kept: Named = { name: "kept", method: { state: (params: Params) => params } as AnyMethod };

const arms = [
  { name: "spectral", variants: rates(around(0.04), [use(condition), kept]) },
  { name: "standard", variants: rates(around(0.08), [kept]) },
  { name: "tangent", variants: rates(around(4), [tangent(), kept]) },
];

/** How far the last hidden layer moved on 64 images, relative to its size at the start; and sizes of weights. */
async function features(f: Finished): Promise<Numbers> {
  const { leaves, places } = f.plan.recipe.about.model;
  const last = places[places.length - 1];
  const kernels = leaves.filter(isWeight);
  const start = Object.fromEntries(
    leaves.map(({ path }) => {
      const name = Object.keys(f.values).find(
        (key) => key.startsWith("methods/") && key.endsWith(`/${path}`),
      );
      return [`start/${path}`, f.values[name as string] as NdArray];
    }),
  );
  const build: Build = (view, extra) => {
    const initial = Object.fromEntries(leaves.map(({ path }) => [path, extra[`start/${path}`]]));
    const before = view.apply(initial, view.batch.inputs).activations[last];
    const scales = kernels.map(({ path, shape }) =>
      div(gramIteration(view.weights[path]), Math.sqrt(shape[0] / shape[1])),
    );
    return {
      change: div(norm(sub(view.outputs.activations[last], before)), norm(before)),
      scale: div(scales.reduce(add), kernels.length),
    };
  };
  const images = first(f.parts.train, 64);
  const found = await probe(f.host, f.plan, f.values, images, "features", build, start);
  return { change: Number(found.change.data[0]), spectralScale: Number(found.scale.data[0]) };
}

/** Slope of the least-squares line. */
function slopeOf(x: readonly number[], y: readonly number[]): number {
  const [mx, my] = [meanOf(x), meanOf(y)];
  const along = x.reduce((total, v, i) => total + (v - mx) * (y[i] - my), 0);
  return along / x.reduce((total, v) => total + (v - mx) ** 2, 0);
}

const widthsOf = (reports: readonly Report[]) =>
  [...new Set(reports.map(({ width }) => Number(width)))].sort((a, b) => a - b);

/** log2 of the best rate at the largest width over that at the smallest. */
function drift(reports: readonly Report[], arm: string): number {
  const widths = widthsOf(reports);
  const [small, large] = [widths[0], widths[widths.length - 1]].map((width) =>
    Number(String(chosen(reports, { arm, width })[0]?.variant).replace("rate ", "")),
  );
  return Math.log2(large / small);
}

/** By seed: the slope of log feature change in log width, at the middle rate. */
function slopes(reports: readonly Report[], arm: string): number[] {
  const variant = arms.find(({ name }) => name === arm)?.variants[0].name as string;
  const widths = widthsOf(reports);
  const seeds = [...new Set(reports.map(({ seed }) => Number(seed)))];
  return seeds.map((seed) => {
    const changes = widths.map((width) => column(those(reports, { arm, variant, width, seed }), "change")[0]);
    return slopeOf(widths.map(Math.log), changes.map(Math.log));
  });
}

export const spectralCondition = experiment({
  id: "spectral-condition",
  paper: "spectral-condition",
  claim:
    "With spectral scaling of weights and updates, relative feature change and the best base learning rate stay " +
    "constant over width, while under standard or tangent scaling feature change decays or blows up.",
  setting:
    "UCI digits, 1,000 training images; MLP with three hidden layers of 32, 128 or 512 units, SGD without momentum, " +
    "constant rate, batches of 64, 13 epochs (200 steps). Arms of seven rates, each twice the one before: spectral " +
    "(around 0.04), standard (He initial weights, one rate, around 0.08), tangent (rate / in for weights, around 4). " +
    "The best rate has the lowest training loss; feature change is that of the last hidden layer over the run, on 64 " +
    "training images, at the middle rate. Full: 3 seeds; quick: 1. Holds when the best rate moves from width 32 to 512 " +
    "by at most a factor 2 for spectral and at least 4 for standard, and the slope of log change in log width is " +
    "within 0.15 of 0 for spectral and at most -0.3 for tangent.",
  async run(scale, tools) {
    const { seeds, epochs, widths, train } = sizes[scale];
    const data = await partsOf("digits", { train, validation: 300, test: 497 }, tools.signal);
    const reports: Report[] = [];
    for (const width of widths)
      reports.push(
        ...(await trainArms(
          {
            arms,
            tags: { width },
            data,
            seeds,
            epochs,
            batchSize: 64,
            rate: 0.05,
            optimizer: sgd({ momentum: 0 }),
            schedule: constantRate(),
            model: (shape, outputs) => mlp(shape, outputs, [width, width, width]),
            measure: async (f) => {
              const trainLoss = await lossOn(f, f.parts.train);
              return { validation: -trainLoss, trainLoss, ...(await features(f)) };
            },
          },
          scale,
          tools,
        )),
      );
    return reports;
  },
  judge(reports) {
    const [own, standard] = ["spectral", "standard"].map((arm) => drift(reports, arm));
    return verdictOf(
      [
        plainly("drift of the best rate, spectral (log2)", own, Math.abs(own) <= 1, "within 1 of 0"),
        plainly(
          "drift of the best rate, standard (log2)",
          standard,
          Math.abs(standard) >= 2,
          "2 or more from 0",
        ),
        atMost("distance of the slope from 0, spectral", slopes(reports, "spectral").map(Math.abs), 0.15),
        atMost("slope, tangent", slopes(reports, "tangent"), -0.3),
      ],
      undefined,
      {
        "drift of the best rate, tangent (log2)": drift(reports, "tangent"),
        "slope, spectral": meanOf(slopes(reports, "spectral")),
        "slope, standard": meanOf(slopes(reports, "standard")),
      },
    );
  },
});

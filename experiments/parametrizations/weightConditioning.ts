import { svd } from "../../src/array/linalg.ts";
import { type NdArray, ndarray } from "../../src/array/ndarray.ts";
import { median } from "../../src/compare/statistics.ts";
import {
  type AnyMethod,
  type Dataset,
  experiment,
  type Model,
  mapParams,
  parametrization,
  type Report,
  type Run,
  type Scale,
} from "../../src/kinds/index.ts";
import { mlp } from "../../src/nn/index.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { weightConditioning as conditioning } from "../../src/parts/parametrizations/weightConditioning.ts";
import {
  argMax,
  cast,
  div,
  equal,
  exp,
  fold,
  mean,
  mul,
  norm,
  sub,
  uniform,
} from "../../src/tensor/index.ts";
import type { Named } from "../../src/training/index.ts";
import { partsOf, seeded } from "../common/data.ts";
import { chosen, column, meanOf, ratioAtLeast, ratioAtMost, those, verdictOf } from "../common/judge.ts";
import { kernelsOf, lossOn } from "../common/measures.ts";
import { type Finished, type Numbers, trainArms, type Variant } from "../common/train.ts";
import { rates, use } from "../common/use.ts";

const sizes: Readonly<
  Record<Scale, { seeds: number; epochs: number; train: number; fit: number; hidden: readonly number[] }>
> = {
  smoke: { seeds: 1, epochs: 1, train: 64, fit: 0, hidden: [8] },
  quick: { seeds: 2, epochs: 30, train: 1000, fit: 200, hidden: [64, 64, 64] },
  full: { seeds: 5, epochs: 60, train: 1000, fit: 500, hidden: [64, 64, 64] },
};

const tried = [0.1, 0.01, 0.03, 0.3];
const learned = 0.95;

/** Weight normalization: w = g v / |v| by rows, g learned. Salimans and Kingma 2016. */
const weightNorm = parametrization("weight-norm", {
  summary: "rows of weights as a direction times a learned length",
  options: {},
  examples: [],
  create: () => ({
    init: (base) => ({ base, own: { g: norm(base, { axes: [1], keep: true }) } }),
    weight: (v, { g }) => mul(v, div(g, norm(v, { axes: [1], keep: true }))),
  }),
});

/** The rows of its initial kernels scaled by factors drawn evenly in the logarithm from 0.1 to 10. */
const skewed = (model: Model): Model => ({
  ...model,
  init: (key) => {
    const kernels = new Set(model.leaves.filter(({ role }) => role === "kernel").map(({ path }) => path));
    return mapParams(model.init(key), (w, path) => {
      if (!kernels.has(path)) return w;
      const draws = uniform(fold(key, `${path} rows`), [w.shape[0], 1]);
      return mul(w, exp(mul(2 * Math.log(10), sub(draws, 0.5))));
    });
  },
});

const recorded = new WeakMap<AnyMethod, number[]>();

/** Notes the accuracy on the training data after each epoch. */
function watched(): Named {
  const curve: number[] = [];
  const method: AnyMethod = {
    async between(moment, run: Run) {
      if (moment === "epoch")
        curve.push(
          await run.evaluate(
            ({ outputs, batch }) =>
              mean(cast(equal(argMax(outputs.prediction), argMax(batch.target)), "float32")),
            run.data,
          ),
        );
      return undefined;
    },
  };
  recorded.set(method, curve);
  return { name: "watch", method };
}

const condition = ({ shape, data }: NdArray): number => {
  const { s } = svd(ndarray("float64", shape, Float64Array.from(data as Float32Array)));
  return s.data[0] / Math.max(s.data[s.data.length - 1], 1e-12 * s.data[0]);
};

const equilibrated = ({ shape, data }: NdArray): NdArray => {
  const w = data as Float32Array;
  const [rows, width] = shape;
  const lengths = Array.from({ length: rows }, (_, i) =>
    Math.hypot(...w.subarray(i * width, (i + 1) * width)),
  );
  return { dtype: "float32", shape, data: w.map((x, at) => x / lengths[Math.floor(at / width)]) };
};

/** Median condition numbers over layers: of the weights used, of the trained variables, and what those are by rows. */
async function conditions(f: Finished): Promise<Numbers> {
  const used = await kernelsOf(f);
  const own = Object.keys(used).map((path) => f.values[`params/${path}`] as NdArray);
  return {
    kappa: median(Object.values(used).map(condition)),
    kappaRaw: median(own.map(condition)),
    kappaRows: median(own.map((w) => condition(equilibrated(w)))),
  };
}

async function speed(f: Finished): Promise<Numbers> {
  const curve =
    f.plan.recipe.methods.map(({ method }) => recorded.get(method)).find((c) => c !== undefined) ?? [];
  const at = curve.findIndex((a) => a >= learned);
  const epochs = at < 0 ? curve.length + 1 : at + 1;
  return { validation: -epochs, epochs, ...(await conditions(f)) };
}

/** A 16 x 16 picture of waves and an edge, as values of coordinates from -1 to 1. */
function picture(): Dataset {
  const places = Array.from({ length: 256 }, (_, i) => [(i % 16) / 7.5 - 1, Math.floor(i / 16) / 7.5 - 1]);
  const value = ([x, y]: number[]) =>
    0.5 * Math.sin(5 * x + 2 * y) + 0.3 * Math.cos(7 * y) + (x * x + y * y < 0.4 ? 0.5 : 0);
  return {
    name: "picture",
    task: "regression",
    size: 256,
    inputs: { x: ndarray("float32", [256, 2], Float32Array.from(places.flat())) },
    target: ndarray("float32", [256, 1], Float32Array.from(places, value)),
    classes: [],
  };
}

const arms: readonly { name: string; variants: readonly Variant[] }[] = [
  { name: "none", variants: rates(tried) },
  { name: "weight-norm", variants: rates(tried, [use(weightNorm)]) },
  { name: "conditioned", variants: rates(tried, [use(conditioning)]) },
];

export const weightConditioning = experiment({
  id: "weight-conditioning",
  paper: "weight-conditioning",
  claim:
    "Row-equilibrating weights keeps their condition number low during training and speeds up convergence relative to " +
    "unnormalised weights and to weight normalisation.",
  setting:
    "UCI digits, 1,000 training images; MLP 64-64-64-64-10 whose initial rows are scaled by factors from 0.1 to 10; " +
    "SGD without momentum, batches of 32. Arms of four rates (0.01, 0.03, 0.1, 0.3), chosen by the epochs to 95 % " +
    "training accuracy (one more than tried where it is not reached): none, weight normalization, conditioned. Beside " +
    "it, the same network with 2 inputs fits a 16 x 16 picture from its coordinates in whole batches. Full: 5 seeds, 60 epochs, 500 " +
    "steps on the picture; quick: 2 seeds, 30 epochs, 200 steps. Holds when the condition number (median over layers) " +
    "of the conditioned weights is at most half of that of their trained variables, at the start and at the end, and " +
    "conditioned needs at most 0.8 of the epochs of none and 1.05 of weight normalization's.",
  async run(scale, tools) {
    const { seeds, epochs, train, fit, hidden } = sizes[scale];
    const data = await partsOf("digits", { train, validation: 300, test: 497 }, tools.signal);
    const settings = { seeds, rate: 0.1, optimizer: sgd({ momentum: 0 }) };
    const digits = await trainArms(
      {
        ...settings,
        arms: arms.map(({ name, variants }) => ({
          name,
          variants: variants.map((one) => ({ ...one, methodsOf: () => [watched()] })),
        })),
        tags: { data: "digits" },
        data,
        epochs,
        batchSize: 32,
        model: (shape, outputs) => skewed(mlp(shape, outputs, hidden)),
        measure: speed,
      },
      scale,
      tools,
    );
    const starts = await trainArms(
      {
        ...settings,
        arms: [{ name: "start", variants: [{ name: "start", rate: 1e-30 }] }],
        tags: { data: "digits" },
        data,
        epochs: 1,
        batchSize: train,
        model: (shape, outputs) => skewed(mlp(shape, outputs, hidden)),
        measure: conditions,
      },
      scale,
      tools,
    );
    if (fit === 0) return [...digits, ...starts];
    const whole = picture();
    const pictures: Report[] = await trainArms(
      {
        ...settings,
        arms,
        tags: { data: "picture" },
        data: seeded(() => ({ train: whole, validation: whole, test: whole })),
        epochs: fit,
        batchSize: 256,
        model: (shape, outputs) => skewed(mlp(shape, outputs, hidden)),
        measure: async (f) => {
          const psnr = -10 * Math.log10((await lossOn(f, whole)) / 4);
          return { validation: psnr, psnr };
        },
      },
      scale,
      tools,
    );
    return [...digits, ...starts, ...pictures];
  },
  judge(reports) {
    const [own, none, normed] = ["conditioned", "none", "weight-norm"].map((arm) =>
      chosen(reports, { arm, data: "digits" }),
    );
    const start = those(reports, { arm: "start" });
    const renamed = (from: readonly Report[], name: string) =>
      from.map((report) => ({ seed: report.seed, kappa: report[name] })) as Report[];
    const psnr = (arm: string) => meanOf(column(chosen(reports, { arm, data: "picture" }), "psnr"));
    return verdictOf(
      [
        ratioAtLeast(
          "condition number before conditioning, relative to after, at the start",
          renamed(start, "kappaRaw"),
          renamed(start, "kappaRows"),
          "kappa",
          2,
        ),
        ratioAtLeast("the same at the end", renamed(own, "kappaRaw"), renamed(own, "kappa"), "kappa", 2),
        ratioAtMost("epochs to 95 % relative to none", own, none, "epochs", 0.8),
        ratioAtMost("epochs to 95 % relative to weight normalization", own, normed, "epochs", 1.05),
      ],
      undefined,
      {
        "epochs of none": meanOf(column(none, "epochs")),
        "epochs of weight normalization": meanOf(column(normed, "epochs")),
        "condition number of none at the end": meanOf(column(none, "kappa")),
        "share of runs of none that diverge on the picture": meanOf(
          column(those(reports, { arm: "none", data: "picture" }), "diverged"),
        ),
        "PSNR of none on the picture": psnr("none"),
        "PSNR of weight normalization on the picture": psnr("weight-norm"),
        "PSNR of conditioned on the picture": psnr("conditioned"),
      },
    );
  },
});

import { type NdArray, ndarray } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import { asReconstruction } from "../../src/data/index.ts";
import {
  type Dataset,
  experiment,
  method,
  positive,
  type Report,
  type Scale,
  type Step,
} from "../../src/kinds/index.ts";
import { leastVolume as penalty } from "../../src/methods/penalties/leastVolume.ts";
import { autoencoder } from "../../src/nn/index.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { abs, add, div, mean, mul, norm, sub, type Tensor } from "../../src/tensor/index.ts";
import { type Build, probe, probeRows, select } from "../../src/training/index.ts";
import { type PartsOf, partsOf, seeded } from "../common/data.ts";
import { atMost, column, meanOf, mostly, paired, those, verdictOf } from "../common/judge.ts";
import { type Arm, type Finished, trainArms, type Variant } from "../common/train.ts";
import { use } from "../common/use.ts";

interface Sizes {
  readonly seeds: number;
  readonly epochs: number;
  readonly train: number;
  /** Training rows of digits; none where 0. */
  readonly digits: number;
  readonly hidden: readonly number[];
}

const sizes: Readonly<Record<Scale, Sizes>> = {
  smoke: { seeds: 1, epochs: 2, train: 60, digits: 0, hidden: [8] },
  quick: { seeds: 2, epochs: 150, train: 400, digits: 400, hidden: [64, 64] },
  full: { seeds: 3, epochs: 500, train: 1000, digits: 1000, hidden: [64, 64] },
};

const ambient = 16;
/** Rows for validation, and for test. */
const held = 390;

/** A rolled-up sheet (t cos t, t sin t, h) through one random smooth map to 16 dimensions of unit variance. */
function sheet(size: number, seed: number): Dataset {
  const map = stream(0).split("map");
  const inner = Array.from({ length: 32 }, () => Array.from({ length: 4 }, () => map.normal()));
  const outer = Array.from({ length: ambient }, () => Array.from({ length: 32 }, () => map.normal()));
  const draws = stream(seed).split("sheet");
  const columns = Array.from({ length: ambient }, () => new Float64Array(size));
  for (let i = 0; i < size; i++) {
    const t = 1.5 + 3 * draws.uniform();
    const point = [(t * Math.cos(t)) / 3, (t * Math.sin(t)) / 3, 2 * draws.uniform() - 1, 1];
    const hidden = inner.map((row) => Math.tanh(row.reduce((sum, w, j) => sum + (w * point[j]) / 2, 0)));
    outer.forEach((row, j) => {
      columns[j][i] = row.reduce((sum, w, k) => sum + w * hidden[k], 0);
    });
  }
  const x = new Float32Array(size * ambient);
  columns.forEach((column, j) => {
    const middle = meanOf([...column]);
    const spread = Math.sqrt(meanOf([...column].map((v) => (v - middle) ** 2)));
    column.forEach((v, i) => {
      x[i * ambient + j] = (v - middle) / spread;
    });
  });
  const array = ndarray("float32", [size, ambient], x);
  return { name: "sheet", task: "regression", size, inputs: { x: array }, target: array, classes: [] };
}

const sheets = (train: number): PartsOf =>
  seeded((seed) => {
    const all = sheet(train + 2 * held, seed);
    const rows = (from: number, count: number) =>
      select(
        all,
        Array.from({ length: count }, (_, i) => from + i),
      );
    return { train: rows(0, train), validation: rows(train, held), test: rows(train + held, held) };
  });

const reconstructed = (parts: PartsOf): PartsOf =>
  seeded((seed) => {
    const { train, validation, test } = parts(seed);
    return {
      train: asReconstruction(train),
      validation: asReconstruction(validation),
      test: asReconstruction(test),
    };
  });

/** A cost of the codes [n, d], as a method. */
const onCodes = (id: string, cost: (z: Tensor) => Tensor) =>
  method(id, {
    summary: "a cost of the code",
    options: { strength: positive(0.01, "its weight") },
    examples: [],
    create: ({ strength }) => ({
      penalty: ({ outputs }: Step) => mul(strength, cost(outputs.activations.code)),
    }),
  });

const lasso = onCodes("lasso", (z) => mean(abs(z)));
const deviation = onCodes("l1-of-std", (z) =>
  mean(div(norm(sub(z, mean(z, { axes: [0], keep: true })), { axes: [0] }), Math.sqrt(z.shape[0] - 1))),
);

const strengths = [0.01, 0.03, 0.1];
const named = (make: (strength: number) => Variant["methods"]): Variant[] =>
  strengths.map((strength) => ({ name: `strength ${strength}`, methods: make(strength) }));
/** Bounds the decoder and nothing else. */
const bound = use(penalty, { strength: 0 });

const arms: readonly Arm[] = [
  { name: "none", variants: [{ name: "default", methods: [bound] }] },
  { name: "lasso", variants: named((strength) => [bound, use(lasso, { strength })]) },
  { name: "l1 of std", variants: named((strength) => [bound, use(deviation, { strength })]) },
  { name: "volume", variants: named((strength) => [use(penalty, { strength })]) },
  { name: "unbounded", variants: named((strength) => [use(penalty, { strength, bounded: false })]) },
];

const codeOf: Build = ({ outputs }) => ({ code: outputs.activations.code });
/** Mean squared error where code j is kept[j] of itself and fixed[j] beside. */
const errorOf: Build = ({ apply, weights, batch, outputs }, { kept, fixed }) => {
  const value = add(mul(outputs.activations.code, kept), fixed);
  const { prediction } = apply(weights, batch.inputs, { from: { name: "code", value } });
  const difference = sub(prediction, batch.target);
  return { error: mean(mul(difference, difference)) };
};

const vector = (values: readonly number[]): NdArray =>
  ndarray("float32", [values.length], Float32Array.from(values));

/** Errors, and how many dimensions stay when those of least deviation are fixed at their means while the error is at most 1.1 of what it was. */
async function pruned({ host, plan, values, parts: { train, validation, test } }: Finished) {
  const { code } = await probeRows(host, plan, values, train, "code", codeOf);
  const [n, d] = code.shape;
  const of = (j: number) => Array.from({ length: n }, (_, i) => (code.data as Float32Array)[i * d + j]);
  const means = Array.from({ length: d }, (_, j) => meanOf(of(j)));
  const deviations = means.map((mean, j) => Math.sqrt(meanOf(of(j).map((v) => (v - mean) ** 2))));
  const error = async (data: Dataset, without: readonly number[] = []) => {
    const kept = means.map((_, j) => (without.includes(j) ? 0 : 1));
    const extra = { kept: vector(kept), fixed: vector(means.map((mean, j) => mean * (1 - kept[j]))) };
    return Number((await probe(host, plan, values, data, "pruned", errorOf, extra)).error.data[0]);
  };
  const rising = Array.from(means.keys()).sort((a, b) => deviations[a] - deviations[b]);
  const whole = await error(test);
  let fixed = 0;
  while (fixed < d - 1 && (await error(test, rising.slice(0, fixed + 1))) <= 1.1 * whole) fixed++;
  return { validationError: await error(validation), error: whole, dimensions: d - fixed };
}

/** The reports of an arm's variant with the fewest dimensions among those whose mean validation error is at most 1.5 of none's; else of that with the least error. */
function matched(reports: readonly Report[], part: string, arm: string): Report[] {
  const allowed = 1.5 * meanOf(column(those(reports, { part, arm: "none" }), "validationError"));
  const own = those(reports, { part, arm });
  const variants = [...new Set(own.map(({ variant }) => variant))].map((variant) => {
    const list = own.filter((report) => report.variant === variant);
    const error = meanOf(column(list, "validationError"));
    return { list, error, dimensions: meanOf(column(list, "dimensions")) };
  });
  const good = variants.filter(({ error }) => error <= allowed);
  const best =
    good.length > 0
      ? good.sort((a, b) => a.dimensions - b.dimensions || a.error - b.error)
      : variants.sort((a, b) => a.error - b.error);
  return best[0]?.list ?? [];
}

export const leastVolume = experiment({
  id: "least-volume",
  paper: "least-volume",
  claim:
    "With a Lipschitz decoder, the volume penalty drives the number of latent dimensions with non-negligible std down to " +
    "near the data's intrinsic dimension with little reconstruction loss, and needs fewer dims than lasso at the same error.",
  setting:
    "(1) A rolled-up sheet (2 dimensions) in 16 dimensions by a random smooth map, 8 codes; full: 1,000 training rows, " +
    "quick: 400. (2) UCI digits, 64 pixels, 16 codes; full: 1,000, quick: 400. Autoencoder with two layers of 64 on each " +
    "side, Adam, rate 0.001, cosine schedule, batches of 100; full: 500 epochs, 3 seeds; quick: 150, 2. Arms of three " +
    "strengths (0.01, 0.03, 0.1): lasso (mean |z|), l1 of the standard deviations, volume, all with a bounded decoder, and volume " +
    "without; of each the strength with the fewest dimensions whose validation error is at most 1.5 of no penalty's. Counted " +
    "are the codes that stay when those of least deviation are fixed at their means while the test error is at most 1.1 of " +
    "what it was. Holds when volume keeps at most 3 on the sheet, no more than lasso on digits, and fewer than without the " +
    "bound on the sheet in every seed.",
  async run(scale, tools) {
    const { seeds, epochs, train, digits, hidden } = sizes[scale];
    const parts: { part: string; data: PartsOf; code: number }[] = [
      { part: "sheet", data: sheets(train), code: 8 },
    ];
    if (digits > 0) {
      const data = await partsOf("digits", { train: digits, validation: held, test: held }, tools.signal);
      parts.push({ part: "digits", data: reconstructed(data), code: 16 });
    }
    const reports: Report[] = [];
    for (const { part, data, code } of parts)
      reports.push(
        ...(await trainArms(
          {
            tags: { part },
            arms,
            data,
            seeds,
            epochs,
            batchSize: Math.min(100, train),
            rate: 0.001,
            optimizer: adam(),
            model: (shape) => autoencoder(shape, code, { hidden }),
            measure: pruned,
          },
          scale,
          tools,
        )),
      );
    return reports;
  },
  judge(reports) {
    const of = (part: string, arm: string) => matched(reports, part, arm);
    const volume = of("sheet", "volume");
    return verdictOf(
      [
        atMost("dimensions of the sheet kept by volume", column(volume, "dimensions"), 3),
        atMost(
          "dimensions of digits kept by volume beyond lasso",
          paired(of("digits", "volume"), of("digits", "lasso"), "dimensions"),
          0,
        ),
        mostly(
          "fewer than without the bound",
          paired(volume, of("sheet", "unbounded"), "dimensions").map((d) => d < 0),
          1,
        ),
      ],
      undefined,
      Object.fromEntries(
        ["sheet", "digits"].flatMap((part) =>
          arms.flatMap(({ name }) =>
            ["dimensions", "error"].map((metric) => [
              `${part}: ${metric}, ${name}`,
              meanOf(column(of(part, name), metric)),
            ]),
          ),
        ),
      ),
    );
  },
});

import type { NdArray } from "../../src/array/ndarray.ts";
import { experiment, method, positive, type Report, type Scale } from "../../src/kinds/index.ts";
import { flopsRegularizer as penalty } from "../../src/methods/penalties/flopsRegularizer.ts";
import { flatten, linear, relu, sequence, staged } from "../../src/nn/index.ts";
import { stateless } from "../../src/nn/module.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import {
  abs,
  div,
  matmul,
  max,
  mean,
  min,
  mul,
  sqrt,
  square,
  sum,
  type Tensor,
} from "../../src/tensor/index.ts";
import { probeRows } from "../../src/training/index.ts";
import { partsOf } from "../common/data.ts";
import { atMost, column, meanOf, plainly, those, verdictOf } from "../common/judge.ts";
import { type Finished, type ModelOf, trainArms, type Variant } from "../common/train.ts";
import { use } from "../common/use.ts";

const sizes: Readonly<
  Record<Scale, { train: number; test: number; seeds: number; epochs: number; data: string }>
> = {
  smoke: { data: "digits", train: 64, test: 60, seeds: 1, epochs: 1 },
  quick: { data: "digits", train: 800, test: 700, seeds: 2, epochs: 20 },
  full: { data: "mnist", train: 4000, test: 1000, seeds: 3, epochs: 40 },
};

const unit = (x: Tensor, axis: number): Tensor =>
  div(x, sqrt(max(sum(square(x), { axes: [axis], keep: true }), 1e-12)));

/** Embeddings of 256 non-negative numbers and length 1; logits are 16 cosines with a proxy of each class. */
const encoder: ModelOf = (shape, outputs) =>
  staged("encoder(128-256)", shape, [
    { name: "hidden", part: sequence(flatten, linear(128), relu) },
    {
      name: "embedding",
      part: sequence(
        linear(256),
        relu,
        stateless(
          (s) => s,
          (x) => unit(x, -1),
        ),
      ),
    },
    {
      name: "head",
      part(name, input) {
        const proxies = linear(outputs, { bias: false, head: true })(name, input);
        const [{ path }] = proxies.leaves;
        return {
          ...proxies,
          apply: (x, { weights }) => mul(16, matmul(x, unit(weights[path], -1), { transposeB: true })),
        };
      },
    },
  ]);

/** The baseline: as many non-zeros, spread as they like. */
const lasso = method("l1-activations", {
  summary: "mean l1 norm of the embeddings, with the same warm-up",
  options: { strength: positive(0.01, "cost of a unit of the mean l1 norm") },
  examples: [],
  create: ({ strength }) => ({
    penalty({ outputs, progress }) {
      const size = mean(sum(abs(outputs.activations.embedding), { axes: [-1] }));
      return mul(mul(strength, min(1, square(div(progress, 0.3)))), size);
    },
  }),
});

const strengths = { flops: [3, 0.1, 0.3, 1, 10, 30], l1: [0.03, 0.003, 0.01, 0.1, 0.2, 0.4] };

/** Share of the rows whose nearest other row, by inner product, is of their class. */
function recallOf({ shape: [n, p], data }: NdArray, labels: ArrayLike<number>): number {
  const rows = Array.from({ length: n }, (_, i) => (data as Float32Array).subarray(i * p, (i + 1) * p));
  const filled = rows.map((row) => Array.from(row.keys()).filter((j) => row[j] !== 0));
  let right = 0;
  for (let i = 0; i < n; i++) {
    let [best, nearest] = [Number.NEGATIVE_INFINITY, -1];
    for (let k = 0; k < n; k++) {
      if (k === i) continue;
      let product = 0;
      for (const j of filled[i]) product += rows[i][j] * rows[k][j];
      if (product > best) [best, nearest] = [product, k];
    }
    if (labels[nearest] === labels[i]) right++;
  }
  return right / n;
}

/** Recall at 1, multiplications that two test rows take (sum_j p_j^2), mean non-zeros, and how uneven they are (1: evenly). */
async function retrieval({ host, plan, values, parts: { test } }: Finished) {
  const { embedding } = await probeRows(host, plan, values, test, "embedding", (view) => ({
    embedding: view.outputs.activations.embedding,
  }));
  const [n, p] = embedding.shape;
  const shares = new Float64Array(p);
  (embedding.data as Float32Array).forEach((v, at) => {
    if (Math.abs(v) > 1e-8) shares[at % p] += 1 / n;
  });
  const flops = shares.reduce((total, share) => total + share ** 2, 0);
  const filled = shares.reduce((total, share) => total + share, 0);
  return {
    recall: recallOf(embedding, test.target.data as Int32Array),
    flops,
    filled,
    unevenness: (p * flops) / filled ** 2,
  };
}

type Curve = readonly { readonly x: number; readonly y: number }[];

const curveOf = (reports: readonly Report[], x: string, y: string): Curve =>
  reports
    .map((report) => ({ x: Number(report[x]), y: Math.log(Number(report[y])) }))
    .filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y))
    .sort((a, b) => a.x - b.x);

/** y where a curve of log y over x first reaches x, linearly between points; the end's y beyond the last; NaN before the first. */
function at(curve: Curve, x: number): number {
  const next = curve.findIndex((point) => point.x >= x);
  if (next <= 0) return next < 0 || curve[0].x > x ? Number.NaN : Math.exp(curve[0].y);
  const [a, b] = [curve[next - 1], curve[next]];
  return Math.exp(a.y + ((b.y - a.y) * (x - a.x)) / (b.x - a.x));
}

/** The fewest multiplications, interpolated, at which an arm still reaches a recall: along its runs by falling multiplications. */
function flopsAt(reports: readonly Report[], recall: number): number {
  const runs = reports
    .map((report) => ({ recall: Number(report.recall), flops: Number(report.flops) }))
    .filter((run) => run.flops > 0)
    .sort((a, b) => b.flops - a.flops);
  for (let i = runs.length - 1; i >= 0; i--) {
    if (runs[i].recall < recall) continue;
    const [above, below] = [runs[i], runs[i + 1]];
    if (below === undefined) return above.flops;
    const part = (above.recall - recall) / (above.recall - below.recall);
    return Math.exp(Math.log(above.flops) + part * Math.log(below.flops / above.flops));
  }
  return Number.NaN;
}

export const flopsRegularizer = experiment({
  id: "flops-regularizer",
  paper: "flops-regularizer",
  claim:
    "At equal retrieval accuracy the FLOPs penalty gives fewer actual dot-product operations than an l1 penalty because " +
    "non-zeros are spread evenly over dimensions.",
  setting:
    "Full: 4,000 training and 1,000 test images of MNIST (in place of Fashion-MNIST), 3 seeds, 40 epochs; quick: 800 and " +
    "700 UCI digits, 2 seeds, 20 epochs. Encoder 128-256 with relu, embeddings of length 1, cross entropy of 16 cosines " +
    "with class proxies; Adam, rate 0.001, batches of 128. Arms: none, FLOPs penalty and l1 penalty on the embeddings, " +
    "six strengths each, the same warm-up over 0.3 of the run. Recall at 1 among the test images by inner product, and " +
    "multiplications sum_j p_j^2. Holds when the multiplications of the FLOPs penalty, interpolated at the recall of none " +
    "minus 2 points (at an arm's sparsest run where even that is better), are at most 0.8 of l1's in the mean of the seeds, " +
    "and its non-zeros are spread more evenly than l1's at as many non-zeros (interpolated) in 3 of 4 runs.",
  async run(scale, tools) {
    const { data, train, test, seeds, epochs } = sizes[scale];
    const variants = (make: (strength: number) => Variant["methods"], values: readonly number[]): Variant[] =>
      values.map((strength) => ({ name: `strength ${strength}`, methods: make(strength) }));
    return trainArms(
      {
        arms: [
          { name: "none", variants: [{ name: "default" }] },
          { name: "flops", variants: variants((strength) => [use(penalty, { strength })], strengths.flops) },
          { name: "l1", variants: variants((strength) => [use(lasso, { strength })], strengths.l1) },
        ],
        data: await partsOf(data, { train, validation: 100, test }, tools.signal),
        seeds,
        epochs,
        batchSize: Math.min(128, train),
        rate: 0.001,
        optimizer: adam(),
        model: encoder,
        measure: retrieval,
      },
      scale,
      tools,
    );
  },
  judge(reports) {
    const none = those(reports, { arm: "none" });
    const ofSeed = (arm: string, seed: number) => those(reports, { arm, seed });
    const ratios = none.map((dense) => {
      const [own, l1] = ["flops", "l1"].map((arm) =>
        flopsAt(ofSeed(arm, Number(dense.seed)), Number(dense.recall) - 0.02),
      );
      return own / l1;
    });
    const pairs = those(reports, { arm: "flops" }).flatMap((run) => {
      const l1 = at(curveOf(ofSeed("l1", Number(run.seed)), "filled", "unevenness"), Number(run.filled));
      return Number.isFinite(l1) ? [Number(run.unevenness) < l1] : [];
    });
    const even = pairs.filter(Boolean).length / pairs.length;
    return verdictOf(
      [
        atMost("multiplications relative to l1 at the recall of none less 2 points", ratios, 0.8),
        plainly(
          `more even than l1 at as many non-zeros, share of ${pairs.length} runs`,
          even,
          even >= 0.75,
          "at least 0.75",
        ),
      ],
      undefined,
      {
        "recall of none": meanOf(column(none, "recall")),
        "multiplications of none": meanOf(column(none, "flops")),
      },
    );
  },
});

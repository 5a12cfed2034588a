import { eigh } from "../../src/array/linalg.ts";
import { type NdArray, ndarray } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import { balancedAccuracy } from "../../src/compare/metrics.ts";
import { type Dataset, experiment, method, type Report, type Scale } from "../../src/kinds/index.ts";
import { ncRegularizers as regularizers } from "../../src/methods/penalties/ncRegularizers.ts";
import { mlp } from "../../src/nn/index.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { add, constant } from "../../src/tensor/index.ts";
import { type Named, predict, probeRows, select } from "../../src/training/index.ts";
import { type Parts, type PartsOf, partsOf, seeded } from "../common/data.ts";
import { atLeast, chosen, column, meanOf, mostly, points, ratioAtMost, verdictOf } from "../common/judge.ts";
import { type Finished, trainArms, type Variant } from "../common/train.ts";
import { use } from "../common/use.ts";

interface Sizes {
  readonly data: string;
  readonly pool: number;
  readonly validation: number;
  readonly test: number;
  /** Training examples of the first class, and how many times more than of the last. */
  readonly most: number;
  readonly imbalance: number;
  readonly seeds: number;
  readonly epochs: number;
}

const sizes: Readonly<Record<Scale, Sizes>> = {
  smoke: {
    data: "digits",
    pool: 900,
    validation: 60,
    test: 100,
    most: 20,
    imbalance: 10,
    seeds: 1,
    epochs: 1,
  },
  quick: {
    data: "digits",
    pool: 1000,
    validation: 200,
    test: 597,
    most: 80,
    imbalance: 40,
    seeds: 3,
    epochs: 60,
  },
  full: {
    data: "mnist",
    pool: 8000,
    validation: 1000,
    test: 2000,
    most: 500,
    imbalance: 100,
    seeds: 5,
    epochs: 20,
  },
};

const classes = 10;
const labelsOf = (data: Dataset): Int32Array => data.target.data as Int32Array;

/** Of class k, most imbalance^(-k / 9) random training examples. */
const longTailed = (balanced: PartsOf, { most, imbalance }: Sizes): PartsOf =>
  seeded((seed): Parts => {
    const parts = balanced(seed);
    const order = stream(seed).split("long tail").permutation(parts.train.size);
    const kept = Array.from({ length: classes }, (_, k) => {
      const wanted = Math.round(most * imbalance ** (-k / (classes - 1)));
      return Array.from(order)
        .filter((i) => labelsOf(parts.train)[i] === k)
        .slice(0, wanted);
    });
    return { ...parts, train: select(parts.train, kept.flat()) };
  });

/** Balanced softmax: in training, the logits get the log of the class's count. Ren et al. 2020. */
function balancedSoftmax(train: Dataset): Named {
  const counts = new Float32Array(classes);
  for (const label of labelsOf(train)) counts[label]++;
  const prior = constant(ndarray("float32", [classes], counts.map(Math.log)));
  const definition = method("balanced-softmax", {
    summary: "cross entropy with the classes' counts in the softmax",
    options: {},
    examples: [],
    create: () => ({
      losses: ({ outputs, batch, mode, loss }) =>
        loss(mode === "train" ? add(outputs.prediction, prior) : outputs.prediction, batch.target),
    }),
  });
  return use(definition);
}

const rowsOf = ({ shape: [n, p], data }: NdArray): Float32Array[] =>
  Array.from({ length: n }, (_, i) => (data as Float32Array).subarray(i * p, (i + 1) * p));

/** Means by class of rows, and what they are of the mean of all classes. */
function centresOf(rows: readonly Float32Array[], labels: ArrayLike<number>) {
  const width = rows[0].length;
  const means = Array.from({ length: classes }, () => new Float64Array(width));
  const counts = new Float64Array(classes);
  for (let i = 0; i < rows.length; i++) counts[labels[i]]++;
  rows.forEach((row, i) => {
    row.forEach((v, j) => {
      means[labels[i]][j] += v / counts[labels[i]];
    });
  });
  const middle = Float64Array.from({ length: width }, (_, j) => meanOf(means.map((m) => m[j])));
  return { means, centred: means.map((m) => m.map((v, j) => v - middle[j])) };
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, v, j) => sum + v * b[j], 0);

/** tr(Sw pinv(Sb)) / classes: the spread within classes relative to that between them. */
function collapse(rows: readonly Float32Array[], labels: ArrayLike<number>): number {
  const { means, centred } = centresOf(rows, labels);
  const gram = Float64Array.from(
    { length: classes ** 2 },
    (_, at) => dot(centred[Math.floor(at / classes)], centred[at % classes]) / classes,
  );
  // Sb = M' M / classes has the eigenvalues of the Gram matrix, and the eigenvectors M' v / |M' v|
  const { values, vectors } = eigh(ndarray("float64", [classes, classes], gram));
  let trace = 0;
  for (let k = 0; k < classes; k++) {
    const value = values.data[k];
    if (value < 1e-9 * values.data[classes - 1]) continue;
    const direction = new Float64Array(rows[0].length);
    for (let c = 0; c < classes; c++)
      centred[c].forEach((v, j) => {
        direction[j] += (vectors.data[c * classes + k] * v) / Math.sqrt(value * classes);
      });
    const squares = rows.map((row, i) => {
      const mean = means[labels[i]];
      let product = 0;
      for (let j = 0; j < row.length; j++) product += (row[j] - mean[j]) * direction[j];
      return product ** 2;
    });
    trace += meanOf(squares) / value;
  }
  return trace / classes;
}

/** Balanced accuracies, and how the test features lie. */
async function longTail({ host, plan, values, parts: { validation, test } }: Finished) {
  const place = plan.recipe.about.model.places.at(-1) as string;
  const { features } = await probeRows(host, plan, values, test, "features", (view) => ({
    features: view.outputs.activations[place],
  }));
  const scores = await predict(host, plan, values, test);
  const labels = labelsOf(test);
  const rare = Array.from(labels.keys()).filter((i) => labels[i] >= classes - 3);
  const guesses = rowsOf(scores).map((row) => row.indexOf(Math.max(...row)));
  const rows = rowsOf(features);
  const { centred } = centresOf(rows, labels);
  const cosines = centred.flatMap((a, i) =>
    centred.slice(i + 1).map((b) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))),
  );
  const middle = meanOf(cosines);
  return {
    validation: balancedAccuracy(await predict(host, plan, values, validation), labelsOf(validation)),
    accuracy: balancedAccuracy(scores, labels),
    tail: rare.filter((i) => guesses[i] === labels[i]).length / rare.length,
    cosine: middle,
    cosineSpread: Math.sqrt(meanOf(cosines.map((c) => (c - middle) ** 2))),
    collapse: collapse(rows, labels),
  };
}

const rates = [0.05, 0.02, 0.01];
const weights = [
  { strength: 0.01, separation: 0.1 },
  { strength: 0.1, separation: 0.1 },
  { strength: 0.1, separation: 1 },
];

export const ncRegularizers = experiment({
  id: "nc-regularizers",
  paper: "nc-regularizers",
  claim:
    "Explicitly pulling features to class centres and pushing centres toward equal maximal angles produces neural collapse " +
    "under class imbalance and raises balanced accuracy of the same base loss.",
  setting:
    "Full: long-tailed MNIST (in place of Fashion-MNIST), 500 training images of the first class falling exponentially to 5 " +
    "of the last, 1,000 balanced images for validation, 2,000 for test, 20 epochs, 5 seeds; quick: UCI digits from 80 to 2, " +
    "200 and 597, 60 epochs, 3 seeds. MLP 256-64, SGD with momentum 0.9, cosine schedule, batches of 32. Arms of three tries " +
    "each, chosen on balanced validation accuracy: cross entropy and balanced softmax (rates 0.05, 0.02, 0.01), and both " +
    "with the regularizers (strength and separation 0.01 and 0.1, 0.1 and 0.1, 0.1 and 1, at rate 0.05). Holds when the " +
    "regularizers raise the balanced accuracy of cross entropy by 1 point, in 4 of 5 seeds, lower the standard deviation of " +
    "the cosines between class means of test features to 0.7, and do not lower balanced softmax.",
  async run(scale, tools) {
    const size = sizes[scale];
    const { data, pool, validation, test, seeds, epochs } = size;
    const parts = longTailed(await partsOf(data, { train: pool, validation, test }, tools.signal), size);
    const soft = (seed: number) => [balancedSoftmax(parts(seed).train)];
    const plain = rates.map((rate): Variant => ({ name: `rate ${rate}`, rate }));
    const regular = weights.map(
      (options): Variant => ({
        name: `strength ${options.strength}, separation ${options.separation}`,
        methods: [use(regularizers, options)],
      }),
    );
    const balanced = (variants: readonly Variant[]) =>
      variants.map((variant): Variant => ({ ...variant, methodsOf: soft }));
    return trainArms(
      {
        arms: [
          { name: "ce", variants: plain },
          { name: "ce+nc", variants: regular },
          { name: "balanced", variants: balanced(plain) },
          { name: "balanced+nc", variants: balanced(regular) },
        ],
        data: parts,
        seeds,
        epochs,
        batchSize: 32,
        rate: 0.05,
        optimizer: sgd(),
        model: (shape, outputs) => mlp(shape, outputs, [256, 64]),
        measure: longTail,
      },
      scale,
      tools,
    );
  },
  judge(reports) {
    const of = (arm: string): Report[] => chosen(reports, { arm });
    const [ce, nc, balanced, both] = ["ce", "ce+nc", "balanced", "balanced+nc"].map(of);
    return verdictOf(
      [
        atLeast("gain on cross entropy in balanced accuracy", points(nc, ce), 1, " points"),
        mostly(
          "gain on cross entropy",
          points(nc, ce).map((d) => d > 0),
          0.8,
        ),
        ratioAtMost("spread of cosines relative to cross entropy", nc, ce, "cosineSpread", 0.7),
        atLeast("gain on balanced softmax", points(both, balanced), 0, " points"),
      ],
      undefined,
      Object.fromEntries(
        [ce, nc, balanced, both].flatMap((own) =>
          ["accuracy", "tail", "collapse"].map((metric) => [
            `${metric} of ${own[0]?.arm}`,
            meanOf(column(own, metric)),
          ]),
        ),
      ),
    );
  },
});

import { stream } from "../../src/array/random.ts";
import { withNoisyTarget } from "../../src/data/index.ts";
import { type AnyMethod, type Dataset, experiment, type Report, type Scale } from "../../src/kinds/index.ts";
import { meanScores } from "../../src/methods/data/common/scores.ts";
import { el2nGrand as diet } from "../../src/methods/data/el2nGrand.ts";
import { cnn, mlp } from "../../src/nn/index.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import {
  add,
  argMax,
  cast,
  equal,
  fill,
  gather,
  max,
  mul,
  scatterAdd,
  sub,
  type Tensor,
} from "../../src/tensor/index.ts";
import { type PartsOf, partsOf, seeded } from "../common/data.ts";
import { atLeast, atMost, column, meanOf, points, those, verdictOf } from "../common/judge.ts";
import { scores } from "../common/measures.ts";
import { type Arm, type Study, trainArms, type Variant } from "../common/train.ts";
import { plain, use } from "../common/use.ts";

interface Sizes {
  readonly data: string;
  readonly train: number;
  readonly test: number;
  readonly hidden: number;
  readonly seeds: number;
  readonly networks: number;
  readonly epochs: number;
}

const sizes: Readonly<Record<Scale, Sizes>> = {
  smoke: { data: "digits", train: 60, test: 60, hidden: 8, seeds: 1, networks: 1, epochs: 2 },
  quick: { data: "digits", train: 1000, test: 597, hidden: 256, seeds: 3, networks: 3, epochs: 25 },
  full: { data: "mnist", train: 6000, test: 2000, hidden: 256, seeds: 4, networks: 6, epochs: 25 },
};

const shares = [0.5, 0.7, 0.3];
/** Epochs after which examples are scored. */
const early = 2;

const chosenOnly = (size: number, chosen: ArrayLike<number>): Int32Array => {
  const counts = new Int32Array(size);
  for (let k = 0; k < chosen.length; k++) counts[chosen[k]] = 1;
  return counts;
};

const atRandom = (keep: number): AnyMethod => ({
  examples: async ({ data: { size }, random }) =>
    chosenOnly(size, random.choice(size, Math.round(keep * size))),
});

interface Forgetting {
  /** Whether the example was right when it was last seen, how often it was wrong after that, whether it ever was right. */
  readonly right: Tensor;
  readonly forgotten: Tensor;
  readonly learned: Tensor;
}

/** Keeps the examples that were most often forgotten in a run of their own; those never learned first. Toneva et al. 2019. */
const forgettable = (keep: number): AnyMethod => ({
  state: (_, { examples }): Forgetting => {
    const none = fill([examples], 0);
    return { right: none, forgotten: none, learned: none };
  },
  after(updated, { outputs, batch }, { right, forgotten, learned }: Forgetting) {
    const [n] = right.shape;
    const written = (values: Tensor) => scatterAdd(batch.index, values, n);
    const now = cast(equal(argMax(outputs.prediction), argMax(batch.target)), "float32");
    const before = gather(right, batch.index);
    return [
      updated,
      {
        right: add(right, written(sub(now, before))),
        forgotten: add(forgotten, written(mul(before, sub(1, now)))),
        learned: max(learned, written(now)),
      },
    ];
  },
  async examples(rehearsal) {
    const { steps, stepsPerEpoch } = rehearsal.about;
    const { state } = await rehearsal.train(steps / stepsPerEpoch);
    const [forgotten, learned] = [state.forgotten, state.learned].map(({ data }) => data as Float32Array);
    const score = (i: number) => (learned[i] === 0 ? Number.POSITIVE_INFINITY : forgotten[i]);
    const falling = Array.from(forgotten.keys()).sort((a, b) =>
      score(a) < score(b) ? 1 : score(a) > score(b) ? -1 : a - b,
    );
    return chosenOnly(falling.length, falling.slice(0, Math.round(keep * falling.length)));
  },
});

const keeping = (make: (keep: number) => Variant["methods"]): Variant[] =>
  shares.map((keep) => ({ name: `keep ${keep}`, methods: make(keep) }));

const low = (keep: number) => ({ keep, drop: Math.round(10 * (1 - keep)) / 10 });

function pruningArms(networks: number): Arm[] {
  const scored = { networks, epochs: early };
  return [
    { name: "full", variants: plain() },
    { name: "el2n", variants: keeping((keep) => [use(diet, { ...scored, keep })]) },
    { name: "grand", variants: keeping((keep) => [use(diet, { ...scored, score: "grand", keep })]) },
    { name: "lowest", variants: keeping((keep) => [use(diet, { ...scored, ...low(keep) })]) },
    { name: "forgetting", variants: keeping((keep) => [{ name: "forgetting", method: forgettable(keep) }]) },
    { name: "random", variants: keeping((keep) => [{ name: "random", method: atRandom(keep) }]) },
  ];
}

type BySeed = Map<number, Float64Array>;

/** Notes down the scores and trains no further. */
const noting = (networks: number, scores: BySeed): Variant[] => [
  {
    name: "default",
    methodsOf: (seed) => [
      {
        name: "noting",
        method: {
          async examples(rehearsal) {
            scores.set(seed, await meanScores(rehearsal, "el2n", early, networks));
            return new Int32Array(rehearsal.data.size).fill(1);
          },
          between: async (moment) =>
            moment === "start" && scores.has(seed) ? { stop: "scored" } : undefined,
        },
      },
    ],
  },
];

/** The place of each value among all, from 0; of equals in their order. */
function ranksOf(values: Float64Array): Float64Array {
  const ranks = new Float64Array(values.length);
  Array.from(values.keys())
    .sort((a, b) => values[a] - values[b] || a - b)
    .forEach((i, rank) => {
      ranks[i] = rank;
    });
  return ranks;
}

/** Spearman's rank correlation; scores hardly ever tie. */
function rankCorrelation(a: Float64Array, b: Float64Array): number {
  const [x, y] = [ranksOf(a), ranksOf(b)];
  const n = a.length;
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (x[i] - y[i]) ** 2;
  return 1 - (6 * squares) / (n * (n ** 2 - 1));
}

/** The share of the wrong labels whose scores are among the highest tenth. */
function wrongAbove(scores: Float64Array, noisy: Dataset, clean: Dataset): number {
  const [given, right] = [noisy, clean].map(({ target }) => target.data as Int32Array);
  const wrong = Array.from(given.keys()).filter((i) => given[i] !== right[i]);
  const bound = scores.length - Math.round(scores.length / 10);
  const ranks = ranksOf(scores);
  return wrong.filter((i) => ranks[i] >= bound).length / wrong.length;
}

export const el2nGrand = experiment({
  id: "el2n-grand",
  paper: "el2n-grand",
  claim:
    "EL2N scores averaged over a few networks very early in training let a large share of the easiest data be pruned " +
    "without losing test accuracy, beating random pruning, and they transfer across architectures.",
  setting:
    "Full: 6,000 training and 2,000 test images of MNIST (in place of Fashion-MNIST), 4 seeds, scores of 6 networks; quick: " +
    "1,000 and 597 UCI digits, 3 seeds, 3 networks. MLP with 256 hidden units, SGD with momentum 0.9, rate 0.05, cosine " +
    "schedule, batches of 64, 25 epochs, as many steps on pruned data; scores after 2 epochs. Kept are 0.7, 0.5 and 0.3 of " +
    "the examples by EL2N, GraNd, forgetting (25 epochs of its own), at random, and by lowest EL2N. Scores of the MLP are " +
    "compared with those of a CNN (16-32 channels), and scores with 10 % wrong labels looked at. Holds when, with 0.7 kept, " +
    "EL2N loses at most 0.5 points on all data and nothing on random; with 0.5 kept gains 0.5 points on random, and lowest " +
    "EL2N loses on random; the rank correlation with the CNN is at least 0.5; and half of the wrong labels are in the " +
    "highest tenth.",
  async run(scale, tools) {
    const { data, train, test, hidden, seeds, networks, epochs } = sizes[scale];
    const clean = await partsOf(data, { train, validation: 100, test }, tools.signal);
    const noisy: PartsOf = seeded((seed) => {
      const parts = clean(seed);
      return { ...parts, train: withNoisyTarget(parts.train, 0.1, stream(seed).split("wrong labels")) };
    });
    const of = (part: string, study: Pick<Study, "arms" | "model" | "measure">, from: PartsOf) =>
      trainArms(
        {
          seeds,
          epochs,
          data: from,
          batchSize: Math.min(64, train),
          rate: 0.05,
          optimizer: sgd(),
          tags: { part },
          ...study,
        },
        scale,
        tools,
      );
    const model: Study["model"] = (shape, outputs) => mlp(shape, outputs, [hidden]);
    const [ofMlp, ofCnn, ofNoisy]: BySeed[] = [new Map(), new Map(), new Map()];
    const scoresOf = (from: BySeed, seed: number) => from.get(seed) as Float64Array;
    return [
      ...(await of("pruning", { arms: pruningArms(networks), model, measure: scores }, clean)),
      ...(await of(
        "scores",
        { arms: [{ name: "mlp", variants: noting(networks, ofMlp) }], model, measure: async () => ({}) },
        clean,
      )),
      ...(await of(
        "scores",
        {
          arms: [{ name: "cnn", variants: noting(networks, ofCnn) }],
          model: (shape, outputs) => cnn(shape, outputs),
          measure: async ({ seed }) => ({
            correlation: rankCorrelation(scoresOf(ofMlp, seed), scoresOf(ofCnn, seed)),
          }),
        },
        clean,
      )),
      ...(await of(
        "scores",
        {
          arms: [{ name: "noisy", variants: noting(networks, ofNoisy) }],
          model,
          measure: async ({ seed, parts: { train: given } }) => ({
            wrong: wrongAbove(scoresOf(ofNoisy, seed), given, clean(seed).train),
          }),
        },
        noisy,
      )),
    ];
  },
  judge(reports) {
    const of = (arm: string, keep?: number): Report[] =>
      those(reports, { part: "pruning", arm, variant: keep === undefined ? "default" : `keep ${keep}` });
    const numbers = (arm: string, metric: string) => column(those(reports, { part: "scores", arm }), metric);
    const full = of("full");
    return verdictOf(
      [
        atLeast("0.7 by EL2N over all data", points(of("el2n", 0.7), full), -0.5, " points"),
        atLeast("0.7 by EL2N over random", points(of("el2n", 0.7), of("random", 0.7)), 0, " points"),
        atLeast("0.5 by EL2N over random", points(of("el2n", 0.5), of("random", 0.5)), 0.5, " points"),
        atMost("0.5 by lowest EL2N over random", points(of("lowest", 0.5), of("random", 0.5)), 0, " points"),
        atLeast("rank correlation of MLP and CNN", numbers("cnn", "correlation"), 0.5),
        atLeast("share of wrong labels in the highest tenth", numbers("noisy", "wrong"), 0.5),
      ],
      undefined,
      Object.fromEntries([
        ["accuracy on all data", meanOf(column(full, "accuracy"))],
        ...["el2n", "grand", "lowest", "forgetting", "random"].flatMap((arm) =>
          [0.7, 0.5, 0.3].map((keep) => [
            `accuracy, ${keep} by ${arm}`,
            meanOf(column(of(arm, keep), "accuracy")),
          ]),
        ),
      ]),
    );
  },
});

import { solve } from "../../src/array/linalg.ts";
import { fromNested, type Nested, ndarray } from "../../src/array/ndarray.ts";
import { type Stream, stream } from "../../src/array/random.ts";
import { meanAndError } from "../../src/compare/statistics.ts";
import { inBags } from "../../src/data/index.ts";
import { OckhamError } from "../../src/error.ts";
import {
  type Dataset,
  type ExperimentTools,
  experiment,
  type Report,
  type Scale,
  type Step,
} from "../../src/kinds/index.ts";
import { bagLoss as member } from "../../src/methods/losses/bagLoss.ts";
import { mlp } from "../../src/nn/index.ts";
import { squaredError } from "../../src/parts/losses/squaredError.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import { constant, mean } from "../../src/tensor/index.ts";
import { predict } from "../../src/training/index.ts";
import { type PartsOf, partsOf, seeded } from "../common/data.ts";
import {
  atLeast,
  type Criterion,
  chosen,
  column,
  meanOf,
  paired,
  plainly,
  those,
  verdictOf,
} from "../common/judge.ts";
import { errors } from "../common/measures.ts";
import { type Finished, type Numbers, trainArms, type Variant } from "../common/train.ts";
import { rates, use } from "../common/use.ts";

interface Sizes {
  readonly draws: number;
  readonly rows: number;
  readonly manyRows: number;
  readonly seeds: number;
  readonly epochs: number;
}

const sizes: Readonly<Record<Scale, Sizes>> = {
  smoke: { draws: 1, rows: 600, manyRows: 640, seeds: 1, epochs: 2 },
  quick: { draws: 20, rows: 600, manyRows: 3000, seeds: 6, epochs: 100 },
  full: { draws: 40, rows: 600, manyRows: 3000, seeds: 20, epochs: 200 },
};

const features = 50;
const shares = [0, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
const inside = shares.slice(1, -1);
const at = (share: number) => `strength ${share}`;

interface Problem {
  readonly data: Dataset;
  readonly truth: Float64Array;
  /** Standard deviation of the responses. */
  readonly scale: number;
}

/** y = x . truth + noise, x standard normal and |truth|^2 four times the variance of the noise, which is 1. */
function problem(rows: number, random: Stream): Problem {
  const raw = random.normal(features).data;
  const length = Math.hypot(...raw) / 2;
  const truth = Float64Array.from(raw, (v) => v / length);
  const x = Float32Array.from(random.normal(rows * features).data);
  const y = new Float32Array(rows);
  for (let i = 0; i < rows; i++) {
    y[i] = random.normal();
    for (let j = 0; j < features; j++) y[i] += x[i * features + j] * truth[j];
  }
  const data: Dataset = {
    name: "linear",
    task: "regression",
    size: rows,
    inputs: { x: ndarray("float32", [rows, features], x) },
    target: ndarray("float32", [rows, 1], y),
    classes: [],
  };
  return { data, truth, scale: Math.sqrt(5) };
}

/** Sums of outer products, and of products with the responses, of rows that stand for a number of examples each. */
function moments(rows: readonly (readonly [x: ArrayLike<number>, y: number])[]) {
  const gram = new Float64Array(features ** 2);
  const cross = new Float64Array(features);
  for (const [x, y] of rows)
    for (let i = 0; i < features; i++) {
      cross[i] += x[i] * y;
      for (let j = 0; j <= i; j++) gram[i * features + j] += x[i] * x[j];
    }
  for (let i = 0; i < features; i++)
    for (let j = i + 1; j < features; j++) gram[i * features + j] = gram[j * features + i];
  return { gram, cross };
}

/**
 * The least interpolated loss of a linear model, in closed form: the normal equations of (1 - share) bag loss + share
 * instance loss, for each share; and |w - truth|^2, the risk in excess of the noise.
 */
function risks(
  { inputs, target, size, together = 1 }: Dataset,
  truth: Float64Array,
  of: readonly number[],
): number[] {
  const x = inputs.x.data as Float32Array;
  const y = target.data as Float32Array;
  const rowAt = (i: number) => x.subarray(i * features, (i + 1) * features);
  const single = moments(Array.from({ length: size }, (_, i) => [rowAt(i), y[i]] as const));
  const bags = moments(
    Array.from({ length: size / together }, (_, bag) => {
      const average = new Float64Array(features);
      for (let i = 0; i < together; i++)
        rowAt(bag * together + i).forEach((v, j) => {
          average[j] += v / together;
        });
      return [average, y[bag * together]] as const;
    }),
  );
  return of.map((share) => {
    const blend = (a: Float64Array, b: Float64Array) =>
      a.map((v, i) => ((1 - share) * v) / (size / together) + (share * b[i]) / size);
    const w = solve(
      ndarray("float64", [features, features], blend(bags.gram, single.gram)),
      ndarray("float64", [features, 1], blend(bags.cross, single.cross)),
    ).data;
    return truth.reduce((sum, t, j) => sum + (w[j] - t) ** 2, 0);
  });
}

/** Random bags: the member's interpolated loss against the bag loss and the variance within bags, worked out plainly. */
function identity(random: Stream): Report {
  const [rows, size] = [60, 4];
  const draw = () => Array.from(random.normal(rows).data);
  const [f, y] = [draw(), draw()];
  const by = (values: readonly number[], bag: number) => values.slice(bag * size, (bag + 1) * size);
  let largest = 0;
  for (const strength of [0, 0.3, 1]) {
    const step = {
      mode: "train",
      about: { task: "regression", groups: rows / size },
      outputs: { prediction: column64(f) },
      batch: {
        target: column64(y),
        group: constant(
          fromNested(
            f.map((_, i) => Math.floor(i / size)),
            "int32",
          ),
        ),
      },
      loss: squaredError().value,
    } as unknown as Step;
    const { losses } = member({ strength });
    const [got] = evaluate([mean((losses as NonNullable<typeof losses>)(step, undefined))], new Map(), {
      float64: true,
    });
    let wanted = 0;
    for (let bag = 0; bag < rows / size; bag++) {
      const [mf, my] = [meanOf(by(f, bag)), meanOf(by(y, bag))];
      const variance = meanOf(by(f, bag).map((v) => (v - mf) ** 2));
      wanted += ((my - mf) ** 2 + strength * variance) / (rows / size);
    }
    largest = Math.max(largest, Math.abs(Number(got.data[0]) - wanted));
  }
  return { part: "identity", arm: "bag-loss", variant: "all", seed: 0, largest };
}

const column64 = (values: readonly number[]) =>
  constant(fromNested(values.map((v) => [v]) as Nested, "float64"));

const linearCases = ({ rows, manyRows }: Sizes) => [
  { rows, size: 2 },
  { rows, size: 4 },
  { rows, size: 8 },
  { rows: manyRows, size: 2 },
];

const privateSizes = [1, 2, 4, 8, 16, 32];
/** The private bags of 32 are fewer than the features: some instance loss makes all of them solvable. */
const privateShare = 0.5;

/** Closed forms of one draw: every bag size and strength, and private responses. */
function linear(scale: Sizes, seed: number): Report[] {
  const random = stream(seed).split("bags");
  const plain = linearCases(scale).flatMap(({ rows, size }, i) => {
    const own = random.split(i);
    const { data, truth } = problem(rows, own);
    const found = risks(inBags(data, { size }, own), truth, shares);
    const arm = `bags of ${size}, ${rows === scale.rows ? "few" : "many"} rows`;
    return shares.map((share, j) => ({ part: "linear", arm, variant: at(share), seed, risk: found[j] }));
  });
  const own = random.split("private");
  const { data, truth, scale: spread } = problem(scale.manyRows, own);
  const clip = Math.sqrt(Math.log(data.size)) * spread;
  const hidden = privateSizes.map((size) => {
    const bags = inBags(data, { size, privacy: { epsilon: 1, clip } }, own.split(size));
    const [risk] = risks(bags, truth, [privateShare]);
    return { part: "private", arm: "bag-loss", variant: `bags of ${size}`, seed, risk };
  });
  return [...plain, ...hidden];
}

const bagSize = 4;

const bagged = (all: PartsOf): PartsOf =>
  seeded((seed) => {
    const { train, validation, test } = all(seed);
    const random = stream(seed).split("bags");
    const deal = (data: Dataset, name: string) => inBags(data, { size: bagSize }, random.split(name));
    return { train: deal(train, "train"), validation: deal(validation, "validation"), test };
  });

/** Squared error of the bags' mean predictions on validation data, to choose by; and that of single test rows. */
async function measure(f: Finished): Promise<Numbers> {
  const { validation } = f.parts;
  const { data } = await predict(f.host, f.plan, f.values, validation);
  const response = validation.target.data as Float32Array;
  let total = 0;
  for (let start = 0; start < data.length; start += bagSize)
    total += (meanOf(Array.from(data.subarray(start, start + bagSize))) - response[start]) ** 2;
  const { error } = await errors(f);
  return { validation: (-total * bagSize) / data.length, error };
}

async function trained({ seeds, epochs }: Sizes, scale: Scale, tools: ExperimentTools): Promise<Report[]> {
  const all = await partsOf("diabetes", { train: 240, validation: 60, test: 142 }, tools.signal);
  const with_ = (strength: number) => [use(member, { strength })];
  const between: Variant[] = [0.1, 0.3, 0.5].flatMap((strength) =>
    rates([0.01, 0.003], with_(strength)).map((v) => ({ ...v, name: `${at(strength)}, ${v.name}` })),
  );
  const tries = [0.01, 0.001, 0.002, 0.003, 0.005, 0.02];
  return trainArms(
    {
      tags: { part: "diabetes" },
      arms: [
        { name: "bag", variants: rates(tries, with_(0)) },
        { name: "instance", variants: rates(tries, with_(1)) },
        { name: "between", variants: between },
      ],
      data: bagged(all),
      seeds,
      epochs,
      batchSize: 40,
      rate: 0.01,
      optimizer: sgd(),
      model: (shape, outputs) => mlp(shape, outputs, [32, 32]),
      measure,
    },
    scale,
    tools,
  );
}

export const bagLoss = experiment({
  id: "bag-loss",
  paper: "aggregate-responses",
  claim:
    "The instance loss is a regularised bag loss, and an interpolating loss with a strength between 0 and 1 gives a " +
    "prediction risk at most that of either; under label-differential privacy there is an interior optimal bag size.",
  setting:
    "(1) The identity of the losses on random bags. (2) Linear regression in closed form: 50 standard normal features, " +
    "signal to noise 4; 600 rows in bags of 2, 4, 8, and 3,000 rows in bags of 2; strengths 0, 0.01, 0.03, 0.1, 0.2, ..., 1; risk in excess of " +
    "the noise. (3) Diabetes progression in bags of 4: 240 training rows, 60 for validation, 142 for test; MLP " +
    "10-32-32-1, SGD with momentum 0.9, cosine schedule, batches of 10 bags. Arms of six tries each, chosen on the validation " +
    "bags' error: bag, instance (six rates), between (strength 0.1, 0.3, 0.5 at two rates). (4) As (2), 3,000 rows, strength " +
    "0.5, private with epsilon 1, responses clipped at sqrt(log n) of their spread; bags of 1, 2, ..., 32. Full: 40 draws, 20 " +
    "seeds, 200 epochs; quick: 20, 6, 100. Holds when the identity holds to 1e-12; for 2 of 3 bag sizes the best strength inside " +
    "beats both ends by 2 standard errors (paired); the instance loss beats the bag loss with bags of 8, and loses to it with " +
    "bags of 2 of 3,000 rows; in (3) between is no worse than either end; in (4) the best bag size is neither end, with t > 2.",
  async run(scale, tools) {
    const { draws } = sizes[scale];
    const reports: Report[] = [identity(stream(0).split("identity"))];
    for (let seed = 0; seed < draws; seed++) {
      // lets progress and Ctrl-C through between two draws
      await new Promise((resolve) => setImmediate(resolve));
      if (tools.signal.aborted)
        throw new OckhamError("interrupted", "experiment", "the experiment was stopped", "run it again");
      reports.push(...linear(sizes[scale], seed));
      tools.progress(seed, draws, `linear, draw ${seed}`);
    }
    return [...reports, ...(await trained(sizes[scale], scale, tools))];
  },
  judge(reports) {
    const risk = (arm: string, share: number) => those(reports, { part: "linear", arm, variant: at(share) });
    const best = (arm: string) =>
      inside
        .map((share) => risk(arm, share))
        .sort((a, b) => meanOf(column(a, "risk")) - meanOf(column(b, "risk")))[0];
    const few = [2, 4, 8].map((size) => `bags of ${size}, few rows`);
    const gains = few.map((arm) =>
      Math.min(...[0, 1].map((end) => tOf(paired(risk(arm, end), best(arm), "risk")))),
    );
    const beaten = gains.filter((t) => t > 2).length;
    const difference = (arm: string) => paired(risk(arm, 0), risk(arm, 1), "risk");
    const [bag, instance, between] = ["bag", "instance", "between"].map((arm) =>
      chosen(reports, { part: "diabetes", arm }),
    );
    const [{ largest }] = those(reports, { part: "identity" });
    return verdictOf(
      [
        plainly(
          "largest difference of the identity",
          Number(largest),
          Number(largest) <= 1e-12,
          "at most 1e-12",
        ),
        plainly("bag sizes where a strength inside beats both ends", beaten, beaten >= 2, "at least 2"),
        atLeast("bags of 8, few rows: risk of the bag loss less the instance loss's", difference(few[2]), 0),
        atLeast(
          "bags of 2, many rows: risk of the instance loss less the bag loss's",
          difference("bags of 2, many rows").map((d) => -d),
          0,
        ),
        atLeast("diabetes: error of the bag loss less between's", paired(bag, between, "error"), 0),
        atLeast("diabetes: error of the instance loss less between's", paired(instance, between, "error"), 0),
        privately(reports),
      ],
      undefined,
      {
        ...Object.fromEntries(
          few.map((arm, i) => [`${arm}: smaller t of the best strength inside`, gains[i]]),
        ),
        ...Object.fromEntries(
          [...few, "bags of 2, many rows"].flatMap((arm) =>
            [0, 1].map((share) => [`${arm}: risk at ${at(share)}`, meanOf(column(risk(arm, share), "risk"))]),
          ),
        ),
        ...Object.fromEntries(
          few.map((arm) => [`${arm}: least risk inside`, meanOf(column(best(arm), "risk"))]),
        ),
        "diabetes: error of the bag loss": meanOf(column(bag, "error")),
        "diabetes: error of the instance loss": meanOf(column(instance, "error")),
        "diabetes: error between": meanOf(column(between, "error")),
      },
    );
  },
});

/** Mean over its standard error. */
function tOf(differences: readonly number[]): number {
  const { mean: average, error } = meanAndError(differences);
  return average / error;
}

/** The best bag size of private responses is neither the smallest nor the largest. */
function privately(reports: readonly Report[]): Criterion {
  const of = (size: number) => those(reports, { part: "private", variant: `bags of ${size}` });
  const means = privateSizes.map((size) => meanOf(column(of(size), "risk")));
  const size = privateSizes[means.indexOf(Math.min(...means))];
  const t = Math.min(...[1, 32].map((end) => tOf(paired(of(end), of(size), "risk"))));
  const numbers = Object.fromEntries(privateSizes.map((s, i) => [`private: risk in bags of ${s}`, means[i]]));
  const inner = size !== 1 && size !== 32;
  const found = plainly(
    `private: smaller t of bags of ${size} over both ends`,
    inner ? t : 0,
    inner && t > 2,
    "above 2",
  );
  return { ...found, numbers: { ...numbers, ...found.numbers } };
}

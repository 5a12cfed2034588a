import { setImmediate } from "node:timers/promises";
import { ndarray } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import { OckhamError } from "../../src/error.ts";
import {
  type ExperimentTools,
  experiment,
  type Leaf,
  type Report,
  type Scale,
} from "../../src/kinds/index.ts";
import { rowQuantization } from "../../src/methods/compression/rowQuantization.ts";
import { mlp } from "../../src/nn/index.ts";
import { crossEntropy } from "../../src/parts/losses/crossEntropy.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { cauchySchwarz as penalty } from "../../src/parts/penalties/cauchySchwarz.ts";
import { cosine } from "../../src/parts/schedules/cosine.ts";
import type { Host } from "../../src/runtime/index.ts";
import { csRecover } from "../../src/solvers/cauchySchwarz.ts";
import {
  beginning,
  lift,
  type Named,
  type Plan,
  planOf,
  type Trained,
  train,
} from "../../src/training/index.ts";
import { type Parts, type PartsOf, partsOf } from "../common/data.ts";
import { atLeast, chosen, column, meanOf, paired, points, those, verdictOf } from "../common/judge.ts";
import { leastMaximum } from "../common/leastMaximum.ts";
import { scores } from "../common/measures.ts";
import { onHosts } from "../common/train.ts";
import { use } from "../common/use.ts";

interface Sizes {
  readonly unknowns: number;
  readonly ratios: readonly number[];
  readonly trials: number;
  readonly restarts: number;
  readonly seeds: number;
  readonly train: number;
  /** Epochs of each stage: as floats, drawn to levels, with fixed levels. */
  readonly epochs: readonly [number, number, number];
}

const sizes: Readonly<Record<Scale, Sizes>> = {
  smoke: { unknowns: 12, ratios: [0.6], trials: 2, restarts: 2, seeds: 1, train: 64, epochs: [1, 1, 1] },
  quick: {
    unknowns: 30,
    ratios: [0.4, 0.5, 0.6],
    trials: 10,
    restarts: 10,
    seeds: 2,
    train: 800,
    epochs: [20, 40, 20],
  },
  full: {
    unknowns: 40,
    ratios: [0.4, 0.5, 0.55, 0.6, 0.7],
    trials: 40,
    restarts: 10,
    seeds: 5,
    train: 800,
    epochs: [20, 40, 20],
  },
};

/** |x - truth| / |truth| */
function relativeError(x: Float64Array, truth: Float64Array): number {
  const off = x.map((value, i) => value - truth[i]);
  return Math.hypot(...off) / Math.hypot(...truth);
}

/** Random signs from fewer Gaussian equations than unknowns, by the regularizer and by the least maximum. */
async function recovery(size: Sizes, { signal, progress }: ExperimentTools): Promise<Report[]> {
  const { unknowns: n, ratios, trials, restarts } = size;
  const reports: Report[] = [];
  for (const ratio of ratios)
    for (let seed = 0; seed < trials; seed++) {
      // lets progress and Ctrl-C through
      await setImmediate();
      if (signal.aborted)
        throw new OckhamError("interrupted", "experiment", "the experiment was stopped", "run it again");
      const random = stream(seed).split("signs").split(String(ratio));
      const m = Math.round(ratio * n);
      const a = random.normal([m, n]);
      const truth = Float64Array.from({ length: n }, () => (random.bernoulli(0.5) ? 1 : -1));
      const b = Float64Array.from({ length: m }, (_, i) =>
        truth.reduce((sum, x, j) => sum + a.data[i * n + j] * x, 0),
      );
      const found = csRecover(a, ndarray("float64", [m], b), { restarts, seed });
      const report = (arm: string, at: Float64Array, more: Record<string, number>): Report => {
        const error = relativeError(at, truth);
        return {
          part: "recovery",
          ratio,
          arm,
          variant: "default",
          seed,
          error,
          success: error < 0.01 ? 1 : 0,
          ...more,
        };
      };
      reports.push(
        report("cauchy-schwarz", found.at, { starts: found.starts, squaredSine: found.value }),
        report("least maximum", leastMaximum(a, b).at, {}),
      );
      progress(reports.length / 2, ratios.length * trials, `recovery, ratio ${ratio}, trial ${seed}`);
    }
  return reports;
}

/** How the middle layer comes to its levels. */
interface Way {
  readonly arm: string;
  readonly variant: string;
  readonly rate: number;
  /** What the second stage trains with, and the third. */
  readonly before: readonly Named[];
  readonly after: readonly Named[];
}

const binary = use(rowQuantization);
const rates = [0.001, 0.0003, 0.003];

/** The weights between the first layer's and the last's. */
const middle = "hidden.1.0.kernel";

/** On the layer between the first and the last alone, as `row-quantization` does. */
const drawn = (strength: number): Named => ({
  name: "cauchy-schwarz",
  method: lift(penalty, { ...penalty({ strength }), applies: (leaf: Leaf) => leaf.path === middle }),
});

const ways: readonly Way[] = [
  ...rates.map((rate) => ({ arm: "float", variant: `rate ${rate}`, rate, before: [], after: [] })),
  ...rates.map((rate) => ({ arm: "direct", variant: `rate ${rate}`, rate, before: [], after: [binary] })),
  ...[10, 100, 1000].map((strength) => ({
    arm: "cauchy-schwarz",
    variant: `strength ${strength}`,
    rate: rates[0],
    before: [drawn(strength)],
    after: [binary],
  })),
];

/** Mean over the rows of the layer of the spread of |w| relative to its mean: 0 where each row has one level. */
function spreadOf({ values }: Trained): number {
  const { shape, data } = values[`params/${middle}`];
  const rows = Array.from({ length: shape[0] }, (_, i) => {
    const row = (data as Float32Array).subarray(i * shape[1], (i + 1) * shape[1]).map(Math.abs);
    const mean = meanOf(Array.from(row));
    return Math.sqrt(row.reduce((sum, w) => sum + (w - mean) ** 2, 0) / row.length) / mean;
  });
  return meanOf(rows);
}

/** Three stages: floats, the same for all; floats that may be drawn to levels; levels where there are any. */
async function quantization(scale: Scale, data: PartsOf, tools: ExperimentTools): Promise<Report[]> {
  const { seeds, epochs } = sizes[scale];
  const kept = ways.filter(({ arm }, i) => scale !== "smoke" || ways[i - 1]?.arm !== arm);
  const rows = data(0).train;
  const planFor = (stage: 0 | 1 | 2, methods: readonly Named[], rate: number) =>
    planOf(
      {
        model: mlp(rows.inputs.x.shape.slice(1), rows.classes.length, [128, 128]),
        methods,
        optimizer: adam(),
        schedule: cosine(),
        loss: crossEntropy(),
        rate,
        batchSize: 32,
        epochs: epochs[stage],
      },
      rows,
    );
  const floats = planFor(0, [], rates[0]);
  const stages = kept.map(({ before, after, rate }) => [planFor(1, before, rate), planFor(2, after, rate)]);
  const bySeed = await onHosts(
    Array.from({ length: seeds }, (_, seed) => seed),
    scale,
    tools,
    async (seed, host) => {
      const parts = data(seed);
      const stage = (plan: Plan, from?: Trained) =>
        train(plan, parts.train, seed, host, { signal: tools.signal, from: from?.values });
      const first = await stage(floats);
      const reports: Report[] = [];
      for (const [i, way] of kept.entries()) {
        const soft = await stage(stages[i][0], first);
        const last = await stage(stages[i][1], soft);
        const values = await beginning(host, last.plan, { data: parts.train, seed, from: soft.values });
        reports.push(await measured(way, { soft, values, last, parts, seed, host }));
        tools.progress(reports.length, kept.length, `quantization, seed ${seed}, ${way.arm}, ${way.variant}`);
      }
      return reports;
    },
  );
  return bySeed.flat();
}

interface Stages {
  readonly soft: Trained;
  /** Those that the last stage begins with. */
  readonly values: Trained["values"];
  readonly last: Trained;
  readonly parts: Parts;
  readonly seed: number;
  readonly host: Host;
}

async function measured(
  { arm, variant }: Way,
  { soft, values, last, parts, seed, host }: Stages,
): Promise<Report> {
  const of = (trained: Trained, at = trained.values) =>
    scores({ plan: trained.plan, values: at, trained, parts, seed, host });
  return {
    part: "quantization",
    arm,
    variant,
    seed,
    ...(await of(last)),
    accuracyBefore: (await of(soft)).accuracy,
    accuracyRounded: (await of(last, values)).accuracy,
    spread: spreadOf(soft),
  };
}

export const cauchySchwarz = experiment({
  id: "cauchy-schwarz",
  paper: "cauchy-schwarz",
  claim:
    "Minimising the scale-free binary regulariser recovers binary solutions of underdetermined systems at least as often " +
    "as l-infinity minimisation, and pulls weights to one learned level so quantisation costs little accuracy.",
  setting:
    "(1) Random signs in N unknowns from M Gaussian equations, in float64: the regularizer from at most 10 random starts " +
    "of at most 10,000 iterations, ended where all |x| agree, which needs no knowledge of the solution; and min max |x| by " +
    "an interior-point method. Success: relative error below 0.01. Full: N = 40, M / N of 0.4, 0.5, 0.55, 0.6, 0.7, 40 " +
    "trials; quick: N = 30, M / N of 0.4, 0.5, 0.6, 10 trials. (2) UCI digits, 800 for training, 300 for validation, 697 for " +
    "test; MLP 64-128-128-10, Adam, batches of 32, cosine schedule in each stage. All arms go on from the same 20 epochs of " +
    "plain training: 40 epochs without (float, direct) or with the regularizer on the rows of the middle layer, then 20 " +
    "epochs as they are (float) or with that layer's signs fixed and a trained scale for each row. Arms of three tries " +
    "each, chosen on validation accuracy: float and direct (rates 0.001, 0.0003, 0.003), cauchy-schwarz (strengths 10, 100, " +
    "1,000 at rate 0.001). Full: 5 seeds; quick: 2. Holds when success is at most 0.05 below the least maximum's at every " +
    "M / N and 0.1 above it in the mean of 0.4 to 0.6, and accuracy is at most 1.5 points below float's and 0.5 points " +
    "above direct's.",
  async run(scale, tools) {
    const size = sizes[scale];
    const data = await partsOf("digits", { train: size.train, validation: 300, test: 697 }, tools.signal);
    return [...(await recovery(size, tools)), ...(await quantization(scale, data, tools))];
  },
  judge(reports) {
    const solved = those(reports, { part: "recovery" });
    const ratios = [...new Set(column(solved, "ratio"))].sort();
    const gains = (ratio: number) => {
      const [own, other] = ["cauchy-schwarz", "least maximum"].map((arm) => those(solved, { ratio, arm }));
      return paired(own, other, "success");
    };
    const few = ratios.filter((ratio) => ratio <= 0.6).map(gains);
    const inTrial = few[0].map((_, trial) => meanOf(few.map((list) => list[trial])));
    const [own, float, direct] = ["cauchy-schwarz", "float", "direct"].map((arm) =>
      chosen(reports, { part: "quantization", arm }),
    );
    const rate = (arm: string) =>
      Object.fromEntries(
        ratios.map((ratio) => [
          `success of ${arm} at ${ratio}`,
          meanOf(column(those(solved, { ratio, arm }), "success")),
        ]),
      );
    return verdictOf(
      [
        ...ratios.map((ratio) => atLeast(`gain in success at ${ratio}`, gains(ratio), -0.05)),
        atLeast("gain in success, mean of 0.4 to 0.6", inTrial, 0.1),
        atLeast("accuracy over float", points(own, float), -1.5, " points"),
        atLeast("accuracy over direct", points(own, direct), 0.5, " points"),
      ],
      undefined,
      {
        ...rate("cauchy-schwarz"),
        ...rate("least maximum"),
        ...Object.fromEntries(
          [own, float, direct].map((list) => [
            `accuracy of ${list[0]?.arm}`,
            meanOf(column(list, "accuracy")),
          ]),
        ),
        "accuracy with the regularizer, rounded, before retraining": meanOf(column(own, "accuracyRounded")),
        "accuracy without, rounded, before retraining": meanOf(column(direct, "accuracyRounded")),
        "spread of the levels with the regularizer": meanOf(column(own, "spread")),
        "spread of the levels without": meanOf(column(direct, "spread")),
      },
    );
  },
});

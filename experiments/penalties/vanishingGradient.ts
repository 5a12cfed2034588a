import { ndarray } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import {
  type AnyMethod,
  type Dataset,
  experiment,
  type Report,
  type Scale,
  type Step,
} from "../../src/kinds/index.ts";
import { vanishingGradient as regularizer } from "../../src/methods/penalties/vanishingGradient.ts";
import { type Initializer, lastToken, linear, recurrence, staged } from "../../src/nn/index.ts";
import { clipNorm } from "../../src/parts/gradients/clipNorm.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { constant } from "../../src/parts/schedules/constant.ts";
import {
  abs,
  amax,
  argMax,
  cast,
  div,
  equal,
  fill,
  log,
  max,
  mean,
  mul,
  normal,
  slice,
  sub,
  vjp,
} from "../../src/tensor/index.ts";
import type { Named } from "../../src/training/index.ts";
import { type Parts, seeded } from "../common/data.ts";
import { atLeast, chosen, column, meanOf, paired, plainly, those, verdictOf } from "../common/judge.ts";
import { scores } from "../common/measures.ts";
import { type Arm, type ModelOf, trainArms } from "../common/train.ts";
import { rates, use } from "../common/use.ts";

interface Size {
  readonly lengths: readonly number[];
  readonly units: number;
  readonly updates: number;
  readonly seeds: number;
  readonly arms: readonly string[];
  readonly rates: readonly number[];
  /** Test sequences. */
  readonly test: number;
}

const names = ["SGD", "SGD-C", "SGD-CR"];
const sizes: Readonly<Record<Scale, Size>> = {
  smoke: { lengths: [10], units: 5, updates: 2, seeds: 1, arms: ["SGD", "SGD-CR"], rates: [0.01], test: 20 },
  quick: {
    lengths: [20],
    units: 25,
    updates: 1500,
    seeds: 3,
    arms: ["SGD", "SGD-CR"],
    rates: [0.01],
    test: 500,
  },
  full: {
    lengths: [20, 40, 60],
    units: 50,
    updates: 3000,
    seeds: 5,
    arms: names,
    rates: [0.01, 0.003, 0.03],
    test: 500,
  },
};

const batch = 20;
/** Updates between two looks at the validation data. */
const span = 500;
/** Share of right answers that counts as success. */
const solved = 0.99;

/**
 * Temporal order: sequences of four symbols, but A or B after a tenth and again after a half of the length; the class
 * is the pair. As the authors' tempOrder.py.
 */
function temporalOrder(name: string, size: number, length: number, seed: number): Dataset {
  const random = stream([seed, length]).split(name);
  const tenth = Math.floor(length / 10);
  const x = new Float32Array(size * length * 6);
  const labels = new Int32Array(size);
  const below = (n: number) => Math.floor(random.uniform() * n);
  for (let i = 0; i < size; i++) {
    const symbols = Array.from({ length }, () => 2 + below(4));
    const [first, second] = [below(2), below(2)];
    symbols[tenth + below(tenth)] = first;
    symbols[Math.floor(length / 2) + below(tenth)] = second;
    labels[i] = first + 2 * second;
    symbols.forEach((symbol, t) => {
      x[(i * length + t) * 6 + symbol] = 1;
    });
  }
  return {
    name: "temporal order",
    task: "classification",
    size,
    inputs: { x: ndarray("float32", [size, length, 6], x) },
    target: ndarray("int32", [size], labels),
    classes: ["AA", "BA", "AB", "BB"],
  };
}

/** tanh units with all weights N(0, 0.1^2): "basic_tanh" of the authors' code. */
const tenth: Initializer = (key, shape) => mul(0.1, normal(key, shape));
const modelOf =
  (units: number): ModelOf =>
  (shape, outputs) =>
    staged("basic tanh", shape, [
      { name: "recurrent.input", part: linear(units, { init: tenth }) },
      { name: "recurrent", part: recurrence(units, { init: tenth }) },
      { name: "features", part: lastToken },
      { name: "head", part: linear(outputs, { init: tenth, head: true }) },
    ]);

const accuracyOf = ({ outputs, batch: { target } }: Step) =>
  mean(cast(equal(argMax(outputs.prediction, -1), argMax(target, -1)), "float32"));

/** How large the error that enters the units is at the first token, for the largest at the last: log10, at least -30. */
function reachOf({ outputs, losses }: Step) {
  const [g] = vjp([mean(losses)], [fill([], 1)], [outputs.activations["recurrent.input"]]);
  const at = (token: number) => max(amax(abs(slice(g, 1, token, token + 1))), 1e-35);
  return max(div(sub(log(at(0)), log(at(g.shape[1] - 1))), Math.LN10), -30);
}

/** What is seen of a run while it trains. */
interface Seen {
  updates: number;
  /** After the first look. */
  reach?: number;
}
const seenBy = new WeakMap<object, Seen>();

/** Looks at the validation data now and then, and ends the run when the task is solved. */
function watcher(): Named {
  const seen: Seen = { updates: 0 };
  const between: AnyMethod["between"] = async (moment, run) => {
    if (moment !== "epoch") return undefined;
    seen.updates = run.count;
    seen.reach ??= await run.evaluate(reachOf);
    return (await run.evaluate(accuracyOf)) >= solved ? { stop: "the task is solved" } : undefined;
  };
  const method: AnyMethod = { between };
  seenBy.set(method, seen);
  return { name: "watcher", method };
}

/** Fresh sequences enough for a look: each look's are seen again after the next. */
const partsOf = (length: number, { updates, test }: Size) =>
  seeded((seed): Parts => {
    const part = (name: string, size: number) => temporalOrder(name, size, length, seed);
    return {
      train: part("train", Math.min(span, updates) * batch),
      validation: part("validation", test),
      test: part("test", test),
    };
  });

const methods: Readonly<Record<string, readonly Named[]>> = {
  SGD: [],
  "SGD-C": [use(clipNorm, { threshold: 1 })],
  "SGD-CR": [use(regularizer, { strength: 2 }), use(clipNorm, { threshold: 1 })],
};

const armsOf = ({ arms, rates: grid }: Size): Arm[] =>
  arms.map((name) => ({
    name,
    variants: rates(grid, methods[name]).map((variant) => ({ ...variant, methodsOf: () => [watcher()] })),
  }));

const lengthsOf = (reports: readonly Report[]) => [...new Set(reports.map(({ length }) => Number(length)))];

/** Share of solved runs of each arm at a length, at the rate that is best on validation data. */
const best = (reports: readonly Report[], arm: string, length: number) => chosen(reports, { arm, length });

export const vanishingGradient = experiment({
  id: "vanishing-gradient",
  paper: "pascanu-clip-omega",
  claim:
    "SGD with clipping and the regulariser solves long-range tasks such as temporal order at sequence lengths where " +
    "plain SGD fails.",
  setting:
    "Temporal order (sequences of 20, 40 and 60 symbols, two of which, early and in the middle, make one of four " +
    "classes; 10000 sequences for training, 500 for validation, 500 for test), 50 tanh units with weights " +
    "N(0, 0.1^2), batches of 20, constant rates 0.01, 0.003, 0.03, at most 3000 updates, stopped at 99 % of the " +
    "validation sequences (looked at every 500 updates). Arms: SGD, SGD-C (clipped to norm 1), SGD-CR (with the term, " +
    "strength 2). Success is 99 % of the test sequences, at each arm's best rate. Full: 5 seeds; quick: length 20, " +
    "25 units, 1500 updates, rate 0.01, SGD and SGD-CR, 3 seeds. Holds when SGD-CR succeeds as often as SGD-C and that " +
    "as often as SGD at each length, SGD-CR 0.4 more often than SGD at one, and after 500 updates at rate 0.01 the term " +
    "makes the error at the first token, for that at the last, ten times larger.",
  async run(scale, tools) {
    const size = sizes[scale];
    const reports: Report[] = [];
    for (const length of size.lengths)
      reports.push(
        ...(await trainArms(
          {
            arms: armsOf(size),
            data: partsOf(length, size),
            seeds: size.seeds,
            epochs: Math.ceil(size.updates / span),
            batchSize: batch,
            rate: 0.01,
            optimizer: sgd({ momentum: 0 }),
            schedule: constant(),
            model: modelOf(size.units),
            tags: { length },
            measure: async (finished) => {
              const numbers = await scores(finished);
              const own = finished.plan.recipe.methods.map(({ method }) => seenBy.get(method));
              const seen = own.find((one) => one !== undefined);
              return {
                ...numbers,
                success: numbers.accuracy >= solved ? 1 : 0,
                updates: seen?.updates ?? 0,
                reach: seen?.reach ?? -30,
              };
            },
          },
          scale,
          tools,
        )),
      );
    return reports;
  },
  judge(reports) {
    const lengths = lengthsOf(reports);
    const arms = names.filter((arm) => reports.some((report) => report.arm === arm));
    const share = (arm: string, length: number) => meanOf(column(best(reports, arm, length), "success"));
    const orders = lengths.flatMap((length) =>
      arms.slice(1).map((arm, i) => {
        const gain = share(arm, length) - share(arms[i], length);
        return plainly(
          `success of ${arm} less that of ${arms[i]} at ${length}`,
          gain,
          gain >= 0,
          "at least 0",
        );
      }),
    );
    const gains = lengths.map((length) =>
      paired(best(reports, "SGD-CR", length), best(reports, "SGD", length), "success"),
    );
    const largest = gains.reduce((a, b) => (meanOf(b) > meanOf(a) ? b : a));
    const at = (arm: string, length: number) => those(reports, { arm, length, variant: "rate 0.01" });
    const without = arms[arms.length - 2];
    const reach = lengths.flatMap((length) => paired(at("SGD-CR", length), at(without, length), "reach"));
    return verdictOf(
      [
        ...orders,
        atLeast("largest gain of SGD-CR over SGD in success", largest, 0.4),
        atLeast("log10 of the gain in what reaches the first token", reach.filter(Number.isFinite), 1),
      ],
      undefined,
      Object.fromEntries(
        lengths.flatMap((length) =>
          arms.flatMap((arm) => {
            const own = best(reports, arm, length);
            return [
              [`success of ${arm} at ${length}`, share(arm, length)],
              [`updates of ${arm} at ${length}`, meanOf(column(own, "updates"))],
              [`accuracy of ${arm} at ${length}`, meanOf(column(own, "accuracy"))],
            ];
          }),
        ),
      ),
    );
  },
});

import { type Stream, stream } from "../../src/array/random.ts";
import {
  combined,
  type Dataset,
  dotOf,
  experiment,
  normOf,
  type Run,
  type Scale,
  type Step,
} from "../../src/kinds/index.ts";
import { stablemax as member } from "../../src/methods/losses/stablemax.ts";
import { weightDecay } from "../../src/methods/regularizers/weightDecay.ts";
import { flatten, linear, relu, sequence, staged } from "../../src/nn/index.ts";
import { perpGrad } from "../../src/parts/gradients/perpGrad.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { constant } from "../../src/parts/schedules/constant.ts";
import { argMax, cast, div, equal, fill, max, mul, sub, uniform, vjp } from "../../src/tensor/index.ts";
import { type Named, select, trainable } from "../../src/training/index.ts";
import { type Parts, type PartsOf, seeded } from "../common/data.ts";
import { atLeast, atMost, column, meanOf, mostly, paired, those, verdictOf } from "../common/judge.ts";
import { accuracyOn } from "../common/measures.ts";
import { type Finished, type ModelOf, type Numbers, trainArms } from "../common/train.ts";
import { use } from "../common/use.ts";

interface Sizes {
  readonly modulus: number;
  readonly seeds: number;
  readonly epochs: number;
  /** Steps between two looks. */
  readonly every: number;
}

const sizes: Readonly<Record<Scale, Sizes>> = {
  smoke: { modulus: 7, seeds: 1, epochs: 4, every: 2 },
  quick: { modulus: 47, seeds: 2, epochs: 600, every: 50 },
  full: { modulus: 47, seeds: 4, epochs: 3000, every: 50 },
};

/** a + b modulo a number, both as one-hot vectors side by side; every pair once. */
function additions(modulus: number): Dataset {
  const size = modulus ** 2;
  const x = new Float32Array(size * 2 * modulus);
  const sums = new Int32Array(size);
  for (let i = 0; i < size; i++) {
    const [a, b] = [Math.floor(i / modulus), i % modulus];
    x[i * 2 * modulus + a] = 1;
    x[i * 2 * modulus + modulus + b] = 1;
    sums[i] = (a + b) % modulus;
  }
  return {
    name: `addition modulo ${modulus}`,
    task: "classification",
    size,
    inputs: { x: { dtype: "float32", shape: [size, 2 * modulus], data: x } },
    target: { dtype: "int32", shape: [size], data: sums },
    classes: Array.from({ length: modulus }, (_, k) => String(k)),
  };
}

/** The authors' network: no biases, weights uniform within 1 / sqrt(fan in), as in PyTorch. */
const network: ModelOf = (shape, outputs) => {
  const layer = (out: number) =>
    linear(out, {
      bias: false,
      init: (key, [rows, columns]) => mul(sub(uniform(key, [rows, columns]), 0.5), 2 / Math.sqrt(columns)),
    });
  return staged("mlp without biases", shape, [
    { name: "hidden.0", part: sequence(flatten, layer(200), relu) },
    { name: "hidden.1", part: sequence(layer(200), relu) },
    { name: "head", part: layer(outputs) },
  ]);
};

const splits = (modulus: number): PartsOf => {
  const all = additions(modulus);
  return seeded((seed): Parts => {
    const random: Stream = stream(seed).split("pairs");
    const order = random.permutation(all.size);
    const cut = Math.round(0.5 * all.size);
    const test = select(all, order.subarray(cut));
    return { train: select(all, order.subarray(0, cut)), validation: test, test };
  });
};

const right = ({ outputs, batch }: Step) =>
  cast(equal(argMax(outputs.prediction), argMax(batch.target)), "float32");

/** Share of examples whose loss, as it is computed, is exactly zero: they have no gradient left. */
const collapsed = ({ losses }: Step) => cast(equal(losses, 0), "float32");

/** Cosine of the way down the loss and the weights: 1 where training only scales them up (naive loss minimization). */
function naive({ params, losses, about }: Step) {
  const paths = trainable(about.model.leaves, []).map(({ path }) => path);
  const weights = Object.fromEntries(paths.map((path) => [path, params[path]]));
  const total = div(losses, losses.shape[0]);
  const slopes = vjp(
    [total],
    [fill(total.shape, 1)],
    paths.map((path) => params[path]),
  );
  const slope = Object.fromEntries(paths.map((path, i) => [path, slopes[i]]));
  const down = combined(-1, slope, 0, slope);
  const lengths = [normOf(weights), normOf(down)].map((length) => max(length, 1e-30));
  return div(div(dotOf(weights, down), lengths[0]), lengths[1]);
}

interface Look {
  readonly count: number;
  readonly test: number;
  readonly collapsed: number;
  readonly naive: number;
}

/** Looks at a run every so many steps; `looks` fills while it is trained. */
function watcher(every: number): Named & { readonly looks: Look[] } {
  const looks: Look[] = [];
  return {
    name: "watcher",
    looks,
    method: {
      async between(moment, run: Run) {
        if (moment !== "epoch" || run.count % every !== 0) return undefined;
        // few enough for one batch, as the cosine needs all at once
        const some = select(
          run.data,
          Array.from({ length: Math.min(512, run.data.size) }, (_, i) => i),
        );
        looks.push({
          count: run.count,
          test: await run.evaluate(right),
          collapsed: await run.evaluate(collapsed, some),
          naive: await run.evaluate(naive, some),
        });
        return undefined;
      },
    },
  };
}

async function measure(f: Finished): Promise<Numbers> {
  const watching = f.plan.recipe.methods.find(({ name }) => name === "watcher");
  const { looks } = watching as ReturnType<typeof watcher>;
  const last = looks[looks.length - 1];
  const grokked = looks.find(({ test }) => test >= 0.9)?.count;
  return {
    accuracy: last.test,
    trainAccuracy: await accuracyOn(f, f.parts.train),
    ...(grokked === undefined ? {} : { grokked }),
    collapsed: last.collapsed,
    mostCollapsed: Math.max(...looks.map((look) => look.collapsed)),
    naive: Math.max(...looks.map((look) => look.naive)),
    testCurve: looks.map((look) => look.test),
    collapseCurve: looks.map((look) => look.collapsed),
    naiveCurve: looks.map((look) => look.naive),
  };
}

export const stablemax = experiment({
  id: "stablemax",
  paper: "stablemax-perpgrad",
  claim:
    "Without regularisation grokking stalls because of float32 softmax collapse; StableMax removes the stall and yields " +
    "generalisation without weight decay, and perpGrad generalises quickly without the delay.",
  setting:
    "Addition modulo 47 of one-hot pairs, 2,209 of them, half for training; the authors' network (94-200-200-47 without " +
    "biases) and optimizer (Adam at rate 0.01, beta2 0.99), all training pairs in each step, float32, 3,000 steps, looked at " +
    "every 50. Arms: cross entropy, with weight decay 1 (decoupled), StableMax, perp-grad with cross entropy. Softmax " +
    "collapse: share of training pairs whose loss is exactly 0. Naive loss minimization: largest cosine of the way down and " +
    "the weights. Full: 4 seeds; quick: 2 seeds, 600 steps. Holds when cross entropy ends below 60 % test accuracy with " +
    "more than 50 % collapsed and a cosine above 0.5; StableMax reaches 90 % in 3 of 4 seeds without collapse; perp-grad in " +
    "all, and before StableMax.",
  async run(scale, tools) {
    const { modulus, seeds, epochs, every } = sizes[scale];
    const data = splits(modulus);
    const arm = (name: string, ...methods: readonly Named[]) => ({
      name,
      variants: [{ name: "default", methods, methodsOf: () => [watcher(every)] }],
    });
    return trainArms(
      {
        arms: [
          arm("cross-entropy"),
          arm("weight-decay", use(weightDecay, { strength: 1 })),
          arm("stablemax", use(member)),
          arm("perp-grad", use(perpGrad)),
        ],
        data,
        seeds,
        epochs,
        batchSize: data(0).train.size,
        rate: 0.01,
        schedule: constant(),
        optimizer: adam({ beta2: 0.99 }),
        model: network,
        measure,
      },
      scale,
      tools,
    );
  },
  judge(reports) {
    const [plain, decay, own, perp] = ["cross-entropy", "weight-decay", "stablemax", "perp-grad"].map((arm) =>
      those(reports, { arm }),
    );
    const grokked = (arm: typeof own) => column(arm, "grokked").map((count) => !Number.isNaN(count));
    const percent = (arm: typeof own, name: string) => column(arm, name).map((v) => 100 * v);
    // a run that never got there is later than all that did
    const late = (arm: typeof own) => arm.map((r) => ({ ...r, grokked: Number(r.grokked ?? 1e9) }));
    return verdictOf(
      [
        atMost("final test accuracy of cross entropy", percent(plain, "accuracy"), 60, " %"),
        atLeast("collapsed with cross entropy at the end", percent(plain, "collapsed"), 50, " %"),
        atLeast("largest cosine of naive loss minimization with cross entropy", column(plain, "naive"), 0.5),
        mostly("StableMax reaches 90 %", grokked(own), 3 / 4),
        mostly(
          "StableMax without collapse",
          column(own, "mostCollapsed").map((share) => share === 0),
          1,
        ),
        mostly("perp-grad reaches 90 %", grokked(perp), 1),
        mostly(
          "perp-grad before StableMax",
          paired(late(perp), late(own), "grokked").map((d) => d < 0),
          1,
        ),
      ],
      undefined,
      {
        "steps to 90 %, weight decay": meanOf(column(decay, "grokked")),
        "steps to 90 %, StableMax": meanOf(column(own, "grokked")),
        "steps to 90 %, perp-grad": meanOf(column(perp, "grokked")),
        "test accuracy of StableMax at the end, %": meanOf(percent(own, "accuracy")),
        "test accuracy of perp-grad at the end, %": meanOf(percent(perp, "accuracy")),
        "test accuracy of weight decay at the end, %": meanOf(percent(decay, "accuracy")),
      },
    );
  },
});

import { describe, expect, it } from "vitest";
import { fromNested, type Nested, toNested } from "../../src/array/ndarray.ts";
import { type About, type AnyMethod, type Definition, mapParams, type Step } from "../../src/kinds/index.ts";
import { psKd } from "../../src/methods/compression/psKd.ts";
import { amp } from "../../src/methods/optimizers/amp.ts";
import { gam } from "../../src/methods/optimizers/gam.ts";
import { sam } from "../../src/methods/optimizers/sam.ts";
import { weightDecay } from "../../src/methods/regularizers/weightDecay.ts";
import { crossEntropy } from "../../src/parts/losses/crossEntropy.ts";
import { squaredError } from "../../src/parts/losses/squaredError.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { sgdSai } from "../../src/parts/optimizers/sgdSai.ts";
import { gor } from "../../src/parts/penalties/gor.ts";
import { l2 } from "../../src/parts/penalties/l2.ts";
import { extent } from "../../src/parts/transforms/cutmix.ts";
import { cutout } from "../../src/parts/transforms/cutout.ts";
import { labelSmoothing } from "../../src/parts/transforms/labelSmoothing.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import {
  add,
  constant,
  fill,
  iota,
  keyOf,
  mean,
  mul,
  oneHot,
  scalar,
  sum,
  vjp,
} from "../../src/tensor/index.ts";
import { lift } from "../../src/training/lift.ts";
import { references, runSmall, type SmallCase, type SmallRun } from "./small.ts";

const flat = (values: Nested): number[] =>
  typeof values === "number" ? [values] : (values as readonly Nested[]).flatMap(flat);

/** Options are float32 in the graph, all else is computed in float64. */
function close(got: Nested, expected: Nested, tolerance = 1e-6): void {
  const [a, b] = [flat(got), flat(expected)];
  expect(a.length).toBe(b.length);
  a.forEach((value, i) => {
    expect(Math.abs(value - b[i]), `entry ${i}: ${value} for ${b[i]}`).toBeLessThan(
      tolerance * Math.max(1, Math.abs(b[i])),
    );
  });
}

const named = (...methods: readonly AnyMethod[]) => methods.map((method, i) => ({ name: `m${i}`, method }));
const penalty = (strength: number): AnyMethod => lift(l2 as Definition, l2({ strength }));

/** PyTorch's decay, which sam's base optimizer adds after the ascent. */
const coupled = (decay: number): AnyMethod => ({
  transform: (gradients, { params }, state) => [
    mapParams(gradients, (g, path) => add(g, mul(decay, params[path]))),
    state,
  ],
});

/** What a case asks for, in our terms. Decay of the cases acts on biases too. */
type Setup = (options: SmallCase["options"], each: SmallCase) => SmallRun;

const plain: Setup = ({ lr, momentum = 0, weight_decay: decay, nesterov, betas }, { name }) => ({
  methods:
    decay === undefined
      ? []
      : named(name.startsWith("adamw") ? weightDecay({ strength: decay }) : penalty(decay)),
  optimizer: betas === undefined ? sgd({ momentum, nesterov: Boolean(nesterov) }) : adam(),
  rate: lr,
  all: true,
});

const setups: Readonly<Record<string, Setup>> = {
  optimizers: plain,
  sam: ({ rho, weight_decay: decay = 0, ...options }, each) => ({
    ...plain(options, each),
    methods: named(sam({ radius: rho }), coupled(decay)),
  }),
  amp: ({ epsilon, innerRate, innerSteps, weight_decay: decay = 0, ...options }, each) => ({
    ...plain(options, each),
    methods: named(amp({ radius: epsilon, rate: innerRate, steps: innerSteps }), coupled(decay)),
  }),
  gam: ({ lr, momentum, rho, innerRho, gamma, weight_decay: decay = 0 }, each) => {
    const [beta1, beta2, beta3] = (each.options.betas as unknown as readonly number[]).map(Math.abs);
    return {
      ...plain({ lr, momentum }, each),
      methods: named(gam({ radius: rho, inner: innerRho, gamma, beta1, beta2, beta3 }), coupled(decay)),
    };
  },
  "sgd-sai": ({ lr, momentum, eps: epsilon, weight_decay: decay }, each) => {
    // 1.0.3 does not divide by the largest scale: the rate takes it in, and decay is spared
    const largest = Math.max(
      ...Object.values((each as SmallCase & { scales: Record<string, number> }).scales),
    );
    const methods = decay === 0 ? [] : named(weightDecay({ strength: decay / largest }));
    return { methods, optimizer: sgdSai({ momentum, epsilon }), rate: lr * largest, all: true };
  },
};

describe.each(Object.entries(setups))("%s", (file, setup) => {
  const { cases, source } = references<SmallCase>(file);
  it.each(cases.map((each) => [each.name, each] as const))(`%s (${source.script})`, (_, each) => {
    const { losses, params } = runSmall(each, setup(each.options, each));
    close(losses, each.lossesBeforeEachStep);
    params.forEach((step, i) => {
      for (const [path, value] of Object.entries(step)) close(value, each.paramsAfterEachStep[i][path]);
    });
  });
});

interface LossCase {
  readonly name: string;
  readonly options: { readonly smoothing?: number };
  readonly inputs: Readonly<Record<"logits" | "targets" | "labels" | "prediction" | "target", Nested>>;
  readonly smoothedTargets?: Nested;
  readonly elements?: Nested;
  readonly losses: Nested;
  readonly gradientOfSum?: Nested;
  readonly gradientOfSumOfElements?: Nested;
}

const numbers = (outputs: Parameters<typeof evaluate>[0], float64 = true) =>
  evaluate(outputs, new Map(), { float64 }).map((a) => toNested(a as Parameters<typeof toNested>[0]));

describe("losses", () => {
  const { cases } = references<LossCase>("losses");
  it.each(cases.filter(({ inputs }) => inputs.logits).map((c) => [c.name, c] as const))("%s", (_, c) => {
    const logits = constant(fromNested(c.inputs.logits, "float64"));
    const [rows, classes] = logits.shape;
    const hard =
      c.inputs.targets === undefined
        ? oneHot(constant(fromNested(c.inputs.labels, "int32")), classes, "float64")
        : constant(fromNested(c.inputs.targets, "float64"));
    const step = { about: { task: "classification", classes } as About, progress: scalar(0) };
    const batch = { inputs: {}, target: hard, index: iota(rows) };
    const strength = scalar(c.options.smoothing as number, "float64");
    const { target } = labelSmoothing({ strength })(batch, keyOf([1, 2]), step);
    const losses = crossEntropy().value(logits, target);
    const gradient = vjp([sum(losses)], [scalar(1, "float64")], [logits])[0];
    const [smoothed, values, slopes] = numbers([target, losses, gradient]);
    close(smoothed, c.smoothedTargets as Nested, 1e-12);
    close(values, c.losses, 1e-12);
    close(slopes, c.gradientOfSum as Nested, 1e-12);
  });

  it.each(cases.filter(({ inputs }) => inputs.prediction).map((c) => [c.name, c] as const))("%s", (_, c) => {
    const prediction = constant(fromNested(c.inputs.prediction, "float64"));
    const losses = squaredError().value(prediction, constant(fromNested(c.inputs.target, "float64")));
    close(numbers([losses])[0], c.losses, 1e-12);
  });
});

interface GorCase {
  readonly name: string;
  readonly options: {
    readonly groups: number;
    readonly mode: "inter" | "intra";
    readonly minFilters: number;
  };
  readonly inputs: { readonly weight: Nested };
  readonly value: number;
  readonly gradient: Nested;
}

describe("gor", () => {
  it.each(references<GorCase>("gor").cases.map((c) => [c.name, c] as const))("%s", (_, c) => {
    const { groups, mode, minFilters: filters } = c.options;
    const w = constant(fromNested(c.inputs.weight));
    const value = gor({ strength: 1, groups, mode, filters, layers: "all" }).value(w);
    const [gradient] = vjp([value], [scalar(1)], [w]);
    const [got, slopes] = numbers([value, gradient]);
    close(got, c.value, 1e-12);
    close(slopes, c.gradient, 1e-12);
  });
});

interface PsKdCase {
  readonly name: string;
  readonly options: { readonly alphaT: number; readonly epoch: number; readonly epochs: number };
  readonly inputs: {
    readonly logits: Nested;
    readonly labels: readonly number[];
    readonly previous?: Nested;
  };
  readonly losses: Nested;
  readonly gradientOfMean: Nested;
  readonly recorded: Nested;
}

describe("ps-kd", () => {
  it.each(references<PsKdCase>("ps-kd").cases.map((c) => [c.name, c] as const))("%s", (_, c) => {
    const { alphaT, epoch, epochs } = c.options;
    const logits = constant(fromNested(c.inputs.logits));
    const [rows, classes] = logits.shape;
    const target = oneHot(constant(fromNested(c.inputs.labels, "int32")), classes);
    const step = {
      mode: "train",
      outputs: { prediction: logits },
      batch: { target, index: iota(rows) },
      epoch: scalar(epoch),
      about: { steps: epochs * 3, stepsPerEpoch: 3 },
    } as unknown as Step;
    const previous =
      c.inputs.previous === undefined ? fill([rows, classes], 0) : constant(fromNested(c.inputs.previous));
    const made = psKd({ strength: alphaT });
    const losses = (made.losses as NonNullable<AnyMethod["losses"]>)(step, { previous });
    const [gradient] = vjp([mean(losses)], [scalar(1)], [logits]);
    const [, state] = (made.after as NonNullable<AnyMethod["after"]>)({}, step, { previous });
    const [values, slopes, recorded] = numbers([losses, gradient, state.previous]);
    close(values, c.losses);
    close(slopes, c.gradientOfMean);
    close(recorded, c.recorded);
  });
});

interface CutoutCase {
  readonly name: string;
  readonly options: { readonly size: number; readonly holes: number };
  readonly inputs: { readonly height: number; readonly width: number };
  readonly mask: Nested;
}

describe("cutout", () => {
  // one hole as the paper, and an even side: the code cuts one pixel less of an odd one
  const cases = references<CutoutCase>("cutout").cases.filter(
    ({ options }) => options.holes === 1 && options.size % 2 === 0,
  );
  it.each(cases.map((c) => [c.name, c] as const))("draws the official mask: %s", (_, c) => {
    const { height, width } = c.inputs;
    const n = 1500;
    const batch = { inputs: { x: fill([n, 1, height, width], 1) }, target: iota(n), index: iota(n) };
    const step = { about: { blank: 0 } as About, progress: scalar(0) };
    const { x } = cutout({ size: c.options.size })(batch, keyOf([1, 2]), step).inputs;
    const [drawn] = numbers([x], false);
    const masks = new Set((drawn as readonly Nested[]).map((mask) => flat(mask).join("")));
    // a centre is missed with probability (1 - 1/48)^1500 < 1e-13
    expect(masks).toContain(flat(c.mask).join(""));
    expect(masks.size).toBeLessThanOrEqual(height * width);
  });
});

interface CutmixCase {
  readonly name: string;
  readonly options: { readonly height: number; readonly width: number };
  readonly inputs: { readonly kept: number; readonly row: number; readonly column: number };
  readonly output: readonly number[];
}

describe("cutmix", () => {
  const { cases } = references<CutmixCase>("cutmix");
  it.each(cases.map((c) => [c.name, c] as const))(
    "cuts the official box: %s",
    (_, { options, inputs, output }) => {
      const along = (centre: number, side: number) =>
        extent(scalar(inputs.kept), scalar(centre, "int32"), side).flatMap((end) => numbers([end], false));
      expect([...along(inputs.row, options.height), ...along(inputs.column, options.width)]).toEqual(output);
    },
  );
});

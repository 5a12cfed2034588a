import { describe, expect, it } from "vitest";
import { OckhamError } from "../../src/error.ts";
import type {
  AnyMethod,
  Definition,
  Kind,
  Leaf,
  Loss,
  Model,
  Penalty,
  Schedule,
} from "../../src/kinds/index.ts";
import { cnn, mlp, recurrentModel, resnet } from "../../src/nn/index.ts";
import { clipNorm } from "../../src/parts/gradients/clipNorm.ts";
import { crossEntropy } from "../../src/parts/losses/crossEntropy.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { weightCompander } from "../../src/parts/parametrizations/weightCompander.ts";
import { l2 } from "../../src/parts/penalties/l2.ts";
import { worst } from "../../src/parts/risks/worst.ts";
import { cosine } from "../../src/parts/schedules/cosine.ts";
import { labelSmoothing } from "../../src/parts/transforms/labelSmoothing.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import { add, input, mean, mul, scalar, square, sum, topK } from "../../src/tensor/index.ts";
import { lift, trains } from "../../src/training/index.ts";
import { members } from "../members.ts";
import { run, shapesOf, traceWith } from "../methods/trace.ts";
import { numbersOf } from "./setup.ts";

const model = mlp([4], 3, [5]);

const made = (definition: unknown, options: object = {}): AnyMethod => {
  const known = definition as Definition;
  return lift(known, known(options));
};

const traced = (methods: readonly AnyMethod[]) =>
  traceWith(
    methods.map((method, i) => [`m${i}`, method] as const),
    { model },
  );
/** Three steps of some methods by the reference evaluator. */
const trained = (...methods: readonly AnyMethod[]) => run(traced(methods), 3);
const initial = (...methods: readonly AnyMethod[]) => {
  const { params } = traced(methods).initial.state;
  return Object.fromEntries(Object.entries(params).map(([path, t]) => [path, numbersOf(evaluate([t])[0])]));
};

/** The same parameters after every step. */
function same(a: ReturnType<typeof trained>, b: ReturnType<typeof trained>, digits = 6): void {
  a.forEach(({ state, loss }, step) => {
    expect(loss).toBeCloseTo(b[step].loss, digits);
    for (const path of Object.keys(state).filter((p) => p.startsWith("params/")))
      numbersOf(state[path]).forEach((v, i) => {
        expect(v, path).toBeCloseTo(numbersOf(b[step].state[path])[i], digits);
      });
  });
}

describe("what a part does, as a method", () => {
  it("penalty: its value of every weight, added to the objective", () => {
    const byHand: AnyMethod = {
      penalty: ({ weights }) => {
        const [first, head] = ["hidden.0.0.kernel", "head.kernel"].map((path) => sum(square(weights[path])));
        return mul(0.35, add(first, head));
      },
    };
    same(trained(made(l2, { strength: 0.7 })), trained(byHand));
  });

  it("penalty: on the leaves it applies to, and nothing is an error", () => {
    const seen: (string | undefined)[] = [];
    const part = (applies?: Penalty["applies"]): Penalty => ({
      applies,
      value: (w, leaf) => {
        seen.push(leaf?.path);
        return mul(0, sum(w));
      },
    });
    const definition = { kind: "penalty", id: "mine" } as const;
    traced([lift(definition, part())]);
    expect(new Set(seen)).toEqual(new Set(["hidden.0.0.kernel", "head.kernel"]));
    seen.length = 0;
    traced([
      lift(
        definition,
        part((leaf: Leaf) => leaf.role === "bias"),
      ),
    ]);
    expect(new Set(seen)).toEqual(new Set(["hidden.0.0.bias", "head.bias"]));
    expect(() =>
      traced([
        lift(
          definition,
          part(() => false),
        ),
      ]),
    ).toThrow(
      expect.objectContaining({ code: "conflict", message: expect.stringContaining("mine acts on none") }),
    );
  });

  it("loss: instead of the run's", () => {
    const doubled: Loss = { ...crossEntropy(), value: (p, t) => mul(2, crossEntropy().value(p, t)) };
    const byHand: AnyMethod = { risk: (losses) => mul(2, mean(losses)) };
    same(trained(lift({ kind: "loss", id: "mine" }, doubled)), trained(byHand));
  });

  it("risk: instead of the mean", () => {
    const byHand: AnyMethod = { risk: (losses) => mean(topK(losses, 3)) };
    same(trained(made(worst, { share: 0.5 })), trained(byHand));
  });

  it("schedule: a factor on the rate", () => {
    const halves: Schedule = () => scalar(0.5);
    const byHand: AnyMethod = { rate: (rate) => mul(rate, 0.5) };
    same(trained(lift({ kind: "schedule", id: "mine" }, halves)), trained(byHand));
    const about = { steps: 20 } as Parameters<Schedule>[1];
    const fading: AnyMethod = { rate: (rate, { count }) => mul(rate, cosine()(count, about)) };
    same(trained(made(cosine)), trained(fading));
  });

  it("transform: on the batch", () => {
    // 0.2 of the label goes to all three classes
    const byHand: AnyMethod = {
      batch: (batch) => ({ ...batch, target: add(mul(0.8, batch.target), 0.2 / 3) }),
    };
    same(trained(made(labelSmoothing, { strength: 0.2 })), trained(byHand));
  });

  it("gradient: between gradient and optimizer", () => {
    const before = initial();
    const [{ state }] = trained(made(clipNorm, { threshold: 1e-3 }));
    const changes = Object.entries(before).flatMap(([path, values]) =>
      numbersOf(state[`params/${path}`]).map((v, i) => v - values[i]),
    );
    // rate 0.05 times the threshold
    expect(Math.hypot(...changes)).toBeCloseTo(0.05 * 1e-3, 7);
  });

  it("optimizer: instead of the run's", () => {
    const told = run(traceWith([], { model, optimizer: adam() }), 3);
    same(trained(made(adam)), told, 12);
  });

  it("parametrization: starts from the usual initial weights, and trains its own arrays", () => {
    const method = made(weightCompander);
    const tracing = traced([method]);
    const paths = tracing.initial.leaves.map((leaf) => leaf.path);
    const own = paths.filter((path) => path.includes("/"));
    expect(own.sort()).toEqual(
      ["head.kernel", "hidden.0.0.kernel"].flatMap((path) => [`${path}/logA`, `${path}/logB`]),
    );
    const start = initial();
    const weights = (method.weights as NonNullable<AnyMethod["weights"]>)(
      tracing.initial.state.params,
      { about: tracing.recipe.about } as Parameters<NonNullable<AnyMethod["weights"]>>[1],
      undefined,
    );
    for (const path of ["hidden.0.0.kernel", "head.kernel"])
      numbersOf(evaluate([weights[path]])[0]).forEach((v, i) => {
        expect(v).toBeCloseTo(start[path][i], 4);
      });
    const [{ state }] = trained(method);
    for (const path of own) expect(numbersOf(state[`params/${path}`])).not.toEqual(initial(method)[path]);
    const still = trained(made(weightCompander, { learn: false }));
    for (const path of own)
      expect(numbersOf(still[2].state[`params/${path}`])).toEqual(
        initial(made(weightCompander, { learn: false }))[path],
      );
  });

  it("method: as it is", () => {
    const method: AnyMethod = { penalty: () => scalar(1) };
    expect(lift({ kind: "method", id: "mine" }, method)).toBe(method);
  });

  it("estimators take no part", () => {
    expect(trains("estimator")).toBe(false);
    expect(() => lift({ kind: "estimator", id: "ridge" }, {})).toThrow(
      expect.objectContaining({ code: "conflict", culprit: "ridge" }),
    );
  });

  it("every other kind does", () => {
    const kinds: readonly Kind[] = [
      "penalty",
      "loss",
      "risk",
      "schedule",
      "transform",
      "parametrization",
      "gradient",
      "optimizer",
      "method",
    ];
    expect(kinds.every(trains)).toBe(true);
  });
});

/** Has all that a member may ask for: images, convolutions with many filters, dense layers. */
const images = cnn([1, 8, 8], 3, { channels: [16, 64], dense: 8 });
const all = (await members()).filter(({ definition }) => trains(definition.kind));

/** What can be traced on the first of some models that the member does not refuse. */
function onFirstModel<T>(trace: (model: Model) => T): T {
  const others = [resnet([1, 8, 8], 3, { channels: [4, 8] }), recurrentModel([1, 8, 8], 3, { units: 5 })];
  for (const each of [images, ...others])
    try {
      return trace(each);
    } catch (error) {
      if (each === others.at(-1) || !(error instanceof OckhamError && error.code === "conflict")) throw error;
    }
  throw new Error("no model");
}

describe("with numeric options given as tensors, a step keeps its shapes and dtypes", () => {
  it.each(all.map(({ definition }) => [definition.id, definition] as const))("%s", (id, definition) => {
    const traceable = Object.keys(definition.options).filter((name) => definition.options[name].traced);
    const symbols = Object.fromEntries(traceable.map((name) => [name, input(name, [])]));
    const regression = definition.kind === "loss" && !(definition() as Loss).tasks.includes("classification");
    const task = regression ? "regression" : "classification";
    const shapes = [{}, symbols].map((options) => {
      const tracing = onFirstModel((model) => traceWith([[id, made(definition, options)]], { model, task }));
      expect(shapesOf(tracing.traced.state)).toEqual(shapesOf(tracing.state));
      for (const t of [tracing.traced.loss, tracing.traced.objective, tracing.evaluated])
        expect([t.dtype, ...t.shape]).toEqual(["float32"]);
      return shapesOf(tracing.state);
    });
    expect(shapes[1]).toEqual(shapes[0]);
  });
});

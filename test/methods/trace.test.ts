import { describe, expect, it } from "vitest";
import { OckhamError } from "../../src/error.ts";
import type { AnyMethod, Definition, Model, Task } from "../../src/kinds/index.ts";
import { cnn, mlp, recurrentModel, resnet } from "../../src/nn/index.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import { ancestors, input, leavesOf, nodeOf, scalar, type Tensor } from "../../src/tensor/index.ts";
import { lift, trains } from "../../src/training/lift.ts";
import { members } from "../members.ts";
import { classes, run, shapesOf, traceWith } from "./trace.ts";

const image = [1, 8, 8];
const models: Readonly<Record<string, Model>> = {
  linear: mlp(image, classes, []),
  mlp: mlp(image, classes, [6, 5]),
  cnn: cnn(image, classes, { channels: [4, 8], dense: 6 }),
  resnet: resnet(image, classes, { channels: [4, 8] }),
  recurrent: recurrentModel(image, classes, { units: 5 }),
};

const all = (await members()).filter(({ definition }) => trains(definition.kind));
const byId = new Map(all.map(({ definition }) => [definition.id, definition]));

const made = (definition: Definition, options: Readonly<Record<string, unknown>> = {}): AnyMethod =>
  lift(definition, definition(options as Record<string, number>));

/** Traces, or says what the member objects to. */
function attempt(id: string, method: AnyMethod, model: Model, task: Task = "classification") {
  try {
    return traceWith([[id, method]], { model, task });
  } catch (error) {
    if (error instanceof OckhamError && error.code === "conflict") return error;
    throw error;
  }
}

const tasksOf = (definition: Definition): readonly Task[] =>
  definition.kind === "loss"
    ? (definition() as { tasks: readonly Task[] }).tasks
    : ["classification", "regression"];

/** The first model that the member can be used with. */
function modelFor(
  definition: Definition,
  order = [models.mlp, models.cnn, models.resnet, models.recurrent],
): Model {
  const fits = (model: Model) =>
    !(attempt(definition.id, made(definition), model, tasksOf(definition)[0]) instanceof OckhamError);
  return order.find(fits) ?? order[0];
}

describe.each(all)("$definition.id", ({ definition }) => {
  const { id, options } = definition;
  const cases = tasksOf(definition).flatMap((task, i) =>
    (i === 0 ? Object.keys(models) : ["mlp"]).map((name) => ({ task, name })),
  );

  it.each(cases)("keeps its state's shapes on $name for $task", ({ task, name }) => {
    const tracing = attempt(id, made(definition), models[name], task);
    if (tracing instanceof OckhamError) {
      expect(tracing.culprit.startsWith(id)).toBe(true);
      expect(tracing.hint.length).toBeGreaterThan(10);
      return;
    }
    expect(shapesOf(tracing.traced.state)).toEqual(shapesOf(tracing.state));
    expect(tracing.traced.loss.shape).toEqual([]);
    expect(tracing.evaluated.shape).toEqual([]);
    expect(tracing.traced.gradients).toBeGreaterThan(0);
  });

  it("gives finite numbers for two steps", () => {
    const task = tasksOf(definition)[0];
    const tracing = attempt(id, made(definition), modelFor(definition), task);
    if (tracing instanceof OckhamError) throw tracing;
    for (const { state, loss } of run(tracing, 2)) {
      expect(Number.isFinite(loss)).toBe(true);
      for (const [path, { data }] of Object.entries(state))
        if (path.startsWith("params/"))
          expect([...(data as Float32Array)].every(Number.isFinite), path).toBe(true);
    }
  });

  const traced = Object.keys(options).filter((name) => options[name].traced);
  it.runIf(traced.length > 0)("takes symbols as numeric options, with the same result", () => {
    const symbols = Object.fromEntries(traced.map((name) => [name, input(`option.${name}`, [])]));
    const task = tasksOf(definition)[0];
    const model = modelFor(definition);
    const numeric = attempt(id, made(definition), model, task);
    const symbolic = attempt(id, made(definition, symbols), model, task);
    if (numeric instanceof OckhamError || symbolic instanceof OckhamError) throw numeric;
    const feeds = new Map(
      traced.map((name) => [symbols[name], evaluate([scalar(Number(options[name].default))])[0]]),
    );
    const [plain, fed] = [run(numeric, 1)[0], run(symbolic, 1, feeds)[0]];
    expect(fed.loss).toBeCloseTo(plain.loss, 5);
    for (const [path, { data }] of Object.entries(plain.state).filter(([p]) => p.startsWith("params/")))
      (data as Float32Array).forEach((value, i) => {
        expect(Math.abs(value - Number(fed.state[path].data[i])), path).toBeLessThan(1e-5);
      });
  });
});

/** Whether tracing is refused as a conflict that names one of two members. */
function refusal(trace: () => unknown, ids: readonly string[]): boolean {
  try {
    trace();
    return false;
  } catch (error) {
    if (error instanceof OckhamError && error.code === "conflict" && ids.includes(error.culprit)) return true;
    throw error;
  }
}

/** Each member with itself and some others, in both orders; two that fill a slot for one are refused. */
describe("pairs", () => {
  const distances = [0, 1, 2, 5, 11];
  const pairs = all.flatMap((a, i) =>
    distances.flatMap((far) => {
      const b = all[(i + far) % all.length];
      return [[a.definition, b.definition] as const, [b.definition, a.definition] as const];
    }),
  );
  const slots = ["losses", "risk", "optimizer", "predict"] as const;

  it.each(pairs.map(([a, b]) => [a.id, b.id, a, b] as const))("%s+%s", (_, __, a, b) => {
    const methods = [a, b].map((definition) => [definition.id, made(definition)] as const);
    const task = [a, b].map((definition) => tasksOf(definition)[0]).includes("regression")
      ? "regression"
      : "classification";
    const trace = () => traceWith(methods, { model: models.mlp, task });
    const clash = slots.some((slot) => methods.every(([, method]) => method[slot] !== undefined));
    const refused = methods.some(
      ([id, method]) => attempt(id, method, models.mlp, task) instanceof OckhamError,
    );
    if (clash || refused) return expect(trace).toThrow(OckhamError);
    // one that pairs the rows of a batch may refuse what makes more of them
    if (methods.every(([, method]) => method.batch !== undefined) && refusal(trace, [a.id, b.id])) return;
    const { traced, state } = trace();
    expect(shapesOf(traced.state)).toEqual(shapesOf(state));
  });

  const named = [
    ["sam", "gam"],
    ["mixup", "ps-kd"],
    ["adamixup", "ps-kd"],
    ["weight-compander", "norm-loss"],
    ["dropout", "sam"],
    ["lawn", "clip-norm"],
    ["lawn", "adam"],
    ["cutout", "adamixup"],
    ["jacobian-nuclear", "dropout"],
    ["weight-compander", "sgd-sai"],
  ] as const;
  it.each(named)("%s+%s trains on images", (...ids) => {
    const methods = ids.map((id) => [id, made(byId.get(id) as Definition)] as const);
    const ran = run(traceWith(methods, { model: models.cnn }), 2);
    for (const { loss } of ran) expect(Number.isFinite(loss)).toBe(true);
  });
});

describe("reach", () => {
  // convolutions first: what acts on them alone reads nothing of others
  const images = [models.cnn, models.resnet, models.recurrent];

  it("every numeric option of a member changes what a step or its start computes, unless a switch turns it off", () => {
    for (const { definition } of all) {
      const names = Object.keys(definition.options).filter((name) => definition.options[name].traced);
      const reached = new Set<string>();
      const flags = Object.entries(definition.options).filter(
        ([, option]) => typeof option.default === "boolean",
      );
      const settings = [{}, ...flags.map(([name, option]) => ({ [name]: !option.default }))];
      for (const setting of settings) {
        const symbols = Object.fromEntries(names.map((name) => [name, input(name, [])]));
        const method = made(definition, { ...symbols, ...setting });
        const tracing = attempt(definition.id, method, modelFor(definition, images), tasksOf(definition)[0]);
        if (tracing instanceof OckhamError) throw tracing;
        const outputs: Tensor[] = [...leavesOf(tracing.traced.state), ...leavesOf(tracing.initial.state)].map(
          ({ tensor }) => tensor,
        );
        const used = new Set<unknown>(ancestors(outputs));
        for (const name of names) if (used.has(nodeOf(symbols[name]))) reached.add(name);
      }
      expect([...reached].sort(), definition.id).toEqual([...names].sort());
    }
  });
});

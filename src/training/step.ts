import { OckhamError } from "../error.ts";
import type {
  About,
  AnyMethod,
  ApplyOptions,
  Batch,
  GradientOf,
  Inputs,
  Leaf,
  Mode,
  Optimizer,
  Outputs,
  Params,
  Scalar,
  Schedule,
  Step,
} from "../kinds/index.ts";
import {
  add,
  asTensor,
  cast,
  div,
  fill,
  floor,
  fold,
  type Key,
  mean,
  mul,
  sub,
  type Tensor,
  vjp,
} from "../tensor/index.ts";

/** A method with the name it goes by in messages and random streams. */
export interface Named {
  readonly name: string;
  readonly method: AnyMethod;
}

/** Everything a step is traced from. */
export interface Recipe {
  readonly methods: readonly Named[];
  readonly about: About;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  readonly loss: (prediction: Tensor, target: Tensor) => Tensor;
  /** Peak learning rate. */
  readonly rate: Scalar;
}

/** All that a run carries from step to step; a tree of tensors. */
export interface State {
  readonly params: Params;
  readonly methods: readonly unknown[];
  readonly optimizer: unknown;
  /** int32 [] */
  readonly count: Tensor;
}

/** What surrounds a step beside the parameters it is seen from. */
export interface Scene {
  readonly recipe: Recipe;
  readonly mode: Mode;
  readonly drawn: Batch;
  readonly states: readonly unknown[];
  readonly anchor: Params;
  readonly count: Tensor;
  /** The run's key; the step's is folded from it. */
  readonly key: Key;
}

/** A step seen from some parameters, with what the chain computes there. */
export interface View extends Step {
  /** The step as method i sees it: with a key of its own. */
  for(i: number): Step;
  readonly risk: Tensor;
  readonly total: Tensor;
}

/** The one method that fills a slot for one, if any. Throws `conflict` naming both if two do. */
export function only(
  methods: readonly Named[],
  slot: "examples" | "losses" | "risk" | "optimizer" | "predict",
): number {
  const filling = methods.flatMap((m, i) => (m.method[slot] === undefined ? [] : [i]));
  if (filling.length > 1) {
    const [a, b] = filling.map((i) => methods[i].name);
    throw new OckhamError(
      "conflict",
      `${a}+${b}`,
      `${a} and ${b} both fill the slot "${slot}", which takes one method`,
      "compare them as two candidates instead of combining them",
    );
  }
  return filling[0] ?? -1;
}

const tooEarly = (name: string) =>
  new OckhamError(
    "conflict",
    `step.${name}`,
    `step.${name} was read by a hook that step.${name} itself depends on`,
    "read it in a later hook; see CONTRIBUTING for what each hook sees",
  );

/** Values computed when first read; reading one while it is being computed is an error that names it. `running` has the names under way. */
function lazily<T extends object>(fields: { readonly [K in keyof T]: () => T[K] }, running: Set<string>): T {
  const target = {} as T;
  for (const name of Object.keys(fields) as (keyof T & string)[])
    Object.defineProperty(target, name, {
      enumerable: true,
      configurable: true,
      get() {
        if (running.has(name)) throw tooEarly(name);
        running.add(name);
        try {
          const value = fields[name]();
          Object.defineProperty(target, name, { value, enumerable: true });
          return value;
        } finally {
          running.delete(name);
        }
      },
    });
  return target;
}

/** The parts of the objective, which its hooks cannot ask for while they make it. */
const chain = ["weights", "batch", "outputs", "losses", "risk", "total"];

/** The step of a scene, seen from `params`. Nothing is traced until it is read. */
export function viewFrom(scene: Scene, params: Params, cache = new WeakMap<Params, View>()): View {
  const known = cache.get(params);
  if (known !== undefined) return known;
  const { recipe, mode, states } = scene;
  const { methods, about } = recipe;
  const key = fold(scene.key, scene.count);
  const each = <R>(start: R, f: (value: R, named: Named, step: Step, state: unknown) => R): R =>
    methods.reduce((value, named, i) => f(value, named, own(i), states[i]), start);

  const running = new Set<string>();
  const fields: { readonly [K in keyof View]: () => View[K] } = {
    params: () => params,
    weights: () =>
      methods.reduceRight((w, { method }, i) => method.weights?.(w, own(i), states[i]) ?? w, params),
    drawn: () => scene.drawn,
    batch: () =>
      mode === "eval"
        ? scene.drawn
        : each(scene.drawn, (batch, { method }, step, state) => {
            const seen = Object.create(step, { batch: { value: batch } }) as Step;
            return method.batch?.(batch, seen, state) ?? batch;
          }),
    outputs: () => view.apply(view.weights, view.batch.inputs),
    losses: () => {
      const filled = only(methods, "losses");
      const losses =
        filled < 0
          ? recipe.loss(view.outputs.prediction, view.batch.target)
          : (methods[filled].method.losses as NonNullable<AnyMethod["losses"]>)(own(filled), states[filled]);
      return view.batch.weight === undefined ? losses : mul(losses, view.batch.weight);
    },
    risk: () => {
      const filled = only(methods, "risk");
      if (filled < 0) return mean(view.losses);
      return (methods[filled].method.risk as NonNullable<AnyMethod["risk"]>)(
        view.losses,
        own(filled),
        states[filled],
      );
    },
    total: () =>
      each(view.risk, (sum, { method }, step, state) => {
        const penalty = method.penalty?.(step, state);
        return penalty === undefined ? sum : add(sum, penalty);
      }),
    anchor: () => scene.anchor,
    count: () => cast(scene.count, "float32"),
    epoch: () => floor(div(view.count, about.stepsPerEpoch)),
    progress: () => div(view.count, about.steps),
    rate: () =>
      each(
        mul(recipe.rate, recipe.schedule(view.count, about)),
        (rate, { method }, step, state) => method.rate?.(rate, step, state) ?? rate,
      ),
    key: () => key,
    mode: () => mode,
    about: () => about,
    apply:
      () =>
      (weights: Params, inputs: Inputs, options: Pick<ApplyOptions, "from" | "mode"> = {}): Outputs =>
        about.model.apply(weights, inputs, {
          mode: options.mode ?? mode,
          key,
          from: options.from,
          layer: (x, name) =>
            each(x, (value, { method }, step, state) => {
              const seen = Object.create(step, { mode: { value: options.mode ?? mode } }) as Step;
              return method.layer?.(value, name, seen, state) ?? value;
            }),
        }),
    loss: () => recipe.loss,
    objective: () => (at: Params) => {
      if (chain.some((part) => running.has(part))) throw tooEarly("objective");
      return viewFrom(scene, at, cache).total;
    },
    for: () => own,
  };
  const view: View = lazily(fields, running);
  const steps = methods.map(
    ({ name }, i) => Object.create(view, { key: { value: fold(fold(key, name), i) } }) as Step,
  );
  const own = (i: number) => steps[i];
  cache.set(params, view);
  return view;
}

/** The leaves that training moves. */
export const trainable = (leaves: readonly Leaf[], methods: readonly Named[]): Leaf[] =>
  leaves.filter(
    (leaf) => leaf.role !== "buffer" && !methods.some(({ method }) => method.frozen?.(leaf) ?? false),
  );

export interface Traced {
  readonly state: State;
  /** The risk at the step's own parameters, before the update; and the objective there, penalties included. */
  readonly loss: Tensor;
  readonly objective: Tensor;
  /** How many gradients of the objective one step takes. */
  readonly gradients: number;
}

/** One whole step: gradient, transforms, optimizer, after. */
export function traceStep(scene: Scene, state: State, leaves: readonly Leaf[]): Traced {
  const { recipe } = scene;
  const { methods } = recipe;
  const views = new WeakMap<Params, View>();
  const view = viewFrom(scene, state.params, views);
  const moving = trainable(leaves, methods);
  const paths = moving.map((leaf) => leaf.path);
  const taken = new Map<Params, Params>();
  const base: GradientOf = (at) => {
    const before = taken.get(at);
    if (before !== undefined) return before;
    const total = viewFrom(scene, at, views).total;
    const parts = vjp(
      [total],
      [fill([], 1, total.dtype)],
      paths.map((path) => at[path]),
    );
    const gradient = Object.fromEntries(paths.map((path, i) => [path, parts[i]]));
    taken.set(at, gradient);
    return gradient;
  };
  const states = [...scene.states];
  const gradientOf = methods.reduceRight<GradientOf>(
    (inner, { method }, i) => method.gradient?.(inner, view.for(i), states[i]) ?? inner,
    base,
  );
  let gradients = gradientOf(state.params);
  methods.forEach(({ method }, i) => {
    if (method.transform) [gradients, states[i]] = method.transform(gradients, view.for(i), states[i]);
  });
  const chosen = only(methods, "optimizer");
  const optimizer = chosen < 0 ? recipe.optimizer : (methods[chosen].method.optimizer as Optimizer);
  const [proposed, optimizerState] = optimizer.update(
    gradients,
    state.optimizer,
    at(view, state.params, paths),
  );
  let updated: Params = withLeafRates(state.params, proposed, moving);
  methods.forEach(({ method }, i) => {
    if (method.after) [updated, states[i]] = method.after(updated, view.for(i), states[i]);
  });
  return {
    state: {
      params: { ...state.params, ...updated, ...view.outputs.buffers },
      methods: states,
      optimizer: optimizerState,
      count: add(state.count, 1),
    },
    loss: view.risk,
    objective: view.total,
    gradients: taken.size,
  };
}

/** The step as the optimizer sees it: with the trained parameters only. */
const at = (view: View, params: Params, paths: readonly string[]): Step =>
  Object.create(view, {
    params: { value: Object.fromEntries(paths.map((path) => [path, params[path]])) },
  }) as Step;

/** Scales the change of each leaf that has a rate of its own. */
function withLeafRates(old: Params, proposed: Params, leaves: readonly Leaf[]): Params {
  const result: Record<string, Tensor> = { ...proposed };
  for (const { path, rate } of leaves)
    if (rate !== undefined && rate !== 1)
      result[path] = add(old[path], mul(rate, sub(proposed[path], old[path])));
  return result;
}

export interface Initial {
  readonly state: State;
  readonly leaves: readonly Leaf[];
}

/**
 * Initial parameters of the model and of all methods, their states and the optimizer's, from the run's key; those
 * parameters that are `given` are taken as they are.
 */
export function traceInitial(recipe: Recipe, key: Key, given: Params = {}): Initial {
  const { methods, about } = recipe;
  const leaves = [...about.model.leaves];
  const known = leaves.filter(({ path }) => given[path] !== undefined).map(({ path }) => [path, given[path]]);
  let params: Params = { ...about.model.init(fold(key, "model")), ...Object.fromEntries(known) };
  methods.forEach(({ name, method }, i) => {
    const own = method.params?.(params, about, fold(fold(key, name), i));
    if (own === undefined) return;
    leaves.push(...own.leaves);
    params = { ...params, ...own.values };
  });
  params = { ...params, ...given };
  const moving = trainable(leaves, methods).map((leaf) => leaf.path);
  const chosen = only(methods, "optimizer");
  const optimizer = chosen < 0 ? recipe.optimizer : (methods[chosen].method.optimizer as Optimizer);
  return {
    leaves,
    state: {
      params,
      methods: methods.map(({ name, method }, i) =>
        method.state?.(params, about, fold(fold(key, `${name}.state`), i)),
      ),
      optimizer: optimizer.init(Object.fromEntries(moving.map((path) => [path, params[path]])), about),
      count: asTensor(0, "int32"),
    },
  };
}

import { type DType, type NdArray, sameShape } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import {
  type About,
  type Batch,
  type Dataset,
  hasClasses,
  type Leaf,
  type Loss,
  type Model,
  type Optimizer,
  type Scalar,
  type Schedule,
} from "../kinds/index.ts";
import { type Lowered, lower } from "../onnx/index.ts";
import {
  ancestors,
  fill,
  fold,
  gather,
  input,
  leavesOf,
  mapTree,
  nodeOf,
  oneHot,
  type Tensor,
} from "../tensor/index.ts";
import { lowerSmallLoop } from "../wasm/index.ts";
import { alone, type Layout, sideBySide } from "./layout.ts";
import {
  type Named,
  only,
  type Recipe,
  type State,
  traceInitial,
  traceStep,
  type View,
  viewFrom,
} from "./step.ts";

/** What a person asks to be trained. */
export interface Training {
  readonly model: Model;
  readonly methods?: readonly Named[];
  readonly optimizer: Optimizer;
  /** Peak learning rate; the optimizer's own unless told. */
  readonly rate?: Scalar;
  readonly schedule: Schedule;
  readonly loss: Loss;
  readonly batchSize?: number;
  readonly epochs?: number;
  /**
   * Numbers that are given when it is trained, by name: placeholders of shape [] that stand in the rate and in the
   * options of methods, so that one graph serves all their values.
   */
  readonly hyperparameters?: Readonly<Record<string, Tensor>>;
}

/** Shapes of the data a plan is made for. */
export interface DataShape {
  readonly task: Dataset["task"];
  readonly size: number;
  readonly inputs: Readonly<Record<string, { readonly shape: readonly number[]; readonly dtype: DType }>>;
  readonly target: { readonly shape: readonly number[]; readonly dtype: DType };
  readonly classes: number;
  readonly groups: number;
  /** Rows that are always drawn together. */
  readonly together: number;
}

export interface Plan {
  readonly recipe: Recipe;
  readonly shape: DataShape;
  readonly leaves: readonly Leaf[];
  readonly epochs: number;
  readonly batchSize: number;
  readonly stepsPerEpoch: number;
  /** Placeholders of the numbers that are given when it is trained, under `hyperparameters/`. */
  readonly hyperparameters: Readonly<Record<string, Tensor>>;
  /** Inputs key and hyperparameters; outputs the initial state by path. */
  readonly initial: Lowered;
  /** Any number of steps a run: state in and out, batches scanned, the data shared, losses collected. */
  readonly steps: Lowered;
  /** The state, and the run's initial parameters, as placeholders by which they are fed. */
  readonly state: State;
  readonly anchor: State["params"];
  /** Gradients of the objective that one step takes. */
  readonly gradients: number;
  /** One step as symbols, for the reference evaluator. */
  readonly traced: TracedStep;
}

export interface TracedStep {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly state: Readonly<Record<string, Tensor>>;
  readonly loss: Tensor;
  readonly objective: Tensor;
}

/** A tree of tensors as a record by path. */
export const flat = (tree: unknown, prefix = ""): Record<string, Tensor> =>
  Object.fromEntries(leavesOf(tree, prefix).map(({ path, tensor }) => [path, tensor]));

const arrayShape = (a: NdArray) => ({ shape: a.shape.slice(1), dtype: a.dtype });

export const shapeOfData = (data: Dataset): DataShape => ({
  task: data.task,
  size: data.size,
  inputs: Object.fromEntries(Object.entries(data.inputs).map(([name, a]) => [name, arrayShape(a)])),
  target: arrayShape(data.target),
  classes: data.classes.length,
  groups:
    data.group === undefined ? 0 : 1 + (data.group.data as Int32Array).reduce((a, b) => Math.max(a, b), 0),
  together: data.together ?? 1,
});

/** The arrays of a data set as they are fed, by name. */
export function feedsOf(data: Dataset): Record<string, NdArray> {
  const optional = { weight: data.weight, group: data.group, domain: data.domain };
  const given = Object.entries(optional).filter(
    (entry): entry is [string, NdArray] => entry[1] !== undefined,
  );
  return {
    ...prefixed("data/", data.inputs),
    "data/target": data.target,
    ...prefixed("data/", Object.fromEntries(given)),
  };
}

const prefixed = <T>(prefix: string, record: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [prefix + name, value]));

/** Class numbers as probabilities; probabilities and values as they are. */
const targetOf = (raw: Tensor, shape: DataShape): Tensor =>
  hasClasses(shape.task) && shape.target.dtype === "int32" ? oneHot(raw, shape.classes) : raw;

/** Rows of the data as a batch; rows that are fed as they are have no place in the training set, and index 0. */
function batchOf(data: Readonly<Record<string, Tensor>>, index: Tensor | null, shape: DataShape): Batch {
  const pick = (x: Tensor) => (index === null ? x : gather(x, index));
  const inputs = Object.fromEntries(
    Object.keys(shape.inputs).map((name) => [name, pick(data[`data/${name}`])]),
  );
  const extras = ["weight", "group", "domain"].filter((name) => data[`data/${name}`] !== undefined);
  return {
    inputs,
    target: targetOf(pick(data["data/target"]), shape),
    index: index ?? fill([data["data/target"].shape[0]], 0, "int32"),
    ...Object.fromEntries(extras.map((name) => [name, pick(data[`data/${name}`])])),
  };
}

function dataPlaceholders(data: Dataset | DataShape, shape: DataShape, rows: number): Record<string, Tensor> {
  const of = (name: string, { shape: s, dtype }: { shape: readonly number[]; dtype: DType }) =>
    input(name, [rows, ...s], dtype);
  const extras = ["weight", "group", "domain"] as const;
  return {
    ...Object.fromEntries(
      Object.entries(shape.inputs).map(([name, a]) => [`data/${name}`, of(`data/${name}`, a)]),
    ),
    "data/target": of("data/target", shape.target),
    ...Object.fromEntries(
      extras.flatMap((name) => {
        const array = "inputs" in data && name in data ? (data as Dataset)[name] : undefined;
        return array === undefined ? [] : [[`data/${name}`, of(`data/${name}`, arrayShape(array))]];
      }),
    ),
  };
}

/** Keeps the placeholders that the outputs depend on. */
function used(
  placeholders: Readonly<Record<string, Tensor>>,
  outputs: readonly Tensor[],
): Record<string, Tensor> {
  const reached = new Set<Tensor>(ancestors(outputs));
  return Object.fromEntries(Object.entries(placeholders).filter(([, t]) => reached.has(nodeOf(t))));
}

/** Traces and lowers a training run for data of one shape. Throws what the methods' hooks and the shapes object to. */
export function planOf(training: Training, data: Dataset): Plan {
  const shape = shapeOfData(data);
  const batchSize = Math.min(training.batchSize ?? 32, data.size);
  const epochs = training.epochs ?? 30;
  const stepsPerEpoch = Math.floor(data.size / batchSize);
  checkLoss(training.loss, data);
  checkBags(batchSize, shape);
  const about: About = {
    model: training.model,
    task: data.task,
    examples: data.size,
    batchSize,
    classes: shape.classes,
    groups: shape.groups,
    stepsPerEpoch,
    steps: stepsPerEpoch * epochs,
    blank: 0,
  };
  const { optimizer, schedule, loss, rate = optimizer.rate, methods = [] } = training;
  const recipe: Recipe = { methods, about, optimizer, schedule, loss: loss.value, rate };

  for (const slot of ["examples", "losses", "risk", "optimizer", "predict"] as const) only(methods, slot);
  const key = input("key", [2], "uint32");
  const hyperparameters = prefixed("hyperparameters/", training.hyperparameters ?? {});
  const initial = traceInitial(recipe, { tensor: key });
  const state = mapTree(initial.state, (t, path) => input(path, t.shape, t.dtype)) as unknown as State;
  const anchor = mapTree(state.params, (t, path) =>
    input(`anchor/${path}`, t.shape, t.dtype),
  ) as State["params"];
  const source = dataPlaceholders(data, shape, data.size);
  const index = input("index", [batchSize], "int32");
  const scene = {
    recipe,
    mode: "train" as const,
    drawn: batchOf(source, index, shape),
    states: state.methods,
    anchor,
    count: state.count,
    key: fold({ tensor: key }, "steps"),
  };
  const traced = traceStep(scene, state, initial.leaves);
  const before = flat(state);
  const after = flat(traced.state);
  checkState(before, after);
  const outputs = [...Object.values(after), traced.loss];
  const shared = used({ ...source, ...flat(anchor, "anchor"), ...hyperparameters, key }, outputs);
  const step: TracedStep = {
    inputs: { ...before, ...shared, index },
    state: after,
    loss: traced.loss,
    objective: traced.objective,
  };
  const begin = flat(initial.state);
  return {
    recipe,
    shape,
    leaves: initial.leaves,
    epochs,
    batchSize,
    stepsPerEpoch,
    hyperparameters,
    initial: lower({
      inputs: { key, ...used(hyperparameters, Object.values(begin)) },
      outputs: begin,
    }),
    steps: lowerSteps(step),
    state,
    anchor,
    gradients: traced.gradients,
    traced: step,
  };
}

/** As `plan.initial`, with some of the parameters given: they are inputs, `params/...`, and not among the outputs. */
export function traceStart({ recipe, state, hyperparameters }: Plan, paths: readonly string[]): Lowered {
  const key = input("key", [2], "uint32");
  const given = Object.fromEntries(paths.map((path) => [path, state.params[path]]));
  const begin = flat(traceInitial(recipe, { tensor: key }, given).state);
  const outputs = Object.fromEntries(
    Object.entries(begin).filter(([path]) => !paths.some((one) => path === `params/${one}`)),
  );
  const inputs = used({ ...hyperparameters, ...flat(given, "params") }, Object.values(outputs));
  return lower({ inputs: { key, ...inputs }, outputs });
}

/** Any number of steps a run: of one run, or of several side by side. */
export function lowerSteps({ inputs, state, loss }: TracedStep, layout: Layout = alone): Lowered {
  const wide = sideBySide(inputs, { ...state, loss }, layout);
  const { index, ...fed } = wide.inputs;
  const shared = Object.entries(fed).filter(([name]) => !(name in state));
  const carried = Object.keys(state).map((path) => [
    path,
    { from: wide.inputs[path], to: layout.own.has(path) ? wide.outputs[path] : state[path] },
  ]);
  return lowerSmallLoop({
    state: Object.fromEntries(carried),
    scanned: { index },
    shared: Object.fromEntries(shared),
    collected: { loss: wide.outputs.loss },
  });
}

function checkLoss(loss: Loss, data: Dataset): void {
  if (!loss.tasks.includes(data.task))
    throw new OckhamError(
      "conflict",
      "loss",
      `the loss is for ${loss.tasks.join(" and ")}, the data is for ${data.task}`,
      "choose a loss for this task",
    );
}

/** Batches must be of whole bags. */
function checkBags(batchSize: number, { together, size }: DataShape): void {
  if (batchSize % together !== 0 || size % together !== 0)
    throw new OckhamError(
      "conflict",
      "batchSize",
      `batches of ${batchSize} from ${size} rows part bags of ${together}`,
      `take a batch size that is a multiple of ${together}`,
    );
}

function checkState(before: Readonly<Record<string, Tensor>>, after: Readonly<Record<string, Tensor>>): void {
  for (const path of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [a, b] = [before[path], after[path]];
    if (a === undefined || b === undefined || !sameShape(a.shape, b.shape) || a.dtype !== b.dtype)
      throw new OckhamError(
        "bad-shape",
        path,
        `"${path}" is ${describe(a)} before a step and ${describe(b)} after it`,
        "a method must return its state and the parameters in the shapes it was given",
      );
  }
}

const describe = (t: Tensor | undefined): string => (t === undefined ? "absent" : `${t.dtype}[${t.shape}]`);

/**
 * A graph over rows of data in evaluation mode: inputs are the trained state (`params/...`, `methods/...`),
 * the rows (`data/...`) and `extra`; outputs are what `build` returns. For runs side by side, of each.
 */
export function traceProbe(
  plan: Plan,
  rows: number,
  build: (view: View, extra: Readonly<Record<string, Tensor>>) => Readonly<Record<string, Tensor>>,
  extra: Readonly<Record<string, Tensor>> = {},
  layout: Layout = alone,
): Lowered {
  const { view, placeholders } = evaluationView(plan, rows);
  const outputs = build(view, extra);
  const inputs = used({ ...placeholders, ...extra }, Object.values(outputs));
  return lower(sideBySide(inputs, { ...outputs }, layout));
}

/** What an iterated probe does in one step: the next state, and what is noted down. */
export type BuildLoop = (
  view: View,
  state: Readonly<Record<string, Tensor>>,
  extra: Readonly<Record<string, Tensor>>,
) => {
  readonly state: Readonly<Record<string, Tensor>>;
  readonly collected: Readonly<Record<string, Tensor>>;
};

/** As `traceProbe`, iterated inside the runtime: `start` gives placeholders of what is carried, fed and returned by the same names. */
export function traceProbeLoop(
  plan: Plan,
  rows: number,
  build: BuildLoop,
  start: Readonly<Record<string, Tensor>>,
  extra: Readonly<Record<string, Tensor>>,
): Lowered {
  const { view, placeholders } = evaluationView(plan, rows);
  const { state, collected } = build(view, start, extra);
  const reached = [...Object.values(state), ...Object.values(collected)];
  return lowerSmallLoop({
    state: Object.fromEntries(Object.entries(start).map(([name, from]) => [name, { from, to: state[name] }])),
    // a scan needs something to scan: the number of the step
    scanned: { turn: input("turn", [], "int32") },
    shared: used({ ...placeholders, ...extra }, reached),
    collected,
  });
}

/** A step in evaluation mode over rows that are fed. */
function evaluationView(
  plan: Plan,
  rows: number,
): { readonly view: View; readonly placeholders: Record<string, Tensor> } {
  const { state, anchor, shape, recipe, hyperparameters } = plan;
  const source = dataPlaceholders(shape, shape, rows);
  const key = input("key", [2], "uint32");
  const view = viewFrom(
    {
      recipe,
      mode: "eval",
      drawn: batchOf(source, null, shape),
      states: state.methods,
      anchor,
      count: state.count,
      key: { tensor: key },
    },
    state.params,
  );
  return {
    view,
    placeholders: { ...flat(state), ...flat(anchor, "anchor"), ...hyperparameters, ...source, key },
  };
}

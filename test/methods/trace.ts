import type { NdArray } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import type { About, AnyMethod, Batch, Model, Optimizer, Task } from "../../src/kinds/index.ts";
import { crossEntropy } from "../../src/parts/losses/crossEntropy.ts";
import { squaredError } from "../../src/parts/losses/squaredError.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { constant as constantRate } from "../../src/parts/schedules/constant.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import {
  cast,
  fold,
  input,
  iota,
  keyOf,
  leavesOf,
  less,
  mapTree,
  oneHot,
  type Tensor,
} from "../../src/tensor/index.ts";
import {
  type Initial,
  type Named,
  type Recipe,
  type State,
  type Traced,
  traceInitial,
  traceStep,
  viewFrom,
} from "../../src/training/step.ts";

export const examples = 12;
export const classes = 3;

export interface Tracing {
  readonly recipe: Recipe;
  readonly initial: Initial;
  /** The state as placeholders, and the batch's. */
  readonly state: State;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly traced: Traced;
  /** The objective in evaluation mode, as early stopping and reports see it. */
  readonly evaluated: Tensor;
}

interface Setting {
  readonly model: Model;
  readonly task?: Task;
  readonly rows?: number;
  readonly optimizer?: Optimizer;
}

/** One step of some methods on placeholder batches, traced as a plan does. */
export function traceWith(
  methods: readonly (readonly [name: string, method: AnyMethod])[],
  { model, task = "classification", rows = 6, optimizer = sgd() }: Setting,
): Tracing {
  const named: Named[] = methods.map(([name, method]) => ({ name, method }));
  const about: About = {
    model,
    task,
    examples,
    batchSize: rows,
    classes: task === "classification" ? classes : 0,
    groups: 2,
    stepsPerEpoch: 2,
    steps: 20,
    blank: 0,
  };
  const loss = task === "classification" ? crossEntropy().value : squaredError().value;
  const recipe: Recipe = { methods: named, about, optimizer, schedule: constantRate(), loss, rate: 0.05 };
  const initial = traceInitial(recipe, keyOf([3, 4]));
  const state = mapTree(initial.state, (t, path) => input(path, t.shape, t.dtype)) as unknown as State;
  const x = input("x", [rows, ...model.inputs.x]);
  const index = input("index", [rows], "int32");
  const raw =
    task === "classification" ? input("target", [rows], "int32") : input("target", [rows, model.outputs]);
  const target = task === "classification" ? oneHot(raw, classes) : raw;
  const group = cast(less(iota(rows), rows / 2), "int32");
  const drawn: Batch = { inputs: { x }, target, index, group };
  const scene = { recipe, drawn, states: state.methods, anchor: state.params, count: state.count };
  const key = fold(keyOf([3, 4]), "steps");
  const traced = traceStep({ ...scene, mode: "train", key }, state, initial.leaves);
  const evaluated = viewFrom({ ...scene, mode: "eval", key }, state.params).total;
  return { recipe, initial, state, inputs: { x, index, target: raw }, traced, evaluated };
}

/** Shapes and dtypes of a tree by path. */
export const shapesOf = (tree: unknown): Record<string, string> =>
  Object.fromEntries(leavesOf(tree).map(({ path, tensor }) => [path, `${tensor.dtype}[${tensor.shape}]`]));

export interface Ran {
  /** By path of the state. */
  readonly state: Readonly<Record<string, NdArray>>;
  readonly loss: number;
}

/** Runs some steps on one random batch with the reference evaluator; other placeholders are fed by `extra`. */
export function run(tracing: Tracing, steps: number, extra: ReadonlyMap<Tensor, NdArray> = new Map()): Ran[] {
  const { initial, state, inputs, traced } = tracing;
  const rows = inputs.x.shape[0];
  const numbers = stream([5, 6]);
  const size = inputs.x.shape.reduce((a, b) => a * b, 1);
  const float = (shape: readonly number[], n: number): NdArray => ({
    dtype: "float32",
    shape,
    data: Float32Array.from({ length: n }, () => numbers.normal()),
  });
  const int = (f: (i: number) => number): NdArray => ({
    dtype: "int32",
    shape: [rows],
    data: Int32Array.from({ length: rows }, (_, i) => f(i)),
  });
  const width = inputs.target.shape[1] ?? 1;
  const batch = new Map<Tensor, NdArray>([
    [inputs.x, float(inputs.x.shape, size)],
    [inputs.index, int((i) => (5 * i) % examples)],
    [
      inputs.target,
      inputs.target.dtype === "int32" ? int((i) => i % classes) : float(inputs.target.shape, rows * width),
    ],
  ]);
  const placeholders = leavesOf(state);
  let values = evaluate(
    leavesOf(initial.state).map(({ tensor }) => tensor),
    extra,
  );
  const ran: Ran[] = [];
  for (let i = 0; i < steps; i++) {
    const feeds = new Map([...batch, ...extra]);
    placeholders.forEach(({ tensor }, j) => {
      feeds.set(tensor, values[j]);
    });
    const outputs = [...leavesOf(traced.state).map(({ tensor }) => tensor), traced.loss];
    const results = evaluate(outputs, feeds);
    values = results.slice(0, -1);
    ran.push({
      state: Object.fromEntries(placeholders.map(({ path }, j) => [path, values[j]])),
      loss: Number(results[results.length - 1].data[0]),
    });
  }
  return ran;
}

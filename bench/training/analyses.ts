import { dotOf, mapParams, normOf, type Params } from "../../src/kinds/index.ts";
import { type Lowered, lowerLoop } from "../../src/onnx/index.ts";
import {
  add,
  div,
  expandDims,
  gather,
  grad,
  hvp,
  input,
  mean,
  oneHot,
  sqrt,
  square,
  sum,
  type Tensor,
  vmap,
} from "../../src/tensor/index.ts";
import type { Layout } from "../../src/training/index.ts";
import { type Arrays, lossOf, modelOf } from "./problem.ts";
import type { Workload } from "./workloads.ts";

/** A workload as graphs of ours, and what they are fed. */
export interface Program {
  /** Any number of steps a run: reads the batches that `index` names, gives back its state and `loss` by step. */
  readonly steps: Lowered;
  /** Input key; outputs the initial state. Without it the state is among the arrays. */
  readonly initial?: Lowered;
  /** Everything else that is fed, by name. */
  readonly arrays: Arrays;
  /** How several seeds lie side by side in one graph; without it each goes through it by itself. */
  readonly together?: Layout;
}

/** What is computed of one batch at fixed weights: the next state, and a number that is noted down. */
type Analysis = (
  weights: Params,
  batch: { readonly x: Tensor; readonly y: Tensor },
  state: Params,
) => { readonly state: Params; readonly loss: Tensor };

const placeholders = (prefix: string, arrays: Arrays): Params =>
  Object.fromEntries(
    Object.entries(arrays).flatMap(([name, { shape, dtype }]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), input(name, shape, dtype)]] : [],
    ),
  );

const prefixed = (prefix: string, params: Params): Params =>
  Object.fromEntries(Object.entries(params).map(([path, t]) => [prefix + path, t]));

function analysing(workload: Workload, arrays: Arrays, analysis: Analysis): Program {
  const weights = placeholders("params/", arrays);
  const data = placeholders("data/", arrays);
  const before = placeholders("direction/", arrays);
  const index = input("index", [workload.batch], "int32");
  const { state, loss } = analysis(weights, { x: gather(data.x, index), y: gather(data.y, index) }, before);
  const steps = lowerLoop({
    state: Object.fromEntries(
      Object.entries(before).map(([path, from]) => [`direction/${path}`, { from, to: state[path] }]),
    ),
    scanned: { index },
    shared: { ...prefixed("params/", weights), ...prefixed("data/", data) },
    collected: { loss },
  });
  return { steps, arrays };
}

/** Mean loss of a batch of classes. */
function objectiveOf({ network }: Workload) {
  const model = modelOf(network);
  const loss = lossOf({ network } as Workload);
  return (weights: Params, x: Tensor, y: Tensor): Tensor =>
    mean(loss.value(model.apply(weights, { x }).prediction, oneHot(y, model.outputs)));
}

/** Norms of the gradients of each example by itself; the loss is their mean. */
export const perExample = (workload: Workload, arrays: Arrays): Program => {
  const objective = objectiveOf(workload);
  return analysing(workload, arrays, (weights, { x, y }, state) => {
    const norm = vmap((one: Tensor, label: Tensor) => {
      const gradient = grad((w: Params) => objective(w, expandDims(one, 0), expandDims(label, 0)))(weights);
      return sqrt(
        Object.values(gradient)
          .map((g) => sum(square(g)))
          .reduce(add),
      );
    });
    return { state, loss: mean(norm(x, y)) };
  });
};

/** The next direction of a power iteration; the loss is v . H v. */
export const hessian = (workload: Workload, arrays: Arrays): Program => {
  const objective = objectiveOf(workload);
  return analysing(workload, arrays, (weights, { x, y }, v) => {
    const product = hvp((w: Params) => objective(w, x, y))(weights, v);
    const norm = normOf(product);
    return { state: mapParams(product, (part) => div(part, norm)), loss: dotOf(v, product) };
  });
};

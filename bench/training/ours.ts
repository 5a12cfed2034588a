import type { AnyMethod, Leaf, Params } from "../../src/kinds/index.ts";
import { dotOf, mapParams, normOf } from "../../src/kinds/index.ts";
import { gam } from "../../src/methods/optimizers/gam.ts";
import { sam } from "../../src/methods/optimizers/sam.ts";
import { weightDecay } from "../../src/methods/regularizers/weightDecay.ts";
import { type Lowered, lowerLoop } from "../../src/onnx/index.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { constant as always } from "../../src/parts/schedules/constant.ts";
import {
  add,
  constant,
  div,
  expandDims,
  gather,
  grad,
  hvp,
  input,
  matmul,
  mean,
  oneHot,
  sqrt,
  square,
  sum,
  type Tensor,
  vmap,
} from "../../src/tensor/index.ts";
import {
  feedsOf,
  type Layout,
  lowerSteps,
  type Named,
  type Plan,
  planOf,
  runsAtOnce,
} from "../../src/training/index.ts";
import { type Arrays, dataOf, factorsOf, isAdapted, lossOf, modelOf } from "./problem.ts";
import type { Workload } from "./workloads.ts";

/** Low-rank adaptation: W = base + up down on frozen dense weights; base and factors start as given. */
const lora = (start: Arrays): AnyMethod => ({
  params(_, { model }) {
    const leaves = model.leaves.filter(isAdapted).flatMap((leaf): Leaf[] =>
      Object.values(factorsOf(leaf)).map((path) => ({
        path,
        layer: leaf.layer,
        role: "extra",
        outAxis: 0,
        shape: start[path].shape,
      })),
    );
    const paths = [...model.leaves, ...leaves].map(({ path }) => path);
    return { leaves, values: Object.fromEntries(paths.map((path) => [path, constant(start[path])])) };
  },
  frozen: ({ role }) => role !== "extra",
  weights(weights, { about }) {
    const adapted = about.model.leaves.filter(isAdapted).map((leaf) => {
      const { down, up } = factorsOf(leaf);
      return [leaf.path, add(weights[leaf.path], matmul(weights[up], weights[down]))] as const;
    });
    return { ...weights, ...Object.fromEntries(adapted) };
  },
});

/** The methods of a workload beside its optimizer. `start` are the initial values. */
function methodsOf({ step, optimizer, decay = 0 }: Workload, start: Arrays): Named[] {
  const all: Readonly<Record<string, AnyMethod | false>> = {
    sam: step === "sam" && sam({ radius: 0.05 }),
    gam: step === "gam" && gam(),
    lora: step === "lora" && lora(start),
    "weight-decay": optimizer === "adamw" && weightDecay({ strength: decay }),
  };
  return Object.entries(all).flatMap(([name, method]) => (method === false ? [] : [{ name, method }]));
}

/** A workload's training as a person would ask for it; `start` are the initial values by path. */
export const planFor = (workload: Workload, examples: Arrays, start: Arrays): Plan =>
  planOf(
    {
      model: modelOf(workload.network),
      methods: methodsOf(workload, start),
      optimizer: workload.optimizer === "sgd" ? sgd({ momentum: workload.momentum }) : adam(),
      rate: workload.rate,
      schedule: always(),
      loss: lossOf(workload),
      batchSize: workload.batch,
      epochs: 1000,
    },
    dataOf(workload, examples),
  );

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

const without = (prefix: string, arrays: Arrays): Arrays =>
  Object.fromEntries(Object.entries(arrays).map(([name, a]) => [name.replace(prefix, ""), a]));

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
const perExample = (workload: Workload, arrays: Arrays): Program => {
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
const hessian = (workload: Workload, arrays: Arrays): Program => {
  const objective = objectiveOf(workload);
  return analysing(workload, arrays, (weights, { x, y }, v) => {
    const product = hvp((w: Params) => objective(w, x, y))(weights, v);
    const norm = normOf(product);
    return { state: mapParams(product, (part) => div(part, norm)), loss: dotOf(v, product) };
  });
};

/** Seeds side by side where the trainer would have them so. All see the same batches here. */
function layoutOf(plan: Plan, seeds: number): Layout | undefined {
  if (runsAtOnce(plan, seeds) < seeds) return undefined;
  const state = plan.initial.outputs.map(({ name }) => name);
  return { size: seeds, own: new Set(state.filter((name) => name !== "count")) };
}

/** The graphs of a workload; `arrays` as `startOf` gives them. */
export function programOf(workload: Workload, arrays: Arrays): Program {
  if (workload.step === "per-example") return perExample(workload, arrays);
  if (workload.step === "hvp") return hessian(workload, arrays);
  const examples = { x: arrays["data/x"], y: arrays["data/y"] };
  const plan = planFor(workload, examples, without("params/", arrays));
  const fed = feedsOf(dataOf(workload, examples));
  const together = workload.seeds === undefined ? undefined : layoutOf(plan, workload.seeds);
  return together === undefined
    ? { steps: plan.steps, initial: plan.initial, arrays: fed }
    : { steps: lowerSteps(plan.traced, together), initial: plan.initial, arrays: fed, together };
}

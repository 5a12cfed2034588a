import type { AnyMethod, Leaf } from "../../src/kinds/index.ts";
import { gam } from "../../src/methods/optimizers/gam.ts";
import { sam } from "../../src/methods/optimizers/sam.ts";
import { weightDecay } from "../../src/methods/regularizers/weightDecay.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { constant as always } from "../../src/parts/schedules/constant.ts";
import { add, constant, matmul } from "../../src/tensor/index.ts";
import {
  feedsOf,
  type Layout,
  lowerSteps,
  type Named,
  type Plan,
  planOf,
  runsAtOnce,
} from "../../src/training/index.ts";
import { hessian, type Program, perExample } from "./analyses.ts";
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

const without = (prefix: string, arrays: Arrays): Arrays =>
  Object.fromEntries(Object.entries(arrays).map(([name, a]) => [name.replace(prefix, ""), a]));

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

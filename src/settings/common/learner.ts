import { type NdArray, ndarray } from "../../array/ndarray.ts";
import { stream } from "../../array/random.ts";
import { OckhamError } from "../../error.ts";
import type { Dataset, Fitted, Learner, Stage } from "../../kinds/index.ts";
import type { Host } from "../../runtime/index.ts";
import {
  beginning,
  type Epoch,
  type Plan,
  planOf,
  predict,
  type Trained,
  type Training,
  train,
} from "../../training/index.ts";

/** How a candidate is trained, whatever a setting puts before it. */
export interface Way {
  /** The same for all that is trained alike: plans are known by it. */
  readonly id: string;
  /** How it is trained on data like these; only shapes, task and classes are looked at. */
  training(data: Dataset): Promise<Training>;
  /** The same from random initial values, where it begins with the weights of a file. */
  readonly random?: (data: Dataset) => Promise<Training>;
  /** Plans traced so far. */
  readonly plans: Map<string, Plan>;
}

export interface LearnerOptions {
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly debug?: boolean;
  /** Epochs are counted through all stages. */
  onEpoch?(epoch: Epoch): void;
}

/** What a learner has been through. */
export interface Past {
  /** Of every stage in turn. */
  readonly plans: Plan[];
  readonly history: Epoch[];
  /** The data of the first stage. */
  first?: Dataset;
  steps: number;
  seconds: number;
  /** Epochs of the stages that have ended. */
  epochs: number;
}

const newPast = (): Past => ({ plans: [], history: [], steps: 0, seconds: 0, epochs: 0 });

const shapesOf = (arrays: Readonly<Record<string, NdArray | undefined>>) =>
  Object.entries(arrays).map(([name, a]) => a && [name, a.dtype, a.shape]);

const groupsOf = ({ group }: Dataset): number =>
  group === undefined ? 0 : (group.data as Int32Array).reduce((most, g) => Math.max(most, g + 1), 0);

/** Whether two stages can have one plan follows from this. */
const identityOf = (way: Way, { data, around, length = 1, random = false }: Stage): string => {
  const { inputs, target, weight, group, domain, classes, task } = data;
  const shapes = shapesOf({ ...inputs, target, weight, group, domain });
  return JSON.stringify([way.id, around?.id, length, random, task, classes.length, groupsOf(data), shapes]);
};

/** The plan of a stage; one serves all whose data have the same shapes. */
async function planFor(way: Way, stage: Stage): Promise<Plan> {
  const id = identityOf(way, stage);
  const known = way.plans.get(id);
  if (known !== undefined) return known;
  const { data, around, length = 1, random = false } = stage;
  const trainingOn = (random ? way.random : undefined) ?? way.training;
  const training = await trainingOn(around?.shape === undefined ? data : seenAs(data, around.shape));
  const plan = planOf(
    {
      ...training,
      model: around === undefined ? training.model : around.model(training.model),
      epochs: Math.max(1, Math.round(length * (training.epochs ?? 30))),
    },
    data,
  );
  way.plans.set(id, plan);
  return plan;
}

/** The data as a model inside another sees their shape. */
function seenAs(data: Dataset, shape: readonly number[]): Dataset {
  const { x } = data.inputs;
  return { ...data, inputs: { x: { ...x, shape: [data.size, ...shape] } } };
}

/** Every stage has a seed of its own, so that none repeats what another drew; the first has the run's. */
const seedOf = (seed: number, stage: number): number =>
  stage === 0 ? seed : stream(seed).split("stage").split(stage).word();

/** A learner that trains. */
export function learnerOf(
  way: Way,
  host: Host,
  { seed, signal, debug, onEpoch }: LearnerOptions,
): Learner & { readonly past: Past } {
  const past = newPast();
  const known = new WeakMap<Fitted, Trained["values"]>();
  const valuesOf = (from: Fitted | undefined) => (from === undefined ? undefined : known.get(from));
  const fitted = (plan: Plan, values: Trained["values"]): Fitted => {
    const result: Fitted = { predict: (data) => predict(host, plan, values, data) };
    known.set(result, values);
    return result;
  };
  return {
    past,
    begun: way.random !== undefined,
    async fit(stage) {
      const { data, validation, from } = stage;
      const plan = await planFor(way, stage);
      const before = past.epochs;
      // validation while training is for those who act on it
      const watching = plan.recipe.methods.some(({ method }) => method.between !== undefined);
      const trained = await train(plan, data, seedOf(seed, past.plans.length), host, {
        signal,
        debug,
        from: valuesOf(from),
        ...(watching && validation !== undefined ? { validation } : {}),
        onEpoch: (epoch) => {
          const line = { ...epoch, epoch: before + epoch.epoch };
          past.history.push(line);
          onEpoch?.(line);
        },
      });
      past.first ??= data;
      past.plans.push(plan);
      past.epochs = before + plan.epochs;
      past.steps += trained.steps;
      past.seconds += trained.seconds;
      return fitted(plan, trained.values);
    },
    async untrained(stage) {
      const plan = await planFor(way, stage);
      const run = { data: stage.data, seed: seedOf(seed, past.plans.length), from: valuesOf(stage.from) };
      return fitted(plan, await beginning(host, plan, run));
    },
  };
}

/**
 * A learner that traces every stage and trains none: what methods and data object to comes to light before anything
 * is trained, and how long it will take. It predicts every class alike, or zero.
 */
export function rehearsalOf(way: Way): Learner & { readonly past: Past } {
  const past = newPast();
  const idle = (outputs: number, value: number): Fitted => ({
    predict: async ({ size }) =>
      ndarray("float32", [size, outputs], new Float32Array(size * outputs).fill(value)),
  });
  const planned = async (stage: Stage): Promise<Plan> => {
    // lets Ctrl-C through between two plans
    await new Promise((resolve) => setImmediate(resolve));
    return planFor(way, stage);
  };
  const guess = (plan: Plan): Fitted => {
    const { outputs } = plan.recipe.about.model;
    return idle(outputs, plan.shape.task === "classification" ? 1 / outputs : 0);
  };
  return {
    past,
    begun: way.random !== undefined,
    async fit(stage) {
      const plan = await planned(stage);
      past.first ??= stage.data;
      past.plans.push(plan);
      past.epochs += plan.epochs;
      past.steps += plan.epochs * plan.stepsPerEpoch;
      return guess(plan);
    },
    untrained: async (stage) => guess(await planned(stage)),
  };
}

/** Throws `conflict` for data of a task that a setting is not for. */
export function needsClasses(id: string, { task, name }: Dataset): void {
  if (task === "classification") return;
  throw new OckhamError(
    "conflict",
    id,
    `the setting ${id} is for classification, ${name} is for ${task}`,
    "choose other data, or another setting",
  );
}

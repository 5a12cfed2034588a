import { fold as foldWords, type Words, wordOf } from "../array/hash.ts";
import type { NdArray } from "../array/ndarray.ts";
import { nearest, OckhamError } from "../error.ts";
import type { Dataset } from "../kinds/index.ts";
import { feedsOf, type Plan } from "./plan.ts";

/** One line of the learning curve. */
export interface Epoch {
  /** From 1. */
  readonly epoch: number;
  /** Mean risk over the epoch's steps, as trained (with augmentation, dropout and the like). */
  readonly trainLoss: number;
  readonly validationLoss?: number;
  /** Accuracy, or R squared. */
  readonly validationScore?: number;
}

/** One run of a plan: all that may differ from run to run. */
export interface PlanRun {
  readonly data: Dataset;
  readonly seed: number;
  /** The plan's hyperparameters, by name. */
  readonly hyperparameters?: Readonly<Record<string, number>>;
  readonly validation?: Dataset;
  /**
   * The values of an earlier stage to go on from: its parameters, where they have the same shape, and what the methods
   * carry over. The optimizer and the schedule begin anew.
   */
  readonly from?: Readonly<Record<string, NdArray>>;
  onEpoch?(epoch: Epoch, of: number): void;
}

/** What holds for all runs that are trained together. */
export interface SharedOptions {
  readonly signal?: AbortSignal;
  /** File to keep the state in while training, so that a killed run goes on where it stood. */
  readonly checkpoint?: string;
  /** Seconds between checkpoints; 30 unless told. One is written on interruption too. */
  readonly every?: number;
  /** What is trained, in words: a checkpoint of something else is refused. */
  readonly identity?: string;
  /** On divergence, find the operation that first made a number that is not finite. */
  readonly debug?: boolean;
  /** Seconds after which training stops at the end of an epoch. */
  readonly seconds?: number;
}

export interface Trained {
  readonly plan: Plan;
  /**
   * The final state by path: `params/...`, `methods/...`, `optimizer/...`, `count`; `hyperparameters/...`; and
   * `anchor/...` where the steps read it.
   */
  readonly values: Readonly<Record<string, NdArray>>;
  readonly history: readonly Epoch[];
  readonly steps: number;
  /** Seconds spent in training steps; its share of them where others were trained beside it. */
  readonly seconds: number;
  /** Why it ended before its time, if it did. */
  readonly stopped?: string;
  /** How often each example stood in the training data, int32 [examples], where a method chose. */
  readonly examples?: Int32Array;
}

type Arrays = Record<string, NdArray>;

/** The run's key: all its random numbers follow from it. */
export const runKey = (seed: number): Words => foldWords([wordOf("ockham"), wordOf("run")], seed >>> 0);

export const hyperparametersOf = (plan: Plan, { hyperparameters: given = {} }: PlanRun): Arrays => {
  const names = Object.keys(plan.hyperparameters);
  for (const name of Object.keys(given))
    if (!names.includes(`hyperparameters/${name}`)) throw unknown(name, names);
  return Object.fromEntries(
    names.map((path) => {
      const name = path.slice("hyperparameters/".length);
      if (given[name] === undefined)
        throw new OckhamError(
          "bad-option",
          name,
          `the hyperparameter ${name} was given no value`,
          "give a number",
        );
      return [path, { dtype: "float32", shape: [], data: Float32Array.of(given[name]) }];
    }),
  );
};

function unknown(name: string, paths: readonly string[]): OckhamError {
  const names = paths.map((path) => path.slice("hyperparameters/".length));
  const near = nearest(name, names);
  return new OckhamError(
    "unknown-name",
    name,
    `the plan has no hyperparameter "${name}"`,
    near === undefined ? `it has ${names.join(", ") || "none"}` : `did you mean "${near}"?`,
  );
}

/** What a run is given beside its initial state. */
export const givenTo = (plan: Plan, run: PlanRun): Arrays => ({
  ...feedsOf(run.data),
  ...hyperparametersOf(plan, run),
  key: { dtype: "uint32", shape: [2], data: Uint32Array.from(runKey(run.seed)) },
});

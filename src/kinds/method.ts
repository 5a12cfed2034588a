import type { NdArray } from "../array/ndarray.ts";
import type { Key, Tensor } from "../tensor/index.ts";
import type { Dataset } from "./dataset.ts";
import { definer } from "./definition.ts";
import type { Inputs, Leaf, Params } from "./model.ts";
import type { Optimizer } from "./optimizer.ts";
import type { Rehearsal } from "./rehearsal.ts";
import type { About, Batch, Step } from "./step.ts";

/** From parameters to the direction that the optimizer is given. */
export type GradientOf = (params: Params) => Params;

/** When `between` is called on the host. */
export type Moment = "start" | "epoch" | "end";

/** What `between` may see and ask for. */
export interface Run {
  readonly about: About;
  readonly data: Dataset;
  readonly validation?: Dataset;
  /** Steps done. */
  readonly count: number;
  readonly params: Readonly<Record<string, NdArray>>;
  /** The method's own state, by path: "kept/hidden.0.kernel". */
  readonly state: Readonly<Record<string, NdArray>>;
  /** The mean of a quantity over a data set in evaluation mode (the validation set unless told). */
  evaluate(quantity: (step: Step) => Tensor, data?: Dataset): Promise<number>;
  /**
   * The mean over the examples of arrays in evaluation mode (of the training set unless told). What `quantity` gives
   * has the examples along its first axis, which is averaged over.
   */
  average(quantity: (step: Step) => Params, data?: Dataset): Promise<Readonly<Record<string, NdArray>>>;
}

/** What `between` changes; what it leaves out stays. */
export interface Change {
  readonly params?: Readonly<Record<string, NdArray>>;
  readonly state?: Readonly<Record<string, NdArray>>;
  /** Ends the run, with the reason. */
  readonly stop?: string;
}

/** A method's own arrays: their leaves, and initial values by path. Values under the model's paths replace its initial values. */
export interface Own {
  readonly leaves: readonly Leaf[];
  readonly values: Params;
}

/**
 * A regularization method as the hooks it fills, in the order in which they run; all optional.
 * `S` is what it carries between steps: a record of tensors, or undefined.
 */
export interface Method<S = undefined> {
  /**
   * Before training: the method's own trainables, and new initial values for the model's. `base` are the model's initial
   * values; where training goes on from an earlier stage, those it goes on from.
   */
  params?(base: Params, about: About, key: Key): Own;
  /** Leaves that stay as they are: no gradient is taken in them. */
  frozen?(leaf: Leaf): boolean;
  /** Before training: what is carried from step to step. */
  state?(params: Params, about: About, key: Key): S;
  /**
   * Before training, on the host: how often each example stands in the training data, whole numbers [examples]. The
   * number of steps stays. At most one method.
   */
  examples?(rehearsal: Rehearsal): Promise<Int32Array>;
  /** Whether a part of the state, by path, goes on into the next stage of training; else it begins anew there. */
  carries?(path: string): boolean;
  /** Left to right; differentiable in step.params. May change the number of rows. */
  batch?(batch: Batch, step: Step, state: S): Batch;
  /** Nested: in a+b, a's input is b's result; so each undoes its own `params`. */
  weights?(weights: Params, step: Step, state: S): Params;
  /** Every named activation, in every evaluation of the model. */
  layer?(x: Tensor, name: string, step: Step, state: S): Tensor;
  /** [n]; at most one method. */
  losses?(step: Step, state: S): Tensor;
  /** [n] to a scalar; at most one method. */
  risk?(losses: Tensor, step: Step, state: S): Tensor;
  /** A scalar; the penalties of all methods are added. */
  penalty?(step: Step, state: S): Tensor;
  /** Nested: in a+b, a's `inner` is b's result. */
  gradient?(inner: GradientOf, step: Step, state: S): GradientOf;
  /** Chained: clipping, projection, noise. */
  transform?(gradients: Params, step: Step, state: S): readonly [Params, S];
  /** At most one method; else the run's. */
  optimizer?: Optimizer;
  /** Chained. */
  rate?(rate: Tensor, step: Step, state: S): Tensor;
  /** Chained; step.params are still the old ones. */
  after?(updated: Params, step: Step, state: S): readonly [Params, S];
  /** On the host, where nothing is traced. */
  between?(moment: Moment, run: Run): Promise<Change | undefined>;
  /** Probabilities [n, classes] or values [n, outputs]; at most one method. */
  predict?(inputs: Inputs, step: Pick<Step, "weights" | "apply" | "key" | "about">, state: S): Tensor;
}

/** A method whose state nobody outside needs to know. */
// biome-ignore lint/suspicious/noExplicitAny: the state is private to the method, whose hooks agree on it
export type AnyMethod = Method<any>;

/** Defines a method that fills several slots or carries state. */
export const method = definer<AnyMethod, "method">("method");

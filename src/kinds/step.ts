import type { Key, Tensor } from "../tensor/index.ts";
import type { Task } from "./dataset.ts";
import type { ApplyOptions, Inputs, Mode, Model, Outputs, Params } from "./model.ts";

export interface Batch {
  readonly inputs: Inputs;
  /** Class probabilities [n, classes], of each pixel [n, height, width, classes], or values [n, outputs]. */
  readonly target: Tensor;
  /** Position in the training set, int32 [n]. */
  readonly index: Tensor;
  readonly weight?: Tensor;
  readonly group?: Tensor;
  readonly domain?: Tensor;
}

/** What is known before the first step. */
export interface About {
  readonly model: Model;
  readonly task: Task;
  /** Training examples, and those of them in a batch. */
  readonly examples: number;
  readonly batchSize: number;
  /** 0 for regression. */
  readonly classes: number;
  readonly groups: number;
  readonly stepsPerEpoch: number;
  readonly steps: number;
  /** The encoded number that stands for nothing: a missing entry, a pixel blacked out. */
  readonly blank: number;
}

/**
 * One training step seen from some parameters: everything is a symbol, traced only if it is read.
 * `objective` evaluates the whole chain (batch, weights, layers, losses, risk, penalties of all methods)
 * at other parameters, with the same key, so that the same dropout masks and mixtures are drawn.
 */
export interface Step {
  readonly params: Params;
  /** The parameters after every method's `weights`, buffers included. */
  readonly weights: Params;
  /** The batch as the data gave it, and after every method's `batch`. */
  readonly drawn: Batch;
  readonly batch: Batch;
  readonly outputs: Outputs;
  /** Loss by example, [n]. */
  readonly losses: Tensor;
  /** The parameters at the start of the run (or stage). */
  readonly anchor: Params;
  /** Steps done, epochs begun (both from 0, float32 scalars) and the share of the run that is over. */
  readonly count: Tensor;
  readonly epoch: Tensor;
  readonly progress: Tensor;
  /** The learning rate of this step. */
  readonly rate: Tensor;
  /** Differs from step to step and from method to method. */
  readonly key: Key;
  readonly mode: Mode;
  readonly about: About;
  /** Runs the model (or from a named activation on) with all methods' `layer`, in the step's mode and with its masks. */
  apply(weights: Params, inputs: Inputs, options?: Pick<ApplyOptions, "from" | "mode">): Outputs;
  /** The run's own loss, by example: what `losses` falls back to. */
  loss(prediction: Tensor, target: Tensor): Tensor;
  objective(params: Params): Tensor;
}

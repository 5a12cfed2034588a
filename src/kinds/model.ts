import type { Key, Tensor } from "../tensor/index.ts";

export type Role = "kernel" | "bias" | "gain" | "embedding" | "recurrent" | "buffer" | "extra";

/**
 * One array of a model. Kernels are [out, in] (dense) and [out, in / groups, ...window] (convolution): the
 * output axis is 0. Buffers are carried, not trained.
 */
export interface Leaf {
  readonly path: string;
  readonly layer: string;
  readonly role: Role;
  /** The axis that counts output units; null where there is none. */
  readonly outAxis: number | null;
  readonly shape: readonly number[];
  /** Factor on the learning rate; 1 unless told. */
  readonly rate?: number;
  /** Belongs to the layer that makes the prediction. */
  readonly head?: boolean;
}

/** Arrays by `Leaf.path`. */
export type Params = Readonly<Record<string, Tensor>>;

export type Mode = "train" | "eval";

/** By input name: { x }, { ids, mask }, ... with the examples along the first axis. */
export type Inputs = Readonly<Record<string, Tensor>>;

export interface Outputs {
  /** Logits [n, classes], or values [n, outputs]. */
  readonly prediction: Tensor;
  /** What each named place of the model computed, in order; the last is what the head reads. */
  readonly activations: Readonly<Record<string, Tensor>>;
  /** New values of the buffers, by path; in evaluation as they were. */
  readonly buffers: Params;
}

export interface ApplyOptions {
  readonly mode?: Mode;
  readonly key?: Key;
  /** Start from a named activation instead of the inputs. */
  readonly from?: { readonly name: string; readonly value: Tensor };
  /** Sees every named activation and may replace it. */
  readonly layer?: (x: Tensor, name: string) => Tensor;
}

/** A model as pure functions of its weights. */
export interface Model {
  readonly name: string;
  readonly leaves: readonly Leaf[];
  /** Names of the activations, in order. */
  readonly places: readonly string[];
  /** Shape of one example by input name, and the size of the prediction. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly outputs: number;
  /** Whether examples are pairs, whose sides have an axis of two of their own after the first in inputs and activations. */
  readonly paired?: boolean;
  /** Of one that no name stands for: what it consists of, as JSON, so that it can be made again. */
  readonly architecture?: string;
  /** Initial values of all leaves, buffers too. */
  init(key: Key): Params;
  apply(weights: Params, inputs: Inputs, options?: ApplyOptions): Outputs;
}

/** The leaves that penalties and decay act on: what multiplies an input, so no biases, gains, buffers or extras. */
export const isWeight = (leaf: Leaf): boolean =>
  leaf.role === "kernel" || leaf.role === "embedding" || leaf.role === "recurrent";

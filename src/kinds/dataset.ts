import type { NdArray } from "../array/ndarray.ts";

export type Task = "classification" | "regression" | "tokens" | "pairs" | "none";

/** Encoded data, ready to be fed: numbers only, every array with the examples along its first axis. */
export interface Dataset {
  readonly name: string;
  readonly task: Task;
  readonly size: number;
  /** By the model's input names; images are `x` [n, channels, height, width], tables `x` [n, features]. */
  readonly inputs: Readonly<Record<string, NdArray>>;
  /** Classification: class numbers, int32 [n]. Regression: float32 [n, outputs]. */
  readonly target: NdArray;
  /** Names by class number; empty for regression. */
  readonly classes: readonly string[];
  readonly weight?: NdArray;
  /** int32 [n] */
  readonly group?: NdArray;
  /** int32 [n] */
  readonly domain?: NdArray;
  /** Rows come in bags of so many, one bag after another, which batches never part; 1 unless told. */
  readonly together?: number;
}

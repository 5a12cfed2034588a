import type { NdArray } from "../array/ndarray.ts";

export type Task = "classification" | "regression" | "segmentation" | "tokens" | "pairs" | "none";

/** Whether targets are class numbers: one an example, or one a pixel. */
export const hasClasses = (task: Task): boolean => task === "classification" || task === "segmentation";

/** The input that a model reads first: `x`, or the `ids` of texts. */
export const mainInput = ({ inputs }: Pick<Dataset, "inputs">): NdArray => Object.values(inputs)[0];

/** Encoded data, ready to be fed: numbers only, every array with the examples along its first axis. */
export interface Dataset {
  readonly name: string;
  readonly task: Task;
  readonly size: number;
  /**
   * By the model's input names; images are `x` [n, channels, height, width], tables `x` [n, features], texts `ids` int32
   * [n, tokens], with `mask` float32 [n, tokens] where they differ in length: 1 for a token, 0 for padding.
   */
  readonly inputs: Readonly<Record<string, NdArray>>;
  /**
   * Classification: class numbers, int32 [n], or for training probabilities, float32 [n, classes]. Segmentation: int32
   * [n, height, width]. Regression: float32 [n, outputs]. Tokens: the next id at each place, int32 [n, tokens].
   */
  readonly target: NdArray;
  /** Names by class number; empty for regression and tokens. */
  readonly classes: readonly string[];
  /** Of texts: all ids are below this. */
  readonly vocabulary?: number;
  /** Of texts: how many characters a token stands for, on average. */
  readonly charactersPerToken?: number;
  readonly weight?: NdArray;
  /** int32 [n] */
  readonly group?: NdArray;
  /** int32 [n] */
  readonly domain?: NdArray;
  /** Rows come in bags of so many, one bag after another, which batches never part; 1 unless told. */
  readonly together?: number;
}

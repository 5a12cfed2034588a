import type { NdArray } from "../array/ndarray.ts";
import type { Graph } from "./graph.ts";

export type Task = "classification" | "regression" | "segmentation" | "tokens" | "none";

/** Whether targets are class numbers: one an example, or one a pixel. */
export const hasClasses = (task: Task): boolean => task === "classification" || task === "segmentation";

/** The input that a model reads first: `x`, the `ids` of texts, or the `node` of a graph. */
export const mainInput = ({ inputs }: Pick<Dataset, "inputs">): NdArray => Object.values(inputs)[0];

/** The shape of one example: of its main input, or for a node of a graph of its features. */
export const exampleShape = (data: Pick<Dataset, "inputs" | "graph">): readonly number[] =>
  (data.graph?.features ?? mainInput(data)).shape.slice(1);

/** The shape of what a model looks at: an example, or one of the two things of a pair. */
export const thingShape = (data: Pick<Dataset, "inputs" | "graph" | "paired">): readonly number[] =>
  exampleShape(data).slice(data.paired ? 1 : 0);

/** Encoded data, ready to be fed: numbers only, every array with the examples along its first axis. */
export interface Dataset {
  readonly name: string;
  readonly task: Task;
  readonly size: number;
  /**
   * By the model's input names; images are `x` [n, channels, height, width], tables `x` [n, features], texts `ids` int32
   * [n, tokens], with `mask` float32 [n, tokens] where they differ in length: 1 for a token, 0 for padding;
   * sequences of numbers `x` [n, steps, features], with a `mask` where they differ in length. Nodes of a
   * graph are `node` int32 [n], their numbers in `graph`. Pairs have the inputs of their
   * things with an axis of two after the first, such as `x` [n, 2, features].
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
  /** Where examples are nodes of a graph: all of it, the same for every part of the data and every seed. */
  readonly graph?: Graph;
  /** Whether examples are pairs. */
  readonly paired?: boolean;
  readonly weight?: NdArray;
  /** int32 [n] */
  readonly group?: NdArray;
  /** int32 [n] */
  readonly domain?: NdArray;
  /** Rows come in bags of so many, one bag after another, which batches never part; 1 unless told. */
  readonly together?: number;
}

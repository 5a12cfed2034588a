import type { NdArray } from "../array/ndarray.ts";
import type { Dataset, Task } from "./dataset.ts";
import { definer } from "./definition.ts";
import type { Model } from "./model.ts";
import type { Preprocessing } from "./preprocessing.ts";

/** One seed's data as a setting gets them: split and encoded. */
export interface Parts {
  readonly train: Dataset;
  /** What options, epochs and winners are chosen on. */
  readonly validation: Dataset;
  /** Looked at once, to score. */
  readonly test: Dataset;
  /** How the data were encoded, where it is known. */
  readonly preprocessing?: Preprocessing;
}

/** A model as a stage of training left it. */
export interface Fitted {
  /** Class probabilities [n, classes], or values [n, outputs]. */
  predict(data: Dataset): Promise<NdArray<"float32">>;
}

/** What a setting builds around the model that it is given: more inputs, other outputs, the same weights. */
export interface Around {
  /** Unique in a setting. */
  readonly id: string;
  /** Shape of the `x` that the inner model takes; that of the data's unless told. */
  readonly shape?: readonly number[];
  model(inner: Model): Model;
}

/** What is trained on at one time. */
export interface Stage {
  readonly data: Dataset;
  readonly validation?: Dataset;
  /** Goes on from there, with its weights and what the methods carry over; from the initial weights unless told. */
  readonly from?: Fitted;
  /** Whether the initial weights are random even where the learner has begun before; false unless told. */
  readonly random?: boolean;
  readonly around?: Around;
  /** Factor on the number of epochs; 1 unless told. */
  readonly length?: number;
}

/** A candidate that learns what a setting puts before it. Throws `diverged`. */
export interface Learner {
  /** Whether its initial weights were learned before, elsewhere, so that it is fine-tuned; false unless told. */
  readonly begun?: boolean;
  fit(stage: Stage): Promise<Fitted>;
  /** As it is before the first step of a stage. */
  untrained(stage: Stage): Promise<Fitted>;
}

/** A number that a setting scores by. */
export interface Measure {
  readonly name: string;
  readonly title: string;
  readonly better: "higher" | "lower";
  readonly format: "percent" | "number";
  readonly doc: string;
}

/** Numbers by row and column; one that is not known is null. */
export interface Grid {
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly values: readonly (readonly (number | null)[])[];
}

/**
 * How a grid of the findings is shown: as a table of shades for each candidate; or its first row as a line, or as a row of
 * one table, for each.
 */
export interface Figure {
  /** Which grid. */
  readonly grid: string;
  readonly kind: "matrix" | "lines" | "rows";
  readonly title: string;
  readonly doc: string;
  /** What rows and columns are. */
  readonly row: string;
  readonly column: string;
  readonly format: "percent" | "number";
}

/** What a learner came to on one seed. */
export interface Findings {
  readonly validation: Readonly<Record<string, number>>;
  readonly test: Readonly<Record<string, number>>;
  readonly grids?: Readonly<Record<string, Grid>>;
}

/** Who trains on what, when, and how it is scored. */
export interface Protocol {
  readonly tasks: readonly Task[];
  /** The first one names the winner, by its validation value. */
  readonly measures: readonly [Measure, ...Measure[]];
  readonly figures: readonly Figure[];
  /** The methods compared where nobody chose any, the usual baselines: ids, or combinations "a+b" of them. */
  readonly usual: readonly string[];
  /** What was made of the data and is asked of the learner, in plain sentences. */
  readonly words: readonly string[];
  /** The same seed gives the same stages. Throws `conflict` for data that it has no use for. */
  run(learner: Learner, parts: Parts, seed: number): Promise<Findings>;
}

/** Defines a setting. */
export const setting = definer<Protocol, "setting">("setting");

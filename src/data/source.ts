import { type NdArray, ndarray } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import type { Dataset } from "../kinds/dataset.ts";
import type { Preprocessing, TargetScale } from "../kinds/preprocessing.ts";

/** Where a data set comes from and on what terms it may be used. */
export interface Origin {
  readonly title: string;
  readonly source: string;
  readonly licence: string;
}

/** Row numbers of the three parts, none in two of them. By time: in order of time; else ascending. */
export interface Split {
  readonly train: Int32Array;
  readonly validation: Int32Array;
  readonly test: Int32Array;
}

/**
 * Everything that was read, before any split. `fit` learns the preprocessing on the rows it is given and no
 * others; `encode` turns any rows into numbers with it.
 */
export interface Source {
  readonly name: string;
  readonly task: "classification" | "regression" | "segmentation" | "tokens";
  readonly size: number;
  /** Names by class number; empty for regression and tokens. */
  readonly classes: readonly string[];
  readonly origin?: Origin;
  /** What reading did, in plain sentences. */
  readonly notes: readonly string[];
  /** Classification: the class number of each row. */
  readonly labels?: Int32Array;
  /** Regression: the target of each row, in its own unit. */
  readonly values?: Float64Array;
  /** Rows with the same number belong together: no split has them on both sides. */
  readonly groups?: Int32Array;
  /** The group or domain that each row is of; no split heeds it. */
  readonly domains?: Int32Array;
  /** When each row happened; days since 1970 for dates. */
  readonly time?: Float64Array;
  /** Rows that came as test rows: a file or folder of their own. */
  readonly test?: Int32Array;
  /** The parts that the data say themselves, the same for every seed. */
  readonly parts?: Split;
  /** Throws `bad-data` when the rows leave nothing to learn from, `bad-option` when `train` is empty. */
  fit(train: Int32Array): Preprocessing;
  /** Throws `conflict` when the preprocessing was learned on data with other columns, pixels or classes. */
  encode(preprocessing: Preprocessing, rows: Int32Array): Dataset;
}

/** What a column can be predicted as. */
export type ColumnTask = "classification" | "regression";

/** What is to be predicted, with the name it goes by in errors and exported models. */
export type Target =
  | {
      readonly task: "classification";
      readonly name: string;
      readonly classes: readonly string[];
      readonly labels: Int32Array;
    }
  | { readonly task: "regression"; readonly name: string; readonly values: Float64Array }
  | {
      readonly task: "segmentation";
      readonly name: string;
      readonly classes: readonly string[];
      /** Class numbers [n, height, width]. */
      readonly masks: Int32Array;
      /** [height, width] */
      readonly size: readonly [number, number];
    };

/** A target for what has none of its own, but only as part of an example. */
export const noTarget = (n: number): Target => ({
  task: "regression",
  name: "none",
  values: new Float64Array(n),
});

/** How many rows it has. */
export const rowsOfTarget = (target: Target): number => {
  if (target.task === "classification") return target.labels.length;
  if (target.task === "regression") return target.values.length;
  return target.masks.length / (target.size[0] * target.size[1]);
};

/** What any source says besides its numbers. */
export interface Description {
  readonly name: string;
  readonly target: Target;
  readonly notes?: readonly string[];
  readonly origin?: Origin;
  readonly groups?: Int32Array;
  readonly domains?: Int32Array;
  readonly time?: Float64Array;
  readonly test?: Int32Array;
  readonly parts?: Split;
}

/** A source from its description and the two functions that depend on what kind of data it holds. */
export function makeSource(
  description: Description,
  size: number,
  learn: (train: Int32Array) => Preprocessing,
  inputs: (preprocessing: Preprocessing, rows: Int32Array) => Dataset["inputs"],
): Source {
  const { name, target, notes = [], origin, groups, domains, time, test, parts } = description;
  const classes = "classes" in target ? target.classes : [];
  return {
    name,
    task: target.task,
    size,
    classes,
    notes,
    ...(target.task === "classification" && { labels: target.labels }),
    ...(target.task === "regression" && { values: target.values }),
    ...(origin && { origin }),
    ...(groups && { groups }),
    ...(domains && { domains }),
    ...(time && { time }),
    ...(test && { test }),
    ...(parts && { parts }),
    fit(train) {
      if (train.length === 0)
        throw new OckhamError(
          "bad-option",
          "train",
          `${name}: no rows to learn from`,
          "give at least one row",
        );
      return learn(train);
    },
    encode: (preprocessing, rows) => ({
      name,
      task: target.task,
      size: rows.length,
      inputs: inputs(preprocessing, rows),
      target: encodeTarget(target, preprocessing, rows),
      classes: preprocessing.classes,
      ...(groups && { group: numbersOf(groups, rows) }),
      ...(domains && { domain: numbersOf(domains, rows) }),
    }),
  };
}

const numbersOf = (of: Int32Array, rows: Int32Array): NdArray =>
  ndarray(
    "int32",
    [rows.length],
    rows.map((row) => of[row]),
  );

/** What a preprocessing knows of the target: for regression its mean and spread over the training rows. */
export function fitTarget(
  target: Target,
  train: Int32Array,
): { target: string; classes: readonly string[]; targetScale: readonly TargetScale[] } {
  if (target.task !== "regression") return { target: target.name, classes: target.classes, targetScale: [] };
  const { mean, spread } = moments(train, (row) => target.values[row]);
  return { target: target.name, classes: [], targetScale: [{ mean, spread: spread || 1 }] };
}

function encodeTarget(target: Target, preprocessing: Preprocessing, rows: Int32Array): NdArray {
  if (target.task === "classification") {
    const number = target.classes.map((name) => preprocessing.classes.indexOf(name));
    const labels = rows.map((row) => number[target.labels[row]]);
    const unknown = labels.indexOf(-1);
    if (unknown >= 0) {
      const name = target.classes[target.labels[rows[unknown]]];
      throw mismatch(target.name, `class ${JSON.stringify(name)} is not among the classes learned`);
    }
    return ndarray("int32", [rows.length], labels);
  }
  if (target.task === "segmentation") return encodeMasks(target, preprocessing, rows);
  const scale = preprocessing.targetScale[0];
  if (scale === undefined)
    throw mismatch(target.name, "was learned for classification, the data is regression");
  const encoded = Float32Array.from(rows, (row) => (target.values[row] - scale.mean) / scale.spread);
  return ndarray("float32", [rows.length, 1], encoded);
}

function encodeMasks(
  { name, classes, masks, size }: Extract<Target, { task: "segmentation" }>,
  preprocessing: Preprocessing,
  rows: Int32Array,
): NdArray {
  if (classes.join("\n") !== preprocessing.classes.join("\n"))
    throw mismatch(
      name,
      `classes ${classes.join(", ")} where ${preprocessing.classes.join(", ")} were learned`,
    );
  const area = size[0] * size[1];
  const chosen = new Int32Array(rows.length * area);
  rows.forEach((row, i) => {
    chosen.set(masks.subarray(row * area, (row + 1) * area), i * area);
  });
  return ndarray("int32", [rows.length, ...size], chosen);
}

/** The error for a preprocessing that was learned on other data. */
export const mismatch = (culprit: string, problem: string) =>
  new OckhamError(
    "conflict",
    culprit,
    `${culprit}: ${problem}`,
    "encode with what fit() returned for the same data",
  );

/**
 * Mean and population standard deviation of value(row) over the rows, leaving out NaN. The spread is exactly 0
 * when all values are equal; both are NaN when none is left.
 */
export function moments(
  rows: Int32Array,
  value: (row: number) => number,
): { mean: number; spread: number; count: number } {
  let [least, most, count] = [Infinity, -Infinity, 0];
  for (const row of rows) {
    const v = value(row);
    if (Number.isNaN(v)) continue;
    least = Math.min(least, v);
    most = Math.max(most, v);
    count++;
  }
  if (count === 0) return { mean: Number.NaN, spread: Number.NaN, count };
  if (least === most) return { mean: least, spread: 0, count };
  // Squares of huge or tiny numbers would leave the range: these are divided by the largest first.
  const size = Math.max(Math.abs(least), Math.abs(most));
  const unit = size > 1e100 || size < 1e-100 ? size : 1;
  const average = (f: (v: number) => number) => {
    let sum = 0;
    for (const row of rows) {
      const v = value(row);
      if (!Number.isNaN(v)) sum += f(v / unit);
    }
    return sum / count;
  };
  const mean = average((v) => v);
  const variance = average((v) => (v - mean) ** 2);
  return { mean: mean * unit, spread: Math.sqrt(variance) * unit, count };
}

/** The middle value, or the mean of the two in the middle; NaN left out. */
export function median(rows: Int32Array, value: (row: number) => number): number {
  const sorted = Float64Array.from(rows, value)
    .filter((v) => !Number.isNaN(v))
    .sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : sorted[half - 1] / 2 + sorted[half] / 2;
}

import { type NdArray, ndarray } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import type { Column, Preprocessing } from "../kinds/preprocessing.ts";
import {
  type Description,
  fitTarget,
  makeSource,
  median,
  mismatch,
  moments,
  rowsOfTarget,
  type Source,
} from "./source.ts";

/** One input column of a table, typed. */
export type Feature =
  | {
      readonly kind: "number";
      readonly name: string;
      /** NaN where missing. */
      readonly values: Float64Array;
    }
  | {
      readonly kind: "category";
      readonly name: string;
      /** -1 where missing. */
      readonly codes: Int32Array;
      /** By code, sorted. */
      readonly levels: readonly string[];
    };

/** A category keeps its most frequent levels up to this many; the others are encoded as all zeros. */
export const mostLevels = 50;

/**
 * A table as a source. Encoded: `x`, float32 [n, features]. Numbers are (value - mean) / spread with a missing
 * one replaced by the training median first; categories take one place a level seen in training. Columns that
 * are constant or empty on the training rows take no place. Throws `bad-data` when no column is left.
 */
export function tableSource(description: Description, features: readonly Feature[]): Source {
  const { name, target } = description;
  const size = rowsOfTarget(target);

  const learn = (train: Int32Array): Preprocessing => {
    const columns = fitColumns(features, train);
    if (columns.length === 0)
      throw new OckhamError(
        "bad-data",
        name,
        `${name}: every column is constant or empty on the ${train.length} training rows`,
        "give columns that vary, or more training rows",
      );
    return { kind: "table", columns, ...fitTarget(target, train) };
  };

  const inputs = (preprocessing: Preprocessing, rows: Int32Array) => {
    if (preprocessing.kind !== "table") throw mismatch(name, "this is a table, not images");
    return { x: encodeColumns(preprocessing.columns, features, rows) };
  };

  return makeSource(description, size, learn, inputs);
}

/** What is learned of each column from the training rows; none of those that are constant or empty there. */
export function fitColumns(features: readonly Feature[], train: Int32Array): Column[] {
  const columns: Column[] = [];
  let at = 0;
  for (const feature of features) {
    const column =
      feature.kind === "number" ? fitNumber(feature, train, at) : fitCategory(feature, train, at);
    if (column === undefined) continue;
    columns.push(column);
    at += column.width;
  }
  return columns;
}

/** The rows as float32 [rows, features]. Throws `conflict` when a learned column is not there or of another kind. */
export function encodeColumns(
  columns: readonly Column[],
  features: readonly Feature[],
  rows: Int32Array,
): NdArray<"float32"> {
  const byName = new Map(features.map((feature) => [feature.name, feature]));
  const width = columns.reduce((sum, column) => sum + column.width, 0);
  const x = new Float32Array(rows.length * width);
  for (const column of columns) {
    const feature = byName.get(column.name);
    if (feature === undefined) throw mismatch(column.name, "the column is missing");
    if (column.kind === "number" && feature.kind === "number") {
      rows.forEach((row, i) => {
        const value = feature.values[row];
        x[i * width + column.at] =
          ((Number.isNaN(value) ? column.fill : value) - column.mean) / column.spread;
      });
    } else if (column.kind === "category" && feature.kind === "category") {
      const places = feature.levels.map((level) => column.levels.indexOf(level));
      rows.forEach((row, i) => {
        const place = feature.codes[row] < 0 ? -1 : places[feature.codes[row]];
        if (place >= 0) x[i * width + column.at + place] = 1;
      });
    } else throw mismatch(column.name, `a ${feature.kind} where a ${column.kind} was learned`);
  }
  return ndarray("float32", [rows.length, width], x);
}

function fitNumber(feature: Feature & { kind: "number" }, train: Int32Array, at: number): Column | undefined {
  const value = (row: number) => feature.values[row];
  const { mean, spread } = moments(train, value);
  if (!(spread > 0)) return undefined;
  return { kind: "number", name: feature.name, at, width: 1, mean, spread, fill: median(train, value) };
}

function fitCategory(
  feature: Feature & { kind: "category" },
  train: Int32Array,
  at: number,
): Column | undefined {
  const counts = new Int32Array(feature.levels.length);
  for (const row of train) if (feature.codes[row] >= 0) counts[feature.codes[row]]++;
  const seen = [...counts.keys()].filter((code) => counts[code] > 0);
  if (seen.length === 0 || (seen.length === 1 && counts[seen[0]] === train.length)) return undefined;
  const kept = seen
    .toSorted((a, b) => counts[b] - counts[a] || a - b)
    .slice(0, mostLevels)
    .sort((a, b) => a - b);
  const levels = kept.map((code) => feature.levels[code]);
  return { kind: "category", name: feature.name, at, width: levels.length, levels };
}

/** Texts as codes into their sorted levels; null becomes -1. */
export function coded(cells: readonly (string | null)[]): { codes: Int32Array; levels: string[] } {
  const levels = sortedLevels(cells);
  const code = new Map(levels.map((level, i) => [level, i]));
  return { codes: Int32Array.from(cells, (cell) => (cell === null ? -1 : code.get(cell)!)), levels };
}

/** The distinct texts: by size when all are numbers, else by code unit. */
function sortedLevels(cells: readonly (string | null)[]): string[] {
  const levels = [...new Set(cells)].filter((cell) => cell !== null);
  const numeric = levels.every((level) => Number.isFinite(Number(level)));
  return numeric ? levels.sort((a, b) => Number(a) - Number(b)) : levels.sort();
}

import type { NdArray } from "../array/ndarray.ts";
import type { OckhamError } from "../error.ts";
import type { Mode, Role } from "../kinds/index.ts";
import type { ReadNode } from "../onnx/index.ts";
import type { Tensor } from "../tensor/index.ts";
import * as t from "../tensor/index.ts";

/** Whole numbers that shapes are made of: known while a graph is traced. */
export interface Known {
  readonly shape: readonly number[];
  readonly whole: readonly number[];
}

export type Value = Tensor | Known;

/** What an array of the file is to the model. */
export interface Part {
  readonly role: Role;
  readonly outAxis: number | null;
  /** Whether the file holds a matrix the other way round: [in, out]. */
  readonly turned?: boolean;
  /** Where it begins when it does not begin with what the file holds; kernels begin at random, all else at 0 unless told. */
  readonly start?: number;
}

/** A node as it is traced. */
export interface Use {
  readonly node: ReadNode;
  readonly values: readonly (Value | undefined)[];
  readonly mode: Mode;
  /** Rows that a file of a fixed number of rows is made for. */
  readonly rows?: number;
  /** The weight behind an input; undefined where it is no array of the file. */
  weight(input: number, part: Part): Tensor | undefined;
  /** A new value of a buffer behind an input. */
  keep(input: number, value: Tensor): void;
  refuse(problem: string): OckhamError;
}

export type Operator = (use: Use) => Value;

export const isKnown = (value: Value): value is Known => "whole" in value;

export const wholeOf = ({ shape, data }: NdArray): Known => ({
  shape,
  whole: Array.from(data as Int32Array, Number),
});

export function valueAt({ values, refuse }: Use, i: number): Value {
  const value = values[i];
  if (value === undefined) throw refuse(`its input ${i + 1} is missing`);
  return value;
}

export function tensorAt(use: Use, i: number): Tensor {
  const value = valueAt(use, i);
  if (!isKnown(value)) return value;
  const { shape, whole } = value;
  return t.constant({ dtype: "float32", shape, data: Float32Array.from(whole) });
}

/** Whole numbers given as an input, or, as older files have them, as an attribute. */
export function wholes(use: Use, i: number, attribute?: string): readonly number[] | undefined {
  const value = use.values[i];
  if (value !== undefined) {
    if (isKnown(value)) return value.whole;
    throw use.refuse(`its input ${i + 1} follows from the data, and shapes must not`);
  }
  return attribute === undefined ? undefined : use.node.attributes[attribute]?.ints;
}

export const int = ({ node }: Use, name: string, usual: number): number =>
  node.attributes[name]?.int ?? usual;
export const float = ({ node }: Use, name: string, usual: number): number =>
  node.attributes[name]?.float ?? usual;
export const ints = ({ node }: Use, name: string): readonly number[] | undefined =>
  node.attributes[name]?.ints;

export function only(use: Use, name: string, wanted: number): void {
  if (int(use, name, wanted) !== wanted)
    throw use.refuse(`${name} ${int(use, name, wanted)} is not known here`);
}

/** An array as a value: whole numbers are for shapes. */
export const arrayValue = (array: NdArray): Value =>
  array.dtype === "int64" || array.dtype === "int32" ? wholeOf(array) : t.constant(array);

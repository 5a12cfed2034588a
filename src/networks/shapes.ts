import { sizeOf } from "../array/ndarray.ts";
import type { Tensor } from "../tensor/index.ts";
import * as t from "../tensor/index.ts";
import { int, isKnown, type Operator, tensorAt, type Use, type Value, valueAt, wholes } from "./use.ts";

export function reshape(use: Use): Value {
  const value = valueAt(use, 0);
  const target = [...(wholes(use, 1, "shape") ?? [])];
  if (isKnown(value)) return { shape: [value.whole.length], whole: value.whole };
  // a file made for a fixed number of rows names it
  if (use.rows !== undefined && target[0] === use.rows) target[0] = value.shape[0];
  return t.reshape(
    value,
    target.map((n, axis) => (n === 0 ? value.shape[axis] : n)),
  );
}

export function flatten(use: Use): Tensor {
  const x = tensorAt(use, 0);
  const axis = (int(use, "axis", 1) + x.shape.length) % x.shape.length;
  return t.reshape(x, [sizeOf(x.shape.slice(0, axis)), -1]);
}

export function concat(use: Use): Value {
  const values = use.values.map((_, i) => valueAt(use, i));
  if (!values.every(isKnown))
    return t.concat(
      values.map((_, i) => tensorAt(use, i)),
      int(use, "axis", 0),
    );
  const whole = values.flatMap((value) => value.whole);
  return { shape: [whole.length], whole };
}

/** Of shapes only: entries of a list. */
export function gather(use: Use): Value {
  const [list, entries] = [valueAt(use, 0), valueAt(use, 1)];
  const at = wholes(use, 1) ?? [];
  if (!isKnown(list)) throw use.refuse("rows are taken of shapes only");
  const whole = at.map((i) => list.whole[i < 0 ? i + list.whole.length : i]);
  return { shape: entries.shape, whole };
}

function resized(
  use: Use,
  of: (shape: readonly number[], axes: readonly number[]) => readonly number[],
): Value {
  const value = valueAt(use, 0);
  const axes = wholes(use, 1, "axes") ?? [];
  const shape = of(value.shape, axes);
  return isKnown(value) ? { ...value, shape } : t.reshape(value, shape);
}

export const squeeze: Operator = (use) =>
  resized(use, (shape, axes) => {
    const gone = axes.map((axis) => (axis + shape.length) % shape.length);
    return shape.filter((n, axis) => (axes.length === 0 ? n !== 1 : !gone.includes(axis)));
  });

export const unsqueeze: Operator = (use) =>
  resized(use, (shape, axes) => {
    const rank = shape.length + axes.length;
    const made = axes.map((axis) => (axis + rank) % rank);
    const rest = shape.values();
    return Array.from({ length: rank }, (_, axis) =>
      made.includes(axis) ? 1 : (rest.next().value as number),
    );
  });

export const shapeOf: Operator = (use) => {
  const { shape } = valueAt(use, 0);
  return { shape: [shape.length], whole: shape };
};

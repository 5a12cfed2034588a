import { sizeOf } from "../../array/ndarray.ts";
import type { Pieces } from "../split.ts";
import {
  addRows,
  cast,
  cut,
  type Emitter,
  ints,
  type LowerRule,
  number,
  reshape as reshapeTo,
  transpose as transposeTo,
  vector,
} from "./rule.ts";

export const reshape: LowerRule<"reshape"> = (node, [x], to) => reshapeTo(to, x, node.shape);

export const transpose: LowerRule<"transpose"> = (node, [x], to) => transposeTo(to, x, node.attributes.order);

export const broadcast: LowerRule<"broadcast"> = (node, [x], to) =>
  to.node("Expand", [x, ints(to, node.shape)]);

/** Before the start of every axis. */
const beforeStart = -(2 ** 40);

export const slice: LowerRule<"slice"> = (node, [x], to) => {
  const { starts, sizes, steps } = node.attributes;
  const { shape } = node.inputs[0];
  const axes = shape.flatMap((n, i) => (starts[i] === 0 && sizes[i] === n && steps[i] > 0 ? [] : [i]));
  const ends = axes.map((i) => {
    const end = starts[i] + (sizes[i] - 1) * steps[i] + Math.sign(steps[i]);
    return end < 0 ? beforeStart : end;
  });
  const of = (list: readonly number[]) => axes.map((i) => list[i]);
  return cut(to, x, axes, of(starts), ends, of(steps));
};

/** All pieces of a tensor at once; their names, in order. */
export const split = ({ axis, slices }: Pieces, x: string, to: Emitter): string[] =>
  to.nodes(
    "Split",
    [
      x,
      ints(
        to,
        slices.map(({ shape }) => shape[axis]),
      ),
    ],
    slices.length,
    { axis: { int: axis } },
  );

export const pad: LowerRule<"pad"> = (node, [x], to) => {
  const { low, high, value } = node.attributes;
  return to.node("Pad", [x, ints(to, [...low, ...high]), number(to, value, node.dtype)]);
};

export const concat: LowerRule<"concat"> = (node, inputs, to) =>
  to.node("Concat", inputs, { axis: { int: node.attributes.axis } });

export const gather: LowerRule<"gather"> = (_, inputs, to) => to.node("Gather", inputs, { axis: { int: 0 } });

/** Most rows of a scatter that are added by a product, and fewest entries of a row. */
const scatterByProduct = { rows: 128, entries: 32 };

/**
 * By rows, or where several threads keep from the fastest way to do that and rows are few and long, as the product with
 * a matrix of zeros and ones: a third of the time at 65 rows of 128, as much at 512.
 */
export const scatterAdd: LowerRule<"scatterAdd"> = (node, [indices, values], to) => {
  const { shape } = node.inputs[0];
  const count = sizeOf(shape);
  const [total, ...row] = node.shape;
  const { rows: most, entries: fewest } = scatterByProduct;
  if (to.parallel && node.dtype === "float32" && total <= most && sizeOf(row) >= fewest) {
    const numbers = vector(
      to,
      Array.from({ length: total }, (_, i) => i),
      "int32",
      [total, 1],
    );
    const hits = to.node("Equal", [numbers, reshapeTo(to, indices, [1, count])]);
    const sums = to.node("MatMul", [cast(to, hits, "float32"), reshapeTo(to, values, [count, sizeOf(row)])]);
    return reshapeTo(to, sums, node.shape);
  }
  const [at, rows] =
    shape.length === 1
      ? [indices, values]
      : [reshapeTo(to, indices, [count]), reshapeTo(to, values, [count, ...node.shape.slice(1)])];
  return addRows(to, cast(to, at, "int64"), rows, count, node.shape, node.dtype);
};

import { isFloat } from "../../tensor/shapes.ts";
import { cast, ints, type LowerRule, number, product, vector } from "./rule.ts";

const over =
  (op: string): LowerRule<"sum" | "amax"> =>
  (node, [x], to) => {
    const { axes, keep } = node.attributes;
    if (axes.length === 0) return x;
    return to.node(op, [x, ints(to, axes)], { keepdims: { int: keep ? 1 : 0 } });
  };

const reduceSum: LowerRule<"sum"> = over("ReduceSum");

/** Fewest rows that a product with ones adds up faster than ReduceSum does. */
const manyRows = 8;

/**
 * Rows of matrices are added up by a product with ones: faster, and to the same bits whether a matrix stands alone or
 * among others.
 */
export const sum: LowerRule<"sum"> = (node, inputs, to) => {
  const { axes, keep } = node.attributes;
  const [{ shape, dtype }] = node.inputs;
  const rows = shape.at(-2) as number;
  if (axes.length !== 1 || axes[0] !== -2 || !isFloat(dtype) || rows < manyRows)
    return reduceSum(node, inputs, to);
  const ones = vector(to, new Float32Array(rows).fill(1), dtype, keep ? [1, rows] : [rows]);
  return product(to, ones, inputs[0]);
};

/** Of the numbers that are squared; faster than two operators where all axes go. */
export const sumOfSquares: LowerRule<"sum"> = over("ReduceSumSquare");
export const amax: LowerRule<"amax"> = over("ReduceMax");

export const argMax: LowerRule<"argMax"> = (node, [x], to) =>
  cast(to, to.node("ArgMax", [x], { axis: { int: node.attributes.axis }, keepdims: { int: 0 } }), "int32");

export const cumsum: LowerRule<"cumsum"> = (node, [x], to) => {
  const { axis, exclusive, reverse } = node.attributes;
  return to.node("CumSum", [x, number(to, axis, "int64")], {
    exclusive: { int: exclusive ? 1 : 0 },
    reverse: { int: reverse ? 1 : 0 },
  });
};

export const softmax: LowerRule<"softmax"> = (node, inputs, to) =>
  to.node("Softmax", inputs, { axis: { int: node.attributes.axis } });

export const logSoftmax: LowerRule<"logSoftmax"> = (node, inputs, to) =>
  to.node("LogSoftmax", inputs, { axis: { int: node.attributes.axis } });

export const argTopK: LowerRule<"argTopK"> = (node, [x], to) => {
  const { k, largest } = node.attributes;
  const [, indices] = to.nodes("TopK", [x, ints(to, [k])], 2, {
    axis: { int: -1 },
    largest: { int: largest ? 1 : 0 },
    sorted: { int: 1 },
  });
  return cast(to, indices, "int32");
};

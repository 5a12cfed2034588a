import type { DType } from "../array/ndarray.ts";
import {
  type Arithmetic,
  type Comparison,
  make,
  type Operand,
  scalar,
  type Tensor,
  type Unary,
} from "./graph.ts";

/** A tensor as it is; a number as a literal of `dtype` (float32 unless told). */
export const asTensor = (x: Operand, dtype?: DType): Tensor => (typeof x === "number" ? scalar(x, dtype) : x);

/** Both operands as tensors: a number takes its partner's dtype. */
function both(a: Operand, b: Operand): readonly [Tensor, Tensor] {
  const dtype = typeof a === "number" ? (typeof b === "number" ? undefined : b.dtype) : a.dtype;
  return [asTensor(a, dtype), asTensor(b, dtype)];
}

const unary =
  (op: Unary) =>
  (x: Operand): Tensor =>
    make(op, [asTensor(x)], {});
const arithmetic =
  (op: Arithmetic) =>
  (a: Operand, b: Operand): Tensor =>
    make(op, both(a, b), {});
const comparison =
  (op: Comparison) =>
  (a: Operand, b: Operand): Tensor =>
    make(op, both(a, b), {});

export const neg = unary("neg");
export const abs = unary("abs");
export const sign = unary("sign");
export const exp = unary("exp");
export const log = unary("log");
export const sqrt = unary("sqrt");
export const reciprocal = unary("reciprocal");
export const floor = unary("floor");
/** To the nearest whole number, halves to even. */
export const round = unary("round");
export const sin = unary("sin");
export const cos = unary("cos");
export const atan = unary("atan");
export const tanh = unary("tanh");
/** 1 / (1 + exp(-x)) */
export const sigmoid = unary("sigmoid");
/** log(1 + exp(x)) */
export const softplus = unary("softplus");
export const erf = unary("erf");
/** max(x, 0) */
export const relu = unary("relu");
/** 1 where x > 0, else 0, in the dtype of x. */
export const step = unary("step");

export const add = arithmetic("add");
export const sub = arithmetic("sub");
export const mul = arithmetic("mul");
/** a / b; for whole numbers the quotient rounded toward zero. */
export const div = arithmetic("div");
export const pow = arithmetic("pow");
/** The larger of two, entry by entry; at ties each gets half the gradient. */
export const max = arithmetic("max");
/** The smaller of two, entry by entry; at ties each gets half the gradient. */
export const min = arithmetic("min");

export const equal = comparison("equal");
export const less = comparison("less");
export const lessEqual = comparison("lessEqual");
export const greater = (a: Operand, b: Operand): Tensor => less(b, a);
export const greaterEqual = (a: Operand, b: Operand): Tensor => lessEqual(b, a);

export const not = (x: Tensor): Tensor => make("not", [x], {});
export const and = (a: Tensor, b: Tensor): Tensor => make("and", [a, b], {});
export const or = (a: Tensor, b: Tensor): Tensor => make("or", [a, b], {});
export const isNan = (x: Tensor): Tensor => make("isNaN", [x], {});

export const cast = (x: Tensor, dtype: DType): Tensor =>
  x.dtype === dtype ? x : make("cast", [x], { dtype });

/** `yes` where the condition holds, else `no`. The choice not taken sends no gradient, but must still be finite. */
export function where(condition: Tensor, yes: Operand, no: Operand): Tensor {
  return make("where", [condition, ...both(yes, no)], {});
}

export const square = (x: Operand): Tensor => {
  const t = asTensor(x);
  return mul(t, t);
};

/** x limited to [low, high]. */
export const clamp = (x: Operand, low: Operand, high: Operand): Tensor => min(max(x, low), high);

/** log(1 + x), by log alone: exact to float precision only for |x| not tiny. */
export const log1p = (x: Operand): Tensor => log(add(x, 1));

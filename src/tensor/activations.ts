import {
  abs,
  add,
  cast,
  clamp,
  div,
  erf,
  exp,
  greater,
  less,
  lessEqual,
  min,
  mul,
  neg,
  relu,
  sigmoid,
  softplus,
  square,
  sub,
  tanh,
  where,
} from "./elementwise.ts";
import type { Operand, Tensor } from "./graph.ts";
import { sort } from "./indexing.ts";
import { misplaced } from "./misplaced.ts";
import { amax, amin, cumsum, softmax, sum } from "./reductions.ts";
import { fromEnd, iota, moveAxis, reshape, slice, stopGradient } from "./shaping.ts";
import { customGradient } from "./transforms.ts";

/** Phi(x), the standard normal distribution function. */
const below = (x: Tensor): Tensor => mul(0.5, add(1, erf(mul(x, Math.SQRT1_2))));

/** exp(-x^2 / 2) / sqrt(2 pi), by x / sqrt(2), which `below` computes too. */
const density = (x: Tensor): Tensor => exp(sub(-0.5 * Math.log(2 * Math.PI), square(mul(x, Math.SQRT1_2))));

const gaussian = customGradient(
  (x: Tensor) => mul(x, below(x)),
  (g, [x]) => [mul(g, add(below(x), mul(x, density(x))))],
);

/** x Phi(x), Phi the standard normal distribution function; its slope is Phi(x) + x Phi'(x). */
export const gelu = (x: Tensor): Tensor => gaussian(x);

/** x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), which is near `gelu`. */
export const geluTanh = (x: Tensor): Tensor =>
  mul(mul(0.5, x), add(1, tanh(mul(Math.sqrt(2 / Math.PI), mul(x, add(1, mul(0.044715, square(x))))))));

/** x sigmoid(x) */
export const silu = (x: Tensor): Tensor => mul(x, sigmoid(x));

/** x sigmoid(beta x); `silu` for beta = 1. */
export const swish = (x: Tensor, beta: Operand = 1): Tensor => mul(x, sigmoid(mul(beta, x)));

/** x tanh(softplus(x)) */
export const mish = (x: Tensor): Tensor => mul(x, tanh(softplus(x)));

/** x where x > 0, else slope x. */
export const leakyRelu = (x: Tensor, slope: Operand = 0.01): Tensor => where(greater(x, 0), x, mul(slope, x));

/** `leakyRelu` with learned slopes: one number, or one a channel, [c], for x [n, c, ...]. */
export const prelu = (x: Tensor, slope: Tensor): Tensor =>
  leakyRelu(
    x,
    slope.shape.length === 1 && x.shape.length > 2
      ? reshape(slope, [slope.shape[0], ...x.shape.slice(2).map(() => 1)])
      : slope,
  );

/** `f` of the part of x at and below zero, x above it; no overflow reaches the part not taken. */
function bent(x: Tensor, f: (low: Tensor) => Tensor): Tensor {
  const up = greater(x, 0);
  return where(up, x, f(where(up, 0, x)));
}

/** x where x > 0, else alpha (exp(x) - 1). */
export const elu = (x: Tensor, alpha: Operand = 1): Tensor => bent(x, (low) => mul(alpha, sub(exp(low), 1)));

/** x where x > 0, else alpha (exp(x / alpha) - 1): smooth at zero for every alpha. */
export const celu = (x: Tensor, alpha: Operand = 1): Tensor =>
  bent(x, (low) => mul(alpha, sub(exp(div(low, alpha)), 1)));

/** `elu` with the scale and alpha that keep mean 0 and variance 1 from layer to layer. Klambauer et al. 2017. */
export const selu = (x: Tensor): Tensor => mul(1.0507009873554805, elu(x, 1.6732632423543772));

/** min(max(x, 0), 6) */
export const relu6 = (x: Tensor): Tensor => min(relu(x), 6);

/** x limited to [low, high]; half the gradient passes at the two ends. */
export const hardtanh = (x: Tensor, low: Operand = -1, high: Operand = 1): Tensor => clamp(x, low, high);

/** min(max(x + 3, 0), 6) / 6 */
export const hardsigmoid = (x: Tensor): Tensor => mul(relu6(add(x, 3)), 1 / 6);

/** x hardsigmoid(x) */
export const hardswish = (x: Tensor): Tensor => mul(x, hardsigmoid(x));

/** x / (1 + |x|) */
export const softsign = (x: Tensor): Tensor => div(x, add(1, abs(x)));

/** log(sigmoid(x)), without overflow. */
export const logSigmoid = (x: Tensor): Tensor => neg(softplus(neg(x)));

/** x - tanh(x) */
export const tanhshrink = (x: Tensor): Tensor => sub(x, tanh(x));

/** x drawn `by` toward zero, and zero where |x| <= by. */
export const softshrink = (x: Tensor, by: Operand = 0.5): Tensor =>
  sub(relu(sub(x, by)), relu(sub(neg(x), by)));

/** x where |x| > from, else zero. */
export const hardshrink = (x: Tensor, from: Operand = 0.5): Tensor => where(greater(abs(x), from), x, 0);

/** x where x > from, else `value`. */
export const threshold = (x: Tensor, from: Operand, value: Operand): Tensor =>
  where(greater(x, from), x, value);

/** softmax(-x) */
export const softmin = (x: Tensor, axis = -1): Tensor => softmax(neg(x), axis);

/** The first half of an axis times f of the second. Throws `bad-shape` for an axis of odd size. */
const gated =
  (f: (gate: Tensor) => Tensor) =>
  (x: Tensor, axis = -1): Tensor => {
    const size = x.shape[fromEnd(axis, x.shape.length) + x.shape.length];
    if (size % 2 !== 0)
      throw misplaced("axis", `axis ${axis} has ${size} entries, which have no halves`, "make the size even");
    return mul(slice(x, axis, 0, size / 2), f(slice(x, axis, size / 2, size)));
  };

/** a sigmoid(b), a and b the halves of an axis. Dauphin et al. 2017. */
export const glu = gated(sigmoid);
/** a relu(b), a and b the halves of an axis. Shazeer 2020. */
export const reglu = gated(relu);
/** a gelu(b), a and b the halves of an axis. Shazeer 2020. */
export const geglu = gated(gelu);
/** a silu(b), a and b the halves of an axis. Shazeer 2020. */
export const swiglu = gated(silu);

/**
 * The nearest point of the probability simplex, along an axis: max(x - t, 0) with t so that the sum is 1. Unlike
 * softmax it has true zeros. t comes from the largest k entries, k the most for which 1 + k x_(k) exceeds their sum.
 * Martins and Astudillo 2016.
 */
export function sparsemax(x: Tensor, axis = -1): Tensor {
  const last = moveAxis(x, axis, -1);
  const n = last.shape[last.shape.length - 1];
  const falling = sort(stopGradient(last), { descending: true });
  const ranks = add(iota(n, "float32"), 1);
  const within = less(cumsum(falling), add(1, mul(cast(ranks, x.dtype), falling)));
  const count = sum(cast(within, x.dtype), { axes: [-1], keep: true });
  const least = amin(where(within, falling, amax(falling, { axes: [-1], keep: true })), {
    axes: [-1],
    keep: true,
  });
  const support = lessEqual(least, last);
  const over = div(sub(sum(where(support, last, 0), { axes: [-1], keep: true }), 1), count);
  return moveAxis(where(support, sub(last, over), 0), -1, axis);
}

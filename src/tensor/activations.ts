import { add, erf, exp, mul, sigmoid, square, sub } from "./elementwise.ts";
import type { Tensor } from "./graph.ts";
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

/** x sigmoid(x) */
export const silu = (x: Tensor): Tensor => mul(x, sigmoid(x));

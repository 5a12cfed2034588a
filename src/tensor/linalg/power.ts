import { add, div, exp, log, max, mul } from "../elementwise.ts";
import type { Tensor } from "../graph.ts";
import { matmul } from "../products.ts";
import { norm, sum } from "../reductions.ts";
import { expandDims, squeeze, stopGradient } from "../shaping.ts";
import { sizesOf } from "./matrices.ts";

const tiny = 1e-30;

/** Vectors [..., n] over their length; zero stays zero. */
const unit = (x: Tensor): Tensor => div(x, max(norm(x, { axes: [-1], keep: true }), tiny));

const times = (a: Tensor, x: Tensor, transposeA: boolean): Tensor =>
  squeeze(matmul(a, expandDims(x, -1), { transposeA }), -1);

/** The largest singular value with its vectors, as power iteration has them: A v = value u. */
export interface Leading {
  /** [...] */
  readonly value: Tensor;
  /** [..., m], of length 1. */
  readonly left: Tensor;
  /** [..., n], of length 1. */
  readonly right: Tensor;
}

/**
 * The largest singular value of A [..., m, n] by power iteration from stored right vectors [..., n]: keep `right` and
 * start there next time. The value is u' A v with u and v held fixed, so its gradient is u v' (Miyato et al. 2018,
 * "Spectral normalization", eq. 11); it is a lower bound. A start orthogonal to the leading vector does not find it.
 * Throws `bad-shape`.
 */
export function powerIteration(a: Tensor, start: Tensor, steps = 1): Leading {
  sizesOf("powerIteration", a);
  const fixed = stopGradient(a);
  let right = unit(stopGradient(start));
  let left = unit(times(fixed, right, false));
  for (let i = 0; i < steps; i++) {
    right = unit(times(fixed, left, true));
    left = unit(times(fixed, right, false));
  }
  const value = sum(mul(left, times(a, right, false)), { axes: [-1] });
  return { value, left, right };
}

/**
 * An upper bound [...] on the largest singular value of A [..., m, n]: |G|^(1 / 2^steps) (Frobenius), where G is A after
 * `steps` times G <- G' G, rescaled on the way. At most min(m, n)^(1 / 2^(steps + 1)) times too large.
 * Smooth away from zero, with the gradient of the bound itself. Delattre et al. 2023, "Efficient bound of Lipschitz
 * constant for convolutional layers by Gram iteration", algorithm 1. Throws `bad-shape`.
 */
export function gramIteration(a: Tensor, steps = 6): Tensor {
  const { rows, columns } = sizesOf("gramIteration", a);
  let [gram, logarithm, share] = [a, undefined as Tensor | undefined, 1];
  for (let i = 0; i <= steps; i++, share /= 2) {
    const size = max(norm(gram, { axes: [-2, -1] }), tiny);
    const part = mul(share, log(size));
    logarithm = logarithm === undefined ? part : add(logarithm, part);
    const scaled = div(gram, expandDims(expandDims(size, -1), -1));
    gram = matmul(scaled, scaled, i === 0 && rows < columns ? { transposeB: true } : { transposeA: true });
  }
  return exp(logarithm as Tensor);
}

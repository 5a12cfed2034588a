import { sizeOf } from "../../../array/ndarray.ts";
import {
  abs,
  div,
  max,
  mul,
  newtonSchulz,
  norm,
  reshape,
  sign,
  sum,
  type Tensor,
} from "../../../tensor/index.ts";

/** The direction of length one in which g grows fastest, and how fast: dual = <g, direction>, the dual norm of g. */
export interface Dual {
  readonly direction: Tensor;
  readonly dual: Tensor;
}

const tiny = 1e-30;

/**
 * How U V' is made: by 20 cubic steps, which bring singular values from 1e-3 of the norm on to 1 and leave at zero what
 * is zero but for rounding; or by Muon's five, which bring them to between 0.7 and 1.2.
 */
export type Orthogonalization = "cubic" | "muon";

const orthogonalized = (g: Tensor, how: Orthogonalization): Tensor =>
  how === "cubic" ? newtonSchulz(g, { coefficients: "classical", steps: 20 }) : newtonSchulz(g);

/** A kernel [out, in, ...window] as a matrix [out, rest]. */
export const asMatrix = (g: Tensor): Tensor => reshape(g, [g.shape[0], sizeOf(g.shape.slice(1))]);

const attained = (g: Tensor, direction: Tensor): Dual => ({ direction, dual: sum(mul(g, direction)) });

/**
 * Norms by name, each with its dual. Matrices are [out, in]; kernels with a window count as [out, rest].
 *
 *   spectral    largest singular value                               U V'
 *   rms-rms     sqrt(in / out) times it: from RMS to RMS             sqrt(out / in) U V'
 *   l1-rms      largest RMS of a column: from l1 to RMS              each column over its RMS
 *   max         largest |entry|                                      sign
 *   euclidean   root of the sum of squares                           g / |g|
 *   rms         that over the root of the number of entries          g / RMS(g)
 */
const norms = {
  spectral: (g: Tensor, how: Orthogonalization) =>
    attained(g, reshape(orthogonalized(asMatrix(g), how), g.shape)),
  "rms-rms": (g: Tensor, how: Orthogonalization) => {
    const matrix = asMatrix(g);
    const factor = Math.sqrt(matrix.shape[0] / matrix.shape[1]);
    return attained(g, reshape(mul(factor, orthogonalized(matrix, how)), g.shape));
  },
  "l1-rms": (g: Tensor) => {
    const length = norm(g, { axes: [0], keep: true });
    return attained(g, div(mul(g, Math.sqrt(g.shape[0])), max(length, tiny)));
  },
  max: (g: Tensor) => ({ direction: sign(g), dual: sum(abs(g)) }),
  euclidean: (g: Tensor) => attained(g, div(g, max(norm(g), tiny))),
  rms: (g: Tensor) => attained(g, div(mul(g, Math.sqrt(sizeOf(g.shape))), max(norm(g), tiny))),
} satisfies Record<string, (g: Tensor, how: Orthogonalization) => Dual>;

export type NormName = keyof typeof norms;

/** The dual of g under a norm; a zero direction where g is zero. */
export const dualize = (g: Tensor, name: NormName, how: Orthogonalization = "cubic"): Dual =>
  norms[name](g, how);

import { add, div, max, mul } from "../elementwise.ts";
import type { Tensor } from "../graph.ts";
import { matmul } from "../products.ts";
import { norm } from "../reductions.ts";
import { swapLast } from "../shaping.ts";
import { sizesOf } from "./matrices.ts";

/** a, b, c of X <- a X + b (X X') X + c (X X')^2 X. */
export type Coefficients = readonly [a: number, b: number, c: number];

/**
 * `classical`: singular values go to 1, by squares at the end, but small ones grow by 1.5 a step only. `muon`: small
 * ones grow by 3.44 a step and end between 0.7 and 1.2. Jordan et al. 2024, "Muon".
 */
export const newtonSchulzCoefficients = {
  classical: [1.5, -0.5, 0],
  muon: [3.4445, -4.775, 2.0315],
} satisfies Record<string, Coefficients>;

/** One step on wide or square matrices. */
function iterate(x: Tensor, [a, b, c]: Coefficients): Tensor {
  const gram = matmul(x, x, { transposeB: true });
  const inner = c === 0 ? mul(b, gram) : add(mul(b, gram), mul(c, matmul(gram, gram)));
  return add(mul(a, x), matmul(inner, x));
}

/** X / max(|X|, 1e-30) (Frobenius), with the longer side last for `f`, and back. */
function normalizedBy(a: Tensor, f: (x: Tensor) => Tensor): Tensor {
  const [rows, columns] = a.shape.slice(-2);
  const x = div(a, max(norm(a, { axes: [-2, -1], keep: true }), 1e-30));
  return rows > columns ? swapLast(f(swapLast(x))) : f(x);
}

export interface NewtonSchulzOptions {
  /** 5 unless told. */
  readonly steps?: number;
  /** "muon" unless told. */
  readonly coefficients?: keyof typeof newtonSchulzCoefficients | Coefficients;
}

/**
 * Orthogonalization by products alone: A = U S V' [..., m, n] becomes U f(S) V', where f brings singular values near 1.
 * Starts from A over its Frobenius norm, so that the scale of A does not matter. Zero stays zero, and singular values
 * below 3.44^-steps (1.5^-steps) of the norm stay small. The gradient passes through the steps: it is that of the
 * polynomial. Throws `bad-shape`.
 */
export function newtonSchulz(
  a: Tensor,
  { steps = 5, coefficients = "muon" }: NewtonSchulzOptions = {},
): Tensor {
  sizesOf("newtonSchulz", a);
  const chosen = typeof coefficients === "string" ? newtonSchulzCoefficients[coefficients] : coefficients;
  return normalizedBy(a, (start) => {
    let x = start;
    for (let i = 0; i < steps; i++) x = iterate(x, chosen);
    return x;
  });
}

/**
 * U V' of A = U S V' [..., m, n], by products alone: singular values from 1e-6 of the Frobenius norm on are brought to
 * 1 within 1e-11, those from 1e-7 on to between 0.99 and 1, smaller ones less. The gradient passes through the steps.
 */
export const orthogonalFactor = (a: Tensor): Tensor =>
  normalizedBy(a, (start) => {
    let x = start;
    for (let i = 0; i < 12; i++) x = iterate(x, newtonSchulzCoefficients.muon);
    for (let i = 0; i < 6; i++) x = iterate(x, newtonSchulzCoefficients.classical);
    return x;
  });

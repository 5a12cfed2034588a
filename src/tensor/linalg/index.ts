/*
 * Linear algebra of matrices [..., m, n], batched over leading axes, of primitives alone, since ONNX has none. What is
 * made of products works at any size; the rest has a loop over columns (`solve`, `qr`) or rounds (`eigh`, `svd`).
 * Milliseconds of one core for one n x n matrix in float32, about, measured on a busy machine:
 *
 *   n                   8     16     32     64    128    256
 *   newtonSchulz      0.2    0.3    0.3    0.4    1.5      9
 *   orthogonalFactor  0.4    0.3    0.5    1.0    4.3     28
 *   cholesky          0.3    0.5    1.0    1.7    3.4      7
 *   solve             0.5    0.7    1.7    3.8    7.1     34
 *   qr                0.6    1.4    1.9    4.1     11     34
 *   eigh              2.1    5.7     12     56    570
 *   svd               3.2    8.6     21     73    360
 *
 * Symbols cannot throw for their numbers: what has no answer is NaN or infinite. Gradients are closed formulas, not
 * those of the loops; each function says where its own is undefined.
 */
export { cholesky, choleskyInverse, choleskyLogDet, choleskySolve } from "./cholesky.ts";
export {
  type Eigen,
  eigh,
  type Polar,
  polar,
  type SingularValues,
  subspaceIteration,
  svd,
  symmetricFunction,
} from "./eigen.ts";
export { diagonal, diagonalOf, eye, lowerPart, symmetrized } from "./matrices.ts";
export {
  type Coefficients,
  type NewtonSchulzOptions,
  newtonSchulz,
  newtonSchulzCoefficients,
  orthogonalFactor,
} from "./orthogonal.ts";
export { gramIteration, type Leading, powerIteration } from "./power.ts";
export { det, inverse, type LogDet, logDet, type Qr, qr, solve } from "./qr.ts";
export { type TriangularOptions, triangularSolve } from "./triangular.ts";

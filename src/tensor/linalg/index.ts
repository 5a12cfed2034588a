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

export { cholesky, choleskyInverse, choleskyLogDet, choleskySolve } from "./cholesky.ts";
export { diagonal, diagonalOf, eye, lowerPart, symmetrized } from "./matrices.ts";
export {
  type Coefficients,
  type NewtonSchulzOptions,
  newtonSchulz,
  newtonSchulzCoefficients,
  orthogonalFactor,
} from "./orthogonal.ts";
export { gramIteration, type Leading, powerIteration } from "./power.ts";
export { type TriangularOptions, triangularSolve } from "./triangular.ts";

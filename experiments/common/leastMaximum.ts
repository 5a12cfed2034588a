import { type NdArray, ndarray } from "../../src/array/ndarray.ts";
import { linearProgram } from "../../src/solvers/linearProgram.ts";
import type { Solution } from "../../src/solvers/solution.ts";

/**
 * The x of least max |x| with A x = b, for A [m, n] with independent rows; `value` is that maximum. As a linear program
 * in p = x + t, q = t - x and t, all at least 0: minimize t with A (p - t) = b and p + q - 2 t = 0.
 */
export function leastMaximum(a: NdArray<"float64">, b: Float64Array): Solution {
  const [m, n] = a.shape;
  const width = 2 * n + 1;
  const rows = new Float64Array((m + n) * width);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      rows[i * width + j] = a.data[i * n + j];
      rows[i * width + 2 * n] -= a.data[i * n + j];
    }
  for (let j = 0; j < n; j++) {
    const row = (m + j) * width;
    rows[row + j] = 1;
    rows[row + n + j] = 1;
    rows[row + 2 * n] = -2;
  }
  const costs = new Float64Array(width);
  costs[2 * n] = 1;
  const right = new Float64Array(m + n);
  right.set(b);
  const { at, ...found } = linearProgram(costs, ndarray("float64", [m + n, width], rows), right);
  return { ...found, at: at.slice(0, n).map((p) => p - at[2 * n]) };
}

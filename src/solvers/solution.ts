/** What a solver found. */
export interface Solution {
  readonly at: Float64Array;
  readonly value: number;
  readonly iterations: number;
  /** "limit": as many iterations as were allowed. */
  readonly stopped: "converged" | "limit";
}

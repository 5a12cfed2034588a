import type { Solution } from "./solution.ts";

/** A smooth function and the projection on the set in which it is minimized. */
export interface ProjectedProblem {
  value(x: Float64Array): number;
  gradient(x: Float64Array): Float64Array;
  project(x: Float64Array): Float64Array;
  /** Whether a point of the set is good enough to stop at. */
  done?(x: Float64Array): boolean;
}

export interface ProjectedOptions {
  /** The first step, which is only ever halved; should be above what it can stay at. */
  readonly step: number;
  /** At most so many; 10,000 unless told. */
  readonly iterations?: number;
  /** Length of a step relative to that of x below which it has converged; 1e-12 unless told. */
  readonly tolerance?: number;
}

/** So many earlier values the line search looks back to. */
const window = 10;
const mostHalvings = 20;

/**
 * Accelerated projected gradient with a non-monotone backtracking line search, restarted where its momentum points
 * uphill (FASTA with "accelerate": Goldstein, Studer and Baraniuk 2014; FISTA: Beck and Teboulle 2009).
 *
 *   x' = project(y - t gradient(y))        t halved until f(x') <= max of the last f(y) + <x' - y, g> + |x' - y|^2 / 2t
 *   y' = x' + (a - 1) / a' (x' - x)        a' = (1 + sqrt(1 + 4 a^2)) / 2;  a = 1 where (y - x')'(x' - x) > 0
 *
 * Gives the best x' seen. The set should be convex; where f is not, what comes out is a local minimum that depends on
 * the start.
 */
export function projectedGradient(
  { value, gradient, project, done }: ProjectedProblem,
  start: Float64Array,
  { step: first, iterations = 10_000, tolerance = 1e-12 }: ProjectedOptions,
): Solution {
  let [at, from, momentum, step] = [start, start, 1, first];
  let best = { at: start, value: value(start) };
  const recent = [best.value];
  for (let i = 1; i <= iterations; i++) {
    const slope = gradient(from);
    const most = Math.max(...recent);
    let next = from;
    let reached = 0;
    for (let halvings = 0; halvings <= mostHalvings; halvings++) {
      if (halvings > 0) step /= 2;
      next = project(from.map((x, j) => x - step * slope[j]));
      reached = value(next);
      const [along, length] = [towards(from, next, slope), squared(from, next)];
      if (reached <= most + along + length / (2 * step) + 1e-12 * Math.abs(most)) break;
    }
    if (reached < best.value) best = { at: next, value: reached };
    const stepped = squared(from, next);
    if (done?.(next) || !(stepped > tolerance ** 2 * next.reduce((sum, x) => sum + x * x, 0)))
      return { ...best, iterations: i, stopped: "converged" };
    const before = uphill(from, next, at) ? 1 : momentum;
    momentum = (1 + Math.sqrt(1 + 4 * before ** 2)) / 2;
    const [last, share] = [at, (before - 1) / momentum];
    at = next;
    from = next.map((x, j) => x + share * (x - last[j]));
    recent.push(value(from));
    if (recent.length > window) recent.shift();
  }
  return { ...best, iterations, stopped: "limit" };
}

function squared(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return sum;
}

/** <next - from, slope> */
function towards(from: Float64Array, next: Float64Array, slope: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < from.length; i++) sum += (next[i] - from[i]) * slope[i];
  return sum;
}

/** (from - next)'(next - before) > 0 */
function uphill(from: Float64Array, next: Float64Array, before: Float64Array): boolean {
  let sum = 0;
  for (let i = 0; i < from.length; i++) sum += (from[i] - next[i]) * (next[i] - before[i]);
  return sum > 0;
}

import { rankAuroc } from "../metrics.ts";
import { type Labels, maximumSoftmax, type Predictions, predictedClasses } from "../predictions.ts";

/** How well a score tells rows of the training distribution (high) from foreign ones (low). */
export interface Detection {
  /** Chance that an inside row scores above a foreign one. */
  readonly auroc: number;
  /** Share of foreign rows taken for inside at the threshold that keeps at least 95 % of the inside ones. */
  readonly falsePositives: number;
  /** The largest mean, over thresholds, of the shares of inside and of foreign rows told right. */
  readonly accuracy: number;
}

/** Undefined when either is empty. Rows count as inside from the threshold on. */
export function detectionOf(inside: ArrayLike<number>, outside: ArrayLike<number>): Detection | undefined {
  const all = Float64Array.from([...Array.from(inside), ...Array.from(outside)]);
  const auroc = rankAuroc(all, (i) => i < inside.length);
  if (auroc === undefined) return undefined;
  const high = Float64Array.from(inside).sort().reverse();
  const threshold = high[Math.ceil(0.95 * high.length - 1e-9) - 1];
  const from = (scores: ArrayLike<number>, t: number) => {
    let count = 0;
    for (let i = 0; i < scores.length; i++) if (scores[i] >= t) count++;
    return count / scores.length;
  };
  return { auroc, falsePositives: from(outside, threshold), accuracy: bestAccuracy(inside, outside) };
}

/** max over t of (P(inside >= t) + P(outside < t)) / 2, by one walk from the highest score down. */
function bestAccuracy(inside: ArrayLike<number>, outside: ArrayLike<number>): number {
  const scored = [
    ...Array.from(inside, (score) => ({ score, step: 1 / inside.length })),
    ...Array.from(outside, (score) => ({ score, step: -1 / outside.length })),
  ].sort((a, b) => b.score - a.score);
  let [lead, best] = [0, 0];
  scored.forEach(({ score, step }, i) => {
    lead += step;
    if (scored[i + 1]?.score !== score) best = Math.max(best, lead);
  });
  return (1 + best) / 2;
}

/**
 * Expected calibration error over bins of equal width (Guo et al. 2017): sum_b n_b / n |accuracy_b - confidence_b|, the
 * bins being ]i / bins, (i + 1) / bins] of the largest probability.
 */
export function widthCalibrationError(probabilities: Predictions, labels: Labels, bins = 15): number {
  const predicted = predictedClasses(probabilities, labels);
  const sums = new Float64Array(bins);
  maximumSoftmax(probabilities).forEach((sure, i) => {
    const bin = Math.min(bins - 1, Math.max(0, Math.ceil(sure * bins) - 1));
    sums[bin] += (predicted[i] === labels[i] ? 1 : 0) - sure;
  });
  return sums.reduce((sum, gap) => sum + Math.abs(gap), 0) / predicted.length;
}

/** Spearman's rank correlation, ties sharing their mean rank; NaN where one list is constant. */
export function spearman(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranks(a), ranks(b)];
  const middle = (a.length - 1) / 2;
  const product = (u: readonly number[], v: readonly number[]) =>
    u.reduce((sum, r, i) => sum + (r - middle) * (v[i] - middle), 0);
  return product(x, y) / Math.sqrt(product(x, x) * product(y, y));
}

const ranks = (values: readonly number[]): number[] =>
  values.map((v) => values.filter((w) => w < v).length + (values.filter((w) => w === v).length - 1) / 2);

import { type NdArray, ndarray } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import type { TargetScale } from "../kinds/preprocessing.ts";
import {
  check,
  checkPair,
  checkPredictions,
  checkProbabilities,
  type Labels,
  largestOfRow,
  leastProbability,
  mean,
  notFinite,
  type Predictions,
  predictedClasses,
} from "./predictions.ts";

export * from "./calibration.ts";
export { leastProbability, maximumSoftmax } from "./predictions.ts";

/*
 * Everything here is pure and computes in float64. Predictions are [n, classes] or [n, outputs] with n at least 1;
 * labels are class numbers, one a row. Each function throws `bad-shape` for predictions and truth that do not fit,
 * and `bad-data` for NaN, infinity, or class numbers that are none. The predicted class is the first largest score.
 */

/** Share of rows whose predicted class is the true one. */
export function accuracy(scores: Predictions, labels: Labels): number {
  const predicted = predictedClasses(scores, labels);
  return mean(predicted.length, (i) => (predicted[i] === labels[i] ? 1 : 0));
}

/** Counts int32 [classes, classes]: the true class by row, the predicted class by column. */
export function confusionMatrix(scores: Predictions, labels: Labels): NdArray<"int32"> {
  const k = scores.shape[1];
  const counts = new Int32Array(k * k);
  predictedClasses(scores, labels).forEach((predicted, i) => {
    counts[labels[i] * k + predicted]++;
  });
  return ndarray("int32", [k, k], counts);
}

/** Mean over the classes of the share of their rows that were found; classes absent from the truth are left out. */
export function balancedAccuracy(scores: Predictions, labels: Labels): number {
  const recalls = tally(scores, labels).flatMap(({ hits, actual }) => (actual > 0 ? [hits / actual] : []));
  return mean(recalls.length, (c) => recalls[c]);
}

/**
 * Mean over the classes of F1 = 2 hits / (rows of the class + rows predicted as the class). Classes neither true nor
 * predicted anywhere are left out; one that is only predicted counts as 0.
 */
export function macroF1(scores: Predictions, labels: Labels): number {
  const f1s = tally(scores, labels).flatMap(({ hits, actual, predicted }) =>
    actual + predicted > 0 ? [(2 * hits) / (actual + predicted)] : [],
  );
  return mean(f1s.length, (c) => f1s[c]);
}

/**
 * Mean over the classes of intersection over union, hits / (rows of the class + rows predicted as it - hits), over all
 * rows together: for segmentation the pixels of all images. Classes neither true nor predicted anywhere are left out.
 */
export function meanIou(scores: Predictions, labels: Labels): number {
  const ious = tally(scores, labels).flatMap(({ hits, actual, predicted }) =>
    actual + predicted > 0 ? [hits / (actual + predicted - hits)] : [],
  );
  return mean(ious.length, (c) => ious[c]);
}

/**
 * Area under the ROC curve: the chance that a random positive scores above a random negative, ties counting half
 * (mid-ranks). Undefined without a positive or without a negative.
 */
export function rankAuroc(scores: ArrayLike<number>, positive: (i: number) => boolean): number | undefined {
  const order = Array.from(scores, (_, i) => i).sort((a, b) => scores[a] - scores[b]);
  let [positives, rankSum] = [0, 0];
  for (let start = 0, end = 0; start < order.length; start = end) {
    while (end < order.length && scores[order[end]] === scores[order[start]]) end++;
    const tied = order.slice(start, end).filter(positive).length;
    positives += tied;
    rankSum += (tied * (start + 1 + end)) / 2;
  }
  const negatives = order.length - positives;
  if (positives === 0 || negatives === 0) return undefined;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/**
 * AUROC from probabilities. Two classes: of the second column. More: each class against the rest, averaged over the
 * classes that are in the truth. Undefined when the truth holds a single class.
 */
export function auroc(probabilities: Predictions, labels: Labels): number | undefined {
  check(probabilities, labels);
  const [n, k] = probabilities.shape;
  const areas = (k === 2 ? [1] : Array.from({ length: k }, (_, c) => c)).flatMap((c) => {
    const column = Float64Array.from({ length: n }, (_, i) => probabilities.data[i * k + c]);
    return rankAuroc(column, (i) => labels[i] === c) ?? [];
  });
  return areas.length === 0 ? undefined : mean(areas.length, (c) => areas[c]);
}

/** Mean of -log p(true class) in nats, with p clipped from below at 1e-12. */
export function negativeLogLikelihood(probabilities: Predictions, labels: Labels): number {
  checkProbabilities(probabilities, labels);
  const [n, k] = probabilities.shape;
  return mean(n, (i) => -Math.log(Math.max(leastProbability, probabilities.data[i * k + labels[i]])));
}

/** Brier score in its form for many classes: mean over rows of sum_c (p_c - [c is true])^2, from 0 to 2. */
export function brier(probabilities: Predictions, labels: Labels): number {
  checkProbabilities(probabilities, labels);
  const [n, k] = probabilities.shape;
  return (
    mean(n * k, (at) => (probabilities.data[at] - (at % k === labels[Math.floor(at / k)] ? 1 : 0)) ** 2) * k
  );
}

/** The negative energy T log sum_c exp(z_c / T) of each row: high where the model is sure (Liu et al., 2020). */
export function energyScore(logits: Predictions, temperature = 1): Float64Array {
  checkPredictions(logits);
  const [n, k] = logits.shape;
  return Float64Array.from({ length: n }, (_, i) => {
    const largest = largestOfRow(logits.data, i, k);
    let total = 0;
    for (let at = i * k; at < (i + 1) * k; at++) total += Math.exp((logits.data[at] - largest) / temperature);
    return largest + temperature * Math.log(total);
  });
}

/** AUROC of telling rows like the training data (which should score high) from others; undefined when either is empty. */
export function outsideAuroc(inside: ArrayLike<number>, outside: ArrayLike<number>): number | undefined {
  const scores = Float64Array.from([...Array.from(inside), ...Array.from(outside)]);
  const bad = scores.findIndex(Number.isNaN);
  if (bad >= 0) throw notFinite("a score", bad, scores[bad]);
  return rankAuroc(scores, (i) => i < inside.length);
}

/** Encoded numbers [n, outputs] back in the target's own units: value x spread + mean, by output. */
export function inOwnUnits(values: Predictions, scale: readonly TargetScale[]): NdArray<"float64"> {
  const outputs = values.shape[values.shape.length - 1];
  if (scale.length !== outputs)
    throw new OckhamError(
      "bad-shape",
      "target scale",
      `${scale.length} target scales for ${outputs} outputs`,
      "give the preprocessing the target was encoded with",
    );
  const decoded = Float64Array.from(
    values.data,
    (v, i) => v * scale[i % outputs].spread + scale[i % outputs].mean,
  );
  return ndarray("float64", values.shape, decoded);
}

/** Root of the mean squared error of each output, averaged over outputs. prediction, truth [n, outputs] in one unit. */
export const rmse = (prediction: Predictions, truth: Predictions): number =>
  byOutput(prediction, truth, (n, p, t) => Math.sqrt(mean(n, (i) => (p(i) - t(i)) ** 2))) as number;

/** Mean absolute error, over rows and outputs. */
export const mae = (prediction: Predictions, truth: Predictions): number =>
  byOutput(prediction, truth, (n, p, t) => mean(n, (i) => Math.abs(p(i) - t(i)))) as number;

/**
 * R2 = 1 - sum (truth - prediction)^2 / sum (truth - mean truth)^2, averaged over the outputs whose truth varies;
 * undefined where none does.
 */
export const r2 = (prediction: Predictions, truth: Predictions): number | undefined =>
  byOutput(prediction, truth, (n, p, t) => {
    const centre = mean(n, t);
    const spread = mean(n, (i) => (t(i) - centre) ** 2);
    return spread === 0 ? undefined : 1 - mean(n, (i) => (p(i) - t(i)) ** 2) / spread;
  });

/** Share of truths inside their interval, bounds included. All of one shape. */
export function intervalCoverage(lower: Predictions, upper: Predictions, truth: Predictions): number {
  checkPair(lower, truth);
  checkPair(upper, truth);
  const inside = (i: number) => lower.data[i] <= truth.data[i] && truth.data[i] <= upper.data[i];
  return mean(truth.data.length, (i) => (inside(i) ? 1 : 0));
}

interface Tally {
  readonly hits: number;
  readonly actual: number;
  readonly predicted: number;
}

/** By class: rows found, rows of the class, rows predicted as the class. */
function tally(scores: Predictions, labels: Labels): Tally[] {
  const { shape, data } = confusionMatrix(scores, labels);
  const k = shape[0];
  const sum = (term: (j: number) => number) =>
    Array.from({ length: k }, (_, j) => term(j)).reduce((a, b) => a + b);
  return Array.from({ length: k }, (_, c) => ({
    hits: data[c * k + c],
    actual: sum((j) => data[c * k + j]),
    predicted: sum((j) => data[j * k + c]),
  }));
}

type Column = (i: number) => number;

/** The mean over outputs of a metric of one output's prediction and truth, where it is defined. */
function byOutput(
  prediction: Predictions,
  truth: Predictions,
  metric: (n: number, prediction: Column, truth: Column) => number | undefined,
): number | undefined {
  checkPair(prediction, truth);
  const [n, outputs] = [truth.shape[0], truth.data.length / truth.shape[0]];
  const column = (values: Predictions, j: number) => (i: number) => values.data[i * outputs + j];
  const values = Array.from({ length: outputs }, (_, j) =>
    metric(n, column(prediction, j), column(truth, j)),
  );
  const defined = values.filter((value) => value !== undefined);
  return defined.length === 0 ? undefined : mean(defined.length, (j) => defined[j]);
}

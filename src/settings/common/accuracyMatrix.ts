import type { Grid, Measure } from "../../kinds/index.ts";
import { meanOf } from "./scores.ts";

/** R[i][j]: accuracy on task j after learning task i; one row a task learned. */
export type AccuracyMatrix = readonly (readonly number[])[];

/**
 * What an accuracy matrix R of T tasks comes to; `before` is the accuracy on each task before any learning, b.
 *
 *   average accuracy     mean over j of R[T-1][j]                                          Lopez-Paz and Ranzato, 2017
 *   backward transfer    mean over j < T-1 of R[T-1][j] - R[j][j]                          the same
 *   forward transfer     mean over j > 0 of R[j-1][j] - b[j]                               the same
 *   forgetting           mean over j < T-1 of max over i < T-1 of R[i][j], less R[T-1][j]  Chaudhry et al., 2018
 *   learning accuracy    mean over j of R[j][j]                                            Riemer et al., 2019
 *   incremental accuracy mean over i of the mean over j <= i of R[i][j]                    Rebuffi et al., 2017
 */
export function transferOf(matrix: AccuracyMatrix, before: readonly number[]) {
  const last = matrix.length - 1;
  const final = matrix[last];
  const earlier = final.slice(0, last);
  const peak = (j: number) => matrix.slice(0, last).reduce((best, row) => Math.max(best, row[j]), -Infinity);
  return {
    averageAccuracy: meanOf(final),
    backwardTransfer: meanOf(earlier.map((now, j) => now - matrix[j][j])),
    forwardTransfer: meanOf(final.slice(1).map((_, j) => matrix[j][j + 1] - before[j + 1])),
    forgetting: meanOf(earlier.map((now, j) => peak(j) - now)),
    learningAccuracy: meanOf(matrix.map((row, j) => row[j])),
    incrementalAccuracy: meanOf(matrix.map((row, i) => meanOf(row.slice(0, i + 1)))),
  };
}

const measure = (name: string, title: string, better: Measure["better"], doc: string): Measure => ({
  name,
  title,
  better,
  format: "percent",
  doc,
});

export const transferMeasures: readonly [Measure, ...Measure[]] = [
  measure(
    "averageAccuracy",
    "average accuracy",
    "higher",
    "Accuracy on each task after the last one was learned, averaged over the tasks (Lopez-Paz and Ranzato, 2017).",
  ),
  measure(
    "forgetting",
    "forgetting",
    "lower",
    "How far accuracy on a task fell from its best to the end, averaged over all tasks but the last (Chaudhry et al., 2018).",
  ),
  measure(
    "backwardTransfer",
    "backward transfer",
    "higher",
    "What learning later tasks did to accuracy on a task since it was learned, averaged; below zero where it was forgotten (Lopez-Paz and Ranzato, 2017).",
  ),
  measure(
    "forwardTransfer",
    "forward transfer",
    "higher",
    "Accuracy on a task just before it is learned, less that of the untrained model, averaged (Lopez-Paz and Ranzato, 2017).",
  ),
  measure(
    "learningAccuracy",
    "learning accuracy",
    "higher",
    "Accuracy on each task right after it was learned, averaged: what was there to be forgotten (Riemer et al., 2019).",
  ),
  measure(
    "incrementalAccuracy",
    "average incremental accuracy",
    "higher",
    "After each task the accuracy on all tasks so far, averaged over the stages (Rebuffi et al., 2017).",
  ),
];

/** The matrix with its tasks' names. */
export const matrixGrid = (matrix: AccuracyMatrix, tasks: readonly string[]): Grid => ({
  rows: tasks,
  columns: tasks,
  values: matrix,
});

/** After each task, the mean accuracy on the tasks so far. */
export const progressGrid = (matrix: AccuracyMatrix): Grid => ({
  rows: ["accuracy on the tasks so far"],
  columns: matrix.map((_, i) => String(i + 1)),
  values: [matrix.map((row, i) => meanOf(row.slice(0, i + 1)))],
});

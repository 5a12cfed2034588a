import { type Curve, learningCurves } from "../../../plots/index.ts";
import type { CurvePoint, Row, Trial } from "../../results.ts";
import { type Html, nothing } from "../escape.ts";
import { figure, part, plotMetric } from "../figures.ts";
import { drawnRows, type ModelView, metricOf, type View } from "../view.ts";

const MOST_POINTS = 60;

/** Loss in training and validation, and the validation score, by epoch. */
export function curvesSection(view: View, model: ModelView): Html {
  const { rows, note } = drawnRows(view, model);
  const followed = metricOf(view, "accuracy", "r2", "nextTokenAccuracy");
  const validationLoss = curvesOf(view, rows, "validation", (point) => point.validationLoss);
  const trainLoss = curvesOf(view, rows, "train", (point) => point.trainLoss);
  const score = curvesOf(view, rows, "validation", (point) => point.validationScore);
  const loss = {
    metric: { label: "loss", better: "lower" },
    curves: [...trainLoss, ...validationLoss],
  } as const;
  const losses =
    loss.curves.length === 0
      ? nothing
      : figure(view, "wide", (options) => learningCurves(loss, { ...options, title: "Loss" }));
  const scores =
    score.length === 0 || view.comparison.setting.protocol !== undefined
      ? nothing
      : figure(view, "wide", (options) =>
          learningCurves(
            { metric: plotMetric(followed), curves: score },
            { ...options, title: `Validation: ${followed.title}` },
          ),
        );
  return part(
    `${model.id}-curves`,
    "Learning curves",
    `How training went. A validation loss that rises while the training loss still falls is overfitting; what regularizes should close that gap.${note}`,
    losses,
    scores,
  );
}

function curvesOf(
  view: View,
  rows: readonly Row[],
  split: "train" | "validation",
  value: (point: CurvePoint) => number | undefined,
): Curve[] {
  return rows.flatMap(({ candidate }) => {
    const trials = view.done(candidate);
    const x = thinned(epochsOf(trials), view.thrifty ? MOST_POINTS / 2 : MOST_POINTS);
    const seeds = trials.map((trial) => {
      const at = new Map(trial.curve.map((point) => [point.epoch, value(point) ?? Number.NaN]));
      return x.map((epoch) => at.get(epoch) ?? Number.NaN);
    });
    const known = seeds.some((seed) => seed.some(Number.isFinite));
    return known ? [{ name: view.label(candidate), split, x, seeds }] : [];
  });
}

function epochsOf(trials: readonly Trial[]): number[] {
  const all = new Set(trials.flatMap((trial) => trial.curve.map(({ epoch }) => epoch)));
  return [...all].sort((a, b) => a - b);
}

/** Evenly fewer, with both ends kept. */
function thinned(values: readonly number[], most: number): number[] {
  if (values.length <= most) return [...values];
  const at = (i: number) => Math.round((i * (values.length - 1)) / (most - 1));
  return Array.from({ length: most }, (_, i) => values[at(i)]);
}

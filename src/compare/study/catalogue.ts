import type { Task } from "../../kinds/index.ts";
import type { Metric } from "../results.ts";

type Entry = readonly [
  name: string,
  title: string,
  better: Metric["better"],
  format: Metric["format"],
  group: Metric["group"],
  doc: string,
];

const asMetrics = (entries: readonly Entry[]): Metric[] =>
  entries.map(([name, title, better, format, group, doc]) => ({ name, title, better, format, group, doc }));

const relative: Entry = [
  "relativeCorruption",
  "relative corruption error",
  "lower",
  "percent",
  "robustness",
  "Mean corruption error (mCE): by kind of corruption, the error summed over severities relative to plain training's on the same seed; averaged over kinds. 100 % is plain training.",
];

const classification = asMetrics([
  [
    "error",
    "clean error",
    "lower",
    "percent",
    "robustness",
    "Share of the test data whose class is named wrong.",
  ],
  [
    "corruptionError",
    "corruption error",
    "lower",
    "percent",
    "robustness",
    "Error on corrupted test data, averaged over kinds and over severities 1 to 5.",
  ],
  relative,
  [
    "fgsmError",
    "FGSM error",
    "lower",
    "percent",
    "robustness",
    "Error when one gradient step moves each input to fool the model, averaged over the radii.",
  ],
  [
    "outsideAuroc",
    "AUROC of foreign data",
    "higher",
    "number",
    "detection",
    "AUROC of telling test data from foreign data by the largest probability, averaged over the foreign sets; 0.5 is guessing.",
  ],
  [
    "outsideFalsePositives",
    "FPR of foreign data at 95 % TPR",
    "lower",
    "percent",
    "detection",
    "Share of foreign data taken for real ones at the threshold that keeps 95 % of the test data, averaged over the foreign sets.",
  ],
  [
    "outsideAccuracy",
    "detection accuracy of foreign data",
    "higher",
    "percent",
    "detection",
    "Mean of the shares of test data and of foreign data told right at the best threshold, averaged over the foreign sets; 50 % is guessing.",
  ],
  [
    "calibrationErrorWidth",
    "ECE",
    "lower",
    "percent",
    "calibration",
    "Expected calibration error over 15 bins of equal width of the largest probability.",
  ],
]);

const regression = asMetrics([
  [
    "corruptionError",
    "RMSE under corruption, severities 1 to 5",
    "lower",
    "number",
    "robustness",
    "RMSE on corrupted test data, averaged over kinds and over severities 1 to 5.",
  ],
  relative,
  [
    "fgsmError",
    "RMSE under FGSM",
    "lower",
    "number",
    "robustness",
    "RMSE when one gradient step moves each input to fool the model, averaged over the radii.",
  ],
]);

/** What the noise study reports beside the usual metrics of a task. */
export const studyMetrics = (task: Task): readonly Metric[] =>
  task === "classification" ? classification : task === "regression" ? regression : [];

import type { NdArray } from "../../array/ndarray.ts";
import type { Dataset, Preprocessing } from "../../kinds/index.ts";
import {
  accuracy,
  applyTemperature,
  auroc,
  balancedAccuracy,
  brier,
  calibration,
  confusionMatrix,
  fitTemperature,
  inOwnUnits,
  logProbabilities,
  macroF1,
  mae,
  meanIou,
  negativeLogLikelihood,
  r2,
  rmse,
} from "../metrics.ts";
import type { Scores, Trial } from "../results.ts";

/** Probabilities [n, classes] or encoded values [n, outputs]. */
export type Predicted = NdArray<"float32"> | NdArray<"float64">;

/** Metrics without those that could not be computed. */
export const known = (scores: Readonly<Record<string, number | undefined>>): Scores =>
  Object.fromEntries(
    Object.entries(scores).filter((entry): entry is [string, number] => Number.isFinite(entry[1])),
  );

const labelsOf = (data: Dataset) => data.target.data as Int32Array;
const truthOf = (data: Dataset) => data.target as NdArray<"float32">;

/** Probabilities of pixels [n, height, width, classes] as rows, and the class number of each. */
function pixelwise(predicted: Predicted, data: Dataset): readonly [Predicted, Int32Array] {
  const { shape } = predicted;
  const classes = shape[shape.length - 1];
  return [{ ...predicted, shape: [predicted.data.length / classes, classes] } as Predicted, labelsOf(data)];
}

/** The metrics of a prediction in the target's own units. */
export function scoresOf(predicted: Predicted, data: Dataset, pre: Preprocessing): Scores {
  if (data.task === "classification") {
    const labels = labelsOf(data);
    return known({
      accuracy: accuracy(predicted, labels),
      balancedAccuracy: balancedAccuracy(predicted, labels),
      macroF1: macroF1(predicted, labels),
      auroc: auroc(predicted, labels),
      negativeLogLikelihood: negativeLogLikelihood(predicted, labels),
      brier: brier(predicted, labels),
      calibrationError: calibration(predicted, labels).error,
    });
  }
  if (data.task === "segmentation") {
    const [pixels, labels] = pixelwise(predicted, data);
    return known({
      meanIou: meanIou(pixels, labels),
      // 2 |A and B| / (|A| + |B|) by class is F1
      dice: macroF1(pixels, labels),
      pixelAccuracy: accuracy(pixels, labels),
    });
  }
  const own = inOwnUnits(predicted, pre.targetScale);
  const truth = inOwnUnits(truthOf(data), pre.targetScale);
  return known({ rmse: rmse(own, truth), mae: mae(own, truth), r2: r2(own, truth) });
}

/** The one number that robustness curves show: accuracy, mean IoU, or RMSE in the target's own unit. */
export function headScore(predicted: Predicted, data: Dataset, pre: Preprocessing): number {
  if (data.task === "classification") return accuracy(predicted, labelsOf(data));
  if (data.task === "segmentation") return meanIou(...pixelwise(predicted, data));
  return rmse(inOwnUnits(predicted, pre.targetScale), inOwnUnits(truthOf(data), pre.targetScale));
}

/** Calibration on test data before and after a temperature fitted on validation data; and the confusion matrix. */
export function calibrated(
  validation: Predicted,
  validationData: Dataset,
  test: Predicted,
  testData: Dataset,
): {
  readonly scores: Scores;
  readonly reliability: NonNullable<Trial["reliability"]>;
  readonly confusion: number[][];
} {
  const labels = labelsOf(testData);
  const temperature = fitTemperature(logProbabilities(validation), labelsOf(validationData));
  const scaled = applyTemperature(logProbabilities(test), temperature);
  const [before, after] = [calibration(test, labels), calibration(scaled, labels)];
  const counts = confusionMatrix(test, labels);
  const k = counts.shape[0];
  return {
    scores: known({
      calibrationErrorScaled: after.error,
      negativeLogLikelihoodScaled: negativeLogLikelihood(scaled, labels),
    }),
    reliability: { before: before.bins, after: after.bins, temperature },
    confusion: Array.from({ length: k }, (_, i) => Array.from(counts.data.subarray(i * k, (i + 1) * k))),
  };
}

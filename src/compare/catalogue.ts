import type { Task } from "../kinds/index.ts";
import type { Metric, Setting } from "./results.ts";
import { studyMetrics } from "./study/catalogue.ts";

type Entry = readonly [name: string, title: string, better: Metric["better"], doc: string];

function listed(group: Metric["group"], format: Metric["format"], entries: readonly Entry[]): Metric[] {
  return entries.map(([name, title, better, doc]) => ({ name, title, better, format, group, doc }));
}

const classification: readonly Metric[] = [
  ...listed("score", "percent", [
    ["accuracy", "accuracy", "higher", "Share of the examples whose class is named right."],
    [
      "balancedAccuracy",
      "balanced accuracy",
      "higher",
      "Accuracy of each class, averaged, so that a rare class counts as much as a common one.",
    ],
    [
      "macroF1",
      "macro F1",
      "higher",
      "F1 (harmonic mean of precision and recall) averaged over the classes.",
    ],
  ]),
  ...listed("score", "number", [
    [
      "auroc",
      "AUROC",
      "higher",
      "Chance that an example of a class gets a higher score for it than one of another class; 0.5 is guessing.",
    ],
  ]),
  ...listed("calibration", "number", [
    [
      "negativeLogLikelihood",
      "negative log likelihood",
      "lower",
      "Mean of minus the logarithm of the probability given to the true class, in nats: punishes being sure and wrong.",
    ],
    [
      "brier",
      "Brier score",
      "lower",
      "Mean squared distance of the probabilities from the truth, summed over the classes; 0 to 2.",
    ],
  ]),
  ...listed("calibration", "percent", [
    [
      "calibrationError",
      "calibration error",
      "lower",
      "Mean gap between how sure the model is and how often it is right, over bins of equally many examples.",
    ],
    [
      "calibrationErrorScaled",
      "calibration error, scaled",
      "lower",
      "Calibration error after one temperature, fitted on validation data, has divided the logits.",
    ],
  ]),
  ...listed("calibration", "number", [
    [
      "negativeLogLikelihoodScaled",
      "negative log likelihood, scaled",
      "lower",
      "Negative log likelihood after one temperature, fitted on validation data, has divided the logits.",
    ],
  ]),
  ...listed("robustness", "percent", [
    [
      "corruption",
      "accuracy under corruption",
      "higher",
      "Accuracy on corrupted test data (noise and the like), averaged over all kinds and strengths.",
    ],
    [
      "fgsm",
      "accuracy under FGSM",
      "higher",
      "Accuracy when one gradient step moves each input to fool the model, averaged over the radii.",
    ],
    [
      "pgdLinf",
      "accuracy under PGD, max norm",
      "higher",
      "Accuracy when 20 gradient steps move each input to fool the model, every value by at most the radius; averaged over the radii.",
    ],
    [
      "pgdL2",
      "accuracy under PGD, Euclidean norm",
      "higher",
      "Accuracy when 20 gradient steps move each input to fool the model, by at most the radius in all; averaged over the radii.",
    ],
  ]),
  ...listed("detection", "number", [
    [
      "detectionSoftmax",
      "detection by softmax",
      "higher",
      "AUROC of telling foreign inputs from test data by the largest probability; 0.5 is guessing.",
    ],
    [
      "detectionEnergy",
      "detection by energy",
      "higher",
      "AUROC of telling foreign inputs from test data by the energy of the logits; 0.5 is guessing.",
    ],
  ]),
];

const regression: readonly Metric[] = listed("score", "number", [
  ["rmse", "RMSE", "lower", "Root of the mean squared error, in the target's unit; large misses weigh most."],
  ["mae", "MAE", "lower", "Mean absolute error, in the target's unit."],
  [
    "r2",
    "R²",
    "higher",
    "Share of the target's variance that is explained; 0 is no better than always saying the mean.",
  ],
]).concat(
  listed("robustness", "number", [
    [
      "corruption",
      "RMSE under corruption",
      "lower",
      "RMSE on corrupted test data (noise, missing values), averaged over all kinds and strengths.",
    ],
  ]),
);

const segmentation: readonly Metric[] = listed("score", "percent", [
  [
    "meanIou",
    "mean IoU",
    "higher",
    "Intersection over union of the pixels of a class and those named so, averaged over the classes.",
  ],
  ["dice", "Dice", "higher", "Twice the intersection over the sum of both, averaged over the classes."],
  ["pixelAccuracy", "pixel accuracy", "higher", "Share of the pixels whose class is named right."],
]).concat(
  listed("robustness", "percent", [
    [
      "corruption",
      "mean IoU under corruption",
      "higher",
      "Mean IoU on corrupted test data (noise and the like), averaged over all kinds and strengths.",
    ],
    ["fgsm", "mean IoU under FGSM", "higher", "Mean IoU under one gradient step, averaged over the radii."],
    [
      "pgdLinf",
      "mean IoU under PGD, max norm",
      "higher",
      "Mean IoU when 20 gradient steps move every value by at most the radius.",
    ],
    [
      "pgdL2",
      "mean IoU under PGD, Euclidean norm",
      "higher",
      "Mean IoU when 20 gradient steps move each input by at most the radius in all.",
    ],
  ]),
);

const tokens: readonly Metric[] = listed("score", "number", [
  ["loss", "loss", "lower", "Mean negative log likelihood of the next token, in nats."],
  [
    "perplexity",
    "perplexity",
    "lower",
    "Exponential of the loss: among how many equally likely tokens the model still hesitates.",
  ],
  ["bitsPerCharacter", "bits a character", "lower", "Bits needed to write one character of the text."],
]).concat(
  listed("score", "percent", [
    [
      "nextTokenAccuracy",
      "next-token accuracy",
      "higher",
      "Share of the places where the token that came next was thought the most likely.",
    ],
  ]),
);

const model: readonly Metric[] = [
  ...listed("model", "number", [
    [
      "hessianTrace",
      "Hessian trace",
      "lower",
      "Sum of the curvatures of the loss on a fixed batch: smaller means a flatter minimum.",
    ],
    [
      "hessianTop",
      "top Hessian eigenvalue",
      "lower",
      "Largest curvature of the loss on a fixed batch: smaller means a flatter minimum.",
    ],
    ["weightNorm", "weight norm", "lower", "Euclidean norm of all weights together."],
    [
      "stableRank",
      "stable rank",
      "lower",
      "Squared Frobenius norm over squared spectral norm of a weight matrix, averaged over the layers.",
    ],
  ]),
  ...listed("model", "percent", [["sparsity", "sparsity", "higher", "Share of the weights that are zero."]]),
  ...listed("model", "number", [
    [
      "effectiveRank",
      "effective rank of features",
      "higher",
      "Exponential of the entropy of the singular values of the last features: how many directions they use.",
    ],
    ["bytes", "size (bytes)", "lower", "Size of the exported ONNX file."],
    [
      "latency",
      "latency (ms)",
      "lower",
      "Milliseconds for one example through the exported ONNX model on one thread, median.",
    ],
  ]),
];

const cost: readonly Metric[] = listed("cost", "number", [
  ["gradientsPerStep", "gradients a step", "lower", "Gradients of the objective that one step takes."],
  [
    "stepTime",
    "time a step (× baseline)",
    "lower",
    "Time of a training step against the baseline of the same model: measured apart, candidates interleaved, one thread, medians.",
  ],
]);

const byTask: Readonly<Record<Task, readonly Metric[]>> = {
  classification,
  regression,
  segmentation,
  tokens,
  none: [],
};

/**
 * The metrics a comparison on `task` reports, in the order of the tables: scores, calibration, robustness, detection,
 * the model itself, cost; in a study those of the study too. A metric that could not be computed for a trial is absent there.
 */
export function metricsFor(task: Task, study?: Setting["study"]): readonly Metric[] {
  return [...byTask[task], ...(study === undefined ? [] : studyMetrics(task)), ...model, ...cost];
}

/** The metrics of a comparison: those of its task, or of its setting where it has one of its own. */
export const metricsOf = ({
  data,
  protocol,
  study,
}: Pick<Setting, "data" | "protocol" | "study">): readonly Metric[] =>
  protocol === undefined
    ? metricsFor(data.task, study)
    : [...protocol.measures.map((measure): Metric => ({ ...measure, group: "score" })), ...cost];

import type { Figure, Grid, Measure, Task } from "../kinds/index.ts";
import type { CalibrationBin } from "./calibration.ts";

/** Metrics by name; a metric that could not be computed is absent. */
export type Scores = Readonly<Record<string, number>>;

/** What a metric is, for tables and words. */
export interface Metric {
  readonly name: string;
  readonly title: string;
  readonly better: "higher" | "lower";
  /** How it is printed: a share as percent, or a plain number with so many digits. */
  readonly format: "percent" | "number";
  readonly group: "score" | "calibration" | "robustness" | "detection" | "model" | "cost";
  readonly doc: string;
}

/** One method with the options it was given. */
export interface Chosen {
  readonly id: string;
  readonly options: Readonly<Record<string, number | string | boolean>>;
}

/** A model with a combination of methods: what is compared. An empty list of methods is the baseline. */
export interface Candidate {
  /** Unique in a comparison: "cnn: mixup+sam". */
  readonly name: string;
  readonly model: string;
  readonly methods: readonly Chosen[];
}

/** One point of a learning curve. */
export interface CurvePoint {
  readonly epoch: number;
  readonly trainLoss: number;
  readonly validationLoss?: number;
  readonly validationScore?: number;
}

/** A bin of the reliability diagram. */
export type Bin = CalibrationBin;

/** Score under one kind of corruption at one strength; strength 0 is clean data. */
export interface RobustnessPoint {
  readonly kind: string;
  readonly strength: number;
  readonly score: number;
}

/** How one set of foreign data was told from test data by the largest probability. */
export interface OutsidePoint {
  readonly data: string;
  readonly auroc: number;
  readonly falsePositives: number;
  readonly accuracy: number;
}

/** Singular values of one weight, largest first. */
export interface Spectrum {
  readonly layer: string;
  readonly values: readonly number[];
}

/** All that one finished trial left: one line of `trials.jsonl`. */
export interface Trial {
  readonly candidate: string;
  readonly seed: number;
  readonly status: "done" | "failed";
  /** Why it failed: the candidate then counts as worst, and the reason is shown. */
  readonly error?: string;
  readonly validation: Scores;
  /** On test data, touched once after training and selection. */
  readonly test: Scores;
  readonly curve: readonly CurvePoint[];
  readonly robustness: readonly RobustnessPoint[];
  /** In a noise study. */
  readonly outside?: readonly OutsidePoint[];
  readonly reliability?: {
    readonly before: readonly Bin[];
    readonly after: readonly Bin[];
    readonly temperature: number;
  };
  readonly spectra: readonly Spectrum[];
  readonly confusion?: readonly (readonly number[])[];
  /** What the setting found, by the names that its figures use. */
  readonly grids?: Readonly<Record<string, Grid>>;
  /** Gradients of the objective one step takes. */
  readonly gradientsPerStep: number;
  readonly steps: number;
  /** Epochs it was given; early stopping may have used fewer. */
  readonly epochs: number;
  readonly parameters: number;
  /** Seconds of training; not compared, since trials run side by side. */
  readonly seconds: number;
  readonly stopped?: string;
  /** Options after tuning, where they were tuned. */
  readonly tuned?: readonly Chosen[];
}

/** Who trains on what, when, scored how, where it is not simply training on the data and testing on others. */
export interface ProtocolOf extends Chosen {
  readonly words: readonly string[];
  readonly measures: readonly Measure[];
  readonly figures: readonly Figure[];
}

/** The whole setting of a comparison: what makes two runs comparable, and what `--resume` checks. */
export interface Setting {
  readonly version: string;
  readonly data: {
    readonly name: string;
    readonly task: Task;
    readonly source: string;
    /** Of the content; a changed file is another comparison. */
    readonly fingerprint: string;
    readonly size: number;
    readonly classes: readonly string[];
    readonly inputShape: readonly number[];
    readonly notes: readonly string[];
    readonly labelNoise: number;
  };
  readonly split: {
    readonly train: number;
    readonly validation: number;
    readonly test: number;
    readonly by: string;
  };
  readonly protocol?: ProtocolOf;
  readonly candidates: readonly Candidate[];
  /** The file whose weights every model begins with, and its fingerprint. */
  readonly from?: string;
  /** Version of a person's own methods. */
  readonly ownVersion?: string;
  readonly seeds: readonly number[];
  readonly epochs: number;
  readonly batchSize: number;
  readonly optimizer: Chosen;
  /** Peak learning rate for all; absent: each optimizer's own. */
  readonly rate?: number;
  readonly schedule: Chosen;
  readonly budget: { readonly kind: "epochs" | "gradients" | "seconds"; readonly value: number };
  /** Tries a candidate on validation data; 0: the papers' defaults. */
  readonly tune: number;
  /** The metric that names the winner. */
  readonly score: string;
  /** A study of robustness and uncertainty, with the data set beside the usual foreign ones. */
  readonly study?: { readonly kind: "noise"; readonly texts?: true; readonly outside?: string };
}

/** The machine and the versions, for the report; not part of what is compared. */
export interface Environment {
  readonly ockham: string;
  readonly node: string;
  readonly onnxruntime: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly workers: number;
  /** What trained, where it was not the processor. */
  readonly device?: string;
  readonly date: string;
}

/** Milliseconds a training step, measured in a phase of its own: one thread, candidates interleaved, medians. */
export interface StepTime {
  readonly candidate: string;
  readonly milliseconds: number;
  /** Against the baseline of the same model. */
  readonly ratio: number;
  /** Size of the exported model, and milliseconds for one row with it. */
  readonly bytes?: number;
  readonly latency?: number;
}

/** A mean over seeds with its standard error. */
export interface Average {
  readonly mean: number;
  readonly error: number;
  readonly n: number;
}

/** A paired difference to the baseline of the same model. */
export interface Difference {
  readonly candidate: string;
  readonly metric: string;
  readonly mean: number;
  /** 95 %, corrected for overlapping splits. */
  readonly low: number;
  readonly high: number;
  readonly p: number;
  /** After Holm's correction over the methods. */
  readonly adjusted: number;
  readonly says: "better" | "worse" | "cannot tell";
}

/** One line of the table. */
export interface Row {
  readonly candidate: string;
  readonly model: string;
  /** "none" for the baseline; the estimator's id for a reference line. */
  readonly methods: string;
  readonly kind: "baseline" | "candidate" | "reference";
  readonly metrics: Readonly<Record<string, Average>>;
  readonly gradientsPerStep?: number;
  readonly stepTime?: StepTime;
  readonly failures: number;
}

/** What a comparison came to. */
export interface Outcome {
  readonly rows: readonly Row[];
  readonly differences: readonly Difference[];
  /** By validation score; undefined where every candidate failed. */
  readonly winner?: string;
  /** In plain words, one finding a sentence. */
  readonly words: readonly string[];
}

/** Everything the report shows, and what `--json` prints. */
export interface Comparison {
  readonly setting: Setting;
  readonly environment: Environment;
  readonly metrics: readonly Metric[];
  readonly trials: readonly Trial[];
  readonly references: readonly Trial[];
  readonly times: readonly StepTime[];
  readonly outcome: Outcome;
  /** Total seconds, and whether it was stopped early. */
  readonly seconds: number;
  readonly finished: boolean;
}

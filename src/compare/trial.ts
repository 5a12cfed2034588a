import { type NdArray, sizeOf } from "../array/ndarray.ts";
import { stream } from "../array/random.ts";
import { OckhamError } from "../error.ts";
import {
  type Dataset,
  type Definition,
  hasClasses,
  type Model,
  type Optimizer,
  type Scalar,
  type Task,
  thingShape,
} from "../kinds/index.ts";
import { nextToken } from "../nn/index.ts";
import type { Host } from "../runtime/index.ts";
import { fill, keyOf } from "../tensor/index.ts";
import {
  type Plan,
  type PlanRun,
  predictionOf,
  probe,
  probeRows,
  type Trained,
  type Training,
  trainTogether,
} from "../training/index.ts";
import { type ModelOf, methodsOf, type Optioned, type Shelf } from "./candidates.ts";
import { attackPoints } from "./measure/attacks.ts";
import { isSpoilable, isStudiable, outsiders, spoiledBy } from "./measure/corruptions.ts";
import { hessian } from "./measure/curvature.ts";
import { calibrated, headScore, known, type Predicted, scoresOf } from "./measure/scores.ts";
import { tokenScores } from "./measure/tokens.ts";
import { effectiveRank, weightReport } from "./measure/weights.ts";
import { energyScore, maximumSoftmax, outsideAuroc } from "./metrics.ts";
import type { Prepared } from "./prepare.ts";
import type { Candidate, Chosen, RobustnessPoint, Scores, Setting, Trial } from "./results.ts";
import { first } from "./rows.ts";
import type { CompareRequest } from "./setting.ts";
import { measureStudy, type Studies } from "./study/measure.ts";

/** Rows that the costlier measures look at: attacks, and the Hessian's batch. */
const attackRows = 200;
const hessianRows = 128;
/** Of texts that are continued, each of which is many examples. */
const hessianTexts = 16;

type Recipe = Pick<Setting, "optimizer" | "rate" | "schedule" | "batchSize">;

/** The learning rate that a candidate is trained with where it is not tuned: the setting's, else its optimizer's own. */
export async function usualRate(
  methods: readonly Optioned[],
  { rate, optimizer }: Recipe,
  shelf: Shelf,
): Promise<number> {
  if (rate !== undefined) return rate;
  const own = (await methodsOf(methods, shelf)).find(({ method }) => method.optimizer !== undefined);
  return (own?.method.optimizer ?? ((await make(shelf, optimizer)) as Optimizer)).rate;
}

/** How one candidate is trained: its methods made, its optimizer and schedule. */
export async function trainingOf(
  candidate: Candidate,
  methods: readonly Optioned[],
  rate: Scalar,
  epochs: number,
  setting: Recipe,
  prepared: Prepared,
  shelf: Shelf,
): Promise<Training> {
  const { train: data } = prepared;
  const [optimizer, schedule, loss] = await Promise.all([
    make(shelf, setting.optimizer),
    make(shelf, setting.schedule),
    lossFor(data, shelf),
  ]);
  return {
    model: modelFor(data, shelf.model(candidate.model)),
    methods: await methodsOf(methods, shelf),
    optimizer: optimizer as Optimizer,
    schedule: schedule as Training["schedule"],
    loss,
    rate,
    batchSize: setting.batchSize,
    epochs,
  };
}

/** Throws `conflict` where the data ask for an answer a pixel and the model gives one an image, or the other way round. */
function checkModel(model: Model, task: Task): void {
  const one = Object.fromEntries(
    Object.entries(model.inputs).map(([name, shape]) => [name, fill([1, ...shape], 0)]),
  );
  const pixels = model.apply(model.init(keyOf([0, 0])), one).prediction.shape.length > 2;
  if (pixels === (task === "segmentation")) return;
  throw new OckhamError(
    "conflict",
    model.name,
    pixels
      ? `${model.name} gives an answer for every pixel, and the data have one for every example`
      : `${model.name} gives one answer for an image, and the data have a class for every pixel`,
    pixels ? "use mlp, cnn or resnet" : "use unet",
  );
}

/** The model for data of this shape. */
export function modelFor(data: Dataset, of: ModelOf): Model {
  const { task, vocabulary, graph, paired, classes, target } = data;
  const outputs = hasClasses(task) ? classes.length : target.shape[1];
  const masked = data.inputs.mask !== undefined;
  const model = of(thingShape(data), outputs, { task, vocabulary, graph, masked, paired });
  if (model.inputs.x !== undefined) checkModel(model, task);
  return model;
}

async function lossFor({ task }: Dataset, shelf: Shelf): Promise<Training["loss"]> {
  if (task === "tokens") return nextToken;
  const id = hasClasses(task) ? "cross-entropy" : "squared-error";
  return (await make(shelf, { id, options: {} })) as Training["loss"];
}

async function make(shelf: Shelf, { id, options }: Chosen): Promise<unknown> {
  const definition = (await shelf.get(id)) as Definition;
  return definition(options as never);
}

export interface TrialOptions {
  readonly signal?: AbortSignal;
  readonly checkpoint?: string;
  readonly debug?: boolean;
}

/** One run of a candidate: a seed with its data, or a try of its options. */
export interface TrialRun extends Pick<PlanRun, "seed" | "hyperparameters" | "onEpoch"> {
  readonly prepared: Prepared;
}

/** Trains a plan several times over, in one graph. A run that diverges is a failed trial, not an error. */
export async function trainTrials(
  candidate: Candidate,
  plan: Plan,
  runs: readonly TrialRun[],
  host: Host,
  options: TrialOptions = {},
): Promise<(Trained | Trial)[]> {
  const outcomes = await trainTogether(
    plan,
    runs.map(({ prepared: { train: data, validation }, ...run }) => ({ ...run, data, validation })),
    host,
    { ...options, atOnce: runs.length, identity: candidate.name },
  );
  return outcomes.map((outcome, i) => {
    if (!(outcome instanceof OckhamError)) return outcome;
    return { ...blankTrial(candidate, runs[i].seed, plan), status: "failed", error: outcome.message };
  });
}

/** Whether training failed, so that there is nothing to measure. */
export const hasFailed = (result: Trained | Trial): result is Trial => "status" in result;

/** The scores on validation data, by which options and winners are chosen. */
export async function validationScores(
  trained: Trained,
  { validation, preprocessing }: Prepared,
  host: Host,
): Promise<Scores> {
  if (validation.task === "tokens") return tokenScores(trained, validation, host);
  return scoresOf(await predicted(trained, validation, host), validation, preprocessing);
}

/** Everything that is measured of a trained model: the one time that test data is looked at. */
export async function measureTrial(
  candidate: Candidate,
  trained: Trained,
  prepared: Prepared,
  seed: number,
  host: Host,
  study?: CompareRequest["study"],
): Promise<Trial> {
  const measured = await measure(trained, prepared, seed, host, study);
  return { ...blankTrial(candidate, seed, trained.plan), ...measured };
}

async function predicted({ plan, values }: Trained, data: Prepared["test"], host: Host): Promise<Predicted> {
  const { prediction } = await probeRows(host, plan, values, data, "prediction", (view) => ({
    prediction: predictionOf(plan, view),
  }));
  return prediction as Predicted;
}

export const parametersOf = (plan: Plan): number =>
  plan.leaves.filter((leaf) => leaf.role !== "buffer").reduce((n, leaf) => n + sizeOf(leaf.shape), 0);

const blankTrial = (candidate: Candidate, seed: number, plan: Plan): Trial => ({
  candidate: candidate.name,
  seed,
  status: "done",
  validation: {},
  test: {},
  curve: [],
  robustness: [],
  spectra: [],
  gradientsPerStep: plan.gradients,
  steps: 0,
  epochs: plan.epochs,
  parameters: parametersOf(plan),
  seconds: 0,
});

async function measure(
  trained: Trained,
  prepared: Prepared,
  seed: number,
  host: Host,
  study: CompareRequest["study"],
): Promise<Partial<Trial>> {
  const { plan, values } = trained;
  const { validation, test, preprocessing: pre } = prepared;
  if (test.task === "tokens") return measureTokens(trained, prepared, seed, host);
  const predict = (data: typeof test) => predicted(trained, data, host);
  const [onValidation, onTest] = [await predict(validation), await predict(test)];
  const classes = test.task === "classification";
  const calibration = classes ? calibrated(onValidation, validation, onTest, test) : undefined;
  const { scores, robustness, outside } =
    study !== undefined && isStudiable(pre)
      ? await measureStudy({ plan, values, test, pre, seed, host, predict, outside: study.outside })
      : await measureUsual(trained, prepared, seed, host, predict);
  const { spectra, ...weights } = await weightsOf(trained, prepared, host);
  return {
    validation: scoresOf(onValidation, validation, pre),
    test: known({
      ...scoresOf(onTest, test, pre),
      ...calibration?.scores,
      ...scores,
      ...weights,
    }),
    curve: trained.history,
    robustness,
    ...(outside === undefined || outside.length === 0 ? {} : { outside }),
    ...(calibration === undefined
      ? {}
      : { reliability: calibration.reliability, confusion: calibration.confusion }),
    spectra,
    steps: trained.steps,
    seconds: trained.seconds,
    ...(trained.stopped === undefined ? {} : { stopped: trained.stopped }),
  };
}

type Predict = (data: Prepared["test"]) => Promise<Predicted>;

/** Robustness, detection and curvature as every comparison has them. */
async function measureUsual(
  trained: Trained,
  prepared: Prepared,
  seed: number,
  host: Host,
  predict: Predict,
): Promise<Pick<Studies, "scores" | "robustness"> & { readonly outside?: undefined }> {
  const { plan, values } = trained;
  const { test, preprocessing: pre } = prepared;
  const spoiled = await corrupted(prepared, seed, predict);
  const few = first(test, attackRows);
  const attacks = isSpoilable(pre)
    ? await attackPoints(host, plan, values, few, pre, async (data) =>
        headScore(await predict(data), few, pre),
      )
    : [];
  const robustness = [...spoiled, ...attacks];
  return {
    robustness,
    scores: {
      ...robustnessScores(robustness),
      ...(test.task === "classification" ? await detection(trained, prepared, seed, host) : {}),
      ...(await curvatureOf(trained, prepared, seed, host)),
    },
  };
}

/** What is measured of a language model; its values cannot be moved a little, so neither corruptions nor attacks are tried. */
async function measureTokens(
  trained: Trained,
  prepared: Prepared,
  seed: number,
  host: Host,
): Promise<Partial<Trial>> {
  const { spectra, ...weights } = await weightsOf(trained, prepared, host);
  return {
    validation: await tokenScores(trained, prepared.validation, host),
    test: known({
      ...(await tokenScores(trained, prepared.test, host)),
      ...(await curvatureOf(trained, prepared, seed, host)),
      ...weights,
    }),
    curve: trained.history,
    spectra,
    steps: trained.steps,
    seconds: trained.seconds,
    ...(trained.stopped === undefined ? {} : { stopped: trained.stopped }),
  };
}

async function curvatureOf({ plan, values }: Trained, { train }: Prepared, seed: number, host: Host) {
  const rows = train.task === "tokens" ? hessianTexts : hessianRows;
  const random = stream(seed).split("measure").split("hessian");
  const { trace, top } = await hessian(host, plan, values, first(train, rows), random);
  return { hessianTrace: trace, hessianTop: top };
}

/** Scores on spoiled test data, strength 0 first. */
async function corrupted(
  { spoilable, preprocessing: pre }: Prepared,
  seed: number,
  predict: Predict,
): Promise<RobustnessPoint[]> {
  if (!isSpoilable(pre)) return [];
  const clean = headScore(await predict(spoilable), spoilable, pre);
  const points: RobustnessPoint[] = [];
  for (const { kind, strength, data } of spoiledBy(spoilable, pre, stream(seed).split("corruption"))) {
    if (points.at(-1)?.kind !== kind) points.push({ kind, strength: 0, score: clean });
    points.push({ kind, strength, score: headScore(await predict(data), data, pre) });
  }
  return points;
}

const attackNames: Readonly<Record<string, string>> = {
  FGSM: "fgsm",
  "PGD Linf": "pgdLinf",
  "PGD L2": "pgdL2",
};

/** Means over strengths: one number for all corruptions, one for each attack. */
function robustnessScores(points: readonly RobustnessPoint[]): Record<string, number> {
  const sums: Record<string, number[]> = {};
  for (const { kind, strength, score } of points) {
    if (strength === 0) continue;
    const name = attackNames[kind] ?? "corruption";
    sums[name] = [...(sums[name] ?? []), score];
  }
  return Object.fromEntries(
    Object.entries(sums).map(([name, list]) => [name, list.reduce((a, b) => a + b, 0) / list.length]),
  );
}

/** How well confidence tells test data from data that means nothing: mean over kinds of such data. */
async function detection(
  trained: Trained,
  { test, preprocessing }: Prepared,
  seed: number,
  host: Host,
): Promise<Record<string, number | undefined>> {
  if (!isSpoilable(preprocessing)) return {};
  const { plan, values } = trained;
  const look = async (data: typeof test) => {
    const { prediction, logits } = await probeRows(host, plan, values, data, "detection", (view) => ({
      prediction: predictionOf(plan, view),
      logits: view.outputs.prediction,
    }));
    return {
      softmax: maximumSoftmax(prediction as Predicted),
      // free energy is low for data the model knows, so its negative is the score of being inside
      energy: energyScore(logits as Predicted),
    };
  };
  const inside = await look(test);
  const found: { softmax: number[]; energy: number[] } = { softmax: [], energy: [] };
  for (const data of Object.values(outsiders(test, preprocessing, stream(seed).split("outside")))) {
    const outside = await look(data);
    for (const name of ["softmax", "energy"] as const) {
      const value = outsideAuroc(inside[name], outside[name]);
      if (value !== undefined) found[name].push(value);
    }
  }
  const mean = (list: readonly number[]) =>
    list.length === 0 ? undefined : list.reduce((a, b) => a + b, 0) / list.length;
  return { detectionSoftmax: mean(found.softmax), detectionEnergy: mean(found.energy) };
}

/** Norms, spectra and sparsity of the weights as used, and the effective rank of the last features. */
async function weightsOf({ plan, values }: Trained, { test }: Prepared, host: Host) {
  const { leaves } = plan.recipe.about.model;
  const weights = await probe(host, plan, values, first(test, 1), "weights", (view) =>
    Object.fromEntries(leaves.map(({ path }) => [path, view.weights[path]])),
  );
  const report = weightReport(leaves, weights as Record<string, NdArray>);
  const place = plan.recipe.about.model.places.at(-1);
  if (place === undefined) return report;
  const rows = test.task === "tokens" ? hessianTexts : 512;
  const { features } = await probe(host, plan, values, first(test, rows), "features", (view) => ({
    features: view.outputs.activations[place],
  }));
  // images of features have no rank of their own
  return features.shape.length > 2 ? report : { ...report, effectiveRank: effectiveRank(features) };
}

import { stream } from "../../array/random.ts";
import type { Source } from "../../data/index.ts";
import type { Dataset } from "../../kinds/index.ts";
import type { Host } from "../../runtime/index.ts";
import type { Plan, Values } from "../../training/index.ts";
import { attacked } from "../measure/attacks.ts";
import { isSpoilable, type Studiable, spoiledBy } from "../measure/corruptions.ts";
import { headScore, type Predicted } from "../measure/scores.ts";
import { maximumSoftmax } from "../metrics.ts";
import type { OutsidePoint, RobustnessPoint } from "../results.ts";
import { first } from "../rows.ts";
import { studyCorruptions } from "./corruptions.ts";
import { foreignTo } from "./foreign.ts";
import { detectionOf, widthCalibrationError } from "./metrics.ts";
import { spoiledTexts } from "./texts.ts";

/** Rows that corruptions and attacks are tried on. */
const corruptedRows = 500;
const attackedRows = 300;

/** In pixel units (images), or spreads of numeric columns (tables). */
export const studyRadii = {
  image: [1, 2, 4, 8, 16].map((n) => n / 255),
  table: [0.05, 0.1, 0.2, 0.4, 0.8],
} as const;

/** A trained model with what measuring needs. */
export interface Studied {
  readonly plan: Plan;
  readonly values: Values;
  readonly test: Dataset;
  readonly pre: Studiable;
  readonly seed: number;
  readonly host: Host;
  predict(data: Dataset): Promise<Predicted>;
  /** Another data set that the model should not be sure of. */
  readonly outside?: Source;
}

export interface Studies {
  readonly scores: Readonly<Record<string, number | undefined>>;
  readonly robustness: readonly RobustnessPoint[];
  readonly outside: readonly OutsidePoint[];
}

/** Robustness and uncertainty of one trained model: all that the noise study adds to the usual scores. */
export async function measureStudy(studied: Studied): Promise<Studies> {
  const { test, pre, predict } = studied;
  const classes = test.task === "classification";
  const corrupted = await corruptedPoints(studied);
  const attacks = await attackedPoints(studied);
  const outside = classes ? await outsidePoints(studied) : [];
  const predicted = await predict(test);
  const labels = test.target.data as Int32Array;
  const clean = headScore(predicted, test, pre);
  const mean = (field: "auroc" | "falsePositives" | "accuracy") =>
    outside.length === 0 ? undefined : outside.reduce((sum, one) => sum + one[field], 0) / outside.length;
  return {
    scores: {
      ...(classes ? { error: 1 - clean } : {}),
      corruptionError: meanLoss(corrupted, classes),
      ...(attacks.length > 0 ? { fgsmError: meanLoss(attacks, classes) } : {}),
      outsideAuroc: mean("auroc"),
      outsideFalsePositives: mean("falsePositives"),
      outsideAccuracy: mean("accuracy"),
      ...(classes ? { calibrationErrorWidth: widthCalibrationError(predicted, labels) } : {}),
    },
    robustness: [...corrupted, ...attacks],
    outside,
  };
}

/** The mean over kinds of the mean over strengths of the error: 1 - accuracy, or RMSE. */
function meanLoss(points: readonly RobustnessPoint[], classes: boolean): number {
  const means = Object.values(lossesByKind(points, classes)).map(
    (losses) => losses.reduce((a, b) => a + b, 0) / losses.length,
  );
  return means.reduce((a, b) => a + b, 0) / means.length;
}

/** Errors (1 - accuracy, or RMSE) at all strengths above 0, by kind. */
export function lossesByKind(points: readonly RobustnessPoint[], classes: boolean): Record<string, number[]> {
  const kinds: Record<string, number[]> = {};
  for (const { kind, strength, score } of points)
    if (strength > 0) kinds[kind] = [...(kinds[kind] ?? []), classes ? 1 - score : score];
  return kinds;
}

const chosen = new WeakMap<Dataset, Dataset>();

/** The first test rows, the same object each time, so that they are spoiled once for all candidates. */
function rowsToSpoil(test: Dataset): Dataset {
  const rows = chosen.get(test) ?? first(test, corruptedRows);
  chosen.set(test, rows);
  return rows;
}

async function corruptedPoints({ test, pre, seed, predict }: Studied): Promise<RobustnessPoint[]> {
  const rows = rowsToSpoil(test);
  const clean = headScore(await predict(rows), rows, pre);
  const points: RobustnessPoint[] = [];
  const random = stream(seed).split("study");
  const spoiled = isSpoilable(pre)
    ? spoiledBy(rows, pre, random, studyCorruptions(pre))
    : spoiledTexts(rows, pre, random);
  for (const { kind, strength, data } of spoiled) {
    if (points.at(-1)?.kind !== kind) points.push({ kind, strength: 0, score: clean });
    points.push({ kind, strength, score: headScore(await predict(data), data, pre) });
  }
  return points;
}

async function attackedPoints({
  plan,
  values,
  host,
  test,
  pre,
  predict,
}: Studied): Promise<RobustnessPoint[]> {
  // tokens cannot be moved a little
  if (!isSpoilable(pre)) return [];
  const rows = first(test, attackedRows);
  const points = [{ kind: "FGSM", strength: 0, score: headScore(await predict(rows), rows, pre) }];
  for (const radius of studyRadii[pre.kind]) {
    const moved = await attacked(host, plan, values, rows, pre, "linf", radius, 1);
    points.push({ kind: "FGSM", strength: radius, score: headScore(await predict(moved), rows, pre) });
  }
  return points;
}

async function outsidePoints({ test, pre, seed, predict, outside: other }: Studied): Promise<OutsidePoint[]> {
  const inside = maximumSoftmax(await predict(test));
  const foreign = foreignTo(test, pre, stream(seed).split("outside"), other);
  const points: OutsidePoint[] = [];
  for (const [data, rows] of Object.entries(foreign)) {
    const found = detectionOf(inside, maximumSoftmax(await predict(rows)));
    if (found !== undefined) points.push({ data, ...found });
  }
  return points;
}

import { metricsOf } from "./catalogue.ts";
import type { Average, Metric, Row, Scores, Setting, Trial } from "./results.ts";
import { correctedResampledT, meanAndError } from "./statistics.ts";

/** The score, or NaN where the metric is absent. */
export function scoreOf(scores: Scores, name: string): number {
  return Object.hasOwn(scores, name) ? scores[name] : Number.NaN;
}

/**
 * The corrected resampled t test of one candidate's test metric against another's over the seeds both have; `lost`
 * counts the seeds that only the other has.
 */
export function paired(
  setting: Setting,
  metric: string,
  trials: readonly Trial[],
  name: string,
  otherTrials: readonly Trial[],
  other: string,
): { mean: number; low: number; high: number; p: number; n: number; lost: number } {
  const own = bySeed(trials, name, metric);
  const theirs = bySeed(otherTrials, other, metric);
  const differences = [...theirs].flatMap(([seed, score]) => {
    const mine = own.get(seed);
    return mine === undefined ? [] : [mine - score];
  });
  const attempted = new Set(trials.filter((trial) => trial.candidate === name).map((trial) => trial.seed));
  const lost = [...theirs.keys()].filter((seed) => attempted.has(seed) && !own.has(seed)).length;
  const { train, test } = setting.split;
  const { mean, low, high, p, n } = correctedResampledT(differences, train, test);
  return { mean, low, high, p, n, lost };
}

function bySeed(trials: readonly Trial[], candidate: string, metric: string): Map<number, number> {
  const own = trials.filter((trial) => trial.candidate === candidate && trial.status === "done");
  const scores = own.map((trial): [number, number] => [trial.seed, scoreOf(trial.test, metric)]);
  return new Map(scores.filter(([, score]) => Number.isFinite(score)));
}

/** The score that decides between tries and seeds, as something to be made large; a missing one loses to all others. */
export function decisiveScore(scores: Scores, setting: Pick<Setting, "data" | "protocol" | "score">): number {
  const { score } = setting;
  const value = scoreOf(scores, score);
  if (!Number.isFinite(value)) return Number.NEGATIVE_INFINITY;
  return metricsOf(setting).find(({ name }) => name === score)?.better === "lower" ? -value : value;
}

/** Mean validation score of a candidate over its finished seeds, or over `seeds`. */
export function validationScore(
  setting: Setting,
  trials: readonly Trial[],
  candidate: string,
  seeds?: ReadonlySet<number>,
): Average {
  const own = trials.filter(
    (trial) =>
      trial.candidate === candidate &&
      trial.status === "done" &&
      (seeds === undefined || seeds.has(trial.seed)),
  );
  return meanAndError(own.map((trial) => scoreOf(trial.validation, setting.score)));
}

/**
 * Candidates with a validation score, best first: those without failures by the mean over the seeds they share, then
 * those that failed, fewest failures first. Ties go to the cheaper one: fewer gradients, less time, fewer methods.
 */
export function ranking(
  setting: Setting,
  metrics: readonly Metric[],
  trials: readonly Trial[],
  rows: readonly Row[],
): string[] {
  const metric = metrics.find(({ name }) => name === setting.score);
  const sign = metric?.better === "lower" ? 1 : -1;
  const shared = sharedSeeds(setting, trials, rows);
  const entries = rows
    .filter((row) => row.kind !== "reference")
    .map((row) => {
      const seeds = row.failures === 0 && shared.size > 0 ? shared : undefined;
      const methods = setting.candidates.find(({ name }) => name === row.candidate)?.methods.length ?? 0;
      return { row, methods, score: validationScore(setting, trials, row.candidate, seeds).mean };
    })
    .filter(({ score }) => Number.isFinite(score));
  const cost = (of: number | undefined) => of ?? Number.POSITIVE_INFINITY;
  const less = (a: number, b: number) => (a === b ? 0 : a < b ? -1 : 1);
  entries.sort(
    (a, b) =>
      less(a.row.failures, b.row.failures) ||
      (near(a.score, b.score) ? 0 : sign * (a.score - b.score)) ||
      less(cost(a.row.gradientsPerStep), cost(b.row.gradientsPerStep)) ||
      less(cost(a.row.stepTime?.milliseconds), cost(b.row.stepTime?.milliseconds)) ||
      less(a.methods, b.methods),
  );
  return entries.map(({ row }) => row.candidate);
}

/** Equal but for rounding. */
function near(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-12 * Math.max(Math.abs(a), Math.abs(b));
}

/** Seeds that every candidate without failures has finished: an interrupted comparison still compares like with like. */
function sharedSeeds(setting: Setting, trials: readonly Trial[], rows: readonly Row[]): Set<number> {
  const whole = rows.filter((row) => row.kind !== "reference" && row.failures === 0);
  const finished = whole
    .map(({ candidate }) => trials.filter((t) => t.candidate === candidate && t.status === "done"))
    .filter((own) => own.length > 0)
    .map((own) => new Set(own.map((trial) => trial.seed)));
  return new Set(setting.seeds.filter((seed) => finished.every((seeds) => seeds.has(seed))));
}

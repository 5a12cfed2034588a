import { counted, differenceUnit, labelOf, listed, spanOf } from "./format.ts";
import { paired, validationScore } from "./pairing.ts";
import { type Context, differenceOf, effect, nameOf, testScore } from "./phrases.ts";
import type { Difference, Metric, Row } from "./results.ts";
import { verdict } from "./statistics.ts";

/** Whether the winner beats the best of the lines that need no network. */
export function referenceWords(context: Context): string[] {
  const { rows, setting, trials, references, metric, winner } = context;
  const best = bestReference(context);
  if (best === undefined) return [];
  const name = labelOf(best);
  const reached = testScore(context, best);
  const row = rows.find(({ candidate }) => candidate === winner);
  if (row === undefined) return [`Without a network, ${name} reaches ${reached}.`];
  const own = testScore(context, row);
  const test = paired(setting, metric.name, trials, row.candidate, references, best.candidate);
  if (test.n < 2) return [`Without any network, ${name} reaches ${reached}; the winner ${own}.`];
  const difference = { ...test, says: verdict(test.mean, test.p, metric.better) };
  const words = {
    better: `A network pays off here: the winner is ${effect(metric, difference, name)}, the best line without one (${reached}).`,
    worse: `A network is not called for here: the winner is ${effect(metric, difference, name)}, which needs none and reaches ${reached}.`,
    "cannot tell": `Whether a network is called for is not clear: ${name}, which needs none, reaches ${reached}, and the winner's ${own} cannot be told from that.`,
  };
  return [words[difference.says]];
}

/** The reference line with the best validation score; with the best test score where one was not validated. */
function bestReference({ rows, setting, references, metric }: Context): Row | undefined {
  const lines = rows.filter((row) => row.kind === "reference" && row.metrics[metric.name] !== undefined);
  const validation = lines.map((row) => validationScore(setting, references, row.candidate).mean);
  const scores = validation.every(Number.isFinite)
    ? validation
    : lines.map((row) => row.metrics[metric.name].mean);
  const best = metric.better === "lower" ? Math.min(...scores) : Math.max(...scores);
  return lines[scores.indexOf(best)];
}

const MOST_NOTABLE = 2;
/** Of a setting's own measures, so many are told of. */
const MOST_OWN = 4;

/** What else changed for the winner and for the first methods that clearly helped. */
export function sideEffectWords(context: Context): string[] {
  const { rows, metric, winner, seeds } = context;
  if (seeds < 2) return [];
  const scored = (row: Row) => differenceOf(context, row.candidate, metric.name);
  const rank = (row: Row) =>
    row.candidate === winner ? Number.POSITIVE_INFINITY : Math.abs(scored(row)?.mean ?? 0);
  const notable = rows
    .filter((row) => row.kind === "candidate")
    .filter((row) => row.candidate === winner || scored(row)?.says === "better")
    .sort((a, b) => rank(b) - rank(a))
    .slice(0, MOST_NOTABLE);
  const known = notable.map((row) => ({ row, changes: changesOf(context, row) }));
  const changed = known.filter(({ changes }) => changes.some(isClear));
  const same = known.filter(({ changes }) => changes.length > 0 && !changes.some(isClear));
  const sentences = changed.map(({ row, changes }) => {
    const items = changes.filter(isClear).map(changeWords);
    return `Beside ${metric.title}, ${nameOf(context, row)} clearly changed ${listed(items)}.`;
  });
  if (same.length === 0) return sentences;
  const names = listed(same.map(({ row }) => nameOf(context, row)));
  const titles = same[0].changes.map(({ each }) => each.title).join(" or ");
  return [...sentences, `For ${names} no clear change in ${titles}.`];
}

interface Change {
  readonly each: Metric;
  readonly difference: Difference;
}

function changesOf(context: Context, row: Row): Change[] {
  const { metrics, metric, setting } = context;
  const named = (name: string) => metrics.filter((each) => each.name === name && each !== metric);
  const robustness = named("corruption");
  const own = (setting.protocol?.measures ?? []).slice(0, MOST_OWN).flatMap(({ name }) => named(name));
  const beside = [
    ...own,
    ...named("calibrationError"),
    ...(robustness.length > 0 ? robustness : named("pgdLinf")),
  ];
  return beside.flatMap((each) => {
    const difference = differenceOf(context, row.candidate, each.name);
    return difference === undefined ? [] : [{ each, difference }];
  });
}

function isClear({ difference }: Change): boolean {
  return difference.says !== "cannot tell";
}

function changeWords({ each, difference }: Change): string {
  const { size, span } = spanOf(each, difference);
  const range = span === undefined ? "" : `, ${span}`;
  return `${each.title} (${size}${differenceUnit(each)} ${difference.says}${range})`;
}

const MOST_FAILING = 4;

/** Who failed on how many seeds and why, and whether trials are missing. */
export function failureWords(context: Context): string[] {
  const { rows, trials, setting } = context;
  const failing = rows.filter((row) => row.failures > 0);
  const sentences = failing.slice(0, MOST_FAILING).map((row) => failureOf(context, row));
  const rest = failing.length - sentences.length;
  if (rest > 0) sentences.push(`${counted(rest, "more candidate")} failed on some seeds.`);
  const expected = setting.candidates.length * setting.seeds.length;
  if (trials.length < expected) {
    sentences.push(
      `Only ${trials.length} of ${expected} trials were run: the winner is named on the seeds that all candidates share.`,
    );
  }
  return sentences;
}

function failureOf(context: Context, row: Row): string {
  const from = row.kind === "reference" ? context.references : context.trials;
  const own = from.filter((trial) => trial.candidate === row.candidate);
  const reasons = [...new Set(own.flatMap((trial) => (trial.error ? [firstLine(trial.error)] : [])))];
  const why = reasons.length === 0 ? "" : ` (${reasons.slice(0, 2).join("; ")})`;
  const failed = `On ${row.failures} of ${counted(own.length, "seed")} ${nameOf(context, row)} failed${why}`;
  if (row.failures === own.length) return `${failed}: there is nothing to compare.`;
  if (row.kind === "reference") return `${failed}.`;
  if (row.kind === "baseline") return `${failed}: differences to it leave those seeds out.`;
  return `${failed}: it ranks last, and its averages, from the seeds that finished, flatter it.`;
}

function firstLine(text: string): string {
  const line = text.split("\n", 1)[0].trim().replace(/\.$/, "");
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
}

/** How many seeds, what "clearly" means, and whether options were tuned. */
export function basisWords({ setting, seeds, rows }: Context): string[] {
  const tries = `${setting.tune} ${setting.tune === 1 ? "try" : "tries"}`;
  const options =
    setting.tune > 0
      ? `Every candidate, plain training too, had ${tries} on validation data to tune its options.`
      : "Options are as given or the papers' defaults; nothing was tuned.";
  if (seeds === 0) return [options];
  if (seeds === 1) {
    return [
      `With one seed no interval can be given: every difference here may be luck. Several seeds (10 by default) can tell. ${options}`,
    ];
  }
  const methods = rows.filter((row) => row.kind === "candidate").length;
  const few = seeds < 5 ? " With so few, intervals are wide." : "";
  const odds = methods > 1 ? ", also after correcting for how many methods were tried" : "";
  const meaning =
    methods > 0
      ? ` “Clearly” means that luck alone would do as much in fewer than 1 of 20 such comparisons${odds}.`
      : "";
  return [`All this rests on ${counted(seeds, "seed")}.${few}${meaning} ${options}`];
}

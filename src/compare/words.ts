import {
  capitalised,
  counted,
  differenceUnit,
  formatInterval,
  formatValue,
  labelOf,
  listed,
  spanOf,
} from "./format.ts";
import { validationScore } from "./pairing.ts";
import {
  against,
  baselineOf,
  type Context,
  differenceOf,
  type Findings,
  isDearer,
  nameOf,
  priceOf,
  testScore,
} from "./phrases.ts";
import type { Difference, Row } from "./results.ts";
import { studyWords } from "./study/words.ts";
import { basisWords, failureWords, referenceWords, sideEffectWords } from "./wordsBeside.ts";

/**
 * The outcome in plain sentences, one finding each: who won, what else helped, what hurt, what cannot be told, whether
 * a network is called for, what changed beside the score, what failed, and what it all rests on.
 */
export function wordsFor(findings: Findings): string[] {
  const { setting, metrics, rows, trials } = findings;
  const metric = metrics.find(({ name }) => name === setting.score);
  if (metric === undefined) return [];
  const models = [...new Set(setting.candidates.map(({ model }) => model))];
  const seeds = new Set(trials.filter((t) => t.status === "done").map((t) => t.seed)).size;
  const context: Context = { ...findings, metric, several: models.length > 1, seeds };
  const compared = models.filter((model) => baselineOf(rows, model) !== undefined);
  return [
    winnerWords(context),
    ...(seeds < 2 ? [] : compared.flatMap((model) => methodWords(context, model))),
    ...referenceWords(context),
    ...(setting.study === undefined ? sideEffectWords(context) : studyWords(context)),
    ...failureWords(context),
    ...basisWords(context),
  ];
}

function winnerWords(context: Context): string {
  const { rows, setting, trials, metric, winner } = context;
  const row = rows.find(({ candidate }) => candidate === winner);
  if (row === undefined) return "Every candidate failed, so there is no winner.";
  const validation = validationScore(setting, trials, row.candidate);
  const many = counted(rows.filter(({ kind }) => kind !== "reference").length, "candidate");
  const score = formatValue(metric, validation.mean, validation.error);
  const first = `Of ${many}, ${nameOf(context, row)} did best on validation data (${score} ${metric.title}).`;
  const reached = `On test data, used once at the end, it reaches ${testScore(context, row)}`;
  if (row.kind === "baseline") return `${first} ${reached}: no method was picked over it.`;
  const baseline = baselineOf(rows, row.model);
  const difference = differenceOf(context, row.candidate, metric.name);
  if (baseline === undefined || difference === undefined) return `${first} ${reached}.`;
  const price = priceOf(row, baseline);
  const last = price === "" ? "" : ` It takes ${price}.`;
  return `${first} ${reached}: ${against(context, difference, baseline)}.${last}`;
}

interface Entry {
  readonly row: Row;
  readonly difference: Difference;
}

/** What helped, hurt and cannot be told within one model; the winner has had its sentence. */
function methodWords(context: Context, model: string): string[] {
  const { metric, rows, winner, several } = context;
  const entries = rows
    .filter((row) => row.model === model && row.kind === "candidate")
    .flatMap((row): Entry[] => {
      const difference = differenceOf(context, row.candidate, metric.name);
      return difference === undefined ? [] : [{ row, difference }];
    })
    .sort((a, b) => Math.abs(b.difference.mean) - Math.abs(a.difference.mean));
  const saying = (says: Difference["says"]) => entries.filter(({ difference }) => difference.says === says);
  const others = (list: readonly Entry[]) => list.filter(({ row }) => row.candidate !== winner);
  const better = saying("better");
  const also = others(better).length < better.length ? "also " : "";
  const sentences = [
    ...listWords(context, `${also}clearly better than plain training`, others(better), true),
    ...(better.length === 0 && entries.length > 0
      ? [`no method was clearly better than plain training in ${metric.title}.`]
      : []),
    ...listWords(context, "clearly worse than plain training", others(saying("worse")), false),
    ...untoldWords(context, others(saying("cannot tell"))),
  ];
  return sentences.map((text) => (several ? `${model}: ${text}` : capitalised(text)));
}

function listWords(context: Context, start: string, entries: readonly Entry[], priced: boolean): string[] {
  if (entries.length === 0) return [];
  const { metric, rows, several } = context;
  const items = entries.slice(0, several ? 2 : 4).map(({ row, difference }, i) => {
    const { size, span } = spanOf(metric, difference);
    const baseline = baselineOf(rows, row.model);
    const price = priced && baseline !== undefined && isDearer(row, baseline) ? priceOf(row, baseline) : "";
    const interval = span === undefined ? "" : ` (${i === 0 ? "95 % interval " : ""}${span})`;
    return `${labelOf(row)} by ${size}${differenceUnit(metric)}${interval}${price === "" ? "" : ` for ${price}`}`;
  });
  const rest = entries.length - items.length;
  return [`${start}: ${items.join("; ")}${rest > 0 ? `; and ${rest} more in the table` : ""}.`];
}

function untoldWords({ metric, seeds, several }: Context, entries: readonly Entry[]): string[] {
  if (entries.length === 0) return [];
  const most = several ? 3 : 5;
  const shown = entries.slice(0, entries.length > most + 1 ? most : most + 1).map(({ row }) => labelOf(row));
  const rest = entries.length - shown.length;
  const names = listed(rest > 0 ? [...shown, `${rest} others`] : shown);
  const widest: Difference = {
    ...entries[0].difference,
    low: Math.min(...entries.map(({ difference }) => difference.low)),
    high: Math.max(...entries.map(({ difference }) => difference.high)),
  };
  const interval = formatInterval(metric, widest);
  const whose = entries.length === 1 ? "95 % interval" : "all 95 % intervals within";
  const range = interval === undefined ? "" : ` (${whose} ${interval}${differenceUnit(metric)})`;
  return [
    `from ${counted(seeds, "seed")} one cannot tell whether ${names} differ${entries.length === 1 ? "s" : ""} from plain training${range}.`,
  ];
}

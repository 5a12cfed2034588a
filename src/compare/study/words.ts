import { minus } from "../../plots/text.ts";
import { capitalised, formatValue, listed } from "../format.ts";
import { type Context, differenceOf, effect, nameOf } from "../phrases.ts";
import type { Metric, Row } from "../results.ts";
import { spearman } from "./metrics.ts";

/** What is looked at, with how a sentence about it begins. */
export const asked: readonly (readonly [metric: string, start: string])[] = [
  ["corruptionError", "Under corruption"],
  ["fgsmError", "Under attack"],
  ["outsideAuroc", "At telling foreign data"],
  ["calibrationErrorWidth", "In calibration"],
];

/** Who is best at what within each model, and whether robustness and uncertainty go together. */
export function studyWords(context: Context): string[] {
  const models = [...new Set(context.setting.candidates.map(({ model }) => model))];
  return models.flatMap((model) => {
    const rows = context.rows.filter((row) => row.model === model && row.kind !== "reference");
    const found = asked.flatMap(([name, start]) => {
      const metric = context.metrics.find((one) => one.name === name);
      return metric === undefined ? [] : bestWords(context, rows, metric, start);
    });
    return [...found.map(({ words }) => words), ...together(context, rows, found)];
  });
}

interface Found {
  readonly row: Row;
  readonly words: string;
}

/** The row whose mean is best; the first of equals. */
export function bestOf(rows: readonly Row[], { name, better }: Metric): Row | undefined {
  const value = (row: Row) => (row.metrics[name].mean ?? Number.NaN) * (better === "lower" ? -1 : 1);
  return rows.filter((row) => row.metrics[name] !== undefined).sort((a, b) => value(b) - value(a))[0];
}

function bestWords(context: Context, rows: readonly Row[], metric: Metric, start: string): Found[] {
  const row = bestOf(rows, metric);
  const plain = rows.find(({ kind }) => kind === "baseline");
  if (row === undefined) return [];
  const own = formatValue(metric, row.metrics[metric.name].mean, row.metrics[metric.name].error);
  const first = `${start}, ${nameOf(context, row)} is best (${metric.title} ${own}`;
  const usual = plain?.metrics[metric.name];
  if (row === plain || usual === undefined) return [{ row, words: `${first}).` }];
  const beside = `plain training ${formatValue(metric, usual.mean, usual.error)}`;
  const difference = differenceOf(context, row.candidate, metric.name);
  const clear =
    difference === undefined || difference.says === "cannot tell"
      ? ", which may be luck"
      : `: ${effect(metric, difference, "plain training")}`;
  return [{ row, words: `${first}; ${beside})${clear}.` }];
}

/** Whether one is best at all of it, and how the orders by corruption and by foreign data agree. */
function together(context: Context, rows: readonly Row[], found: readonly Found[]): string[] {
  if (found.length < 2 || rows.length < 3) return [];
  const names = [...new Set(found.map(({ row }) => nameOf(context, row)))];
  const verdict =
    names.length === 1
      ? `${capitalised(names[0])} is best at all of these.`
      : `No single method is best at all of these; ${listed(names)} share the first places.`;
  const both = rows.filter(({ metrics }) => metrics.corruptionError && metrics.outsideAuroc);
  const rho = spearman(
    both.map(({ metrics }) => -metrics.corruptionError.mean),
    both.map(({ metrics }) => metrics.outsideAuroc.mean),
  );
  if (!Number.isFinite(rho)) return [verdict];
  const agree =
    rho > 0.5 ? "mostly agree" : rho < -0.5 ? "are nearly opposite" : "have little to do with each other";
  return [
    verdict,
    `The orders of methods by corruption and by foreign data ${agree} (Spearman's correlation ${minus(rho.toFixed(2))}).`,
  ];
}

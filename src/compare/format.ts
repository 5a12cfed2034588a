import { formatNumber, formatSigned, minus } from "../plots/text.ts";
import type { Average, Difference, Metric, Row } from "./results.ts";

/** A value in the unit it is printed in: shares as percent. */
export function inPrint(metric: Metric, value: number): number {
  return metric.format === "percent" ? value * 100 : value;
}

/** Decimals that show two digits of `spread` (a standard error or half an interval, in print units); percent at least one, at most two. */
function decimalsFor(metric: Metric, spread: number, value: number): number {
  const percent = metric.format === "percent";
  if (!(spread > 0)) {
    if (percent) return 1;
    const size = Math.abs(value);
    return size === 0 || !Number.isFinite(size) ? 0 : clamp(2 - Math.floor(Math.log10(size)), 0, 6);
  }
  if (percent) return spread < 0.05 ? 2 : 1;
  return clamp(1 - Math.floor(Math.log10(spread)), 0, 6);
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

/** Thousands apart by a thin no-break space, so that sizes in bytes can be read. */
function grouped(text: string): string {
  const [whole, fraction] = text.split(".");
  const spaced = whole.length < 6 ? whole : whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return fraction === undefined ? spaced : `${spaced}.${fraction}`;
}

function fixed(value: number, decimals: number): string {
  const size = Math.abs(value);
  if (size >= 1e9 || (size !== 0 && size < 1e-5)) return formatNumber(value, 3);
  const plain = value.toFixed(decimals);
  return minus(grouped(Number(plain) === 0 ? plain.replace("-", "") : plain));
}

/** `94.3 %` or `0.213`; a dash where there is no value. */
export function formatValue(metric: Metric, value: number, error = Number.NaN): string {
  if (!Number.isFinite(value)) return "–";
  const shown = inPrint(metric, value);
  return fixed(shown, decimalsFor(metric, inPrint(metric, error), shown)) + unitOf(metric);
}

/**
 * `94.3 ± 0.4 %`: a mean with its standard error, or the mean alone where there is none. `spread`, when given, settles
 * the decimals, so that a column has the same throughout.
 */
export function formatAverage(metric: Metric, average: Average | undefined, spread?: number): string {
  if (average === undefined || !Number.isFinite(average.mean)) return "–";
  const [mean, error] = [inPrint(metric, average.mean), inPrint(metric, average.error)];
  const decimals = decimalsFor(metric, inPrint(metric, spread ?? average.error), mean);
  // equal but for rounding
  if (!(error > 1e-12 * Math.abs(mean))) return fixed(mean, decimals) + unitOf(metric);
  return `${fixed(mean, decimals)} ± ${fixed(error, decimals)}${unitOf(metric)}`;
}

/** The middle one of the rows' standard errors: what the decimals of a column follow. */
export function commonError(rows: readonly Row[], metric: string): number {
  const errors = rows.map((row) => row.metrics[metric]?.error ?? Number.NaN).filter((error) => error > 0);
  errors.sort((a, b) => a - b);
  return errors[Math.floor(errors.length / 2)] ?? Number.NaN;
}

/** ` %` for shares, else nothing; a no-break space holds number and unit together. */
export function unitOf(metric: Metric): string {
  return metric.format === "percent" ? "\u00a0%" : "";
}

function decimalsOf(metric: Metric, difference: Pick<Difference, "mean" | "low" | "high">): number {
  const half = inPrint(metric, (difference.high - difference.low) / 2);
  return decimalsFor(metric, half, inPrint(metric, difference.mean));
}

/** `+1.5` without unit; differences of shares are percentage points. */
export function formatDifference(metric: Metric, difference: Difference): string {
  return formatSigned(inPrint(metric, difference.mean), decimalsOf(metric, difference));
}

/** `+0.8 to +2.2`, or undefined where no interval can be given. */
export function formatInterval(metric: Metric, difference: Difference): string | undefined {
  if (!hasInterval(difference)) return undefined;
  const decimals = decimalsOf(metric, difference);
  const ends = [difference.low, difference.high].map((end) => formatSigned(inPrint(metric, end), decimals));
  return ends.join(" to ");
}

/**
 * Whether the difference has a 95 % interval: from two seeds on, unless it is the same on all of them, which leaves no
 * spread to make one from.
 */
export function hasInterval({ low, high }: Pick<Difference, "low" | "high">): boolean {
  return Number.isFinite(low) && Number.isFinite(high) && high > low;
}

/** `points` for shares, else nothing. */
export function differenceUnit(metric: Metric): string {
  return metric.format === "percent" ? "\u00a0points" : "";
}

/** `1.9×`; a dash where there is nothing to compare with. */
export function formatRatio(ratio: number): string {
  if (!Number.isFinite(ratio)) return "–";
  return `${formatNumber(ratio, ratio < 10 ? 2 : 3)}×`;
}

export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** How a row is called in words and charts: what was done, without the model. */
export function labelOf(row: Row): string {
  if (row.kind === "baseline") return "plain training";
  return row.kind === "reference" ? row.methods.replaceAll("-", " ") : row.methods;
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(items: readonly string[]): string {
  if (items.length < 2) return items.join("");
  return `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}

/** `1 seed`, `10 seeds`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** A duration in seconds for people: `48 s`, `12 min`, `3 h 05 min`. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${formatNumber(seconds, 2)}\u00a0s`;
  if (seconds < 100) return `${Math.round(seconds)}\u00a0s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes}\u00a0min`;
  return `${Math.floor(minutes / 60)}\u00a0h\u00a0${String(minutes % 60).padStart(2, "0")}\u00a0min`;
}

/**
 * Size and interval of a difference seen in the direction of its verdict: `1.5` and `0.8 to 2.2`, whether the metric
 * rose or fell.
 */
export function spanOf(
  metric: Metric,
  difference: Pick<Difference, "mean" | "low" | "high">,
): { size: string; span?: string } {
  const { mean, low, high } = difference;
  const decimals = decimalsOf(metric, difference);
  const show = (value: number) => fixed(inPrint(metric, value), decimals);
  const size = show(Math.abs(mean));
  if (!hasInterval(difference)) return { size };
  const [from, to] = mean < 0 ? [-high, -low] : [low, high];
  return { size, span: `${show(from)} to ${show(to)}` };
}

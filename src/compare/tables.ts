import { clean } from "../plots/text.ts";
import {
  commonError,
  differenceUnit,
  formatAverage,
  formatDifference,
  formatInterval,
  formatRatio,
  formatValue,
  labelOf,
} from "./format.ts";
import { differenceOf } from "./phrases.ts";
import type { Comparison, Difference, Metric, Row, Scores, Trial } from "./results.ts";

/** How the table for a terminal is set. */
export interface TableOptions {
  /** Columns of the terminal; 100 by default. What does not fit is left out from the right, the score never. */
  readonly width?: number;
  /** ANSI colours; false by default. */
  readonly colour?: boolean;
}

interface Cell {
  readonly text: string;
  readonly tone?: Tone;
}

interface Column {
  readonly title: string;
  readonly align: "left" | "right";
  readonly cells: readonly Cell[];
}

type Tone = "better" | "worse" | "muted" | "bold";

const ANSI: Record<Tone, string> = { better: "32", worse: "31", muted: "2", bold: "1" };
const MARKS: Record<Difference["says"], string> = { better: "▲", worse: "▼", "cannot tell": "·" };
const GAP = "  ";

/**
 * The comparison as lines for a terminal: by model the baseline first, then the candidates from the best mean test
 * score down, then the reference lines; a star marks the winner (by validation score).
 */
export function tableText(comparison: Comparison, options: TableOptions = {}): string {
  const { width = 100, colour = false } = options;
  const { outcome, setting } = comparison;
  const metric = comparison.metrics.find(({ name }) => name === setting.score);
  const models = [...new Set(setting.candidates.map(({ model }) => model))];
  const groups = models.map((model) => ({ title: model, rows: orderedRows(comparison, model) }));
  const references = orderedRows(comparison, undefined);
  if (references.length > 0) groups.push({ title: "without a network", rows: references });
  const rows = groups.flatMap((group) => group.rows);
  const columns = fitting([namesColumn(rows, outcome.winner), ...columnsOf(comparison, rows, metric)], width);
  const widths = columns.map(({ title, cells }) =>
    Math.max(columnWidth(title), ...cells.map(({ text }) => columnWidth(text))),
  );
  const paint = (text: string, tone?: Tone) =>
    colour && tone !== undefined ? `\u001b[${ANSI[tone]}m${text}\u001b[0m` : text;
  const line = (cells: readonly Cell[]) =>
    cells
      .map(({ text, tone }, i) => paint(padded(text, widths[i], columns[i].align), tone))
      .join(GAP)
      .trimEnd();
  const head = line(columns.map(({ title }) => ({ text: title, tone: "bold" })));
  const rule = "─".repeat(widths.reduce((sum, w) => sum + w, GAP.length * (widths.length - 1)));
  const body = groups.flatMap((group, g) => {
    const from = groups.slice(0, g).reduce((sum, each) => sum + each.rows.length, 0);
    const lines = group.rows.map((_, i) => line(columns.map(({ cells }) => cells[from + i])));
    return [paint(clean(group.title), "bold"), ...lines];
  });
  const key = keyOf(comparison, columns, width).map((text) => paint(text, "muted"));
  return [head, rule, ...body, rule, ...key, ""].join("\n");
}

/** Rows of one model (the baseline first), or the reference lines, from the best mean test score down. */
export function orderedRows(comparison: Comparison, model: string | undefined): Row[] {
  const { rows } = comparison.outcome;
  const metric = comparison.metrics.find(({ name }) => name === comparison.setting.score);
  const sign = metric?.better === "lower" ? 1 : -1;
  const worst = Number.POSITIVE_INFINITY;
  const key = (row: Row) =>
    row.kind === "baseline" ? -worst : sign * (row.metrics[metric?.name ?? ""]?.mean ?? sign * worst);
  return rows
    .filter((row) =>
      model === undefined ? row.kind === "reference" : row.kind !== "reference" && row.model === model,
    )
    .sort((a, b) => (key(a) === key(b) ? 0 : key(a) - key(b)));
}

function namesColumn(rows: readonly Row[], winner: string | undefined): Column {
  const cells = rows.map((row): Cell => {
    const failed = row.failures > 0 ? ` (${row.failures} failed)` : "";
    const won = row.candidate === winner;
    const text = `${won ? "★" : " "} ${shortened(clean(labelOf(row)), 40)}${failed}`;
    return { text, tone: won ? "bold" : undefined };
  });
  return { title: "", align: "left", cells };
}

const BESIDE = [
  "calibrationError",
  "corruption",
  "negativeLogLikelihood",
  "mae",
  "bitsPerCharacter",
  "nextTokenAccuracy",
];
const STUDIED = [
  "corruptionError",
  "relativeCorruption",
  "fgsmError",
  "outsideAuroc",
  "outsideFalsePositives",
  "calibrationErrorWidth",
  "outsideAccuracy",
];
const STUDY_KEY = [
  "▲ clearly better, ▼ clearly worse than plain training",
  "corrupted, FGSM: error on spoiled and on attacked test data; mCE: relative to plain training",
  "AUROC, FPR95, detection: telling foreign data by the largest probability",
];
const SHORT: Readonly<Record<string, string>> = {
  corruptionError: "corrupted",
  relativeCorruption: "mCE",
  fgsmError: "FGSM",
  outsideAuroc: "AUROC",
  outsideFalsePositives: "FPR95",
  outsideAccuracy: "detection",
  calibrationError: "calib. error",
  corruption: "corrupted",
  negativeLogLikelihood: "NLL",
  bitsPerCharacter: "bits/char.",
  nextTokenAccuracy: "next token",
};

function columnsOf(comparison: Comparison, rows: readonly Row[], metric: Metric | undefined): Column[] {
  const columns: Column[] = [];
  if (metric !== undefined) {
    const spread = commonError(rows, metric.name);
    const cells = rows.map((row) => ({ text: formatAverage(metric, row.metrics[metric.name], spread) }));
    columns.push({ title: clean(metric.title), align: "right", cells });
    if (comparison.setting.study === undefined) columns.push(differenceColumn(comparison, rows, metric));
  }
  if (comparison.setting.study === undefined) {
    columns.push(
      costColumn("gradients", rows, (row) => row.gradientsPerStep?.toFixed(1).replace(/\.0$/, "")),
    );
    columns.push(costColumn("time", rows, (row) => row.stepTime && formatRatio(row.stepTime.ratio)));
  }
  const own = (comparison.setting.protocol?.measures ?? []).map(({ name }) => name);
  for (const name of [...own, ...(comparison.setting.study === undefined ? BESIDE : STUDIED)]) {
    const each = comparison.metrics.find((m) => m.name === name);
    if (each === undefined || each === metric) continue;
    const spread = commonError(rows, name);
    const cells = rows.map((row): Cell => {
      const text = formatValue(each, row.metrics[name]?.mean ?? Number.NaN, spread);
      const says = differenceOf(comparison.outcome, row.candidate, name)?.says ?? "cannot tell";
      if (comparison.setting.study === undefined) return { text };
      return says === "cannot tell" ? { text: `${text}  ` } : { text: `${text} ${MARKS[says]}`, tone: says };
    });
    columns.push({ title: SHORT[name] ?? each.title, align: "right", cells });
  }
  return columns.filter(({ cells }) => cells.some(({ text }) => !["", "–"].includes(text.trim())));
}

function differenceColumn(comparison: Comparison, rows: readonly Row[], metric: Metric): Column {
  const cells = rows.map((row): Cell => {
    const difference = differenceOf(comparison.outcome, row.candidate, metric.name);
    if (difference === undefined) return { text: "" };
    const interval = formatInterval(metric, difference);
    const range = interval === undefined ? "" : ` [${interval.replace(" to ", ", ")}]`;
    const { says } = difference;
    const text = `${formatDifference(metric, difference)}${range} ${MARKS[says]}`;
    return { text, tone: says === "cannot tell" ? "muted" : says };
  });
  return { title: `difference${differenceUnit(metric) === "" ? "" : " (points)"}`, align: "right", cells };
}

function costColumn(title: string, rows: readonly Row[], of: (row: Row) => string | undefined): Column {
  return { title, align: "right", cells: rows.map((row) => ({ text: of(row) ?? "" })) };
}

/** As many columns, from the left, as fit `width`; at least the names and the score. */
function fitting(columns: readonly Column[], width: number): Column[] {
  let used = 0;
  const kept: Column[] = [];
  for (const column of columns) {
    used += Math.max(columnWidth(column.title), ...column.cells.map(({ text }) => columnWidth(text)));
    if (kept.length >= 2 && used + GAP.length * kept.length > width) break;
    kept.push(column);
  }
  return kept;
}

function keyOf(comparison: Comparison, columns: readonly Column[], width: number): string[] {
  const seeds = new Set(comparison.trials.filter((t) => t.status === "done").map((t) => t.seed)).size;
  const parts = [
    `means ± standard errors on test data over ${seeds} seed${seeds === 1 ? "" : "s"}`,
    ...(columns.some(({ title }) => title.startsWith("difference"))
      ? ["difference to plain training with its 95 % interval", "▲ better, ▼ worse, · cannot tell"]
      : []),
    ...(comparison.setting.study === undefined ? [] : STUDY_KEY),
    "★ best on validation data",
  ];
  const lines: string[] = [];
  for (const part of parts) {
    const longer = `${lines.at(-1)}; ${part}`;
    if (lines.length > 0 && columnWidth(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(part);
  }
  return lines;
}

/** Columns a text takes in a terminal: East Asian wide characters and emoji take two. */
function columnWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{M}/u.test(character)) continue;
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f300}-\u{1faff}]/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return width;
}

function padded(text: string, width: number, align: "left" | "right"): string {
  const room = " ".repeat(Math.max(0, width - columnWidth(text)));
  return align === "left" ? text + room : room + text;
}

function shortened(text: string, most: number): string {
  const characters = [...text];
  if (characters.length <= most) return text;
  return `${characters.slice(0, most - 12).join("")}…${characters.slice(-11).join("")}`;
}

/**
 * One line a trial, reference lines too, with all its scores: RFC 4180 (commas, CRLF, quotes doubled inside quotes).
 * Scores keep full precision; shares are shares, not percent. What is absent is empty.
 */
export function csvOf(comparison: Comparison): string {
  const all = [...comparison.trials, ...comparison.references];
  const validation = namesIn(comparison, (trial) => trial.validation);
  const test = namesIn(comparison, (trial) => trial.test);
  const header = [
    ...["candidate", "model", "methods", "kind", "seed", "status", "error"],
    ...validation.map((name) => `validation.${name}`),
    ...test.map((name) => `test.${name}`),
    ...["gradientsPerStep", "steps", "parameters", "seconds", "stepMilliseconds", "temperature"],
    ...["stopped", "tuned"],
  ];
  const rows = new Map(comparison.outcome.rows.map((row) => [row.candidate, row]));
  const lines = all.map((trial) => {
    const row = rows.get(trial.candidate);
    return [
      ...[trial.candidate, row?.model, row?.methods, row?.kind, trial.seed, trial.status, trial.error],
      ...validation.map((name) => trial.validation[name]),
      ...test.map((name) => trial.test[name]),
      ...[trial.gradientsPerStep, trial.steps, trial.parameters, trial.seconds],
      ...[row?.stepTime?.milliseconds, trial.reliability?.temperature, trial.stopped],
      trial.tuned && JSON.stringify(trial.tuned),
    ];
  });
  return [header, ...lines].map((fields) => `${fields.map(field).join(",")}\r\n`).join("");
}

/** Names of scores that occur, those of the metrics first and in their order. */
function namesIn(comparison: Comparison, scores: (trial: Trial) => Scores): string[] {
  const all = [...comparison.trials, ...comparison.references];
  const found = new Set(all.flatMap((trial) => Object.keys(scores(trial))));
  const known = comparison.metrics.map(({ name }) => name).filter((name) => found.has(name));
  return [...new Set([...known, ...found])];
}

function field(value: string | number | undefined): string {
  if (value === undefined || (typeof value === "number" && !Number.isFinite(value))) return "";
  const text = String(value);
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The whole comparison as one line of JSON; numbers that are not finite (an interval from one seed) are null. */
export function jsonOf(comparison: Comparison): string {
  return `${JSON.stringify(comparison)}\n`;
}

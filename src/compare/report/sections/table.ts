import { formatNumber } from "../../../plots/text.ts";
import {
  capitalised,
  commonError,
  counted,
  differenceUnit,
  formatAverage,
  formatDifference,
  formatInterval,
  formatRatio,
  formatValue,
} from "../../format.ts";
import { validationScore } from "../../pairing.ts";
import type { Metric, Row } from "../../results.ts";
import { type Html, html, nothing } from "../escape.ts";
import { heading, part } from "../figures.ts";
import type { ModelView, View } from "../view.ts";
import { badge, intervalGraph, sign } from "./marks.ts";

export interface Column {
  readonly title: string;
  readonly doc?: string;
  readonly numeric: boolean;
  readonly cell: (row: Row) => Html;
  /** What the column is sorted by; empty sorts last. */
  readonly key: (row: Row) => number | string | undefined;
}

/** The table of one model: the score, its difference to plain training, what else matters, and the price. */
export function tableSection(view: View, model: ModelView): Html {
  const columns = [
    nameColumn(view),
    scoreColumn(view, model),
    ...differenceColumns(view, model),
    ...besideColumns(view, model),
    ...costColumns(model),
    validationColumn(view, model),
  ];
  const words =
    view.seeds > 1
      ? "Means over seeds with their standard errors, on test data. ▲ and ▼ mark what is clearly better or worse than plain training; the rest cannot be told from luck. Intervals hold for one difference each; the verdicts also allow for the number of methods."
      : "Test data of one seed: no difference can be told from luck.";
  return part(
    `${model.id}-table`,
    "Results",
    words,
    tally(view, model),
    sortable(`Results of ${model.model}`, columns, model.rows, view.references, "main"),
    everything(view, model),
  );
}

function tally(view: View, model: ModelView): Html {
  const says = model.rows.flatMap(
    ({ candidate }) => view.difference(candidate, view.metric.name)?.says ?? [],
  );
  if (says.length < 2 || view.seeds < 2) return nothing;
  const count = (word: (typeof says)[number]) => says.filter((each) => each === word).length;
  const words = (["better", "cannot tell", "worse"] as const).filter((word) => count(word) > 0);
  const shares = words.map(
    (word) =>
      html`<span class="${word === "cannot tell" ? "unsure" : word}" style="flex:${count(word)}"><b>${count(word)}</b> ${word}</span>`,
  );
  return html`<div class="tally" aria-label="${counted(says.length, "method")} against plain training in ${view.metric.title}">${shares}</div>`;
}

export function nameColumn(view: View): Column {
  const { winner } = view.comparison.outcome;
  return {
    title: "Method",
    numeric: false,
    key: (row) => view.label(row.candidate),
    cell: (row) =>
      html`<span class="name">${view.label(row.candidate)}</span>${row.candidate === winner ? html` <span class="star" title="best on validation data">★<span class="unseen"> best on validation data</span></span>` : nothing}${row.failures > 0 ? html` <span class="failed">${row.failures} failed</span>` : nothing}`,
  };
}

function scoreColumn(view: View, model: ModelView): Column {
  const { metric } = view;
  const spread = commonError(model.rows, metric.name);
  return {
    title: heading(metric),
    doc: metric.doc,
    numeric: true,
    key: (row) => row.metrics[metric.name]?.mean,
    cell: (row) => html`${formatAverage(metric, row.metrics[metric.name], spread)}`,
  };
}

function validationColumn(view: View, model: ModelView): Column {
  const { comparison, metric } = view;
  const score = (row: Row) => {
    const trials = row.kind === "reference" ? comparison.references : comparison.trials;
    return validationScore(comparison.setting, trials, row.candidate);
  };
  const spread = commonError(model.rows, metric.name);
  return {
    title: "On validation data",
    doc: "The mean validation score, which names the winner.",
    numeric: true,
    key: (row) => score(row).mean,
    cell: (row) => html`<span class="quiet">${formatValue(metric, score(row).mean, spread)}</span>`,
  };
}

function differenceColumns(view: View, model: ModelView): Column[] {
  const { metric } = view;
  const of = (row: Row) => view.difference(row.candidate, metric.name);
  const ends = model.rows.flatMap((row) => {
    const difference = of(row);
    return difference === undefined ? [] : [difference.mean, difference.low, difference.high];
  });
  if (ends.length === 0) return [];
  const most = Math.max(0, ...ends.filter(Number.isFinite).map(Math.abs));
  return [
    {
      title: `Against plain training${differenceUnit(metric) === "" ? "" : " (points)"}`,
      doc: "Paired difference over the seeds with its 95 % interval, corrected for overlapping splits.",
      numeric: true,
      key: (row) => of(row)?.mean,
      cell: (row) => {
        const difference = of(row);
        if (difference === undefined) return nothing;
        const interval = formatInterval(metric, difference);
        return html`<span class="difference">${intervalGraph(difference, most)}<span class="numbers"><b>${formatDifference(metric, difference)}</b>${interval === undefined ? nothing : html`<span class="quiet">${interval}</span>`}</span></span>`;
      },
    },
    {
      title: "Verdict",
      numeric: false,
      key: (row) => of(row)?.adjusted,
      cell: (row) => {
        const difference = of(row);
        if (difference === undefined) return nothing;
        const p = Number.isFinite(difference.adjusted)
          ? `p = ${formatNumber(difference.adjusted, 2)} after Holm's correction, ${formatNumber(difference.p, 2)} before`
          : "no test is possible with one seed";
        return html`<span title="${p}">${badge(difference.says)}</span>`;
      },
    },
  ];
}

const BESIDE = ["calibrationError", "corruption"];
/** Of a setting's own measures, so many. */
const MOST_OWN = 2;

function besideColumns(view: View, model: ModelView): Column[] {
  const { comparison, metric } = view;
  const own = (comparison.setting.protocol?.measures ?? []).map(({ name }) => name);
  const shown = [...BESIDE, ...own.filter((name) => name !== metric.name).slice(0, MOST_OWN)];
  return comparison.metrics
    .filter(({ name }) => shown.includes(name) && name !== metric.name)
    .filter(({ name }) => model.rows.some((row) => row.metrics[name] !== undefined))
    .map((each) => metricColumn(view, [...model.rows, ...view.references], each));
}

export function metricColumn(view: View, rows: readonly Row[], metric: Metric): Column {
  const spread = commonError(rows, metric.name);
  return {
    title: heading(metric),
    doc: `${metric.doc} ${capitalised(metric.better)} is better.`,
    numeric: true,
    key: (row) => row.metrics[metric.name]?.mean,
    cell: (row) =>
      html`${formatValue(metric, row.metrics[metric.name]?.mean ?? Number.NaN, spread)}${sign(view.difference(row.candidate, metric.name)?.says)}`,
  };
}

function costColumns(model: ModelView): Column[] {
  const time = (row: Row) => row.stepTime?.ratio;
  const timed = model.rows.some((row) => time(row) !== undefined);
  const column: Column = {
    title: "Price of a step",
    doc: "Time of a training step against plain training, measured apart (candidates interleaved, one thread, medians), and the gradients it takes.",
    numeric: true,
    key: (row) => (timed ? time(row) : row.gradientsPerStep),
    cell: (row) => {
      const { gradientsPerStep: gradients, stepTime } = row;
      if (gradients === undefined) return html`–`;
      const count = `${formatNumber(gradients)} gradient${gradients === 1 ? "" : "s"}`;
      if (stepTime === undefined) return html`${count}`;
      return html`<span class="price" title="${formatNumber(stepTime.milliseconds)} ms"><span>${formatRatio(stepTime.ratio)}</span><span class="quiet">${count}</span></span>`;
    },
  };
  return model.rows.some((row) => row.gradientsPerStep !== undefined) ? [column] : [];
}

/** All metrics of all candidates, folded away. */
function everything(view: View, model: ModelView): Html {
  const rows = [...model.rows, ...view.references];
  const metrics = view.comparison.metrics.filter(({ name }) =>
    rows.some((row) => row.metrics[name] !== undefined),
  );
  const columns = [nameColumn(view), ...metrics.map((metric) => metricColumn(view, rows, metric))];
  const meanings = metrics.map(
    (metric) =>
      html`<div><dt>${heading(metric)}</dt><dd>${metric.doc} ${capitalised(metric.better)} is better.</dd></div>`,
  );
  return html`<details><summary>All ${metrics.length} metrics</summary>${sortable(`All metrics of ${model.model}`, columns, model.rows, view.references, "all")}</details>
<details><summary>What the metrics mean</summary><dl class="meanings">${meanings}</dl></details>`;
}

export function sortable(
  caption: string,
  columns: readonly Column[],
  rows: readonly Row[],
  references: readonly Row[],
  kind: "main" | "all",
): Html {
  const head = columns.map(
    ({ title, doc, numeric }) =>
      html`<th scope="col" class="${numeric ? "number" : "text"}"${doc === undefined ? nothing : html` title="${doc}"`}>${title}</th>`,
  );
  const line = (row: Row) =>
    html`<tr class="${row.kind}">${columns.map(({ cell, key, numeric }, i) => {
      const by = key(row);
      const sorted = by === undefined || Number.isNaN(by) ? nothing : html` data-by="${by}"`;
      return i === 0
        ? html`<th scope="row"${sorted}>${cell(row)}</th>`
        : html`<td class="${numeric ? "number" : "text"}"${sorted}>${cell(row)}</td>`;
    })}</tr>`;
  const foot =
    references.length === 0
      ? nothing
      : html`<tbody class="references"><tr class="group"><th colspan="${columns.length}" scope="rowgroup">Without a network</th></tr>${references.map(line)}</tbody>`;
  return html`<div class="table-room" tabindex="0" role="region" aria-label="${caption}"><table class="results ${kind}" data-sortable><caption class="unseen">${caption}</caption><thead><tr>${head}</tr></thead><tbody data-rows>${rows.map(line)}</tbody>${foot}</table></div>`;
}

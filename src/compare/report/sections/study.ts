import { commonError, formatValue } from "../../format.ts";
import type { Metric, Row, Trial } from "../../results.ts";
import { meanAndError } from "../../statistics.ts";
import { lossesByKind } from "../../study/measure.ts";
import { asked, bestOf } from "../../study/words.ts";
import { type Html, html, nothing } from "../escape.ts";
import { heading, part } from "../figures.ts";
import type { ModelView, View } from "../view.ts";
import { type Column, metricColumn, nameColumn, sortable } from "./table.ts";

const COLUMNS = [
  "error",
  "rmse",
  "corruptionError",
  "relativeCorruption",
  "fgsmError",
  "outsideAuroc",
  "outsideFalsePositives",
  "outsideAccuracy",
  "calibrationErrorWidth",
];

/** The best in each respect, beside plain training. */
export function studyTiles(view: View): Html {
  const rows = view.models.flatMap((model) => model.rows);
  const tiles = asked.flatMap(([name]) => {
    const metric = view.comparison.metrics.find((one) => one.name === name);
    const row = metric && bestOf(rows, metric);
    if (metric === undefined || row === undefined) return [];
    const { mean, error } = row.metrics[name];
    const plain = view.models.find(({ model }) => model === row.model)?.baseline?.metrics[name];
    const beside =
      row.kind === "baseline"
        ? ""
        : `, plain training ${formatValue(metric, plain?.mean ?? Number.NaN, error)}`;
    const model = view.models.length > 1 ? ` (${row.model})` : "";
    return html`<div class="tile"><dt>${heading(metric)}</dt><dd><b>${formatValue(metric, mean, error)}</b><span>${view.label(row.candidate)}${model}${beside}</span></dd></div>`;
  });
  return html`<dl class="tiles">${tiles}</dl>`;
}

/** Every method in every respect: one table. */
export function studySection(view: View, model: ModelView): Html {
  const measured = COLUMNS.filter((name) => model.rows.some(({ metrics }) => metrics[name] !== undefined));
  const metrics = measured.flatMap((name) => view.comparison.metrics.find((one) => one.name === name) ?? []);
  const columns = metrics.map((metric) => bestMarked(view, model, metric));
  const words =
    "One line a method, on test data. Bold is the best mean of a column; ▲ and ▼ mark what is clearly better or worse than plain training, the rest cannot be told from luck.";
  return part(
    `${model.id}-study`,
    "Robustness and uncertainty",
    words,
    sortable(
      `Robustness and uncertainty of ${model.model}`,
      [nameColumn(view), ...columns],
      model.rows,
      [],
      "all",
    ),
  );
}

function bestMarked(view: View, model: ModelView, metric: Metric): Column {
  const column = metricColumn(view, model.rows, metric);
  const means = model.rows.flatMap((row) => row.metrics[metric.name]?.mean ?? []);
  const best = metric.better === "lower" ? Math.min(...means) : Math.max(...means);
  return {
    ...column,
    cell: (row) =>
      row.metrics[metric.name]?.mean === best ? html`<b>${column.cell(row)}</b>` : column.cell(row),
  };
}

/** Error under each kind of corruption, averaged over severities. */
export function kindsSection(view: View, model: ModelView): Html {
  const classes = view.comparison.setting.data.task === "classification";
  const metric = view.comparison.metrics.find(({ name }) => name === "corruptionError") as Metric;
  const byKind = (trial: Trial) =>
    Object.entries(lossesByKind(trial.robustness, classes)).map(
      ([kind, losses]) => [kind, losses.reduce((a, b) => a + b, 0) / losses.length] as const,
    );
  return part(
    `${model.id}-kinds`,
    "By kind of corruption",
    `${classes ? "Error" : "RMSE"} on test data spoiled in one way, averaged over severities or radii. Blue is better than plain training, orange worse; the deeper, the more.`,
    shaded(view, model, "Error by kind of corruption", metric, byKind),
  );
}

/** Detection of each foreign set. */
export function foreignSection(view: View, model: ModelView): Html {
  const metric = view.comparison.metrics.find(({ name }) => name === "outsideAuroc");
  if (metric === undefined) return nothing;
  return part(
    `${model.id}-foreign`,
    "By foreign data",
    "AUROC of telling test data from data the model was not made for, by how sure it is: 1 is always, 0.5 is guessing.",
    shaded(view, model, "AUROC by foreign data", metric, ({ outside = [] }) =>
      outside.map(({ data, auroc }) => [data, auroc] as const),
    ),
  );
}

/** A table of means, one column a name, shaded by the difference to plain training. */
function shaded(
  view: View,
  model: ModelView,
  caption: string,
  metric: Metric,
  numbersOf: (trial: Trial) => readonly (readonly [name: string, value: number])[],
): Html {
  const values = new Map(
    model.rows.map((row) => [row, view.done(row.candidate).map((trial) => new Map(numbersOf(trial)))]),
  );
  const names = [
    ...new Set([...values.values()].flatMap((trials) => trials.flatMap((own) => [...own.keys()]))),
  ];
  if (names.length === 0) return nothing;
  const meanOf = (row: Row | undefined, name: string) =>
    meanAndError((row && values.get(row))?.map((own) => own.get(name) ?? Number.NaN) ?? []).mean;
  const gain = (row: Row, name: string) =>
    (meanOf(row, name) - meanOf(model.baseline, name)) * (metric.better === "lower" ? -1 : 1);
  const most = Math.max(...model.rows.flatMap((row) => names.map((name) => Math.abs(gain(row, name)) || 0)));
  const spread = commonError(model.rows, metric.name);
  const columns = names.map(
    (name): Column => ({
      title: name,
      numeric: true,
      key: (row) => meanOf(row, name),
      cell: (row) => {
        const depth = most > 0 ? Math.abs(gain(row, name) / most) : 0;
        const tone = gain(row, name) > 0 ? "better" : "worse";
        const text = formatValue(metric, meanOf(row, name), spread);
        if (row.kind === "baseline" || !(depth > 0)) return html`${text}`;
        return html`<span class="shade ${tone}" style="--depth:${Math.round(45 * depth)}%">${text}</span>`;
      },
    }),
  );
  return sortable(`${caption}, ${model.model}`, [nameColumn(view), ...columns], model.rows, [], "all");
}

import type { Figure, Grid } from "../../../kinds/index.ts";
import { type Curve, learningCurves } from "../../../plots/index.ts";
import { formatValue } from "../../format.ts";
import type { Metric, Row } from "../../results.ts";
import { meanAndError } from "../../statistics.ts";
import { type Html, html, nothing } from "../escape.ts";
import { figure, pair, part } from "../figures.ts";
import { drawnRows, type ModelView, type View } from "../view.ts";

const MOST_MATRICES = 4;

/** What the setting shows of its own: a part for each of its figures. */
export function settingSection(view: View, model: ModelView): Html {
  const figures = view.comparison.setting.protocol?.figures ?? [];
  const parts = figures.map((each, i) => {
    const content = { lines, matrix: matrices, rows: rowsTable }[each.kind](view, model, each);
    return part(`${model.id}-setting-${i + 1}`, each.title, each.doc, content);
  });
  return html`${parts}`;
}

/** The grids of a candidate's finished trials. */
const gridsOf = (view: View, candidate: string, { grid }: Figure): Grid[] =>
  view.done(candidate).flatMap(({ grids }) => grids?.[grid] ?? []);

/** Names that all grids share, else their numbers: tasks may differ from seed to seed. */
function namesOf(grids: readonly Grid[], side: "rows" | "columns"): string[] {
  const [first, ...others] = grids.map((grid) => grid[side]);
  const same = others.every((names) => names.join("\n") === first.join("\n"));
  return first.map((name, i) => (same ? name : String(i + 1)));
}

const metricOf = ({ title, doc, format }: Figure): Metric => ({
  name: title,
  title,
  doc,
  format,
  better: "higher",
  group: "score",
});

function lines(view: View, model: ModelView, shown: Figure): Html {
  const { rows, note } = drawnRows(view, model);
  const curves = rows.flatMap(({ candidate }): Curve[] => {
    const grids = gridsOf(view, candidate, shown);
    if (grids.length === 0) return [];
    const x = grids[0].columns.map((name, i) => (Number.isFinite(Number(name)) ? Number(name) : i + 1));
    return [
      { name: view.label(candidate), x, seeds: grids.map(({ values }) => values[0].map((v) => v ?? NaN)) },
    ];
  });
  if (curves.length === 0) return nothing;
  const metric = { label: shown.title, better: "higher", percent: shown.format === "percent" } as const;
  const data = { metric, curves, xLabel: shown.column, zoom: false, on: "test" };
  return figure(
    view,
    "wide",
    (options) => learningCurves(data, { ...options, title: shown.title }),
    note === "" ? undefined : note.trim(),
  );
}

/** One table for each of plain training and the best candidates, shaded by its numbers. */
function matrices(view: View, model: ModelView, shown: Figure): Html {
  const order = [...new Set([model.baseline?.candidate, ...model.ranked])].filter(
    (name) => name !== undefined,
  );
  const tables = order.slice(0, MOST_MATRICES).flatMap((candidate) => {
    const grids = gridsOf(view, candidate, shown);
    return grids.length === 0 ? [] : [matrix(view.label(candidate), grids, shown)];
  });
  return pair(tables);
}

function matrix(title: string, grids: readonly Grid[], shown: Figure): Html {
  const [rows, columns] = [namesOf(grids, "rows"), namesOf(grids, "columns")];
  const head = columns.map((name) => html`<th scope="col" class="number">${name}</th>`);
  const body = rows.map(
    (name, i) =>
      html`<tr><th scope="row">${name}</th>${columns.map((_, j) => cell(grids, i, j, shown))}</tr>`,
  );
  return html`<div class="table-room" tabindex="0" role="region" aria-label="${shown.title}: ${title}"><table class="shades"><caption>${title}</caption><thead><tr><th scope="col">${shown.row} ↓, ${shown.column} →</th>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** A row for each candidate. */
function rowsTable(view: View, model: ModelView, shown: Figure): Html {
  const known = model.rows.map((row): [Row, Grid[]] => [row, gridsOf(view, row.candidate, shown)]);
  const all = known.flatMap(([, grids]) => grids);
  if (all.length === 0) return nothing;
  const columns = namesOf(all, "columns");
  const head = columns.map((name) => html`<th scope="col" class="number">${name}</th>`);
  const body = known
    .filter(([, grids]) => grids.length > 0)
    .map(
      ([row, grids]) =>
        html`<tr><th scope="row">${view.label(row.candidate)}</th>${columns.map((_, j) => cell(grids, 0, j, shown))}</tr>`,
    );
  return html`<div class="table-room" tabindex="0" role="region" aria-label="${shown.title}"><table class="shades"><thead><tr><th scope="col">${shown.column}</th>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** The mean over seeds, on a shade of it. */
function cell(grids: readonly Grid[], i: number, j: number, shown: Figure): Html {
  const values = grids.map(({ values: rows }) => rows[i]?.[j] ?? Number.NaN);
  const { mean, error } = meanAndError(values);
  const shade = shown.format === "percent" && Number.isFinite(mean) ? Math.round(60 * clamped(mean)) : 0;
  return html`<td class="number" style="--shade:${shade}%">${formatValue(metricOf(shown), mean, error)}</td>`;
}

const clamped = (share: number): number => Math.min(1, Math.max(0, share));

import { OckhamError } from "../../error.ts";
import type { Comparison, Metric } from "../results.ts";
import { type Html, html, nothing, trusted } from "./escape.ts";
import { script } from "./script.ts";
import { calibrationSection } from "./sections/calibration.ts";
import { candidatesSection, failuresSection } from "./sections/candidates.ts";
import { confusionSection } from "./sections/confusion.ts";
import { costSection } from "./sections/cost.ts";
import { curvesSection } from "./sections/curves.ts";
import { differencesSection } from "./sections/differences.ts";
import { headline } from "./sections/headline.ts";
import { environmentSection, protocolSection } from "./sections/protocol.ts";
import { robustnessSection } from "./sections/robustness.ts";
import { settingSection } from "./sections/setting.ts";
import { spectraSection } from "./sections/spectra.ts";
import { foreignSection, kindsSection, studySection } from "./sections/study.ts";
import { tableSection } from "./sections/table.ts";
import { style } from "./style.ts";
import { type ModelView, type View, viewOf } from "./view.ts";

/** Characters above which every chart is drawn once only. */
const MOST = 1_800_000;

/**
 * The comparison as one HTML page that needs nothing else: no network, no script to be read, dark and light, for
 * screens of any width and for paper. All text in it is escaped.
 *
 * Throws `bad-data` where the metric that names the winner is not among the metrics.
 */
export function reportHtml(comparison: Comparison): string {
  const { score } = comparison.setting;
  const metric = comparison.metrics.find(({ name }) => name === score);
  if (metric === undefined) {
    throw new OckhamError(
      "bad-data",
      score,
      `the comparison is scored by "${score}", which is not among its metrics`,
      "take the score from the metrics of the task",
    );
  }
  const page = pageOf(comparison, metric, false);
  return page.length <= MOST ? page : pageOf(comparison, metric, true);
}

function pageOf(comparison: Comparison, metric: Metric, thrifty: boolean): string {
  const view = viewOf(comparison, metric, thrifty);
  const { data } = comparison.setting;
  const kind = comparison.setting.study === undefined ? "comparison" : "noise study";
  const title = `${data.name}: Ockham ${kind}`;
  const policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${title}</title>
<style>${trusted(style)}</style>
</head>
<body>
<a class="skip" href="#headline">Skip to the outcome</a>
<header class="masthead"><div class="room">${logo}<span class="brand">Ockham</span><span class="what">${kind} on ${data.name}</span>${themeButton}</div></header>
<main class="room">
${headline(view)}
${tabs(view)}
${view.models.map((model) => modelSection(view, model))}
<div class="rest">
${failuresSection(view)}
${protocolSection(view)}
${candidatesSection(view)}
${environmentSection(view)}
</div>
</main>
<footer><div class="room">Made by Ockham ${comparison.environment.ockham}. This page is one file and loads nothing.</div></footer>
<script>${trusted(script)}</script>
</body>
</html>
`.html;
}

const logo = trusted(
  '<svg width="26" height="26" viewBox="0 0 26 26" aria-hidden="true"><rect width="26" height="26" rx="7" fill="currentColor"/><path d="M6.5 19.5 19 6.5" stroke="var(--ground)" stroke-width="3" stroke-linecap="round"/></svg>',
);

const themeButton = trusted(
  '<button id="theme" type="button" hidden><svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.6"/><path d="M8 1.8a6.2 6.2 0 0 1 0 12.4z" fill="currentColor"/></svg></button>',
);

function tabs({ models }: View): Html {
  if (models.length < 2) return nothing;
  return html`<nav id="models" aria-label="Models">${models.map(({ id, model }) => html`<a href="#${id}">${model}</a>`)}</nav>`;
}

const SECTIONS: readonly ((view: View, model: ModelView) => Html)[] = [
  tableSection,
  settingSection,
  costSection,
  differencesSection,
  curvesSection,
  calibrationSection,
  robustnessSection,
  spectraSection,
  confusionSection,
];

/** A study begins with its own tables; what every comparison shows comes after. */
const STUDIED: typeof SECTIONS = [
  studySection,
  kindsSection,
  foreignSection,
  robustnessSection,
  calibrationSection,
  tableSection,
  costSection,
  curvesSection,
];

const HEADING = /<section class="part" id="([^"]+)"><h3>([^<]+)<\/h3>/g;

function modelSection(view: View, model: ModelView): Html {
  const shown = view.comparison.setting.study === undefined ? SECTIONS : STUDIED;
  const sections = shown.map((section) => section(view, model)).filter((each) => each.html !== "");
  const links = sections.flatMap(({ html: markup }) => {
    return [...markup.matchAll(HEADING)].map(([, id, title]) => trusted(`<a href="#${id}">${title}</a>`));
  });
  const tabbed = view.models.length > 1 ? " tabbed" : "";
  return html`<section class="model${tabbed}" id="${model.id}" data-model aria-label="${model.model}"><h2>${model.model}</h2><nav class="contents" aria-label="Sections of ${model.model}">${links}</nav>${sections}</section>`;
}

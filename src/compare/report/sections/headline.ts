import { formatNumber } from "../../../plots/text.ts";
import {
  counted,
  differenceUnit,
  formatDifference,
  formatInterval,
  formatRatio,
  formatSeconds,
  formatValue,
} from "../../format.ts";
import { validationScore } from "../../pairing.ts";
import type { Row } from "../../results.ts";
import { type Html, html, nothing } from "../escape.ts";
import { heading } from "../figures.ts";
import type { View } from "../view.ts";
import { badge } from "./marks.ts";
import { studyTiles } from "./study.ts";

/** What came out, before anything else: who won, by how much, at what price, and on what evidence. */
export function headline(view: View): Html {
  const { comparison } = view;
  const { setting, outcome } = comparison;
  const winner = outcome.rows.find((row) => row.candidate === outcome.winner);
  const studied = setting.study !== undefined;
  const [lead, ...rest] = outcome.words;
  const facts = [
    ...(setting.protocol === undefined ? [] : [`setting ${setting.protocol.id}`]),
    counted(setting.candidates.length, "candidate"),
    counted(setting.seeds.length, "seed"),
    counted(comparison.trials.length, "trial"),
    formatSeconds(comparison.seconds),
  ];
  return html`<section class="hero" aria-labelledby="headline">
<p class="eyebrow">${facts.join(" · ")}</p>
<h1 id="headline">${studied && winner ? html`Robustness and uncertainty on ${setting.data.name}` : headlineOf(view, winner)}</h1>
${stoppedEarly(view)}
${winner === undefined ? nothing : studied ? studyTiles(view) : tiles(view, winner)}
<div class="findings"><h2>What was found</h2>
${lead === undefined ? nothing : html`<p class="lead">${lead}</p>`}
${rest.length === 0 ? nothing : html`<ul>${rest.map((text) => html`<li>${text}</li>`)}</ul>`}
</div></section>`;
}

function headlineOf(view: View, winner: Row | undefined): Html {
  const on = html` on ${view.comparison.setting.data.name}`;
  if (winner === undefined) return html`Every candidate failed${on}`;
  const several = view.models.length > 1;
  const plain = winner.kind === "baseline";
  const name = plain ? "Plain training" : view.label(winner.candidate);
  const model = several ? `${plain ? " of" : " with"} ${winner.model}` : "";
  const but = qualifier(view, winner);
  return html`${name}${model} did best${on}${but === "" ? nothing : html`<span class="but">, ${but}</span>`}`;
}

/** What a reader of the heading alone must not miss. */
function qualifier(view: View, winner: Row): string {
  if (view.seeds === 1) return "by one seed only";
  const says = view.difference(winner.candidate, view.metric.name)?.says;
  if (winner.kind === "baseline" || says === undefined || says === "better") return "";
  return says === "worse" ? "though not on test data" : "but not clearly";
}

function stoppedEarly({ comparison }: View): Html {
  if (comparison.finished) return nothing;
  const { setting, trials } = comparison;
  const expected = setting.candidates.length * setting.seeds.length;
  return html`<p class="notice" role="note">Stopped early: ${trials.length} of ${expected} trials are here. Run the same comparison again with <code>--resume</code> for the rest.</p>`;
}

function tiles(view: View, winner: Row): Html {
  const { metric } = view;
  const average = winner.metrics[metric.name];
  const validation = validationScore(view.comparison.setting, view.comparison.trials, winner.candidate);
  return html`<dl class="tiles">
<div class="tile"><dt>${heading(metric)} on test data</dt><dd><b>${formatValue(metric, average?.mean ?? Number.NaN, average?.error)}</b><span>${formatValue(metric, validation.mean, validation.error)} on validation data</span></dd></div>
${differenceTile(view, winner)}${priceTile(winner)}${referenceTile(view)}
</dl>`;
}

function differenceTile(view: View, winner: Row): Html {
  const difference = view.difference(winner.candidate, view.metric.name);
  if (difference === undefined) return nothing;
  const interval = formatInterval(view.metric, difference);
  const none = view.seeds === 1 ? "no interval from one seed" : "the same on every seed";
  const words = interval === undefined ? none : `95 % interval ${interval}`;
  return html`<div class="tile"><dt>Against plain training</dt><dd><b>${formatDifference(view.metric, difference)}<small>${differenceUnit(view.metric)}</small></b><span>${words}</span>${badge(difference.says)}</dd></div>`;
}

function priceTile(winner: Row): Html {
  const { gradientsPerStep, stepTime } = winner;
  if (gradientsPerStep === undefined) return nothing;
  const gradients = `${formatNumber(gradientsPerStep)} gradient${gradientsPerStep === 1 ? "" : "s"} a step`;
  if (stepTime === undefined)
    return html`<div class="tile"><dt>Price</dt><dd><b>${formatNumber(gradientsPerStep)}</b><span>${gradients}</span></dd></div>`;
  return html`<div class="tile"><dt>Price</dt><dd><b>${formatRatio(stepTime.ratio)}</b><span>the time a step; ${gradients}</span></dd></div>`;
}

function referenceTile(view: View): Html {
  const best = view.references[0];
  const average = best?.metrics[view.metric.name];
  if (best === undefined || average === undefined) return nothing;
  return html`<div class="tile"><dt>Without a network</dt><dd><b>${formatValue(view.metric, average.mean, average.error)}</b><span>${view.label(best.candidate)}</span></dd></div>`;
}

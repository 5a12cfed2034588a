import { counted } from "../../format.ts";
import type { Chosen, ProtocolOf, Setting } from "../../results.ts";
import { type Html, html } from "../escape.ts";
import type { View } from "../view.ts";

/** How it was done: the protocol in words, the setting in full, the machine. */
export function protocolSection(view: View): Html {
  const items = protocolOf(view).map(([title, text]) => html`<div><dt>${title}</dt><dd>${text}</dd></div>`);
  const setting = JSON.stringify(view.comparison.setting, null, 2);
  return html`<section class="part" id="protocol"><h3>How it was compared</h3><p class="about">The same protocol for every candidate, plain training included.</p>
<dl class="protocol">${items}</dl>
<details><summary>The whole setting</summary><pre tabindex="0">${setting}</pre></details></section>`;
}

/** The protocol as titled sentences. */
export function protocolOf(view: View): [string, string][] {
  const { setting, outcome } = view.comparison;
  const { split } = setting;
  const methods = outcome.rows.filter((row) => row.kind === "candidate").length;
  const score = view.metric.title;
  const { protocol } = setting;
  return [
    ...(protocol === undefined ? [] : [["Setting", settingWords(protocol)] as [string, string]]),
    ["Data", dataWords(setting)],
    [
      "Split",
      `${size(split.train)} for training, ${size(split.validation)} for validation, ${size(split.test)} for testing, ${splitWords(setting)}.`,
    ],
    [
      "Seeds",
      `${counted(setting.seeds.length, "seed")} (${seedWords(setting.seeds)}). A seed settles the split where it is drawn, the starting values and the order of batches. All candidates share the seeds, so differences are paired.`,
    ],
    [
      "Training",
      `Batches of ${Math.min(setting.batchSize, setting.split.train)}, ${chosen(withoutRate(setting.optimizer))} at ${setting.rate === undefined ? "its own rate" : `rate ${setting.rate}`} with the schedule ${chosen(setting.schedule)}, ${counted(setting.epochs, "epoch")}, unless a method sets its own.`,
    ],
    ...(setting.from === undefined ? [] : [beginningWords(setting.from)]),
    ["Budget", budgetWords(setting)],
    ["Options", tuningWords(setting)],
    [
      "Test data",
      "Touched once, after training and selection. Nothing was chosen by it: not the winner, no option, no moment to stop.",
    ],
    [
      "Winner",
      `By the mean validation ${score} over the seeds. Among equals the cheaper one wins. A candidate that failed on any seed ranks behind all that did not. The test score stands beside it.`,
    ],
    [
      "Differences",
      "For each metric the mean paired difference to plain training of the same model, with a 95 % interval from the corrected resampled t test (Nadeau and Bengio, 2003), which allows for splits that overlap. An ordinary t test would be too sure.",
    ],
    [
      "Verdicts",
      `“Better” and “worse” need p < 0.05 after Holm's correction over the methods of one model and metric${methods > 1 ? `; ${counted(methods, "method")} were compared in all` : ""}. Everything else is “cannot tell”, which doesn't mean “no difference”. The correction is not extended over metrics.`,
    ],
    [
      "Cost",
      "Gradients a step are counted. Time a step is measured in a phase of its own: candidates interleaved, one thread, medians, nothing else training.",
    ],
    ...(setting.study === undefined ? [] : studyItems(setting, setting.study)),
    ...(protocol === undefined && setting.study === undefined ? [references] : []),
  ];
}

const beginningWords = (from: string): [string, string] => [
  "Beginning",
  `All models begin with the weights of ${from}, and with a new last layer where the classes are others.`,
];

const references: [string, string] = [
  "Reference lines",
  "What simple learners without a network reach on the same splits: they show whether a network is called for at all.",
];

/** What a noise study measures, beyond what its tables say. */
function studyItems(
  { data }: Setting,
  { texts, outside }: NonNullable<Setting["study"]>,
): [string, string][] {
  const images = data.inputShape.length === 3;
  const attacks = `FGSM by the plain loss, at ${images ? "1, 2, 4, 8 and 16 of 255 levels a pixel" : "0.05 to 0.8 spreads of every numeric column"}, on 300 test rows.`;
  const levels = images
    ? " Levels of noise follow Hendrycks and Dietterich (2019)."
    : texts
      ? " Measures are those of studies of images; what is done to texts is Ockham's choice: typing errors in characters, tokens left out, replaced, swapped or never seen, texts cut short."
      : "";
  const items: [string, string][] = [
    [
      "Corruptions",
      `Five severities each, drawn from the seed so that all candidates meet the same; on the first 500 test rows.${levels}`,
    ],
    ...(texts ? [] : [["Attacks", attacks] as [string, string]]),
  ];
  if (data.task !== "classification") return items;
  const other = outside === undefined ? "" : ` and 1,000 examples of ${outside}`;
  const made = images
    ? "random values, shuffled pixels, inverted images"
    : texts
      ? "random tokens, tokens mixed from all texts"
      : "random values, shuffled columns";
  return [...items, ["Foreign data", `As many made examples as test rows, of each of ${made}${other}.`]];
}

function settingWords({ id, options, words }: ProtocolOf): string {
  return `${chosen({ id, options })}. ${words.join(" ")}`;
}

function dataWords({ data }: Setting): string {
  const classes = data.classes.length > 0 ? `, ${data.classes.length} classes` : "";
  const noise =
    data.labelNoise > 0
      ? ` ${percent(data.labelNoise)} of the training labels were made wrong on purpose.`
      : "";
  const notes = data.notes.map((note) => ` ${note}`).join("");
  return `${data.name}: ${data.size} examples of shape ${data.inputShape.join(" × ")}${classes}; from ${data.source}.${noise}${notes} Fingerprint ${data.fingerprint}.`;
}

function splitWords({ split, data }: Setting): string {
  const words: Readonly<Record<string, string>> = {
    random: `drawn anew for each seed${data.task === "classification" ? ", with the classes in the same shares" : ""}`,
    given: "as the data say, the same for all seeds",
    group: "drawn anew for each seed, with no group on both sides",
    time:
      data.task === "tokens"
        ? "by position: trained on what comes first in the text, tested on what comes last"
        : "by time: trained on the past, tested on what came after",
  };
  return Object.hasOwn(words, split.by) ? words[split.by] : `by ${split.by}`;
}

/** A size as a number of examples, or as a share of them. */
function size(value: number): string {
  return value > 0 && value < 1 ? percent(value) : `${value} examples`;
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))}\u00a0%`;
}

function seedWords(seeds: readonly number[]): string {
  const steady = seeds.every((seed, i) => seed === seeds[0] + i);
  return steady && seeds.length > 2 ? `${seeds[0]} to ${seeds.at(-1)}` : seeds.join(", ");
}

/** The rate is told by itself: it may have been set for the run. */
function withoutRate({ id, options }: Chosen): Chosen {
  return { id, options: Object.fromEntries(Object.entries(options).filter(([name]) => name !== "rate")) };
}

function chosen({ id, options }: Chosen): string {
  const entries = Object.entries(options).map(([name, value]) => `${name} ${value}`);
  return entries.length === 0 ? id : `${id} (${entries.join(", ")})`;
}

function budgetWords({ budget }: Setting): string {
  const words = {
    epochs: `The same number of epochs for all (${budget.value}). A method that takes several gradients a step has then had several times the work: see gradients and time a step.`,
    gradients: `The same number of gradient evaluations for all (${budget.value}), so that a method with several gradients a step takes fewer steps.`,
    seconds: `The same training time for all (${budget.value} seconds a trial). It depends on the machine and on what else ran.`,
  };
  return words[budget.kind];
}

function tuningWords({ tune }: Setting): string {
  return tune > 0
    ? `Tuned: every candidate, plain training too, had ${tune === 1 ? "1 try" : `${tune} tries`} on validation data.`
    : "As given or the papers' defaults; none was tuned. A method may do better, or worse, with options tuned to these data.";
}

/** The machine and the versions. */
export function environmentSection(view: View): Html {
  const { environment } = view.comparison;
  const entries: [string, string][] = [
    ["Ockham", environment.ockham],
    ["ONNX Runtime", environment.onnxruntime],
    ["Node", environment.node],
    ["Platform", environment.platform],
    ["Processor", `${environment.cpu}, ${counted(environment.cores, "core")}`],
    ["Workers", String(environment.workers)],
    ["Device", environment.device ?? "cpu"],
    ["Date", environment.date],
  ];
  return html`<section class="part" id="environment"><h3>Machine and versions</h3><dl class="facts">${entries.map(
    ([title, text]) => html`<div><dt>${title}</dt><dd>${text}</dd></div>`,
  )}</dl></section>`;
}

import { type Corruption, type Curve, robustnessCurves } from "../../../plots/index.ts";
import { capitalised } from "../../format.ts";
import type { Row, Trial } from "../../results.ts";
import { type Html, nothing } from "../escape.ts";
import { figure, part, plotMetric } from "../figures.ts";
import { drawnRows, type ModelView, metricOf, type View } from "../view.ts";

const TITLES: Readonly<Record<string, string>> = {
  "PGD Linf": "PGD, max norm",
  "PGD L2": "PGD, Euclidean norm",
};

function isAttack(kind: string): boolean {
  return /^(fgsm|pgd)\b/i.test(kind);
}

/** Score by strength of corruption, and by radius of attack. */
export function robustnessSection(view: View, model: ModelView): Html {
  const { rows, note } = drawnRows(view, model);
  const metric = metricOf(view, "accuracy", "rmse");
  const trials = rows.flatMap(({ candidate }) => view.done(candidate));
  const points = trials.flatMap((trial) => trial.robustness);
  const kinds = [...new Set(points.filter(({ strength }) => strength > 0).map(({ kind }) => kind))];
  const chart = (own: readonly string[], title: string, xLabel: string) => {
    if (own.length === 0) return nothing;
    const corruptions = own.map(
      (kind): Corruption => ({ kind: TITLES[kind] ?? kind, xLabel, curves: curvesOf(view, rows, kind) }),
    );
    const classes = view.comparison.setting.data.classes.length;
    const chance = metric.name === "accuracy" && classes > 1 ? { chance: 1 / classes } : {};
    const data = { metric: plotMetric(metric), corruptions, ...chance };
    return figure(view, "wide", (options) => robustnessCurves(data, { ...options, title }));
  };
  const attacks = kinds.filter(isAttack);
  const graded = view.comparison.setting.study !== undefined;
  const corruptions = kinds.filter((kind) => !isAttack(kind));
  return part(
    `${model.id}-robustness`,
    "Robustness",
    `The same test data made harder: a flatter curve is a sturdier model. Corruptions are chance; attacks move each input on purpose to fool the model, by at most the radius.${note}`,
    chart(corruptions, `${capitalised(metric.title)} under corruption`, graded ? "severity" : "strength"),
    chart(attacks, `${capitalised(metric.title)} under attack`, "radius"),
  );
}

function curvesOf(view: View, rows: readonly Row[], kind: string): Curve[] {
  return rows.flatMap(({ candidate }) => {
    const trials = view.done(candidate);
    const scores = trials.map((trial) => byStrength(trial, kind));
    const x = [...new Set(scores.flatMap((each) => [...each.keys()]))].sort((a, b) => a - b);
    const seeds = scores.map((each) => x.map((strength) => each.get(strength) ?? Number.NaN));
    return x.length === 0 ? [] : [{ name: view.label(candidate), x, seeds }];
  });
}

/** Scores of one kind by strength; strength 0 is clean data. */
function byStrength({ robustness }: Trial, kind: string): Map<number, number> {
  const own = robustness.filter((point) => point.kind === kind);
  return new Map(own.map(({ strength, score }) => [strength, score]));
}

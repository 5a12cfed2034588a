import type { Setting, Trial } from "../results.ts";
import { lossesByKind } from "./measure.ts";

const isAttack = (kind: string): boolean => kind === "FGSM";

/**
 * The trials with their mean corruption error (Hendrycks and Dietterich 2019): by kind, the errors summed over severities
 * divided by those of plain training of the same model and seed; averaged over kinds. Kinds on which plain training makes
 * no error, and trials whose baseline failed, are left out.
 */
export function withRelativeCorruption(trials: readonly Trial[], setting: Setting): Trial[] {
  const classes = setting.data.task === "classification";
  const modelOf = new Map(setting.candidates.map(({ name, model }) => [name, model]));
  const baselines = new Map(
    setting.candidates.filter(({ methods }) => methods.length === 0).map(({ name, model }) => [model, name]),
  );
  const sums = ({ robustness }: Trial) => {
    const kinds = lossesByKind(robustness, classes);
    const of = ([kind, losses]: [string, number[]]) => [kind, losses.reduce((a, b) => a + b, 0)] as const;
    return new Map(
      Object.entries(kinds)
        .filter(([kind]) => !isAttack(kind))
        .map(of),
    );
  };
  return trials.map((trial) => {
    const name = baselines.get(modelOf.get(trial.candidate) ?? "");
    const plain = trials.find((one) => one.candidate === name && one.seed === trial.seed);
    if (trial.status !== "done" || plain?.status !== "done") return trial;
    const usual = sums(plain);
    const ratios = [...sums(trial)].flatMap(([kind, sum]) => {
      const base = usual.get(kind) ?? 0;
      return base > 0 ? [sum / base] : [];
    });
    if (ratios.length === 0) return trial;
    const relativeCorruption = ratios.reduce((a, b) => a + b, 0) / ratios.length;
    return { ...trial, test: { ...trial.test, relativeCorruption } };
  });
}

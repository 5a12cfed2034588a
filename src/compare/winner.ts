import { OckhamError } from "../error.ts";
import { openHost } from "../runtime/index.ts";
import { planOf } from "../training/index.ts";
import { dataOf, membersOf } from "./begin.ts";
import type { CompareOptions } from "./compare.ts";
import { exportModel } from "./export.ts";
import { decisiveScore } from "./pairing.ts";
import { prepare } from "./prepare.ts";
import type { Comparison, Trial } from "./results.ts";
import type { CompareRequest } from "./setting.ts";
import { writeWhole } from "./store.ts";
import { hasFailed, trainingOf, trainTrials, usualRate } from "./trial.ts";

export interface ExportedWinner {
  readonly path: string;
  readonly candidate: string;
  readonly seed: number;
}

/**
 * Trains the winner once more, on the seed where it did best on validation data, and writes it as one ONNX file
 * with its preprocessing inside. The same seed gives the same model, so this is, to within rounding, the one that was
 * measured.
 * Throws `conflict` where every candidate failed, `cannot-write`, and what export objects to.
 */
export async function exportWinner(
  request: CompareRequest,
  { setting, trials, outcome }: Comparison,
  path: string,
  { signal, device }: Pick<CompareOptions, "signal" | "device"> = {},
): Promise<ExportedWinner> {
  const candidate = setting.candidates.find(({ name }) => name === outcome.winner);
  const best = bestOf(
    trials.filter((trial) => trial.candidate === candidate?.name && trial.status === "done"),
    setting,
  );
  if (candidate === undefined || best === undefined)
    throw new OckhamError(
      "conflict",
      path,
      "there is no winner to export: every candidate failed",
      "see the reasons in the report",
    );
  const members = membersOf(request);
  const prepared = prepare(dataOf(request), best.seed, request.split ?? {}, setting.data.labelNoise);
  const tunedRate = best.tuned?.find(({ id }) => id === "rate")?.options.peak as number | undefined;
  const methods = best.tuned?.filter(({ id }) => id !== "rate") ?? candidate.methods;
  const rate = tunedRate ?? (await usualRate(methods, setting, members));
  const plan = planOf(
    await trainingOf(candidate, methods, rate, best.epochs, setting, prepared, members),
    prepared.train,
  );
  const host = openHost({ device });
  try {
    const [trained] = await trainTrials(candidate, plan, [{ prepared, seed: best.seed }], host, { signal });
    if (hasFailed(trained))
      throw new OckhamError(
        "runtime",
        candidate.name,
        `training ${candidate.name} again failed: ${trained.error}`,
        "run the comparison again",
      );
    await writeWhole(path, exportModel(trained, prepared.preprocessing, { name: candidate.name }));
    return { path, candidate: candidate.name, seed: best.seed };
  } finally {
    await host.close();
  }
}

/** The trial with the best validation score; the first of equals. */
function bestOf(trials: readonly Trial[], setting: Comparison["setting"]): Trial | undefined {
  const scoreOf = ({ validation }: Trial) => decisiveScore(validation, setting);
  return trials.reduce<Trial | undefined>(
    (best, trial) => (best === undefined || scoreOf(trial) > scoreOf(best) ? trial : best),
    undefined,
  );
}

import { OckhamError } from "../error.ts";
import { mainInput } from "../kinds/index.ts";
import { type Plan, planOf } from "../training/index.ts";
import { dataOf } from "./begin.ts";
import type { Shelf } from "./candidates.ts";
import type { CompareOptions } from "./compare.ts";
import { type Prepared, prepare } from "./prepare.ts";
import type { Candidate, Setting } from "./results.ts";
import type { CompareRequest } from "./setting.ts";
import { trainingOf, usualRate } from "./trial.ts";
import type { Family } from "./tune.ts";

/** What tracing needs to know. */
export interface Tracing {
  readonly request: CompareRequest;
  readonly setting: Setting;
  readonly members: Shelf;
  readonly options: CompareOptions;
  readonly prepared: Map<number, Prepared>;
  readonly plans: Map<string, Plan>;
  /** How many seeds' data are kept at a time. */
  kept: number;
  /** Epochs by candidate, after the budget. */
  epochs: Readonly<Record<string, number>>;
}

export const interrupted = (folder: string) =>
  new OckhamError(
    "interrupted",
    folder,
    `stopped; what is done is kept in ${folder}`,
    "run the same command with --resume to go on",
  );

export function preparedFor(run: Tracing, seed: number): Prepared {
  const { request, setting, prepared } = run;
  const known =
    prepared.get(seed) ?? prepare(dataOf(request), seed, request.split ?? {}, setting.data.labelNoise);
  // the last ones used are kept: trials go seed by seed, and large data must not pile up
  prepared.delete(seed);
  prepared.set(seed, known);
  for (const old of prepared.keys()) if (prepared.size > run.kept) prepared.delete(old);
  return known;
}

/** The plan of a candidate trained in one way; one serves all seeds whose data have the same shape. */
export async function planFor(
  run: Tracing,
  candidate: Candidate,
  way: Pick<Family, "id" | "methods" | "hyperparameters">,
  prepared: Prepared,
): Promise<Plan> {
  const { setting, members, plans } = run;
  const epochs = run.epochs[candidate.name] ?? setting.epochs;
  const { size, vocabulary } = prepared.train;
  const sizes = [size, mainInput(prepared.train).shape.join(), vocabulary];
  const id = JSON.stringify([candidate.model, way.id, epochs, sizes]);
  const known = plans.get(id);
  if (known !== undefined) return known;
  const { methods, hyperparameters } = way;
  const rate = hyperparameters.rate ?? (await usualRate(methods, setting, members));
  const training = await trainingOf(candidate, methods, rate, epochs, setting, prepared, members);
  const plan = planOf({ ...training, hyperparameters }, prepared.train);
  plans.set(id, plan);
  return plan;
}

/** A candidate with its own options. */
export const asGiven = ({ methods }: Candidate): Pick<Family, "id" | "methods" | "hyperparameters"> => ({
  id: `given ${JSON.stringify(methods)}`,
  methods,
  hyperparameters: {},
});

/** The plan of every candidate with its own options, for the first seed. */
export async function plansOfAll(run: Tracing): Promise<{ candidate: Candidate; plan: Plan }[]> {
  const { setting } = run;
  const prepared = preparedFor(run, setting.seeds[0]);
  const result: { candidate: Candidate; plan: Plan }[] = [];
  for (const candidate of setting.candidates) {
    // lets Ctrl-C through between two plans
    await new Promise((resolve) => setImmediate(resolve));
    if (run.options.signal?.aborted) throw interrupted(run.options.out);
    result.push({ candidate, plan: await planFor(run, candidate, asGiven(candidate), prepared) });
  }
  return result;
}

import { OckhamError } from "../error.ts";
import type { Dataset, Protocol } from "../kinds/index.ts";
import type { Host } from "../runtime/index.ts";
import { learnerOf, rehearsalOf, type Way } from "../settings/common/learner.ts";
import type { Plan } from "../training/index.ts";
import type { Shelf } from "./candidates.ts";
import type { Run } from "./compare.ts";
import { known } from "./measure/scores.ts";
import { decisiveScore } from "./pairing.ts";
import type { Candidate, Chosen, Setting, Trial } from "./results.ts";
import { interrupted, preparedFor, type Tracing } from "./tracing.ts";
import { parametersOf, trainingOf, usualRate } from "./trial.ts";
import { triesFor } from "./tune.ts";

/** The protocol of a chosen setting. Throws `unknown-name`, and `conflict` for a member that is no setting. */
export async function protocolOf({ id, options }: Chosen, members: Shelf): Promise<Protocol> {
  const definition = await members.get(id);
  if (definition.kind !== "setting")
    throw new OckhamError(
      "conflict",
      id,
      `${id} is a ${definition.kind}, not a setting`,
      '"ockham methods --kind setting" lists the settings',
    );
  return definition(options as never) as Protocol;
}

/** How a candidate is trained in any stage, with methods and a factor on its usual rate of its own. */
async function wayOf(
  run: Tracing,
  candidate: Candidate,
  seed: number,
  methods: readonly Chosen[] = candidate.methods,
  factor = 1,
): Promise<Way> {
  const { setting, members, plans } = run;
  const prepared = preparedFor(run, seed);
  const rate = factor * (await usualRate(methods, setting, members));
  const trainingFrom = (shelf: Shelf) => (train: Dataset) =>
    trainingOf(candidate, methods, rate, setting.epochs, setting, { ...prepared, train }, shelf);
  return {
    id: JSON.stringify([candidate.model, methods, rate]),
    plans,
    training: trainingFrom(members),
    ...(setting.from === undefined ? {} : { random: trainingFrom(members.random) }),
  };
}

/** What is known of a candidate before anything is trained. */
export interface Rehearsed {
  readonly candidate: Candidate;
  /** Of its first stage, and the data of that. */
  readonly plan: Plan;
  readonly data: Dataset;
  /** Of all stages together. */
  readonly epochs: number;
}

/** Goes through the setting with every candidate on the first seed, without training: what is refused is refused here. */
export async function rehearse(run: Tracing, protocol: Protocol): Promise<Rehearsed[]> {
  const { setting, options } = run;
  const [seed] = setting.seeds;
  const result: Rehearsed[] = [];
  for (const candidate of setting.candidates) {
    if (options.signal?.aborted) throw interrupted(options.out);
    const learner = rehearsalOf(await wayOf(run, candidate, seed));
    await protocol.run(learner, preparedFor(run, seed), seed);
    const { plans, first, epochs } = learner.past;
    result.push({ candidate, plan: plans[0], data: first as Dataset, epochs });
  }
  return result;
}

/** One candidate through the setting on one seed; with the best of as many tries as everybody gets, where there are. */
export async function protocolTrial(
  run: Run,
  protocol: Protocol,
  candidate: Candidate,
  seed: number,
  host: Host,
): Promise<Trial> {
  const { setting, members } = run;
  if (setting.tune < 2)
    return oneTrial(run, protocol, candidate, await wayOf(run, candidate, seed), seed, host);
  let best: Trial | undefined;
  for (const { methods, rateFactor } of await triesFor(candidate, setting.tune, seed, members)) {
    const way = await wayOf(run, candidate, seed, methods, rateFactor);
    const trial = await oneTrial(run, protocol, candidate, way, seed, host);
    const peak = rateFactor * (await usualRate(methods, setting, members));
    const tuned = [...methods, { id: "rate", options: { peak } }];
    if (best === undefined || worth(trial, setting) > worth(best, setting)) best = { ...trial, tuned };
  }
  return best as Trial;
}

const worth = ({ status, validation }: Trial, setting: Setting): number =>
  status === "failed" ? Number.NEGATIVE_INFINITY : decisiveScore(validation, setting);

async function oneTrial(
  run: Run,
  protocol: Protocol,
  candidate: Candidate,
  way: Way,
  seed: number,
  host: Host,
): Promise<Trial> {
  const { options, epochs } = run;
  const learner = learnerOf(way, host, {
    seed,
    signal: options.signal,
    debug: options.debug,
    onEpoch: (epoch) => options.on?.epoch?.(candidate.name, seed, epoch, epochs[candidate.name]),
  });
  const blank: Trial = {
    candidate: candidate.name,
    seed,
    status: "done",
    validation: {},
    test: {},
    curve: [],
    robustness: [],
    spectra: [],
    gradientsPerStep: 0,
    steps: 0,
    epochs: epochs[candidate.name],
    parameters: 0,
    seconds: 0,
  };
  try {
    const { validation, test, grids } = await protocol.run(learner, preparedFor(run, seed), seed);
    const { history, plans, steps, seconds } = learner.past;
    return {
      ...blank,
      validation: known(validation),
      test: known(test),
      ...(grids === undefined ? {} : { grids }),
      curve: history,
      gradientsPerStep: plans[0].gradients,
      parameters: parametersOf(plans[0]),
      steps,
      seconds,
    };
  } catch (error) {
    if (!(error instanceof OckhamError && error.code === "diverged")) throw error;
    return { ...blank, status: "failed", error: error.message };
  }
}

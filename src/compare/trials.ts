import { rm } from "node:fs/promises";
import type { Host } from "../runtime/index.ts";
import { evenly, type Plan, runsAtOnce, runsInJob, type Trained } from "../training/index.ts";
import type { Run } from "./compare.ts";
import { decisiveScore } from "./pairing.ts";
import type { Prepared } from "./prepare.ts";
import { protocolTrial } from "./protocol.ts";
import type { Candidate, Chosen, Trial } from "./results.ts";
import { asGiven, interrupted, planFor, preparedFor } from "./tracing.ts";
import { hasFailed, measureTrial, type TrialRun, trainTrials, usualRate, validationScores } from "./trial.ts";
import { eachItsOwn, type Family, familiesOf, type Try, triesFor } from "./tune.ts";

/** Trials of one candidate that a worker does together. */
interface Job {
  readonly candidate: Candidate;
  readonly seeds: readonly number[];
}

/**
 * The jobs of a comparison, seed by seed. Which seeds are trained together follows from the setting alone: trials are
 * the same wherever a comparison was interrupted, and on however many workers it runs.
 */
async function jobsOf(run: Run): Promise<Job[]> {
  const { setting } = run;
  const { seeds, candidates, tune } = setting;
  if (run.protocol !== undefined)
    return seeds.flatMap((seed) => candidates.map((candidate) => ({ candidate, seeds: [seed] })));
  const first = preparedFor(run, seeds[0]);
  const jobs: Job[] = [];
  for (const candidate of candidates) {
    const plan = await planFor(run, candidate, asGiven(candidate), first);
    const atOnce = tune > 1 ? 1 : runsInJob(plan, first.train, seeds.length);
    jobs.push(...evenly(seeds, atOnce).map((group) => ({ candidate, seeds: group })));
  }
  run.kept = Math.max(run.kept, 2 * Math.max(...jobs.map((job) => job.seeds.length)));
  const place = ({ seeds: [seed] }: Job) => seeds.indexOf(seed);
  return jobs.sort((a, b) => place(a) - place(b));
}

/** Trains and measures every candidate on every seed that is not done yet. */
export async function trials(run: Run): Promise<void> {
  const { setting, store, pool, options } = run;
  const { on, signal } = options;
  const isDone = doneBefore(run);
  const total = setting.seeds.length * setting.candidates.length;
  on?.planned?.(total, store.trials.length);
  let failure: unknown;
  const stopped = () => failure !== undefined || signal?.aborted === true;
  const work = async (job: Job) => {
    if (stopped() || job.seeds.every((seed) => isDone(job.candidate, seed))) return;
    try {
      await pool.use(async (host) => {
        if (!stopped()) await doJob(run, job, isDone, host);
      });
    } catch (error) {
      failure ??= error;
    }
  };
  await Promise.all((await jobsOf(run)).map(work));
  if (signal?.aborted) throw interrupted(options.out);
  if (failure !== undefined) throw failure;
}

type IsDone = (candidate: Candidate, seed: number) => boolean;

function doneBefore({ store }: Run): IsDone {
  const done = new Set(store.trials.map(({ candidate, seed }) => `${candidate}\n${seed}`));
  return ({ name }, seed) => done.has(`${name}\n${seed}`);
}

/** Does the trials of a job that are not done yet. */
async function doJob(run: Run, { candidate, seeds }: Job, isDone: IsDone, host: Host): Promise<void> {
  const { setting, store, options, protocol } = run;
  const open = seeds.filter((seed) => !isDone(candidate, seed));
  for (const seed of open) options.on?.started?.(candidate.name, seed);
  const add = async (trial: Trial) => {
    await store.addTrial(trial);
    options.on?.finished?.(trial, store.trials.length, setting.seeds.length * setting.candidates.length);
  };
  if (protocol !== undefined)
    for (const seed of open) await add(await protocolTrial(run, protocol, candidate, seed, host));
  else if (setting.tune > 1) for (const seed of open) await add(await tunedTrial(run, candidate, seed, host));
  else
    for (const group of await groupsOf(run, candidate, seeds))
      if (group.runs.some(({ seed }) => open.includes(seed)))
        await trainSeeds(run, candidate, group, open, host, add);
}

/** Runs of one plan. */
interface Group {
  readonly plan: Plan;
  readonly runs: readonly TrialRun[];
}

/** The runs of some seeds; those whose splits differ in size have graphs of their own. */
async function groupsOf(run: Run, candidate: Candidate, seeds: readonly number[]): Promise<Group[]> {
  const groups = new Map<string, Group>();
  for (const seed of seeds) {
    const prepared = preparedFor(run, seed);
    const plan = await planFor(run, candidate, asGiven(candidate), prepared);
    const sizes = [prepared.train.size, prepared.validation.size].join();
    const runs = groups.get(sizes)?.runs ?? [];
    groups.set(sizes, {
      plan,
      runs: [...runs, { prepared, seed, onEpoch: tellingOf(run, candidate, seed) }],
    });
  }
  return [...groups.values()];
}

/** Trains all runs of a group, as they belong together, and measures those that are not done yet. */
async function trainSeeds(
  run: Run,
  candidate: Candidate,
  { plan, runs }: Group,
  open: readonly number[],
  host: Host,
  add: (trial: Trial) => Promise<void>,
): Promise<void> {
  const { signal, debug } = run.options;
  const checkpoint = run.store.checkpointOf(candidate.name, runs[0].seed);
  const results = await trainTrials(candidate, plan, runs, host, { signal, debug, checkpoint });
  for (const [i, { prepared, seed }] of runs.entries())
    if (open.includes(seed)) await add(await measured(run, candidate, results[i], prepared, seed, host));
  await rm(checkpoint, { force: true });
}

const tellingOf =
  ({ options }: Run, candidate: Candidate, seed: number): TrialRun["onEpoch"] =>
  (epoch, of) =>
    options.on?.epoch?.(candidate.name, seed, epoch, of);

/** What measuring gives, with the costs that were measured once for the candidate. */
async function measured(
  { times, request }: Run,
  candidate: Candidate,
  result: Trained | Trial,
  prepared: Prepared,
  seed: number,
  host: Host,
): Promise<Trial> {
  if (hasFailed(result)) return result;
  const trial = await measureTrial(candidate, result, prepared, seed, host, request.study);
  const { bytes, latency } = times.find((time) => time.candidate === candidate.name) ?? {};
  if (bytes === undefined || latency === undefined) return trial;
  return { ...trial, test: { ...trial.test, bytes, latency } };
}

/** The trial of a seed with the best of as many tries as everybody gets. */
async function tunedTrial(run: Run, candidate: Candidate, seed: number, host: Host): Promise<Trial> {
  const { setting, members } = run;
  const prepared = preparedFor(run, seed);
  const usual = await usualRate(candidate.methods, setting, members);
  const tries = await triesFor(candidate, setting.tune, seed, members);
  let best: Tried | undefined;
  for (const { family, plan } of await plannedFamilies(run, candidate, tries, usual, prepared))
    for await (const tried of trainFamily(run, candidate, family, plan, prepared, seed, host)) {
      const better = best === undefined || tried.score > best.score;
      // of equals the first of all tries
      const equal = tried.score === best?.score && tries.indexOf(tried.tried) < tries.indexOf(best.tried);
      if (better || equal) best = tried;
    }
  const { result, tried } = best as Tried;
  const rate: Chosen = { id: "rate", options: { peak: usual * tried.rateFactor } };
  const trial = await measured(run, candidate, result, prepared, seed, host);
  return { ...trial, tuned: [...tried.methods, rate] };
}

interface Tried {
  readonly tried: Try;
  readonly result: Trained | Trial;
  /** On validation data; minus infinity where training failed. */
  readonly score: number;
}

/** The tries in families; a method that makes plain numbers of its options, and so loses symbols, is given numbers. */
async function plannedFamilies(
  run: Run,
  candidate: Candidate,
  tries: readonly Try[],
  usual: number,
  prepared: Prepared,
): Promise<{ readonly family: Family; readonly plan: Plan }[]> {
  const planned = async (families: readonly Family[]) => {
    const result: { readonly family: Family; readonly plan: Plan }[] = [];
    for (const family of families)
      result.push({ family, plan: await planFor(run, candidate, family, prepared) });
    return result;
  };
  const symbolic = await planned(await familiesOf(tries, usual, run.members));
  return symbolic.every(({ plan }) => readsAll(plan)) ? symbolic : planned(eachItsOwn(tries, usual));
}

/** Whether all hyperparameters of a plan make a difference to training. */
const readsAll = ({ hyperparameters, traced, initial }: Plan): boolean =>
  Object.keys(hyperparameters).every(
    (path) => path in traced.inputs || initial.inputs.some(({ name }) => name === path),
  );

/** The tries of a family, trained side by side where that is faster. */
async function* trainFamily(
  run: Run,
  candidate: Candidate,
  family: Family,
  plan: Plan,
  prepared: Prepared,
  seed: number,
  host: Host,
): AsyncGenerator<Tried> {
  const { setting, options } = run;
  for (const group of evenly(family.tries, runsAtOnce(plan, family.tries.length))) {
    const runs = group.map(({ hyperparameters }): TrialRun => {
      return { prepared, seed, hyperparameters, onEpoch: tellingOf(run, candidate, seed) };
    });
    const { signal, debug } = options;
    const results = await trainTrials(candidate, plan, runs, host, { signal, debug });
    for (const [i, result] of results.entries()) {
      const score = hasFailed(result)
        ? Number.NEGATIVE_INFINITY
        : decisiveScore(await validationScores(result, prepared, host), setting);
      yield { tried: group[i].tried, result, score };
    }
  }
}

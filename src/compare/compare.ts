import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { OckhamError } from "../error.ts";
import type { Estimator } from "../kinds/index.ts";
import { registry } from "../registry.ts";
import { type Device, openHost, openPool, type Pool } from "../runtime/index.ts";
import { type Epoch, type Plan, planOf, type Trained } from "../training/index.ts";
import { type Shelf, shelf } from "./candidates.ts";
import { metricsFor } from "./catalogue.ts";
import { decisiveScore } from "./pairing.ts";
import { type Prepared, prepare } from "./prepare.ts";
import { referenceName, referenceTrial } from "./references.ts";
import type { Candidate, Chosen, Comparison, Setting, StepTime, Trial } from "./results.ts";
import { type CompareRequest, environmentOf, settingOf } from "./setting.ts";
import { openStore, type Store } from "./store.ts";
import { summarize } from "./summary.ts";
import { timeSteps } from "./timing.ts";
import { hasFailed, measureTrial, trainingOf, trainTrial, validationScores } from "./trial.ts";
import { triesFor } from "./tune.ts";

export type Phase = "preparing" | "timing" | "training" | "references" | "summary";

/** What a comparison tells while it runs. */
export interface Listener {
  phase?(phase: Phase, detail?: string): void;
  /** Trials in all, and those already done when resuming. */
  planned?(total: number, done: number): void;
  started?(candidate: string, seed: number): void;
  epoch?(candidate: string, seed: number, epoch: Epoch, of: number): void;
  finished?(trial: Trial, done: number, total: number): void;
}

export interface CompareOptions {
  /** Folder for results. */
  readonly out: string;
  readonly resume?: boolean;
  /** Trials at a time; the machine's cores unless told. */
  readonly workers?: number;
  /** What trains; the processor unless told. */
  readonly device?: Device;
  readonly signal?: AbortSignal;
  readonly debug?: boolean;
  readonly on?: Listener;
}

/** What tracing needs to know. */
interface Tracing {
  readonly request: CompareRequest;
  readonly setting: Setting;
  readonly members: Shelf;
  readonly options: CompareOptions;
  readonly prepared: Map<number, Prepared>;
  readonly plans: Map<string, Plan>;
  /** Epochs by candidate, after the budget. */
  epochs: Readonly<Record<string, number>>;
}

/** Everything the phases of one comparison share. */
interface Run extends Tracing {
  readonly store: Store;
  readonly pool: Pool;
  times: readonly StepTime[];
}

const interrupted = (folder: string) =>
  new OckhamError(
    "interrupted",
    folder,
    `stopped; what is done is kept in ${folder}`,
    "run the same command with --resume to go on",
  );

/**
 * Trains every candidate on every seed and compares them; see `Comparison` for what comes back. Finished trials
 * are kept in the folder as they come in. Throws what the data, the methods and the folder object to, and
 * `interrupted` when the signal fires.
 */
export async function compare(request: CompareRequest, options: CompareOptions): Promise<Comparison> {
  const { on = {}, signal, device = "cpu" } = options;
  const begun = performance.now();
  on.phase?.("preparing");
  const members = shelf(request.own, request.models);
  const setting = await settingOf(request, members);
  if (device !== "cpu") await checkDevice(device);
  const workers = Math.max(1, options.workers ?? availableParallelism());
  // the first seed is prepared and traced before anything is written, so that refusals leave nothing behind
  const firstSeed = prepare(request.data, setting.seeds[0], request.split ?? {}, setting.data.labelNoise);
  const tracing: Tracing = {
    request,
    setting,
    members,
    options,
    prepared: new Map([[setting.seeds[0], firstSeed]]),
    plans: new Map(),
    epochs: {},
  };
  await plansOfAll(tracing);
  const store = await openStore(options.out, setting, options.resume ?? false);
  const pool = openPool(workers, { device });
  const stop = () => void pool.close();
  signal?.addEventListener("abort", stop);
  const run: Run = { ...tracing, store, pool, times: [] };
  try {
    on.phase?.("timing");
    run.times = await store.remember("times", () => timing(run));
    run.epochs = epochsFor(setting, await gradientsOf(run), run.times, firstSeed);
    on.phase?.("training");
    await trials(run);
    on.phase?.("references");
    await references(run);
    on.phase?.("summary");
    await rm(join(options.out, "checkpoints"), { recursive: true, force: true });
    return conclude(run, workers, (performance.now() - begun) / 1000);
  } catch (error) {
    if (signal?.aborted) throw interrupted(options.out);
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
    await pool.close();
  }
}

/** Throws `runtime`, with what it needs, where the device cannot be used. */
async function checkDevice(device: Device): Promise<void> {
  const host = openHost({ device });
  try {
    await host.ready();
  } finally {
    await host.close();
  }
}

function preparedFor(run: Tracing, seed: number): Prepared {
  const { request, setting, prepared } = run;
  const known =
    prepared.get(seed) ?? prepare(request.data, seed, request.split ?? {}, setting.data.labelNoise);
  // the last ones used are kept: trials go seed by seed, and large data must not pile up
  prepared.delete(seed);
  prepared.set(seed, known);
  for (const old of prepared.keys()) if (prepared.size > preparedSeeds) prepared.delete(old);
  return known;
}

const preparedSeeds = 3;

/** The plan of a candidate; one serves all seeds whose data have the same shape. */
async function planFor(
  run: Tracing,
  candidate: Candidate,
  methods: readonly Chosen[],
  rateFactor: number,
  prepared: Prepared,
): Promise<Plan> {
  const { setting, members, plans } = run;
  const epochs = run.epochs[candidate.name] ?? setting.epochs;
  const sizes = [prepared.train.size, prepared.train.inputs.x.shape.join()];
  const id = JSON.stringify([candidate.model, methods, rateFactor, epochs, sizes]);
  const known = plans.get(id);
  if (known !== undefined) return known;
  const plan = planOf(
    await trainingOf(candidate, methods, rateFactor, epochs, setting, prepared, members),
    prepared.train,
  );
  plans.set(id, plan);
  return plan;
}

async function plansOfAll(run: Tracing): Promise<{ candidate: Candidate; plan: Plan }[]> {
  const { setting } = run;
  const prepared = preparedFor(run, setting.seeds[0]);
  const result: { candidate: Candidate; plan: Plan }[] = [];
  for (const candidate of setting.candidates) {
    // lets Ctrl-C through between two plans
    await new Promise((resolve) => setImmediate(resolve));
    if (run.options.signal?.aborted) throw interrupted(run.options.out);
    result.push({ candidate, plan: await planFor(run, candidate, candidate.methods, 1, prepared) });
  }
  return result;
}

async function timing(run: Run): Promise<StepTime[]> {
  const plans = await plansOfAll(run);
  const prepared = preparedFor(run, run.setting.seeds[0]);
  const { on } = run.options;
  return run.pool.use((host) =>
    timeSteps(host, plans, prepared, (done, of) => on?.phase?.("timing", `${done}/${of}`)),
  );
}

async function gradientsOf(run: Tracing): Promise<Record<string, number>> {
  return Object.fromEntries(
    (await plansOfAll(run)).map(({ candidate, plan }) => [candidate.name, plan.gradients]),
  );
}

/** Epochs that each candidate gets: the same for all, or what the budget of gradients or seconds buys. */
function epochsFor(
  { budget, epochs, candidates, batchSize }: Setting,
  gradients: Readonly<Record<string, number>>,
  times: readonly StepTime[],
  prepared: Prepared,
): Record<string, number> {
  const steps = Math.max(1, Math.floor(prepared.train.size / Math.min(batchSize, prepared.train.size)));
  const affordable = (name: string): number => {
    if (budget.kind === "epochs") return epochs;
    if (budget.kind === "gradients") return budget.value / (steps * gradients[name]);
    const time = times.find(({ candidate }) => candidate === name) as StepTime;
    return (1000 * budget.value) / (steps * time.milliseconds);
  };
  return Object.fromEntries(candidates.map(({ name }) => [name, Math.max(1, Math.floor(affordable(name)))]));
}

async function trials(run: Run): Promise<void> {
  const { setting, store, pool, options } = run;
  const { on, signal } = options;
  const done = new Set(store.trials.map(({ candidate, seed }) => `${candidate}\n${seed}`));
  const jobs = setting.seeds
    .flatMap((seed) => setting.candidates.map((candidate) => ({ seed, candidate })))
    .filter(({ seed, candidate }) => !done.has(`${candidate.name}\n${seed}`));
  const total = setting.seeds.length * setting.candidates.length;
  on?.planned?.(total, total - jobs.length);
  let failure: unknown;
  const work = async ({ seed, candidate }: (typeof jobs)[number]) => {
    if (failure !== undefined || signal?.aborted) return;
    try {
      await pool.use(async (host) => {
        if (failure !== undefined || signal?.aborted) return;
        on?.started?.(candidate.name, seed);
        const checkpoint = store.checkpointOf(candidate.name, seed);
        const trial = await bestTrial(run, candidate, seed, host, checkpoint);
        await store.addTrial(trial);
        await rm(checkpoint, { force: true });
        on?.finished?.(trial, store.trials.length, total);
      });
    } catch (error) {
      failure ??= error;
    }
  };
  await Promise.all(jobs.map(work));
  if (signal?.aborted) throw interrupted(options.out);
  if (failure !== undefined) throw failure;
}

type Host = Parameters<Parameters<Pool["use"]>[0]>[0];

/** The trial of one candidate and seed: with its own options, or with the best of as many tries as everybody gets. */
async function bestTrial(
  run: Run,
  candidate: Candidate,
  seed: number,
  host: Host,
  checkpoint: string,
): Promise<Trial> {
  const { setting, members, options } = run;
  const prepared = preparedFor(run, seed);
  const tuned = setting.tune > 1;
  const tries = tuned
    ? await triesFor(candidate, setting.tune, seed, members)
    : [{ methods: candidate.methods, rateFactor: 1 }];
  let best:
    | { readonly result: Trained | Trial; readonly tuned: readonly Chosen[]; readonly score: number }
    | undefined;
  for (const { methods, rateFactor } of tries) {
    const plan = await planFor(run, candidate, methods, rateFactor, prepared);
    const result = await trainTrial(candidate, plan, prepared, seed, host, {
      signal: options.signal,
      debug: options.debug,
      onEpoch: (epoch, of) => options.on?.epoch?.(candidate.name, seed, epoch, of),
      ...(tuned ? {} : { checkpoint }),
    });
    const score =
      tuned && !hasFailed(result)
        ? decisiveScore(await validationScores(result, prepared, host), setting)
        : Number.NEGATIVE_INFINITY;
    const rate: Chosen = { id: "rate", options: { peak: plan.recipe.rate as number } };
    if (best === undefined || score > best.score) best = { result, tuned: [...methods, rate], score };
  }
  const { result, tuned: chosen } = best as NonNullable<typeof best>;
  const trial = hasFailed(result) ? result : await measureTrial(candidate, result, prepared, seed, host);
  const cost = run.times.find((time) => time.candidate === candidate.name);
  const { bytes, latency } = cost ?? {};
  const test =
    hasFailed(result) || bytes === undefined || latency === undefined
      ? trial.test
      : { ...trial.test, bytes, latency };
  return { ...trial, test, ...(tuned ? { tuned: chosen } : {}) };
}

/** Estimators that need no network, on the same splits. */
async function references(run: Run): Promise<void> {
  const { setting, store, pool, options } = run;
  const done = new Set(store.references.map(({ candidate, seed }) => `${candidate}\n${seed}`));
  const fitting: string[] = [];
  for (const entry of registry.filter(({ kind }) => kind === "estimator"))
    if (((await entry.load())() as Estimator).tasks.includes(setting.data.task)) fitting.push(entry.id);
  const jobs = setting.seeds.flatMap((seed) => fitting.map((id) => ({ seed, id })));
  // one thread for each worker of the pool, which has nothing else to do by now
  const next = jobs.values();
  const work = async () => {
    for (const { seed, id } of next) {
      const prepared = preparedFor(run, seed);
      const name = referenceName(id, prepared.train);
      if (done.has(`${name}\n${seed}`)) continue;
      if (options.signal?.aborted) throw interrupted(options.out);
      options.on?.phase?.("references", `${name}, seed ${seed}`);
      await store.addReference(await referenceTrial({ id, name, prepared, seed }, options.signal));
    }
  };
  await Promise.all(Array.from({ length: pool.size }, work));
}

/** In the order of the setting, whatever order the trials ended in. */
function ordered(trials: readonly Trial[], setting: Setting): Trial[] {
  const place = new Map(setting.candidates.map(({ name }, i) => [name, i]));
  const order = (trial: Trial) =>
    (place.get(trial.candidate) ?? 0) * setting.seeds.length + setting.seeds.indexOf(trial.seed);
  return [...trials].sort((a, b) => order(a) - order(b));
}

function conclude(run: Run, workers: number, seconds: number): Comparison {
  const { setting, store, times, options } = run;
  const metrics = metricsFor(setting.data.task);
  const trials = ordered(store.trials, setting);
  const references = [...store.references].sort(
    (a, b) => a.candidate.localeCompare(b.candidate, "en") || a.seed - b.seed,
  );
  return {
    setting,
    environment: environmentOf(workers, new Date(), options.device),
    metrics,
    trials,
    references,
    times,
    outcome: summarize(setting, metrics, trials, references, times),
    seconds,
    finished: true,
  };
}

import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Estimator, Protocol } from "../kinds/index.ts";
import { registry } from "../registry.ts";
import { type Device, openHost, openPool, type Pool } from "../runtime/index.ts";
import type { Epoch } from "../training/index.ts";
import { dataOf, membersOf } from "./begin.ts";
import { metricsOf } from "./catalogue.ts";
import { type Prepared, prepare } from "./prepare.ts";
import { protocolOf, type Rehearsed, rehearse } from "./protocol.ts";
import { referenceName, referenceTrial } from "./references.ts";
import type { Comparison, Setting, StepTime, Trial } from "./results.ts";
import { type CompareRequest, environmentOf, settingOf } from "./setting.ts";
import { openStore, type Store } from "./store.ts";
import { withRelativeCorruption } from "./study/relative.ts";
import { summarize } from "./summary.ts";
import { timeSteps } from "./timing.ts";
import { interrupted, plansOfAll, preparedFor, type Tracing } from "./tracing.ts";
import { trials } from "./trials.ts";

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

/** Everything the phases of one comparison share. */
export interface Run extends Tracing {
  readonly store: Store;
  readonly pool: Pool;
  readonly protocol?: Protocol;
  times: readonly StepTime[];
}

/**
 * Trains every candidate on every seed and compares them; see `Comparison` for what comes back. Finished trials
 * are kept in the folder as they come in. Throws what the data, the methods and the folder object to, and
 * `interrupted` when the signal fires.
 */
export async function compare(request: CompareRequest, options: CompareOptions): Promise<Comparison> {
  const { on = {}, signal, device = "cpu" } = options;
  const begun = performance.now();
  on.phase?.("preparing");
  const members = membersOf(request);
  const setting = await settingOf(request, members);
  if (device !== "cpu") await checkDevice(device);
  const workers = Math.max(1, options.workers ?? availableParallelism());
  // the first seed is prepared and traced before anything is written, so that refusals leave nothing behind
  const firstSeed = prepare(dataOf(request), setting.seeds[0], request.split ?? {}, setting.data.labelNoise);
  const tracing: Tracing = {
    request,
    setting,
    members,
    options,
    prepared: new Map([[setting.seeds[0], firstSeed]]),
    plans: new Map(),
    kept: 3,
    epochs: {},
  };
  const protocol = setting.protocol && (await protocolOf(setting.protocol, members));
  const rehearsed = protocol && (await rehearse(tracing, protocol));
  if (rehearsed === undefined) await plansOfAll(tracing);
  const store = await openStore(options.out, setting, options.resume ?? false);
  const pool = openPool(workers, { device });
  const stop = () => void pool.close();
  signal?.addEventListener("abort", stop);
  const run: Run = { ...tracing, store, pool, protocol, times: [] };
  try {
    on.phase?.("timing");
    run.times = await store.remember("times", () => timing(run, rehearsed));
    run.epochs =
      rehearsed === undefined
        ? epochsFor(setting, await gradientsOf(run), run.times, firstSeed)
        : Object.fromEntries(rehearsed.map(({ candidate, epochs }) => [candidate.name, epochs]));
    on.phase?.("training");
    await trials(run);
    if (protocol === undefined) {
      on.phase?.("references");
      await references(run);
    }
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

/** Of a step on the training data, or on those of a setting's first stage. */
async function timing(run: Run, rehearsed: readonly Rehearsed[] | undefined): Promise<StepTime[]> {
  const plans = rehearsed ?? (await plansOfAll(run));
  const prepared =
    rehearsed === undefined
      ? preparedFor(run, run.setting.seeds[0])
      : { train: rehearsed[0].data, preprocessing: undefined };
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

/** Estimators that need no network, on the same splits. */
async function references(run: Run): Promise<void> {
  const { setting, store, pool, options } = run;
  // they take no part in what a study measures
  if (setting.study !== undefined) return;
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
  const metrics = metricsOf(setting);
  const done = ordered(store.trials, setting);
  const trials = setting.study === undefined ? done : withRelativeCorruption(done, setting);
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

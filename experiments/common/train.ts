import { availableParallelism } from "node:os";
import { OckhamError } from "../../src/error.ts";
import type {
  ExperimentTools,
  Loss,
  Model,
  Optimizer,
  Report,
  Scale,
  Schedule,
} from "../../src/kinds/index.ts";
import { crossEntropy } from "../../src/parts/losses/crossEntropy.ts";
import { squaredError } from "../../src/parts/losses/squaredError.ts";
import { cosine } from "../../src/parts/schedules/cosine.ts";
import { type Host, openInline, openPool } from "../../src/runtime/index.ts";
import {
  evenly,
  type Named,
  type Plan,
  planOf,
  runsInJob,
  type Trained,
  trainTogether,
} from "../../src/training/index.ts";
import type { Parts, PartsOf } from "./data.ts";

export type ModelOf = (shape: readonly number[], outputs: number) => Model;

/** What a study fixes for all arms and a variant may have otherwise. */
export interface Settings {
  readonly model: ModelOf;
  readonly optimizer: Optimizer;
  /** Peak learning rate. */
  readonly rate: number;
  /** Half a cosine unless told. */
  readonly schedule?: Schedule;
  readonly batchSize: number;
  readonly epochs: number;
  /** Cross entropy for classes, squared error for values, unless told. */
  readonly loss?: Loss;
}

/** One way of training an arm. */
export interface Variant extends Partial<Settings> {
  readonly name: string;
  readonly methods?: readonly Named[];
  /** Further methods, which differ from seed to seed. */
  methodsOf?(seed: number): readonly Named[];
}

/** What is compared. Where an arm has several variants, one is chosen on validation data (`chosen`); all arms get as many. */
export interface Arm {
  readonly name: string;
  readonly variants: readonly Variant[];
}

/** A trained model with all that measuring needs. */
export interface Finished {
  readonly plan: Plan;
  readonly values: Trained["values"];
  readonly trained: Trained;
  readonly parts: Parts;
  readonly seed: number;
  readonly host: Host;
}

export type Numbers = Readonly<Record<string, number | readonly number[]>>;

export interface Study extends Settings {
  readonly arms: readonly Arm[];
  /** Seeds 0 to seeds - 1, the same for every arm: data, initial weights and order of batches are paired. */
  readonly seeds: number;
  readonly data: PartsOf;
  /** Put into every report. */
  readonly tags?: Readonly<Record<string, string | number>>;
  measure(finished: Finished): Promise<Numbers>;
}

/** Seeds of a variant that are trained together. */
interface Job {
  readonly arm: string;
  readonly variant: Variant;
  readonly seeds: readonly number[];
}

/**
 * Trains every variant of every arm on every seed, side by side where that is faster, and measures: one report each,
 * with `arm`, `variant`, `seed` and `diverged`. A diverged run counts as accuracy 0 and is never chosen. At smoke scale
 * the first variant of each arm only. Throws `interrupted` when the signal fires.
 */
export async function trainArms(study: Study, scale: Scale, tools: ExperimentTools): Promise<Report[]> {
  const { journal } = tools;
  const kept = scale === "smoke" ? 1 : Number.POSITIVE_INFINITY;
  const variants = study.arms.flatMap(({ name, variants }) =>
    variants.slice(0, kept).map((variant) => ({ arm: name, variant })),
  );
  const plans = new Map<string, Plan>();
  const jobs = variants.flatMap(({ arm, variant }) =>
    seedGroups(study, arm, variant, plans).map((seeds): Job => ({ arm, variant, seeds })),
  );
  const total = variants.length * study.seeds;
  const number = journal?.study();
  let done = 0;
  const reports = await onHosts(jobs, scale, tools, async (job, host) => {
    const keys = job.seeds.map((seed) =>
      JSON.stringify([number, study.tags, job.arm, job.variant.name, seed]),
    );
    const known = keys.map((key) => journal?.get(key));
    const found = known.every((report) => report !== undefined)
      ? (known as Report[])
      : await runJob(study, job, plans, host, tools.signal);
    for (const [i, report] of found.entries())
      if (known[i] === undefined) await journal?.add(keys[i], report);
    done += job.seeds.length;
    tools.progress(done, total, `${job.arm}, ${job.variant.name}, seed ${job.seeds.join(", ")}`);
    return found;
  });
  return reports.flat();
}

/** The seeds in groups that are best trained in one graph. Seeds whose data differ in size have graphs of their own. */
function seedGroups(study: Study, arm: string, variant: Variant, plans: Map<string, Plan>): number[][] {
  const seeds = Array.from({ length: study.seeds }, (_, seed) => seed);
  if (variant.methodsOf !== undefined || study.seeds === 1) return seeds.map((seed) => [seed]);
  const bySize = new Map<string, number[]>();
  for (const seed of seeds) {
    const { train, validation } = study.data(seed);
    const sizes = [train.size, validation.size].join();
    bySize.set(sizes, [...(bySize.get(sizes) ?? []), seed]);
  }
  return [...bySize.values()].flatMap((group) => {
    const plan = planAt(study, { arm, variant }, group[0], plans);
    return evenly(group, runsInJob(plan, study.data(group[0]).train, group.length));
  });
}

/** Does all jobs, several at once where there are cores; results in the order of the jobs. */
export async function onHosts<J, R>(
  jobs: readonly J[],
  scale: Scale,
  { signal, device = "cpu" }: ExperimentTools,
  work: (job: J, host: Host) => Promise<R>,
): Promise<R[]> {
  if (scale === "smoke" && device === "cpu") return oneByOne(jobs, signal, work);
  const size = device === "cpu" ? Math.min(availableParallelism(), jobs.length) : 1;
  const pool = openPool(size, { device });
  const stop = () => void pool.close();
  signal.addEventListener("abort", stop);
  let failed = false;
  const one = (job: J) =>
    pool.use(async (host) => {
      if (failed || signal.aborted) throw interrupted();
      try {
        return await work(job, host);
      } catch (error) {
        failed = true;
        throw error;
      }
    });
  try {
    return await Promise.all(jobs.map(one));
  } catch (error) {
    if (signal.aborted) throw interrupted();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
    await pool.close();
  }
}

/** For runs too short to be worth a process. */
async function oneByOne<J, R>(
  jobs: readonly J[],
  signal: AbortSignal,
  work: (job: J, host: Host) => Promise<R>,
): Promise<R[]> {
  const host = openInline();
  try {
    const results: R[] = [];
    for (const job of jobs) {
      if (signal.aborted) throw interrupted();
      results.push(await work(job, host));
    }
    return results;
  } finally {
    await host.close();
  }
}

const interrupted = () =>
  new OckhamError("interrupted", "experiment", "the experiment was stopped", "run it again");

/** The plan of a variant, made once for all seeds whose data are of one size, unless they have methods of their own. */
function planAt(
  study: Study,
  { arm, variant }: Pick<Job, "arm" | "variant">,
  seed: number,
  plans: Map<string, Plan>,
): Plan {
  const parts = study.data(seed);
  const own = variant.methodsOf?.(seed) ?? [];
  const id = `${arm}/${variant.name}/${parts.train.size}${own.length > 0 ? `/${seed}` : ""}`;
  const plan = plans.get(id) ?? planFor(study, variant, own, parts);
  plans.set(id, plan);
  return plan;
}

async function runJob(
  study: Study,
  job: Job,
  plans: Map<string, Plan>,
  host: Host,
  signal: AbortSignal,
): Promise<Report[]> {
  const { arm, variant, seeds } = job;
  const plan = planAt(study, job, seeds[0], plans);
  // validation while training is for those who act on it
  const watching = plan.recipe.methods.some(({ method }) => method.between !== undefined);
  const runs = seeds.map((seed) => {
    const { train: data, validation } = study.data(seed);
    return { data, seed, ...(watching ? { validation } : {}) };
  });
  const outcomes = await trainTogether(plan, runs, host, { signal, atOnce: runs.length });
  const reports: Report[] = [];
  for (const [i, trained] of outcomes.entries()) {
    const seed = seeds[i];
    const parts = study.data(seed);
    const head = { ...study.tags, arm, variant: variant.name, seed };
    if (trained instanceof OckhamError)
      reports.push({
        ...head,
        diverged: 1,
        ...(parts.train.task === "classification" ? { accuracy: 0 } : {}),
      });
    else {
      const finished = { plan, values: trained.values, trained, parts, seed, host };
      reports.push({ ...head, diverged: 0, ...(await study.measure(finished)) });
    }
  }
  return reports;
}

function planFor(study: Study, variant: Variant, own: readonly Named[], { train: data }: Parts): Plan {
  const settings: Settings = { ...study, ...variant };
  const classes = data.task === "classification";
  const outputs = classes ? data.classes.length : data.target.shape[1];
  return planOf(
    {
      model: settings.model(data.inputs.x.shape.slice(1), outputs),
      methods: [...(variant.methods ?? []), ...own],
      optimizer: settings.optimizer,
      schedule: settings.schedule ?? cosine(),
      loss: settings.loss ?? (classes ? crossEntropy() : squaredError()),
      rate: settings.rate,
      batchSize: settings.batchSize,
      epochs: settings.epochs,
    },
    data,
  );
}

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
import { type Named, type Plan, planOf, type Trained, train } from "../../src/training/index.ts";
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

interface Job {
  readonly arm: string;
  readonly variant: Variant;
  readonly seed: number;
}

/**
 * Trains every variant of every arm on every seed, and measures: one report each, with `arm`, `variant`, `seed`
 * and `diverged`. A diverged run counts as accuracy 0 and is never chosen. At smoke scale the first variant of
 * each arm only. Throws `interrupted` when the signal fires.
 */
export async function trainArms(study: Study, scale: Scale, tools: ExperimentTools): Promise<Report[]> {
  const kept = scale === "smoke" ? 1 : Number.POSITIVE_INFINITY;
  const jobs = study.arms.flatMap(({ name, variants }) =>
    variants
      .slice(0, kept)
      .flatMap((variant) =>
        Array.from({ length: study.seeds }, (_, seed): Job => ({ arm: name, variant, seed })),
      ),
  );
  const plans = new Map<string, Plan>();
  let done = 0;
  return onHosts(jobs, scale, tools, async (job, host) => {
    const report = await runJob(study, job, plans, host, tools.signal);
    tools.progress(++done, jobs.length, `${job.arm}, ${job.variant.name}, seed ${job.seed}`);
    return report;
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

async function runJob(
  study: Study,
  { arm, variant, seed }: Job,
  plans: Map<string, Plan>,
  host: Host,
  signal: AbortSignal,
): Promise<Report> {
  const parts = study.data(seed);
  const own = variant.methodsOf?.(seed) ?? [];
  const id = `${arm}/${variant.name}/${parts.train.size}${own.length > 0 ? `/${seed}` : ""}`;
  const plan = plans.get(id) ?? planFor(study, variant, own, parts);
  plans.set(id, plan);
  const head = { ...study.tags, arm, variant: variant.name, seed };
  // validation while training is for those who act on it
  const watching = plan.recipe.methods.some(({ method }) => method.between !== undefined);
  try {
    const trained = await train(plan, parts.train, seed, host, {
      signal,
      ...(watching ? { validation: parts.validation } : {}),
    });
    const finished = { plan, values: trained.values, trained, parts, seed, host };
    return { ...head, diverged: 0, ...(await study.measure(finished)) };
  } catch (error) {
    if (!(error instanceof OckhamError && error.code === "diverged")) throw error;
    return { ...head, diverged: 1, ...(parts.train.task === "classification" ? { accuracy: 0 } : {}) };
  }
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

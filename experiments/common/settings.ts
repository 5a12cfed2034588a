import { OckhamError } from "../../src/error.ts";
import type { ExperimentTools, Findings, Learner, Report, Scale } from "../../src/kinds/index.ts";
import { crossEntropy } from "../../src/parts/losses/crossEntropy.ts";
import { cosine } from "../../src/parts/schedules/cosine.ts";
import type { Host } from "../../src/runtime/index.ts";
import { learnerOf, type Way } from "../../src/settings/common/learner.ts";
import type { Plan } from "../../src/training/index.ts";
import type { Parts, PartsOf } from "./data.ts";
import { type Arm, onHosts, type Settings, type Variant } from "./train.ts";

/** What a setting asks of a learner: a `Protocol`'s `run`, or an experiment's own. */
export type RunSetting = (learner: Learner, parts: Parts, seed: number) => Promise<Findings>;

export interface SettingStudy extends Settings {
  readonly arms: readonly Arm[];
  readonly seeds: number;
  readonly data: PartsOf;
  readonly run: RunSetting;
  /** The measure that variants are chosen by, on validation data. */
  readonly score: string;
  readonly tags?: Readonly<Record<string, string | number>>;
}

/**
 * Puts every variant of every arm through a setting on every seed: one report each, with `arm`, `variant`, `seed`,
 * `diverged`, the `validation` score and all test scores. At smoke scale the first variant of each arm only.
 */
export async function settingArms(
  study: SettingStudy,
  scale: Scale,
  tools: ExperimentTools,
): Promise<Report[]> {
  const kept = scale === "smoke" ? 1 : Number.POSITIVE_INFINITY;
  const jobs = study.arms.flatMap(({ name, variants }) =>
    variants
      .slice(0, kept)
      .flatMap((variant) => Array.from({ length: study.seeds }, (_, seed) => ({ arm: name, variant, seed }))),
  );
  const plans = new Map<string, Plan>();
  let done = 0;
  return onHosts(jobs, scale, tools, async ({ arm, variant, seed }, host) => {
    const head = { ...study.tags, arm, variant: variant.name, seed };
    const way = wayOf(study, `${arm}/${variant.name}`, variant, plans);
    const report = { ...head, ...(await numbersOf(study, way, seed, host, tools.signal)) };
    tools.progress(++done, jobs.length, `${arm}, ${variant.name}, seed ${seed}`);
    return report;
  });
}

async function numbersOf(
  { run, data, score }: SettingStudy,
  way: Way,
  seed: number,
  host: Host,
  signal: AbortSignal,
): Promise<Report> {
  try {
    const { validation, test } = await run(learnerOf(way, host, { seed, signal }), data(seed), seed);
    return { diverged: 0, ...test, validation: validation[score] };
  } catch (error) {
    if (!(error instanceof OckhamError && error.code === "diverged")) throw error;
    return { diverged: 1 };
  }
}

/** How a variant is trained in any stage. */
function wayOf(study: SettingStudy, id: string, variant: Variant, plans: Map<string, Plan>): Way {
  const settings: Settings = { ...study, ...variant };
  return {
    id,
    plans,
    training: async ({ inputs, classes }) => ({
      model: settings.model(inputs.x.shape.slice(1), classes.length),
      methods: variant.methods ?? [],
      optimizer: settings.optimizer,
      schedule: settings.schedule ?? cosine(),
      loss: settings.loss ?? crossEntropy(),
      rate: settings.rate,
      batchSize: settings.batchSize,
      epochs: settings.epochs,
    }),
  };
}

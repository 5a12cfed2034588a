import type { NdArray } from "../array/ndarray.ts";
import type { Handle, Host } from "../runtime/index.ts";
import { feedsOf, type Plan, runKey } from "../training/index.ts";
import { canExport, exportModel } from "./export.ts";
import { type ModelCost, modelCost } from "./modelCost.ts";
import type { Prepared } from "./prepare.ts";
import type { Candidate, StepTime } from "./results.ts";
import { median } from "./statistics.ts";

const rounds = 7;
/** Milliseconds that a candidate's turn takes, at least. */
const turn = 25;

interface Runner {
  readonly candidate: Candidate;
  /** Runs some steps from the initial state; milliseconds a step. */
  run(steps: number): Promise<number>;
  /** The initial state, by path. */
  values(): Promise<Record<string, NdArray>>;
}

/** What steps are timed on; models are exported where the preprocessing is known. */
export interface Timed extends Pick<Prepared, "train"> {
  readonly preprocessing: Prepared["preprocessing"] | undefined;
}

async function runnerOf(host: Host, candidate: Candidate, plan: Plan, prepared: Timed): Promise<Runner> {
  const key: NdArray = { dtype: "uint32", shape: [2], data: Uint32Array.from(runKey(0)) };
  const names = plan.initial.outputs.map(({ name }) => name);
  const initial = await host.run(await host.load(plan.initial), { key }, { keep: names });
  const state = initial.outputs as Record<string, Handle>;
  const program = await host.load(plan.steps);
  const data: Record<string, Handle> = {};
  const wanted = new Set(plan.steps.inputs.map(({ name }) => name));
  for (const [name, array] of Object.entries(feedsOf(prepared.train)))
    if (wanted.has(name)) data[name] = await host.put(array);
  const anchors = Object.fromEntries(names.map((name) => [`anchor/${name}`, state[name]]));
  return {
    candidate,
    async run(steps) {
      const index: NdArray = {
        dtype: "int32",
        shape: [steps, plan.batchSize],
        data: Int32Array.from({ length: steps * plan.batchSize }, (_, i) => i % prepared.train.size),
      };
      const { outputs, milliseconds } = await host.run(
        program,
        { ...state, ...anchors, ...data, key, index },
        { keep: names },
      );
      await host.release(...names.map((name) => outputs[name] as Handle));
      return milliseconds / steps;
    },
    values: async () =>
      Object.fromEntries(
        await Promise.all(names.map(async (name) => [name, await host.get(state[name])] as const)),
      ),
  };
}

/** Size and latency of each candidate as an exported model, measured one after the other with the initial weights. */
async function exportCosts(
  plans: Parameters<typeof timeSteps>[1],
  values: readonly Record<string, NdArray>[],
  { preprocessing }: Timed,
): Promise<(ModelCost | undefined)[]> {
  const costs: (ModelCost | undefined)[] = [];
  if (preprocessing === undefined) return costs;
  for (const [i, { candidate, plan }] of plans.entries())
    costs.push(
      canExport(plan.shape.task)
        ? await modelCost(
            exportModel({ plan, values: values[i] }, preprocessing, { name: candidate.name }),
            preprocessing,
          )
        : undefined,
    );
  return costs;
}

/**
 * Milliseconds a training step: one thread, candidates in turns, medians over 7 rounds, while nothing else
 * runs. Ratios are to the baseline of the same model.
 */
export async function timeSteps(
  host: Host,
  plans: readonly { readonly candidate: Candidate; readonly plan: Plan }[],
  prepared: Timed,
  onTurn?: (done: number, of: number) => void,
): Promise<StepTime[]> {
  const runners: Runner[] = [];
  for (const { candidate, plan } of plans) runners.push(await runnerOf(host, candidate, plan, prepared));
  const counts: number[] = [];
  for (const runner of runners) {
    await runner.run(1);
    counts.push(Math.max(1, Math.ceil(turn / Math.max(await runner.run(4), 1e-3))));
  }
  const times: number[][] = runners.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, runner] of runners.entries()) {
      times[i].push(await runner.run(counts[i]));
      onTurn?.(round * runners.length + i + 1, rounds * runners.length);
    }
  const medians = times.map(median);
  const baseline = (model: string) =>
    medians[
      runners.findIndex(({ candidate }) => candidate.model === model && candidate.methods.length === 0)
    ];
  const costs = await Promise.all(runners.map((runner) => runner.values())).then((values) =>
    exportCosts(plans, values, prepared),
  );
  return runners.map(({ candidate }, i) => ({
    candidate: candidate.name,
    milliseconds: medians[i],
    ratio: medians[i] / baseline(candidate.model),
    ...costs[i],
  }));
}

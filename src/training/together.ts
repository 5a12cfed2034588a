import { sizeOf } from "../array/ndarray.ts";
import type { OckhamError } from "../error.ts";
import type { Dataset } from "../kinds/index.ts";
import type { Host } from "../runtime/index.ts";
import { type AnyNode, ancestors } from "../tensor/index.ts";
import { differing } from "./layout.ts";
import { feedsOf, type Plan } from "./plan.ts";
import type { PlanRun, SharedOptions, Trained } from "./runs.ts";
import { trainGroup } from "./train.ts";

export interface TogetherOptions extends SharedOptions {
  /** Most runs in one graph; what was measured to be fastest unless told, and 1 for one by one. */
  readonly atOnce?: number;
}

/**
 * Trains a plan many times over: on several seeds, on data of their own, with different hyperparameters. Where it is
 * faster, runs are trained side by side in one graph; what comes out is what `train` would give, to within rounding.
 * Returns what became of each: the trained values, or the error of a run that diverged, which leaves the others alone.
 * Where there is more than one graph, each keeps a checkpoint of its own, numbered from 0: `path.0`, `path.1`, ...
 * Throws `interrupted`, and what the runtime objects to.
 */
export async function trainTogether(
  plan: Plan,
  runs: readonly PlanRun[],
  host: Host,
  { atOnce, checkpoint, ...options }: TogetherOptions = {},
): Promise<(Trained | OckhamError)[]> {
  const groups = groupsOf(plan, runs, atOnce);
  const outcomes = new Map<PlanRun, Trained | OckhamError>();
  for (const [at, group] of groups.entries()) {
    const path = checkpoint === undefined || groups.length === 1 ? checkpoint : `${checkpoint}.${at}`;
    const ended = await trainGroup(plan, group, host, { ...options, checkpoint: path });
    group.forEach((run, i) => {
      outcomes.set(run, ended[i]);
    });
  }
  return runs.map((run) => outcomes.get(run) as Trained | OckhamError);
}

/** Runs that are trained in one graph: of one size of validation data, in groups of even size. */
function groupsOf(plan: Plan, runs: readonly PlanRun[], atOnce: number | undefined): PlanRun[][] {
  const bySize = new Map<number, PlanRun[]>();
  for (const run of runs) {
    const size = run.validation?.size ?? 0;
    bySize.set(size, [...(bySize.get(size) ?? []), run]);
  }
  return [...bySize.values()].flatMap((list) =>
    evenly(list, atOnce ?? runsAtOnce(plan, list.length, ownBytes(list))),
  );
}

/** In as few lists as there can be of at most so many entries, of even length. */
export function evenly<T>(list: readonly T[], most: number): T[][] {
  const count = Math.ceil(list.length / most);
  const start = (i: number) => Math.round((i * list.length) / count);
  return Array.from({ length: count }, (_, i) => list.slice(start(i), start(i + 1)));
}

/** Beyond so many runs in one graph little is won. */
const most = 16;
/** With fewer runs than this nothing is. */
const fewest = 3;
/** Bytes of arrays of their own that runs side by side may have. */
const room = 2 ** 28;

/** Bytes of data that each run has for itself. */
function ownBytes(runs: readonly PlanRun[]): number {
  const given = runs.map(({ data }) => feedsOf(data));
  return differing(given).reduce((bytes, name) => bytes + given[0][name].data.byteLength, 0);
}

/** Most runs in a job, so that there are jobs for several hosts. */
const mostInJob = 5;

/** How many of `count` runs, each on data like these of its own, one host should train in one graph. */
export function runsInJob(plan: Plan, data: Dataset, count: number): number {
  const bytes = Object.values(feedsOf(data)).reduce((sum, array) => sum + array.data.byteLength, 0);
  return Math.min(mostInJob, runsAtOnce(plan, count, bytes));
}

/**
 * How many of `count` runs are best trained in one graph, if each has so many bytes of data for itself; 1 where one by
 * one is faster. The same on every machine.
 */
export function runsAtOnce(plan: Plan, count: number, bytes = 0): number {
  const atOnce = Math.min(most, count, Math.floor(room / Math.max(1, bytes)));
  return atOnce >= fewest && isLight(plan) ? atOnce : 1;
}

/** Nanoseconds of one thread: of a floating-point operation in a product, of an entry that an operation makes. */
const perFlop = 0.02;
const perEntry = 0.3;
/**
 * Nanoseconds of arithmetic in an operation of the step, on average, up to which runs side by side are faster. What
 * they save is the time that ONNX Runtime takes to begin an operation, which is paid once for all; what they lose is
 * that their arrays leave the cache. Measured with 5 and 10 runs, Adam, one thread, as the time together over the time
 * one by one: 0.46 and 0.34 at 65 (an MLP 2-64-1), 0.7 and 0.55 at 400 (64-64-10), 0.8 and 0.72 at 1100 (64-128-64-10,
 * batch 32), 0.9 at 1800 (a residual network on 8x8), 0.9 at 2900 (64-128-64-10, batch 128), 0.95 to
 * 1.05 from 3300 on (3x3 convolutions 16-32 on 8x8, batch 32), 1 to 1.15 at 37000 (784-256-256-10, batch 128).
 */
const lightest = 2000;

const light = new WeakMap<Plan, boolean>();

/** Whether a step of the plan is mostly the beginning of operations. */
function isLight(plan: Plan): boolean {
  const known = light.get(plan) ?? workOf(plan) <= lightest;
  light.set(plan, known);
  return known;
}

/** What moves no numbers, or moves them only when it has to. */
const idle: readonly string[] = ["input", "constant", "broadcast", "reshape", "alias", "stop", "custom"];

/** Estimated nanoseconds of arithmetic in an operation of a step, on average. */
function workOf({ traced }: Plan): number {
  const nodes = ancestors([...Object.values(traced.state), traced.loss]).filter(
    ({ op }) => !idle.includes(op),
  );
  const time = nodes.reduce((sum, node) => sum + perFlop * flopsOf(node) + perEntry * sizeOf(node.shape), 0);
  return time / Math.max(1, nodes.length);
}

/** Multiplications and additions of a product. */
function flopsOf(node: AnyNode): number {
  const [a, b] = node.inputs;
  switch (node.op) {
    case "matmul":
      return 2 * sizeOf(node.shape) * (a.shape.at(node.attributes.transposeA ? -2 : -1) as number);
    case "conv":
      return 2 * sizeOf(node.shape) * sizeOf(b.shape.slice(1));
    case "convTranspose":
      return 2 * sizeOf(a.shape) * sizeOf(b.shape.slice(1));
    case "convKernel":
      return 2 * sizeOf(b.shape) * sizeOf(node.shape.slice(1));
    default:
      return 0;
  }
}

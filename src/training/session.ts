import type { NdArray } from "../array/ndarray.ts";
import type { OckhamError } from "../error.ts";
import type { Handle, Host, Program } from "../runtime/index.ts";
import { type Batches, batchesOf } from "./batches.ts";
import { loadCheckpoint } from "./checkpoint.ts";
import { alone, differing, gathered, type Layout } from "./layout.ts";
import { lowerSteps, type Plan } from "./plan.ts";
import { trackOf } from "./resume.ts";
import { type Epoch, givenTo, type PlanRun, type SharedOptions, type Trained } from "./runs.ts";
import { startOf } from "./start.ts";
import { type Placed, place } from "./validation.ts";

type Arrays = Record<string, NdArray>;

/** What is known of a run under way. */
export interface Track {
  readonly run: PlanRun;
  readonly history: Epoch[];
  /** Sum of the losses of the current epoch. */
  total: number;
  /** How often each example stands in the data, where a method chose. */
  examples?: Int32Array;
  /** What became of it, once it has ended. */
  outcome?: Trained | OckhamError;
}

export interface GroupOptions extends SharedOptions {
  /** Only the first epochs are trained, on all of the data. */
  readonly rehearsal?: number;
}

/** Runs of one plan under way, in one graph. */
export interface Session {
  readonly plan: Plan;
  readonly host: Host;
  readonly options: GroupOptions;
  readonly layout: Layout;
  readonly tracks: readonly Track[];
  batches: Batches;
  readonly program: Program;
  /** What is trained: a checkpoint of something else is refused. */
  readonly identity: string;
  /** Whether it begins here, and goes on from no checkpoint. */
  readonly fresh: boolean;
  /** What every run of the graph is fed beside state and batches. */
  readonly shared: Record<string, Handle>;
  state: Record<string, Handle>;
  /** What is looked at after every epoch. */
  validation: Placed | undefined;
  /** State and initial parameters as arrays, while they are the host's. */
  arrays: Arrays | undefined;
  /** The names of those that were changed here, and not there yet. */
  readonly changed: Set<string>;
  /** Epochs done, and steps of the current one. */
  epoch: number;
  done: number;
  /** Steps that the graph is run for at a time. */
  chunk: number;
  seconds: number;
  /** When the last checkpoint was written. */
  saved: number;
}

/** The runs that have not ended, and their places. */
export const active = ({ tracks }: Session): [number, Track][] =>
  [...tracks.entries()].filter(([, { outcome }]) => outcome === undefined);

/** All but the count of steps is each run's own; what they are given is where it differs. */
function layoutOf(plan: Plan, given: readonly Arrays[]): Layout {
  if (given.length === 1) return alone;
  const state = plan.initial.outputs.map(({ name }) => name).filter((name) => name !== "count");
  const anchors = Object.keys(plan.traced.inputs).filter((name) => name.startsWith("anchor/"));
  const differ = differing(given);
  // the batches are drawn from the seed, as the key is, and from what a method chooses for each run
  const chosen = plan.recipe.methods.some(({ method }) => method.examples !== undefined);
  return {
    size: given.length,
    own: new Set([...state, ...anchors, ...differ, ...(differ.includes("key") || chosen ? ["index"] : [])]),
  };
}

/** The batches of all runs, as far as they are known. */
export const drawn = (plan: Plan, { own }: Layout, tracks: readonly Track[]): Batches =>
  batchesOf(
    plan,
    (own.has("index") ? tracks : tracks.slice(0, 1)).map(({ run: { seed }, examples }) => ({
      seed,
      examples,
    })),
  );

export async function open(
  plan: Plan,
  runs: readonly PlanRun[],
  host: Host,
  options: GroupOptions,
): Promise<Session> {
  const given = runs.map((run) => givenTo(plan, run));
  const layout = layoutOf(plan, given);
  const program = await host.load(layout.size === 1 ? plan.steps : stepsOf(plan, layout));
  const names = runs.map(({ data, seed, hyperparameters = {} }) =>
    [data.name, seed, ...Object.entries(hyperparameters).flat()].join(" / "),
  );
  const identity = [options.identity ?? "", ...names, program.id].join(" / ");
  const saved =
    options.checkpoint === undefined ? undefined : await loadCheckpoint(options.checkpoint, identity);
  const tracks = runs.map((run, i) => trackOf(plan, run, i, saved));
  const session: Session = {
    plan,
    host,
    options,
    layout,
    tracks,
    batches: drawn(plan, layout, tracks),
    program,
    identity,
    fresh: saved === undefined,
    shared: {},
    state: {},
    validation: undefined,
    arrays: undefined,
    changed: new Set(),
    epoch: saved?.epoch ?? 0,
    done: saved?.done ?? 0,
    chunk: 1,
    seconds: saved?.seconds ?? 0,
    saved: performance.now(),
  };
  try {
    await fill(session, given, saved?.arrays);
  } catch (error) {
    await close(session);
    throw error;
  }
  return session;
}

export const close = ({ host, state, shared, validation }: Session): Promise<void> => {
  const placed = (validation?.rows.feeds ?? []).flatMap((feeds) => Object.values(feeds));
  return host.release(...Object.values(state), ...Object.values(shared), ...placed);
};

const wideSteps = new WeakMap<Plan, Map<string, ReturnType<typeof lowerSteps>>>();

/** The steps for runs side by side, lowered once for each plan and layout. */
function stepsOf(plan: Plan, layout: Layout) {
  const known = wideSteps.get(plan) ?? new Map<string, ReturnType<typeof lowerSteps>>();
  wideSteps.set(plan, known);
  const id = [layout.size, ...layout.own].join();
  const lowered = known.get(id) ?? lowerSteps(plan.traced, layout);
  known.set(id, lowered);
  return lowered;
}

/** Brings the state and what every run shares to the host: as saved, else as the runs' keys have them. */
async function fill(session: Session, given: readonly Arrays[], saved: Readonly<Arrays> | undefined) {
  const { plan, host, layout, state, shared } = session;
  const names = plan.initial.outputs.map(({ name }) => name);
  const runs = session.tracks.map(({ run }) => run);
  if (saved !== undefined) for (const name of names) state[name] = await host.put(saved[name]);
  else if (layout.size === 1 && runs[0].from === undefined)
    Object.assign(state, (await host.run(await host.load(plan.initial), given[0], { keep: names })).outputs);
  else {
    const each: Arrays[] = [];
    for (const [i, arrays] of given.entries()) each.push(await startOf(host, plan, arrays, runs[i].from));
    for (const name of names) state[name] = await host.put(fromAll(each, name, layout));
  }
  for (const { name } of session.program.lowered.inputs) {
    if (name in given[0]) shared[name] = await host.put(fromAll(given, name, layout));
    if (name.startsWith("anchor/"))
      shared[name] = await host.put(
        saved?.[name] ?? (await host.get(state[name.replace("anchor/", "params/")])),
      );
  }
  const seen = session.tracks.map(({ run }) => run.validation).filter((data) => data !== undefined);
  if (seen.length > 0) session.validation = await place(host, seen, layout);
}

const fromAll = (each: readonly Arrays[], name: string, layout: Layout): NdArray =>
  gathered(
    each.map((arrays) => arrays[name]),
    name,
    layout,
  );

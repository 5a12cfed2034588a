import type { NdArray } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import { type Checkpoint, type Ended, saveCheckpoint } from "./checkpoint.ts";
import type { Plan } from "./plan.ts";
import type { PlanRun, Trained } from "./runs.ts";
import type { Session, Track } from "./session.ts";
import { arraysOf, under } from "./values.ts";

const endedPrefix = (i: number): string => `ended/${i}/`;
const examplesOf = (i: number): string => `examples/${i}`;

/** A run at its beginning, or as it was saved. */
export function trackOf(plan: Plan, run: PlanRun, i: number, saved: Checkpoint | undefined): Track {
  const { total = 0, history = [], ended } = saved?.runs[i] ?? {};
  const examples = saved?.arrays[examplesOf(i)]?.data as Int32Array | undefined;
  const track: Track = { run, total, history: [...history], ...(examples && { examples }) };
  if (ended === undefined) return track;
  if ("code" in ended) {
    const { code, culprit, message, hint } = ended;
    return { ...track, outcome: new OckhamError(code, culprit, message, hint) };
  }
  const values = under(endedPrefix(i), saved?.arrays ?? {});
  return {
    ...track,
    outcome: { plan, values, history: track.history, ...ended, ...(examples && { examples }) },
  };
}

/** Writes the checkpoint, if there is to be one. */
export async function save(session: Session): Promise<void> {
  const { epoch, done, seconds, identity, options, tracks } = session;
  if (options.checkpoint === undefined) return;
  const arrays: Record<string, NdArray> = { ...(await arraysOf(session)) };
  const runs = tracks.map(({ total, history, outcome, examples }, i) => {
    if (examples !== undefined)
      arrays[examplesOf(i)] = { dtype: "int32", shape: [examples.length], data: examples };
    if (outcome !== undefined && !(outcome instanceof OckhamError))
      for (const [name, a] of Object.entries(outcome.values)) arrays[endedPrefix(i) + name] = a;
    return { total, history, ...(outcome === undefined ? {} : { ended: endedAs(outcome) }) };
  });
  await saveCheckpoint(options.checkpoint, { identity, epoch, done, seconds, runs, arrays });
  session.saved = performance.now();
}

function endedAs(outcome: Trained | OckhamError): Ended {
  if (outcome instanceof OckhamError) {
    const { code, culprit, message, hint } = outcome;
    return { code, culprit, message, hint };
  }
  const { steps, seconds, stopped } = outcome;
  return { steps, seconds, ...(stopped === undefined ? {} : { stopped }) };
}

export async function saveWhenDue(session: Session): Promise<void> {
  if (performance.now() - session.saved > 1000 * (session.options.every ?? 30)) await save(session);
}

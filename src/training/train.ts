import type { NdArray } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import type { Dataset } from "../kinds/index.ts";
import type { Handle, Host } from "../runtime/index.ts";
import { between } from "./between.ts";
import { checkWeights, explainDivergence } from "./debug.ts";
import type { Plan } from "./plan.ts";
import { chooseExamples } from "./rehearse.ts";
import { save, saveWhenDue } from "./resume.ts";
import { type Epoch, type PlanRun, runKey, type SharedOptions, type Trained } from "./runs.ts";
import { active, close, type GroupOptions, open, type Session } from "./session.ts";
import { validate } from "./validation.ts";
import { heldBy, valuesOf } from "./values.ts";

export interface TrainOptions
  extends SharedOptions,
    Pick<PlanRun, "validation" | "hyperparameters" | "from" | "onEpoch"> {}

/** Trains a plan on data of its shape. Throws `diverged`, `interrupted`, and what the runtime objects to. */
export async function train(
  plan: Plan,
  data: Dataset,
  seed: number,
  host: Host,
  { validation, hyperparameters, from, onEpoch, ...options }: TrainOptions = {},
): Promise<Trained> {
  const run: PlanRun = { data, seed, validation, hyperparameters, from, onEpoch };
  const [outcome] = await trainGroup(plan, [run], host, options);
  if (outcome instanceof OckhamError) throw outcome;
  return outcome;
}

/** What becomes of runs that are trained in one graph. */
export async function trainGroup(
  plan: Plan,
  runs: readonly PlanRun[],
  host: Host,
  options: GroupOptions,
): Promise<(Trained | OckhamError)[]> {
  const session = await open(plan, runs, host, options);
  try {
    if (session.fresh && options.rehearsal === undefined)
      await chooseExamples(session, async (run, rehearsal) => {
        const [outcome] = await trainGroup(plan, [run], host, { signal: options.signal, rehearsal });
        if (outcome instanceof OckhamError) throw outcome;
        return outcome;
      });
    await loop(session);
    return session.tracks.map(({ outcome }) => outcome as Trained | OckhamError);
  } finally {
    await close(session);
  }
}

async function loop(session: Session): Promise<void> {
  const { options } = session;
  const late = performance.now() + 1000 * (options.seconds ?? Number.POSITIVE_INFINITY);
  if (session.fresh) await betweenAll(session, "start");
  while (active(session).length > 0) {
    if (session.epoch >= lastEpoch(session)) {
      for (const [i] of active(session)) await finish(session, i);
      return;
    }
    if (options.signal?.aborted) {
      await save(session);
      throw interrupted();
    }
    await runStretch(session, late);
    await saveWhenDue(session);
  }
}

const lastEpoch = ({ plan, options }: Session): number =>
  Math.min(plan.epochs, options.rehearsal ?? plan.epochs);

const interrupted = () =>
  new OckhamError(
    "interrupted",
    "training",
    "training was stopped",
    "start it again with the same checkpoint to go on",
  );

async function betweenAll(session: Session, moment: "start" | "epoch"): Promise<void> {
  for (const [i] of active(session)) {
    const stop = await between(session, i, moment);
    if (stop !== undefined) await finish(session, i, stop);
  }
}

/** Ends a run: its methods have the last word, and its values are kept as they are now. */
async function finish(session: Session, i: number, stopped?: string): Promise<void> {
  const { plan, tracks, layout, seconds } = session;
  const { history, examples } = tracks[i];
  const late = await between(session, i, "end");
  const values = await valuesOf(session, i);
  const steps = session.epoch * plan.stepsPerEpoch;
  const why = stopped ?? late;
  tracks[i].outcome = checkWeights(plan, values, steps) ?? {
    plan,
    values,
    history,
    steps,
    seconds: seconds / layout.size,
    ...(why === undefined ? {} : { stopped: why }),
    ...(examples && { examples }),
  };
}

/** Whether something looks at the state after every epoch. */
const watched = ({ plan, validation, options }: Session): boolean =>
  options.seconds !== undefined ||
  options.debug === true ||
  validation !== undefined ||
  plan.recipe.methods.some(({ method }) => method.between !== undefined);

/** Runs some steps: to the end of the epoch at most, or over it where nobody looks. */
async function runStretch(session: Session, late: number): Promise<void> {
  const { plan, layout, tracks, epoch, done, chunk } = session;
  const left = plan.stepsPerEpoch * (watched(session) ? 1 : lastEpoch(session) - epoch) - done;
  const losses = await runSteps(session, Math.min(chunk, left));
  // one by one, so that the sum does not depend on how the steps were grouped
  for (let at = 0; at < losses.length; at += layout.size) {
    tracks.forEach((track, i) => {
      track.total += losses[at + i];
    });
    if (++session.done === plan.stepsPerEpoch) await endEpoch(session, late);
  }
}

async function endEpoch(session: Session, late: number): Promise<void> {
  const { plan, tracks } = session;
  Object.assign(session, { epoch: session.epoch + 1, done: 0 });
  const scores = await validated(session);
  for (const [i, { run, history, total }] of active(session)) {
    const line: Epoch = { epoch: session.epoch, trainLoss: total / plan.stepsPerEpoch, ...scores?.[i] };
    history.push(line);
    run.onEpoch?.(line, plan.epochs);
  }
  for (const track of tracks) track.total = 0;
  await betweenAll(session, "epoch");
  if (performance.now() > late)
    for (const [i] of active(session)) await finish(session, i, "its time was up");
}

async function validated(session: Session) {
  const { host, plan, validation } = session;
  return validation === undefined ? undefined : validate(host, plan, await heldBy(session), validation);
}

/** Longest stay in one run of the graph, in milliseconds, so that progress and Ctrl-C stay alive. */
const patience = 200;
/** Most examples that one run of the graph is told of: what crosses to the host stays small. */
const mostExamples = 2 ** 17;

/** Runs some steps; returns the losses, step by step, of each run in turn. */
async function runSteps(session: Session, count: number): Promise<Float32Array> {
  const { host, plan, program, batches, options, layout } = session;
  const first = session.epoch * plan.stepsPerEpoch + session.done;
  const index = batches.of(first, count);
  const held = await heldBy(session);
  const before = session.state;
  const names = Object.keys(before);
  const next = first + count;
  const ahead = Math.min(count, lastEpoch(session) * plan.stepsPerEpoch - next);
  const [{ outputs, milliseconds }] = await Promise.all([
    host.run(program, { ...held, index }, { keep: names }),
    batches.prepare(next, ahead),
  ]);
  const losses = (outputs.loss as NdArray).data as Float32Array;
  const bad = failures(session, losses);
  const values = options.debug ? await Promise.all(bad.map(({ i }) => valuesOf(session, i))) : [];
  session.state = Object.fromEntries(names.map((name) => [name, outputs[name] as Handle]));
  session.arrays = undefined;
  await host.release(...Object.values(before));
  session.seconds += milliseconds / 1000;
  const each = Math.max(milliseconds / count, 1e-3);
  const most = mostExamples / (layout.size * plan.batchSize);
  session.chunk = Math.max(1, Math.floor(Math.min(patience / each, most)));
  for (const [at, { i, step }] of bad.entries()) {
    const { data, seed } = session.tracks[i].run;
    const own = index.shape.length === 3 ? ofRun(index, i) : index;
    session.tracks[i].outcome = explainDivergence(
      plan,
      data,
      own,
      runKey(seed),
      first + step,
      values[at],
      step,
    );
  }
  return losses;
}

/** The runs whose loss stopped being finite, and the steps at which it first did. */
function failures(session: Session, losses: Float32Array): { readonly i: number; readonly step: number }[] {
  const { size } = session.layout;
  return active(session).flatMap(([i]) => {
    for (let at = i; at < losses.length; at += size)
      if (!Number.isFinite(losses[at])) return [{ i, step: (at - i) / size }];
    return [];
  });
}

/** The batches [steps, batch] of one run out of [steps, runs, batch]. */
function ofRun(index: NdArray, i: number): NdArray {
  const [count, size, batch] = index.shape;
  const all = index.data as Int32Array;
  const data = new Int32Array(count * batch);
  for (let t = 0; t < count; t++)
    data.set(all.subarray((t * size + i) * batch, (t * size + i + 1) * batch), t * batch);
  return { dtype: "int32", shape: [count, batch], data };
}

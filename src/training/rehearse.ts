import { stream } from "../array/random.ts";
import { OckhamError } from "../error.ts";
import type { Rehearsal } from "../kinds/index.ts";
import { probeRows } from "./probe.ts";
import { type PlanRun, runKey, type Trained } from "./runs.ts";
import { drawn, type Session } from "./session.ts";
import { only } from "./step.ts";
import { nameOf } from "./validation.ts";
import { under } from "./values.ts";

/** Trains the first epochs of a run on all of its data. Throws `diverged`. */
type Rehearse = (run: PlanRun, epochs: number) => Promise<Trained>;

/** Asks the one method that chooses examples, if there is one, for each run; a run whose rehearsal diverged has ended. */
export async function chooseExamples(session: Session, rehearse: Rehearse): Promise<void> {
  const { plan, tracks, layout } = session;
  const { methods } = plan.recipe;
  const at = only(methods, "examples");
  if (at < 0) return;
  const { name, method } = methods[at];
  for (const track of tracks)
    try {
      const counts = await method.examples?.(rehearsalOf(session, track.run, at, rehearse));
      track.examples = checked(counts, plan.shape.size, name);
    } catch (error) {
      if (!(error instanceof OckhamError && error.code === "diverged")) throw error;
      track.outcome = error;
    }
  session.batches = drawn(plan, layout, tracks);
}

function rehearsalOf(session: Session, run: PlanRun, at: number, rehearse: Rehearse): Rehearsal {
  const { host, plan } = session;
  const random = stream(runKey(run.seed)).split("rehearsal");
  return {
    about: plan.recipe.about,
    data: run.data,
    random: random.split("choices"),
    async train(epochs, network = 0) {
      const seed = network === 0 ? run.seed : random.split(network).integers(2 ** 31);
      const { values, seconds } = await rehearse({ ...run, seed, onEpoch: undefined }, epochs);
      session.seconds += seconds;
      return {
        state: under(`methods/${at}/`, values),
        async examples(quantity, rows) {
          const build = (view: Parameters<typeof quantity>[0]) => ({ value: quantity(view) });
          const results = await probeRows(host, plan, values, run.data, nameOf(quantity), build, rows);
          return results.value;
        },
      };
    },
  };
}

function checked(counts: Int32Array | undefined, size: number, by: string): Int32Array {
  if (
    counts === undefined ||
    counts.length !== size ||
    counts.some((n) => n < 0) ||
    counts.every((n) => n === 0)
  )
    throw new OckhamError(
      "bad-shape",
      by,
      `${by} must say how often each of the ${size} training examples stands in the data, and leave one at least`,
      "return whole numbers of at least 0, int32 [examples]",
    );
  return counts;
}

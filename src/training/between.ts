import { type NdArray, sameShape } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import type { Change, Moment, Run } from "../kinds/index.ts";
import type { Session } from "./session.ts";
import { averageArrays, averageQuantity } from "./validation.ts";
import { change, heldBy, under, valuesOf } from "./values.ts";

/** Calls the methods' `between` for one run; returns the reason to stop, if one gave it. */
export async function between(session: Session, i: number, moment: Moment): Promise<string | undefined> {
  const { host, plan, tracks, layout } = session;
  const { data, validation } = tracks[i].run;
  let stop: string | undefined;
  for (const [at, { name, method }] of plan.recipe.methods.entries()) {
    if (method.between === undefined) continue;
    const values = await valuesOf(session, i);
    const own = `methods/${at}/`;
    const run: Run = {
      about: plan.recipe.about,
      data,
      validation,
      count: session.epoch * plan.stepsPerEpoch,
      params: under("params/", values),
      state: under(own, values),
      evaluate: async (quantity, on = validation ?? data) => {
        const held = layout.size === 1 ? await heldBy(session) : await valuesOf(session, i);
        return averageQuantity(host, plan, held, on, quantity);
      },
      average: async (quantity, on = data) =>
        averageArrays(host, plan, await valuesOf(session, i), on, quantity),
    };
    const wanted = (await method.between(moment, run)) as Change | undefined;
    for (const [path, a] of Object.entries(wanted?.params ?? {}))
      await replace(session, i, `params/${path}`, path, a, values, name);
    for (const [path, a] of Object.entries(wanted?.state ?? {}))
      await replace(session, i, own + path, path, a, values, name);
    if (wanted?.stop !== undefined) stop ??= `${name}: ${wanted.stop}`;
  }
  return stop;
}

async function replace(
  session: Session,
  i: number,
  full: string,
  path: string,
  a: NdArray,
  values: Readonly<Record<string, NdArray>>,
  by: string,
): Promise<void> {
  const old = values[full];
  if (old === undefined)
    throw new OckhamError(
      "unknown-name",
      path,
      `${by} changed "${path}", which is not there`,
      "return paths that were given",
    );
  if (!sameShape(a.shape, old.shape) || a.dtype !== old.dtype)
    throw new OckhamError(
      "bad-shape",
      path,
      `${by} changed "${path}" from ${old.dtype}[${old.shape}] to ${a.dtype}[${a.shape}]`,
      "return arrays of the shapes that were given",
    );
  await change(session, i, full, a);
}

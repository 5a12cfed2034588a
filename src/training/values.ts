import type { NdArray } from "../array/ndarray.ts";
import { partsOf } from "./layout.ts";
import type { Values } from "./probe.ts";
import { hyperparametersOf } from "./runs.ts";
import type { Session } from "./session.ts";

type Arrays = Record<string, NdArray>;

/** State and initial parameters of all runs, fetched once between two runs of the graph. */
export async function arraysOf(session: Session): Promise<Arrays> {
  const { host, state, shared } = session;
  const anchors = Object.entries(shared).filter(([name]) => name.startsWith("anchor/"));
  session.arrays ??= Object.fromEntries(
    await Promise.all(
      [...Object.entries(state), ...anchors].map(
        async ([name, handle]) => [name, await host.get(handle)] as const,
      ),
    ),
  );
  return session.arrays;
}

/** State, hyperparameters and initial parameters of one run. */
export async function valuesOf(session: Session, i: number): Promise<Arrays> {
  const { plan, layout, tracks } = session;
  return { ...partsOf(await arraysOf(session), i, layout), ...hyperparametersOf(plan, tracks[i].run) };
}

/** What all runs are fed, on the host. */
export async function heldBy(session: Session): Promise<Values> {
  const { host, state, shared, changed } = session;
  for (const name of changed) {
    const old = state[name];
    state[name] = await host.put((session.arrays as Arrays)[name]);
    await host.release(old);
  }
  changed.clear();
  return { ...shared, ...state };
}

/** Replaces part of the state of one run. */
export async function change(session: Session, i: number, path: string, a: NdArray): Promise<void> {
  const arrays = await arraysOf(session);
  if (session.layout.own.has(path)) {
    const n = a.data.length;
    (arrays[path].data as Float32Array).set(a.data as Float32Array, i * n);
  } else arrays[path] = a;
  session.changed.add(path);
}

/** The entries whose names start so, by the rest of their names. */
export const under = (prefix: string, values: Readonly<Arrays>): Arrays =>
  Object.fromEntries(
    Object.entries(values).flatMap(([path, a]) =>
      path.startsWith(prefix) ? [[path.slice(prefix.length), a]] : [],
    ),
  );

import { type NdArray, sameShape } from "../array/ndarray.ts";
import type { Lowered } from "../onnx/index.ts";
import type { Host } from "../runtime/index.ts";
import { type Plan, traceStart } from "./plan.ts";
import { givenTo, hyperparametersOf, type PlanRun } from "./runs.ts";

type Arrays = Record<string, NdArray>;

const params = "params/";

/** The state that a run begins with; where it goes on `from` an earlier stage, with what that leaves it. */
export async function startOf(
  host: Host,
  plan: Plan,
  given: Readonly<Arrays>,
  from: PlanRun["from"] = {},
): Promise<Arrays> {
  const paths = Object.entries(plan.state.params).flatMap(([path, { shape, dtype }]) => {
    const before = from[params + path];
    return before !== undefined && before.dtype === dtype && sameShape(before.shape, shape) ? [path] : [];
  });
  const kept = Object.fromEntries(paths.map((path) => [params + path, from[params + path]]));
  const initial = await host.load(paths.length === 0 ? plan.initial : startFrom(plan, paths));
  const fresh = (await host.run(initial, { ...given, ...kept })).outputs as Arrays;
  return { ...fresh, ...kept, ...carriedOver(plan, fresh, from) };
}

/** The parts of the methods' states that go over from an earlier stage, where they have the same shape. */
function carriedOver(plan: Plan, fresh: Readonly<Arrays>, from: Readonly<Arrays>): Arrays {
  const kept = plan.recipe.methods.flatMap(({ method }, i) => {
    const prefix = `methods/${i}/`;
    return Object.keys(fresh).filter(
      (path) =>
        path.startsWith(prefix) &&
        from[path] !== undefined &&
        sameShape(from[path].shape, fresh[path].shape) &&
        method.carries?.(path.slice(prefix.length)) === true,
    );
  });
  return Object.fromEntries(kept.map((path) => [path, from[path]]));
}

const lowered = new WeakMap<Plan, Map<string, Lowered>>();

/** The graph that begins with these parameters given, lowered once. */
function startFrom(plan: Plan, paths: readonly string[]): Lowered {
  const known = lowered.get(plan) ?? new Map<string, Lowered>();
  lowered.set(plan, known);
  const id = paths.join();
  const graph = known.get(id) ?? traceStart(plan, paths);
  known.set(id, graph);
  return graph;
}

/** The values of a run before its first step, by path, as `train` would begin: what an untrained model predicts with. */
export async function beginning(host: Host, plan: Plan, run: PlanRun): Promise<Arrays> {
  const start = await startOf(host, plan, givenTo(plan, run), run.from);
  return { ...start, ...hyperparametersOf(plan, run) };
}

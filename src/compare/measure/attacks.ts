import type { NdArray } from "../../array/ndarray.ts";
import type { Dataset } from "../../kinds/index.ts";
import type { Host } from "../../runtime/index.ts";
import {
  add,
  clamp,
  div,
  fill,
  max,
  min,
  mul,
  norm,
  reshape,
  sign,
  sub,
  sum,
  type Tensor,
  vjp,
} from "../../tensor/index.ts";
import { type Plan, probeLoop, type Values, type View } from "../../training/index.ts";
import type { RobustnessPoint } from "../results.ts";
import { attackScale, type Spoilable, withInputs } from "./corruptions.ts";

/** Radii in pixel units (images) or standardised units of numeric columns (tables). */
export const radii = {
  image: { fgsm: [0.03, 0.06, 0.12], linf: [0.06], l2: [0.5] },
  table: { fgsm: [0.1, 0.2, 0.4], linf: [0.2], l2: [0.5] },
} as const;

export const pgdSteps = 20;

type Norm = "linf" | "l2";

/** One ascent step on the loss, brought back into the ball around `clean` and into the allowed range. */
function ascend(view: View, x: Tensor, extra: Readonly<Record<string, Tensor>>, ball: Norm): Tensor {
  const { clean, unit, low, high, radius, length } = extra;
  const { prediction } = view.apply(view.weights, { ...view.batch.inputs, x });
  const loss = sum(view.loss(prediction, view.batch.target));
  const raw = mul(vjp([loss], [fill([], 1)], [x])[0], unit);
  const rows = [x.shape[0], ...x.shape.slice(1).map(() => 1)];
  const size = (d: Tensor) => reshape(norm(reshape(d, [x.shape[0], -1]), { axes: [-1] }), rows);
  if (ball === "linf") {
    const reached = add(x, mul(length, mul(unit, sign(raw))));
    const reach = mul(radius, unit);
    return clamp(max(min(reached, add(clean, reach)), sub(clean, reach)), low, high);
  }
  const moved = add(x, mul(length, mul(unit, div(raw, max(size(raw), 1e-12)))));
  const guarded = max(unit, 1e-12);
  const offset = div(sub(moved, clean), guarded);
  const inside = mul(offset, min(div(radius, max(size(offset), 1e-12)), 1));
  return clamp(add(clean, mul(inside, unit)), low, high);
}

/** Inputs changed against the model by `steps` steps of projected gradient ascent, from the clean ones. */
export async function attacked(
  host: Host,
  plan: Plan,
  values: Values,
  data: Dataset,
  pre: Spoilable,
  ball: Norm,
  radius: number,
  steps: number,
): Promise<Dataset> {
  const { unit, low, high } = attackScale(pre);
  const { shape } = data.inputs.x;
  const of = (array: Float32Array): NdArray => ({
    dtype: "float32",
    shape: [1, ...shape.slice(1)],
    data: array,
  });
  const number = (value: number): NdArray => ({ dtype: "float32", shape: [], data: Float32Array.of(value) });
  const extra = {
    clean: data.inputs.x,
    unit: of(unit),
    low: of(low),
    high: of(high),
    radius: number(radius),
    length: number(steps === 1 ? radius : (2.5 * radius) / steps),
  };
  const { x } = await probeLoop(host, plan, values, data, `attack ${ball}`, {
    start: { x: data.inputs.x },
    steps,
    extra,
    build: (view, state, more) => ({ state: { x: ascend(view, state.x, more, ball) }, collected: {} }),
  });
  return withInputs(data, x.data as Float32Array);
}

/** Score against one-step (FGSM) and 20-step (PGD) attacks in two norms. */
export async function attackPoints(
  host: Host,
  plan: Plan,
  values: Values,
  data: Dataset,
  pre: Spoilable,
  score: (data: Dataset) => Promise<number>,
): Promise<RobustnessPoint[]> {
  const at = radii[pre.kind];
  const plans: readonly (readonly [string, Norm, readonly number[], number])[] = [
    ["FGSM", "linf", at.fgsm, 1],
    ["PGD Linf", "linf", at.linf, pgdSteps],
    ["PGD L2", "l2", at.l2, pgdSteps],
  ];
  const points: RobustnessPoint[] = [];
  const clean = await score(data);
  for (const [kind, ball, distances, steps] of plans) {
    points.push({ kind, strength: 0, score: clean });
    for (const radius of distances)
      points.push({
        kind,
        strength: radius,
        score: await score(await attacked(host, plan, values, data, pre, ball, radius, steps)),
      });
  }
  return points;
}

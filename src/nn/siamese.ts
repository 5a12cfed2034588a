import { sizeOf } from "../array/ndarray.ts";
import type { Inputs, Model, Params } from "../kinds/index.ts";
import {
  abs,
  concat,
  fill,
  fold,
  keyOf,
  mul,
  reshape,
  slice,
  squeeze,
  sub,
  type Tensor,
} from "../tensor/index.ts";
import { lecunNormal } from "./initializers.ts";
import { linear } from "./layers.ts";

/** The name of the last place, which the head reads. */
const pair = "pair";

/** What two towers are called. */
export const siameseName = (tower: string): string => `siamese ${tower}`;

/** [n, 2, ...] -> [2 n, ...] and back. */
const apart = (x: Tensor): Tensor => reshape(x, [2 * x.shape[0], ...x.shape.slice(2)]);
const together = (x: Tensor): Tensor => reshape(x, [x.shape[0] / 2, 2, ...x.shape.slice(1)]);

/**
 * Two towers that share their weights, and a head that compares what they make of the two sides of a pair.
 *
 *   prediction = head([|u - v|, u v])     u, v the last activation of `tower` for either side, all axes as one
 *
 * The tower's own head is left out; where it has no activations, u and v are its inputs. Both terms are the same when
 * the sides are exchanged, and so is the prediction. Inputs are those of the tower with an axis of two after the first,
 * [n, 2, ...], and so are its activations; the last place, `pair` [n, 2 width], is what the head reads.
 */
export function siamese(tower: Model, outputs: number): Model {
  const last = tower.places.at(-1);
  const heads = tower.leaves.filter((leaf) => leaf.head);
  const unused: Params = Object.fromEntries(heads.map(({ path, shape }) => [path, fill(shape, 0)]));
  const features = (activations: Readonly<Record<string, Tensor>>, inputs: Inputs): Tensor => {
    const of = last === undefined ? Object.values(inputs)[0] : activations[last];
    return reshape(of, [of.shape[0], -1]);
  };
  const sample = Object.fromEntries(
    Object.entries(tower.inputs).map(([name, shape]) => [
      name,
      fill([1, ...shape], 0, name === "ids" ? "int32" : "float32"),
    ]),
  );
  const seen = tower.apply(tower.init(keyOf([0, 0])), sample);
  const width = sizeOf(features(seen.activations, sample).shape);
  const head = linear(outputs, { init: lecunNormal, head: true })("head", [2 * width]);
  const towerLeaves = tower.leaves.filter((leaf) => !leaf.head);
  return {
    name: siameseName(tower.name),
    leaves: [...towerLeaves, ...head.leaves],
    places: [...tower.places, pair],
    inputs: Object.fromEntries(Object.entries(tower.inputs).map(([name, shape]) => [name, [2, ...shape]])),
    outputs,
    paired: true,
    ...(tower.architecture !== undefined && { architecture: tower.architecture }),
    init(key) {
      const made = tower.init(fold(key, "tower"));
      const kept = Object.fromEntries(towerLeaves.map(({ path }) => [path, made[path]]));
      return { ...kept, ...head.init(fold(key, "head")) };
    },
    apply(weights, inputs, { from, layer = (x: Tensor) => x, ...options } = {}) {
      const finished = (value: Tensor, before: Readonly<Record<string, Tensor>>, buffers: Params) => ({
        prediction: head.apply(value, { weights, mode: options.mode ?? "eval", buffers: {} }),
        activations: { ...before, [pair]: value },
        buffers,
      });
      if (from?.name === pair) return finished(from.value, {}, {});
      const things = Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, apart(x)]));
      const start = from && { name: from.name, value: apart(from.value) };
      const { activations, buffers } = tower.apply({ ...weights, ...unused }, things, {
        ...options,
        from: start,
        layer: (x, name) => apart(layer(together(x), name)),
      });
      const known =
        start !== undefined && start.name === last
          ? { ...activations, [start.name]: start.value }
          : activations;
      const sides = together(features(known, things));
      const [u, v] = [0, 1].map((i) => squeeze(slice(sides, 1, i, i + 1), 1));
      const compared = layer(concat([abs(sub(u, v)), mul(u, v)], 1), pair);
      const seen = Object.entries(activations).map(([name, x]) => [name, together(x)] as const);
      return finished(compared, Object.fromEntries(seen), buffers);
    },
  };
}

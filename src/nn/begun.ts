import { type NdArray, sameShape } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import type { Leaf, Model } from "../kinds/index.ts";
import { constant } from "../tensor/index.ts";

export interface BegunOptions {
  /** Where the weights come from, for errors. */
  readonly from?: string;
  /** Whether the layer that makes the prediction begins anew even where its weights fit; false unless told. */
  readonly newHead?: boolean;
}

/**
 * A model that begins with given weights, by `Leaf.path`, buffers included: fine-tuning. The layer that makes the
 * prediction begins anew where the weights are for another number of outputs, or where told; everything else must be
 * there and fit.
 *
 * Throws `unknown-name` for an array that the model lacks or that the model has no place for, `bad-shape` for one of
 * another shape, `bad-dtype` for one that is not float32; each names it.
 */
export function begunWith(
  model: Model,
  weights: Readonly<Record<string, NdArray>>,
  { from = "the weights", newHead = false }: BegunOptions = {},
): Model {
  const fresh = newHead || model.leaves.some((leaf) => forOtherOutputs(leaf, weights[leaf.path]));
  const kept = model.leaves.filter(({ head }) => !(fresh && head));
  for (const leaf of kept) checkLeaf(leaf, weights[leaf.path], model, from);
  const known = new Set(model.leaves.map(({ path }) => path));
  for (const path of Object.keys(weights))
    if (!known.has(path))
      throw new OckhamError(
        "unknown-name",
        path,
        `${from} holds "${path}", which ${model.name} has no place for`,
        "choose the model that it was made with, and give weights without those of methods",
      );
  return {
    ...model,
    init: (key) => ({
      ...model.init(key),
      ...Object.fromEntries(kept.map(({ path }) => [path, constant(weights[path])])),
    }),
  };
}

/** Whether a layer that predicts has these weights but for the number of outputs. */
function forOtherOutputs({ head, outAxis, shape }: Leaf, given: NdArray | undefined): boolean {
  if (head !== true || outAxis === null || given === undefined || sameShape(given.shape, shape)) return false;
  return sameShape(
    given.shape.map((n, axis) => (axis === outAxis ? shape[axis] : n)),
    shape,
  );
}

function checkLeaf({ path, shape }: Leaf, given: NdArray | undefined, { name }: Model, from: string): void {
  if (given === undefined)
    throw new OckhamError(
      "unknown-name",
      path,
      `${from} holds no "${path}", which ${name} has`,
      "choose the model that it was made with; weights that a method averages or makes of others are not kept as such",
    );
  if (!sameShape(given.shape, shape))
    throw new OckhamError(
      "bad-shape",
      path,
      `"${path}" is [${given.shape}] in ${from}, and [${shape}] in ${name}`,
      "choose the model that it was made with, and data of the same shape",
    );
  if (given.dtype !== "float32")
    throw new OckhamError(
      "bad-dtype",
      path,
      `"${path}" is ${given.dtype} in ${from}, and weights are float32`,
      "convert it",
    );
}

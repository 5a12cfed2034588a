import type { Leaf } from "../kinds/index.ts";
import { gather, mul, normal } from "../tensor/index.ts";
import type { ModuleOf } from "./module.ts";

/** Spread of the initial values of embeddings. */
export const embeddingDeviation = 0.02;

/** A table of learned vectors, one a row. */
export const embeddingLeaf = (layer: string, shape: readonly number[]): Leaf => ({
  path: `${layer}.embedding`,
  layer,
  role: "embedding",
  outAxis: null,
  shape,
});

/** A learned vector for each of `vocabulary` ids: int32 [...] -> [..., width]. */
export const embedding =
  (vocabulary: number, width: number): ModuleOf =>
  (name, shape) => {
    const leaf = embeddingLeaf(name, [vocabulary, width]);
    return {
      leaves: [leaf],
      shape: [...shape, width],
      init: (key) => ({ [leaf.path]: mul(embeddingDeviation, normal(key, leaf.shape)) }),
      apply: (ids, { weights }) => gather(weights[leaf.path], ids),
    };
  };

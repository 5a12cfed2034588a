import type { Graph, Model } from "../kinds/index.ts";
import { constant, gather } from "../tensor/index.ts";
import { glorotUniform, lecunNormal } from "./initializers.ts";
import { linear, relu } from "./layers.ts";
import { staged } from "./models.ts";
import { type ModuleOf, sequence, stateless } from "./module.ts";
import { normalizedAdjacency, product, spreadOf } from "./propagation.ts";

export interface GcnOptions {
  /** Units of each hidden layer; one layer of 16 unless told. */
  readonly hidden?: readonly [number, ...number[]];
}

/**
 * Graph convolutional network of Kipf and Welling 2017 (equations 2 and 9), with a bias in each layer.
 *
 *   H_0 = X     H_(l+1) = relu(S H_l W_l + b_l)     prediction = S H W + b     S = D^-1/2 (A + I) D^-1/2
 *
 * X are the features of all nodes, A the strengths of the edges, D the diagonal of the row sums of A + I. Input `node`
 * int32 [n], the nodes that are asked about; whichever these are, the model looks at the whole graph, which is part of
 * it. Its places: `hidden.l`, H_(l+1) [nodes, units] of all nodes; `features`, the rows of S H [n, units] asked about.
 */
export function gcn(graph: Graph, outputs: number, { hidden = [16] }: GcnOptions = {}): Model {
  const sparse = normalizedAdjacency(graph);
  const spread = spreadOf(sparse);
  const known = constant(product(sparse, graph.features));
  const start = stateless(
    () => [graph.features.shape[1]],
    () => known,
  );
  const next = stateless(
    (shape) => shape,
    (x) => spread(x),
  );
  const asked: ModuleOf = (_, shape) => ({
    leaves: [],
    shape,
    init: () => ({}),
    apply: (x, { inputs }) => spread(x, inputs?.node),
  });
  return staged(
    `gcn(${hidden.join("-")})`,
    [],
    [
      ...hidden.map((units, i) => ({
        name: `hidden.${i}`,
        part: sequence(i === 0 ? start : next, linear(units, { init: glorotUniform }), relu),
      })),
      { name: "features", part: asked },
      { name: "head", part: linear(outputs, { init: lecunNormal, head: true }) },
    ],
    { input: "node" },
  );
}

/** A model of the features of nodes, without their edges. Input `node` int32 [n]. */
export const ofFeatures = (model: Model, { features }: Graph): Model => ({
  ...model,
  inputs: { node: [] },
  apply: (weights, { node }, options) =>
    model.apply(weights, { x: gather(constant(features), node) }, options),
});

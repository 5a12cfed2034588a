import { fromNested, sizeOf } from "../../array/ndarray.ts";
import { isWeight, type Leaf, oneOf, parametrization, positive } from "../../kinds/index.ts";
import { add, constant, div, keyOf, norm, reshape } from "../../tensor/index.ts";

const leaf: Leaf = { path: "w", layer: "w", role: "kernel", outAxis: 0, shape: [2, 2] };
const skewed = constant(
  fromNested([
    [3, 4],
    [0, 0.5],
  ]),
);

/**
 * Weight conditioning: the layer uses a weight whose rows have been brought to unit length, which narrows the gap
 * between its largest and smallest singular value.
 *
 *   w = D v,  D = diag(1 / (|v_i| + epsilon))          v_i the i-th row of v [out, in ...], flattened
 *
 * Of all diagonal scalings of the rows, this one is within sqrt(out) of the best condition number (Van der Sluis).
 * Unlike weight normalization there is no learned length. v starts at the usual initial weights, so the first
 * outputs differ from the plain model's; gradients flow through D. `column` scales columns (inputs and window)
 * instead. Penalties see w, weight decay acts on v.
 */
export const weightConditioning = parametrization("weight-conditioning", {
  summary: "rows of weights brought to unit length, for a lower condition number",
  paper: {
    id: "weight-conditioning",
    title: "Weight Conditioning for Smooth Optimization of Neural Networks",
    authors: ["Hemanth Saratchandran", "Thomas X. Wang", "Simon Lucey"],
    year: 2024,
    arxiv: "2409.03424",
    deviations: [
      "only the abstract and the introduction could be read: row equilibration in the forward pass is the " +
        "catalogue's reading, and so is epsilon; which layers is an option",
    ],
  },
  options: {
    axis: oneOf(["row", "column"], "row", "what is brought to unit length"),
    layers: oneOf(["all", "hidden"], "all", "every layer, or all but the one that makes the prediction"),
    epsilon: positive(1e-8, "added to the length", [1e-8]),
  },
  examples: [
    {
      value: ({ weight }) => weight(skewed, {}, leaf),
      output: [
        [0.6, 0.8],
        [0, 1],
      ],
      source: "by hand: the rows have lengths 5 and 0.5",
    },
    {
      options: { axis: "column" },
      value: ({ weight }) => weight(skewed, {}, leaf),
      output: [
        [1, 4 / Math.sqrt(16.25)],
        [0, 0.5 / Math.sqrt(16.25)],
      ],
      source: "by hand",
    },
    {
      value: ({ init }) => init(skewed, leaf, keyOf([1, 2])).base,
      output: [
        [3, 4],
        [0, 0.5],
      ],
      source: "by definition: the trained variable starts at the usual weights",
    },
  ],
  create: ({ axis, layers, epsilon }) => ({
    applies: (one) => isWeight(one) && !(layers === "hidden" && one.head),
    init: (base) => ({ base, own: {} }),
    weight(v) {
      const matrix = reshape(v, [v.shape[0], sizeOf(v.shape.slice(1))]);
      const length = norm(matrix, { axes: [axis === "row" ? 1 : 0], keep: true });
      return reshape(div(matrix, add(length, epsilon)), v.shape);
    },
  }),
});

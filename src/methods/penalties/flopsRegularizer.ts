import { fromNested } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import { type Model, method, positive, type Step, share, text } from "../../kinds/index.ts";
import {
  abs,
  constant,
  div,
  max,
  mean,
  min,
  mul,
  reshape,
  scalar,
  sqrt,
  square,
  sum,
  type Tensor,
} from "../../tensor/index.ts";

/** The embedding: the named activation, or the last one. */
function placeOf({ name, places }: Model, layer: string): string {
  const place = layer === "" ? places.at(-1) : places.find((one) => one === layer);
  if (place !== undefined) return place;
  if (layer === "")
    throw new OckhamError(
      "conflict",
      "flops-regularizer",
      `flops-regularizer acts on an activation, and ${name} has none`,
      "use a model with a hidden layer",
    );
  throw new OckhamError(
    "unknown-name",
    "flops-regularizer.layer",
    `${name} has no activation "${layer}"`,
    `it has ${places.join(", ")}`,
  );
}

/** Rows of length 1; a row of zeros stays. */
const unit = (x: Tensor): Tensor => div(x, sqrt(max(sum(square(x), { axes: [-1], keep: true }), 1e-12)));

/** A step at one progress with two embeddings of three dimensions. */
const stepAt = (progress: number): Step =>
  ({
    outputs: {
      activations: {
        hidden: constant(
          fromNested([
            [3, 4, 0],
            [2, 0, 0],
          ]),
        ),
      },
    },
    progress: scalar(progress),
    about: { model: { places: ["hidden"] } },
  }) as unknown as Step;

/**
 * FLOPs regularizer: sparse embeddings whose non-zeros are spread evenly over the dimensions, so that few of them meet
 * when two embeddings are compared.
 *
 *   penalty = strength min(1, (progress / warmup)^2) sum_j ( mean over examples of |v_ij| / |v_i| )^2
 *
 * The expected number of multiplications of two sparse embeddings is sum_j p_j^2, p_j the share of examples in which
 * dimension j is not 0; the mean of absolute values stands in for p_j. Unlike an l1 penalty it presses harder on
 * dimensions that many examples use. v is activation `layer` (the last one where empty), all entries of an example,
 * scaled to length 1; it becomes sparse only behind a relu or another activation with exact zeros. Throws `conflict`
 * for a model without activations, `unknown-name`.
 */
export const flopsRegularizer = method("flops-regularizer", {
  summary: "sparse embeddings with non-zeros spread evenly, for cheap retrieval",
  paper: {
    id: "flops-regularizer",
    title: "Minimizing FLOPs to Learn Efficient Sparse Representations",
    authors: [
      "Biswajit Paria",
      "Chih-Kuan Yeh",
      "Ian E.H. Yen",
      "Ning Xu",
      "Pradeep Ravikumar",
      "Barnabás Póczos",
    ],
    year: 2020,
    arxiv: "2004.05665",
    url: "https://github.com/biswajitsc/sparse-embed",
    where: 'model.py in the authors\' code: sparsity type "flops_sur", weight "dynamic_4"',
    deviations: [
      "the warm-up is a share of the run; the code counts steps (15,000 of 50,000 on CIFAR-100)",
      "embeddings are scaled to length 1 here; the code does so in the model",
    ],
  },
  options: {
    strength: positive(0.1, "cost of a unit of expected multiplications (lambda in the paper)"),
    warmup: share(0.3, "share of the run over which the strength rises quadratically", [0, 0.3, 0.6]),
    layer: text("", "activation that is the embedding; the last one where empty"),
  },
  examples: [
    {
      options: { strength: 2, warmup: 0.5 },
      value: ({ penalty }) => (penalty as NonNullable<typeof penalty>)(stepAt(0.5), undefined),
      output: 2 * (((0.6 + 1) / 2) ** 2 + (0.8 / 2) ** 2),
      source: "by hand: rows (0.6, 0.8, 0) and (1, 0, 0)",
    },
    {
      options: { strength: 2, warmup: 0.5 },
      value: ({ penalty }) => (penalty as NonNullable<typeof penalty>)(stepAt(0.25), undefined),
      output: (2 * (((0.6 + 1) / 2) ** 2 + (0.8 / 2) ** 2)) / 4,
      source: "by hand: half the warm-up is over, which is a quarter of the strength",
    },
  ],
  create: ({ strength, warmup, layer }) => ({
    penalty({ outputs, progress, about }) {
      const v = outputs.activations[placeOf(about.model, layer)];
      const popularity = mean(abs(unit(reshape(v, [v.shape[0], -1]))), { axes: [0] });
      const risen = min(1, square(div(progress, max(warmup, 1e-9))));
      return mul(mul(strength, risen), sum(square(popularity)));
    },
  }),
});

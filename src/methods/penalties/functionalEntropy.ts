import { fromNested } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import { method, oneOf, positive, type Step, text, whole } from "../../kinds/index.ts";
import { mlp } from "../../nn/index.ts";
import {
  add,
  broadcast,
  concat,
  constant,
  div,
  fill,
  fold,
  type Key,
  max,
  mean,
  mul,
  normal,
  pow,
  reshape,
  slice,
  softmax,
  softplus,
  sqrt,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  variance,
  vjp,
} from "../../tensor/index.ts";

type Variant = "entropy" | "variance";

/** What is seen of a step, or of a trained model. */
type Seen = Pick<Step, "weights" | "outputs" | "batch" | "apply">;

/** Information below this is taken for it, so that no modality costs without end. */
const least = 1e-12;

/** `copies` of x below one another, with normal noise of each feature's own spread over them. */
function perturbed(x: Tensor, copies: number, key: Key): Tensor {
  const repeated = concat(Array.from({ length: copies }, () => x));
  const rows = repeated.shape[0];
  const spread = stopGradient(sqrt(variance(repeated, { axes: [0] }, Math.min(1, rows - 1))));
  return add(repeated, mul(normal(key, repeated.shape), spread));
}

/**
 * The functional Fisher information of each modality, scalars: mean of |df/dx_k|^2 / f over rows and copies, or for the
 * variance of |df/dx_k|^2. `sizes` cuts the first axis of an example of `x` into modalities.
 */
export function modalityInformation(
  { weights, outputs, batch, apply }: Seen,
  sizes: readonly number[],
  samples: number,
  variant: Variant,
  key: Key,
): Tensor[] {
  const { x } = batch.inputs;
  const near = perturbed(x, samples, key);
  const p = softmax(outputs.prediction);
  const target = concat(Array.from({ length: samples }, () => p));
  const logits = apply(weights, { ...batch.inputs, x: near }).prediction;
  const f = mean(sub(softplus(logits), mul(target, logits)), { axes: [-1] });
  const [slopes] = vjp([f], [fill(f.shape, 1, f.dtype)], [near]);
  let from = 0;
  return sizes.map((size) => {
    const own = reshape(slice(slopes, 1, from, from + size), [f.shape[0], -1]);
    from += size;
    const squares = sum(square(own), { axes: [-1] });
    return mean(variant === "entropy" ? div(squares, f) : squares);
  });
}

/** The modalities of examples of a shape; each entry of the first axis for itself where none are told. */
function sizesOf(modalities: string, { batch, about }: Step): number[] {
  const shape = batch.inputs.x?.shape;
  if (shape === undefined || about.task !== "classification")
    throw new OckhamError(
      "conflict",
      "functional-entropy",
      "functional-entropy acts on classifiers of tables and images",
      "leave it out here",
    );
  const sizes =
    modalities === "" ? Array.from({ length: shape[1] }, () => 1) : modalities.split(":").map(Number);
  if (sizes.reduce((a, b) => a + b) !== shape[1])
    throw new OckhamError(
      "bad-option",
      "functional-entropy.modalities",
      `functional-entropy.modalities is ${modalities}, but an example has ${shape[1]} columns or channels`,
      `give sizes that add up to ${shape[1]}`,
    );
  return sizes;
}

/** A linear classifier x -> x W^T. */
function linearOn(x: Tensor, kernel: readonly (readonly number[])[]): Step {
  const model = mlp([kernel[0].length], kernel.length, []);
  const weights = Object.fromEntries(
    model.leaves.map(({ path, role, shape }) => [
      path,
      role === "kernel" ? constant(fromNested(kernel)) : fill(shape, 0),
    ]),
  );
  const batch = { inputs: { x } };
  return {
    weights,
    batch,
    outputs: model.apply(weights, batch.inputs),
    apply: model.apply,
    key: { tensor: constant(fromNested([1, 2], "uint32")) },
    about: { task: "classification" },
  } as unknown as Step;
}

/** Two rows that are alike, so that there is no noise: a modality of two columns and one of one. */
const alike = linearOn(broadcast(constant(fromNested([[1, 2, -1]])), [2, 3]), [
  [0.5, -1, 0.25],
  [0.25, 0.75, 1],
]);

/** 500 rows of 1 and as many of -1, in one column. */
const spread = linearOn(concat([fill([500, 1], 1), fill([500, 1], -1)]), [[1], [-0.5]]);

type Made = { penalty?: (step: Step, state: undefined) => Tensor };
const at =
  (step: Step) =>
  ({ penalty }: Made): Tensor =>
    (penalty as NonNullable<typeof penalty>)(step, undefined);

/**
 * Functional entropy: keeps a classifier of several modalities from ignoring one of them.
 *
 *   penalty = strength |(1 / I_1, ..., 1 / I_m)|_norm
 *   entropy:   I_k = mean of |df/dx_k|^2 / f
 *   variance:  I_k = mean of |df/dx_k|^2
 *   f = binary cross entropy of the logits at x + e, mean over classes, to p = softmax(logits at x)
 *
 * e is normal, with the spread of each feature over the batch; means are over rows and `samples` draws. By the
 * log-Sobolev (Poincare) inequality I_k bounds how much of the entropy (variance) of f comes with modality k, and the
 * smallest I_k costs most. `modalities` are sizes along the first axis of an example: columns of a table, channels of
 * an image. Runs the model on `samples` times the rows, and differentiates twice; 1 / I may be huge, so begin with a
 * strength at which the penalty is 1 to 10 % of the loss. Throws `conflict` for other tasks than classification and for
 * texts, `bad-option` for sizes that do not fit.
 */
export const functionalEntropy = method("functional-entropy", {
  summary: "every modality of the input has a say, by its functional Fisher information",
  paper: {
    id: "functional-entropy",
    title: "Removing Bias in Multi-modal Classifiers: Regularization by Maximizing Functional Entropies",
    authors: ["Itai Gat", "Idan Schwartz", "Alexander Schwing", "Tamir Hazan"],
    year: 2020,
    arxiv: "2010.10802",
    url: "https://github.com/itaigat/removing-bias-in-multi-modal-classifiers",
    where: "functional Fisher information; README.md and regularization.py in the authors' code",
    deviations: [
      "gradients and f are by row, as in the definition of the information (taken from memory, not checked with the paper's text); the authors' code differentiates the mean of f over all rows and draws and divides by that mean, so its I is smaller by about the square of their number",
      "the default strength is therefore not the 1e-10 of the authors' code",
      "information below 1e-12 is taken for 1e-12",
    ],
  },
  options: {
    strength: positive(1e-3, "cost of a unit of the norm (lambda in the paper)"),
    samples: whole(1, 10, "noisy copies of each row", [3, 10]),
    norm: whole(1, 2, "which norm of the inverse information", [1, 2]),
    variant: oneOf(["entropy", "variance"], "entropy", "what is bounded"),
    modalities: {
      ...text("", "sizes of the modalities, such as 64:3; every column or channel for itself where empty"),
      range: "whole numbers above 0 with colons between them, or empty",
      valid: (v: string) => typeof v === "string" && /^([1-9]\d*(:[1-9]\d*)*)?$/.test(v),
    },
  },
  examples: [
    {
      options: { strength: 1, samples: 1, modalities: "2:1" },
      value: at(alike),
      output: 36.2694,
      tolerance: 1e-3,
      source: "PyTorch 2.15 in float64: autograd of binary_cross_entropy_with_logits, by row",
    },
    {
      options: { strength: 0.1, samples: 2, norm: 1, variant: "variance", modalities: "2:1" },
      value: at(alike),
      output: 13.81771,
      tolerance: 1e-3,
      source: "PyTorch 2.15 in float64, as above",
    },
    {
      options: { strength: 0.01 },
      value: at(spread),
      output: 0.01 * 28.232156,
      tolerance: 0.014,
      source:
        "I = 0.0354206 by Gauss-Hermite quadrature in NumPy with e ~ N(0, 1); the mean of 10,000 draws with deviation " +
        "0.042 has a standard error of 1.2 %",
    },
  ],
  create: ({ strength, samples, norm, variant, modalities }) => ({
    penalty(step) {
      const sizes = sizesOf(modalities, step);
      const inverses = modalityInformation(step, sizes, samples, variant, fold(step.key, "noise")).map(
        (information) => pow(div(1, max(information, least)), norm),
      );
      return mul(strength, pow(inverses.reduce(add), 1 / norm));
    },
  }),
});

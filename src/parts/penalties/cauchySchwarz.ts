import { fromNested } from "../../array/ndarray.ts";
import { flag, isWeight, oneOf, penalty, positive } from "../../kinds/index.ts";
import {
  constant,
  div,
  fill,
  iota,
  matmul,
  mul,
  oneHot,
  reshape,
  square,
  sub,
  sum,
  type Tensor,
} from "../../tensor/index.ts";

type Pair = readonly [Tensor, Tensor];

/** Vectors g and h [rows, d] of each row of x, parallel where the row has the wanted levels. */
const levels = {
  binary: (x: Tensor): Pair => [square(x), fill(x.shape, 1, x.dtype)],
  ternary: (x: Tensor): Pair => [x, mul(x, square(x))],
  "one-sided": (x: Tensor): Pair => [x, square(x)],
};

/** The Gram matrix over the smaller axis of x, and the identity, as vectors [1, d]. */
function gramPair(x: Tensor): Pair {
  const [rows, columns] = x.shape;
  const gram = matmul(x, x, rows < columns ? { transposeB: true } : { transposeA: true });
  const [size] = gram.shape;
  return [reshape(gram, [1, -1]), reshape(oneHot(iota(size), size), [1, -1])];
}

const inRows = (x: Tensor): Tensor => sum(x, { axes: [1] });

/** |g|^2 |h|^2 - <g, h>^2 of each row; by Cauchy and Schwarz at least 0, and 0 where g and h are parallel. */
const gap = ([g, h]: Pair): Tensor =>
  sub(mul(inRows(square(g)), inRows(square(h))), square(inRows(mul(g, h))));

const weights = constant(
  fromNested([
    [1, 2],
    [-1, 1],
  ]),
);
const given = constant(
  fromNested([
    [0.5, -0.25, 1, 0],
    [2, 0.125, -1, 0.5],
  ]),
);

/**
 * Draws weights to a few levels whose scale is free, so that rounding them to those levels costs little.
 *
 *   value(w) = strength / size(w) sum over rows x of |g(x)|^2 |h(x)|^2 - <g(x), h(x)>^2
 *
 * By the Cauchy-Schwarz inequality this is 0 exactly where g(x) and h(x) are parallel: "binary" {-a, a}: x^2 and 1, so
 * d sum x^4 - (sum x^2)^2; "ternary" {-a, 0, a}: x and x^3; "one-sided" {0, a}: x and x^2; "orthogonal": W'W and the
 * identity (WW' where W has fewer rows than columns). Every row of a kernel, flattened, has a scale of its own, or
 * with `rowwise` false the kernel has one. Orders: the value grows with the fourth power of the weights ("ternary":
 * the eighth, "one-sided": the sixth), and so the strength to use falls with it. Stays flat at zero weights.
 */
export const cauchySchwarz = penalty("cauchy-schwarz", {
  summary: "draws weights to two or three levels of a free scale, or to orthogonality",
  paper: {
    id: "cauchy-schwarz",
    title: "Cauchy-Schwarz Regularizers",
    authors: ["Sueda Taner", "Ziyi Wang", "Christoph Studer"],
    year: 2025,
    arxiv: "2503.01639",
    url: "https://github.com/IIP-Group/CS_regularizers",
    where: "lplq_regularization_CNN in the authors' code; orth_matrix_recovery.m for the orthogonal one",
    deviations: [
      'the first layer is left out by the code, but one leaf does not tell that it is the first: "hidden" leaves out ' +
        "the last only",
      "the orthogonal one, which the code has for linear systems alone, is divided by the number of weights like the others",
    ],
  },
  options: {
    strength: positive(
      10,
      "factor on the mean over the weights (lambda in the paper's code: 10 for binary, 1e5 for ternary)",
    ),
    kind: oneOf(["binary", "ternary", "one-sided", "orthogonal"], "binary", "what is drawn to"),
    rowwise: flag(true, "a scale for every row of a kernel, or one for all of it; orthogonal has one"),
    layers: oneOf(["all", "hidden"], "all", "every layer, or all but the one that makes the prediction"),
  },
  examples: [
    {
      options: { strength: 2 },
      value: ({ value }) => value(weights),
      output: (2 * (2 * 17 - 5 ** 2)) / 4,
      source: "by hand: the row (1, 2) has squares 1 and 4; (-1, 1) has one level",
    },
    {
      options: { strength: 1, rowwise: false },
      value: ({ value }) => value(weights),
      output: (4 * 19 - 7 ** 2) / 4,
      source: "by hand: squares 1, 4, 1, 1",
    },
    {
      options: { strength: 1, kind: "one-sided" },
      value: ({ value }) => value(weights),
      output: (5 * 17 - 9 ** 2 + (2 * 2 - 0)) / 4,
      source: "by hand: sums of powers 2, 3, 4 are 5, 9, 17 and 2, 0, 2",
    },
    {
      options: { strength: 1, kind: "orthogonal" },
      value: ({ value }) => value(weights),
      output: (2 * (2 ** 2 + 2 * 1 + 5 ** 2) - 7 ** 2) / 4,
      source: "by hand: W'W = ((2, 1), (1, 5)), of trace 7; 2 |W'W|^2 - 7^2",
    },
    {
      options: { strength: 1 },
      value: ({ value }) => value(given),
      output: 5.383392333984375,
      source:
        "IIP-Group/CS_regularizers c2d4ea5, lplq_regularization_CNN, run (fc_regu binary, p 4, q 2, r 4)",
    },
    {
      options: { strength: 1, kind: "ternary" },
      value: ({ value }) => value(given),
      output: 6.425848603248596,
      source: "IIP-Group/CS_regularizers c2d4ea5, lplq_regularization_CNN, run (conv_regu ternary_input_ch)",
    },
  ],
  create: ({ strength, kind, rowwise, layers }) => ({
    applies: (leaf) => isWeight(leaf) && !(layers === "hidden" && leaf.head),
    value(w) {
      const units = reshape(w, [w.shape[0], -1]);
      const pair =
        kind === "orthogonal" ? gramPair(units) : levels[kind](rowwise ? units : reshape(w, [1, -1]));
      const [rows, columns] = units.shape;
      return div(mul(strength, sum(gap(pair))), rows * columns);
    },
  }),
});

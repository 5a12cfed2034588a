import { fromNested } from "../../array/ndarray.ts";
import {
  flag,
  type Leaf,
  mapParams,
  oneOf,
  optimizer,
  type Params,
  positive,
  type Step,
} from "../../kinds/index.ts";
import {
  add,
  constant,
  div,
  fill,
  max,
  mul,
  scalar,
  sub,
  sum,
  swapLast,
  type Tensor,
} from "../../tensor/index.ts";
import { type Dual, dualize, type NormName, type Orthogonalization } from "./common/dual.ts";

type Norms = "modular" | "spectral" | "max" | "euclidean";

/** The norm of an array by its role: matrices map, embeddings look up, vectors add. */
const normOf = (norms: Norms, leaf: Leaf | undefined, g: Tensor): NormName => {
  const matrix = g.shape.length > 1;
  if (norms === "max" || norms === "euclidean") return norms;
  if (norms === "spectral") return matrix ? "spectral" : "euclidean";
  if (!matrix) return "rms";
  return leaf?.role === "embedding" ? "l1-rms" : "rms-rms";
};

function dualOf(g: Tensor, leaf: Leaf | undefined, norms: Norms, how: Orthogonalization): Dual {
  const name = normOf(norms, leaf, g);
  if (name !== "l1-rms") return dualize(g, name, how);
  // a row an entry of the vocabulary: what it looks up is a column of the map
  const { direction, dual } = dualize(swapLast(g), name, how);
  return { direction: swapLast(direction), dual };
}

interface State {
  /** The parameters at the start, and the step size found so far; both only with `adaptive`. */
  readonly start: Params;
  readonly size: Tensor;
}

const at = (params: Params): Step =>
  ({ params, rate: scalar(0.1), about: { model: { leaves: [] } } }) as unknown as Step;
const rotation = [
  [0, -2],
  [1, 0],
];

/**
 * Steepest descent under a norm of all weights: the largest, over arrays, of a norm chosen by what the array does.
 *
 *   w_l <- w_l - size d_l          d_l = argmax of <g_l, t> over t of norm 1
 *   size = rate, times sum_l <g_l, d_l> (the dual norm of the gradient) with `dual`
 *
 * `max`: largest |entry|, d = sign g, which is Adam without averages. `spectral`: d = U V' of g = U S V', which is
 * Shampoo without accumulation (vectors: Euclidean). `modular`: matrices from RMS to RMS, sqrt(out / in) U V';
 * embeddings each row over its RMS; vectors over their RMS. `euclidean`: g / |g|, by array. `adaptive`: Prodigy without
 * averages, rate size with size <- max(size, <g, w_0 - w> / dual norm), from 1e-6, so that no rate need be known.
 * Kernels with a window are flattened to [out, rest]. No momentum: combine with methods that average gradients.
 */
export const normAnthology = optimizer("norm-anthology", {
  summary: "steepest descent under a norm for each role of weights",
  paper: {
    id: "norm-anthology",
    title: "Old Optimizer, New Norm: An Anthology",
    authors: ["Jeremy Bernstein", "Laker Newhouse"],
    year: 2024,
    arxiv: "2409.20325",
    where: "propositions 1, 4, 5, 6 and 8",
    deviations: [
      "the paper derives optimizers and trains none; roles and scales of `modular` are those of its section on " +
        "metrized networks",
      "`adaptive` sets the factor on the rate for any of the norms; the paper has it for signs",
    ],
  },
  options: {
    norms: oneOf(["modular", "spectral", "max", "euclidean"], "modular", "the norm of each array"),
    dual: flag(false, "steps as long as the gradient's dual norm"),
    adaptive: flag(false, "find the step size as Prodigy does"),
    initial: positive(1e-6, "the step size that `adaptive` starts from (eta_0)", [1e-6]),
    orthogonalization: oneOf(
      ["cubic", "muon"],
      "cubic",
      "U V' to float32 precision, or by Muon's five steps",
    ),
  },
  examples: [
    {
      options: { norms: "spectral" },
      value: ({ init, update }) => {
        const params = { w: fill([2, 2], 1) };
        const step = at(params);
        return update({ w: constant(fromNested(rotation)) }, init(params, step.about), step)[0].w;
      },
      output: [
        [1, 1 + 0.1],
        [1 - 0.1, 1],
      ],
      tolerance: 1e-5,
      source: "by hand: [[0, -2], [1, 0]] is diag(2, 1) times the rotation [[0, -1], [1, 0]]",
    },
    {
      options: { norms: "max", dual: true },
      value: ({ init, update }) => {
        const params = { w: fill([2], 1) };
        const step = at(params);
        return update({ w: constant(fromNested([3, -0.5])) }, init(params, step.about), step)[0].w;
      },
      output: [1 - 0.1 * 3.5, 1 + 0.1 * 3.5],
      source: "by hand: the dual norm is 3 + 0.5",
    },
    {
      value: ({ init, update }) => {
        const params = { w: fill([1, 2], 0), b: fill([2], 0) };
        const step = at(params);
        const gradients = { w: constant(fromNested([[3, 4]])), b: constant(fromNested([3, 4])) };
        const [next] = update(gradients, init(params, step.about), step);
        return add(next.b, sum(mul(next.w, constant(fromNested([1, 10]))), { axes: [-1] }));
      },
      output: [3, 4].map((b) => -0.1 * Math.SQRT2 * (b / 5) - (0.1 * Math.SQRT1_2 * (3 + 10 * 4)) / 5),
      tolerance: 1e-5,
      source: "by hand: U V' of [3, 4] is [3, 4] / 5, times sqrt(1 / 2); the RMS of [3, 4] is 5 / sqrt(2)",
    },
    {
      options: { norms: "max", adaptive: true },
      value: ({ update }) => {
        const params = { w: constant(fromNested([1, 2])) };
        const state: State = { start: { w: constant(fromNested([2, 2])) }, size: scalar(1e-6) };
        return update({ w: constant(fromNested([3, -1])) }, state, at(params))[0].w;
      },
      output: [1 - 0.1 * (3 / 4), 2 + 0.1 * (3 / 4)],
      source: "by hand: <g, w_0 - w> = 3 (2 - 1), |g|_1 = 4",
    },
  ],
  create: ({ norms, dual, adaptive, initial, orthogonalization }) => ({
    rate: 0.01,
    init: (params): State => ({
      start: adaptive ? params : {},
      size: adaptive ? mul(initial, fill([], 1)) : scalar(0),
    }),
    update(gradients, state: State, { params, rate, about }) {
      const leaves = new Map(about.model.leaves.map((leaf) => [leaf.path, leaf]));
      const duals = Object.entries(gradients).map(
        ([path, g]) => [path, dualOf(g, leaves.get(path), norms, orthogonalization)] as const,
      );
      const whole = duals.map(([, one]) => one.dual).reduce(add);
      const gone = () =>
        Object.entries(gradients)
          .map(([path, g]) => sum(mul(g, sub(state.start[path], params[path]))))
          .reduce(add);
      const size = adaptive ? max(state.size, div(gone(), max(whole, 1e-30))) : state.size;
      const scaled = adaptive ? mul(rate, size) : rate;
      const length = dual ? mul(scaled, whole) : scaled;
      const moves = Object.fromEntries(duals.map(([path, { direction }]) => [path, direction]));
      return [mapParams(moves, (d, path) => sub(params[path], mul(length, d))), { ...state, size }];
    },
  }),
});

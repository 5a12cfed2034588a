import { fromNested } from "../../array/ndarray.ts";
import {
  type About,
  isWeight,
  type Leaf,
  mapParams,
  method,
  oneOf,
  type Params,
  positive,
  type Step,
  whole,
} from "../../kinds/index.ts";
import {
  add,
  constant,
  div,
  fold,
  matmul,
  max,
  mul,
  norm,
  normal,
  pow,
  reshape,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
} from "../../tensor/index.ts";

/** By path of a weight, the left vector [out] of the last power iteration. */
type State = Params;

const unit = (x: Tensor): Tensor => div(x, max(norm(x), 1e-12));
const matrixOf = (w: Tensor): Tensor => reshape(w, [w.shape[0], -1]);

/** The vectors after some power iterations from `u`; constants for the gradient. */
function iterated(w: Tensor, u: Tensor, iterations: number): { readonly u: Tensor; readonly v: Tensor } {
  const fixed = stopGradient(matrixOf(w));
  let left = reshape(u, [1, -1]);
  let right = left;
  for (let i = 0; i < iterations; i++) {
    right = unit(matmul(left, fixed));
    left = unit(matmul(right, fixed, { transposeB: true }));
  }
  return { u: reshape(left, u.shape), v: right };
}

/** u^T W v, whose gradient is u v^T. */
function largest(w: Tensor, u: Tensor, iterations: number): Tensor {
  const at = iterated(w, u, iterations);
  return sum(mul(reshape(at.u, [-1, 1]), matmul(matrixOf(w), at.v, { transposeB: true })));
}

const stretch = constant(
  fromNested([
    [3, 0],
    [0, 2],
  ]),
);

const seen = (params: Params, leaves: readonly Partial<Leaf>[]): Step =>
  ({ params, weights: params, about: { model: { leaves } } }) as unknown as Step;

/**
 * Spectral regularization: keeps the largest singular value of every layer near one, as at the start.
 *
 *   penalty = strength (sum over weights of (sigma^power - 1)^2 + sum over biases of |b|^(2 power)
 *                       + sum over gains of (|g|^power - 1)^2)
 *   sigma = u^T W v,  v <- W^T u / |.|,  u <- W v / |.|        `iterations` times a step; convolutions as [out, rest]
 *
 * Layers that stretch by about one pass gradients of all directions on, which keeps networks able to learn task
 * after task; unlike weight decay it leaves the small singular values alone. u is kept from step to step and stage
 * to stage, so that one iteration a step is enough.
 */
export const spectralContinual = method("spectral-continual", {
  summary: "keeps each layer's largest singular value near one",
  paper: {
    id: "spectral-continual",
    title: "Learning Continually by Spectral Regularization",
    authors: ["Alex Lewandowski", "Michał Bortkiewicz", "Saurabh Kumar", "András György"],
    year: 2024,
    arxiv: "2406.06811",
    where: "section 4",
    deviations: [
      "of the paper the abstract only could be read, and it has no code: weights and biases are as one reimplementation by " +
        "others has them; another adds plain squares of biases and of gains less one",
      "the default power could not be checked: those two take 3 and 2",
    ],
  },
  options: {
    strength: positive(0.001, "cost of a squared unit (lambda)", [1e-5, 1e-4, 1e-3, 1e-2]),
    power: { ...positive(2, "power of the singular value (k in the paper)", [1, 2]), traced: false },
    iterations: whole(1, 1, "power iterations a step", [1, 2]),
    rest: oneOf(
      ["drawn", "free"],
      "drawn",
      "what becomes of biases and gains: drawn to zero and one, or left alone",
    ),
  },
  examples: [
    {
      options: { strength: 0.5, power: 2 },
      value: ({ penalty }) =>
        (penalty as NonNullable<typeof penalty>)(seen({ w: stretch }, [{ path: "w", role: "kernel" }]), {
          w: constant(fromNested([1, 0])),
        }),
      output: 0.5 * (9 - 1) ** 2,
      source: "by hand: the largest singular value of diag(3, 2) is 3",
    },
    {
      options: { strength: 1, power: 2 },
      value: ({ penalty }) =>
        (penalty as NonNullable<typeof penalty>)(
          seen({ b: constant(fromNested([1, 2])), g: constant(fromNested([2, 1])) }, [
            { path: "b", role: "bias" },
            { path: "g", role: "gain" },
          ]),
          {},
        ),
      output: (1 + 4) ** 2 + (4 - 1) ** 2,
      source: "by hand: |b|^4, and gains toward one",
    },
    {
      value: ({ after }) => {
        const step = seen({ w: stretch }, [{ path: "w", role: "kernel" }]);
        return (after as NonNullable<typeof after>)({}, step, { w: constant(fromNested([0.6, 0.8])) })[1].w;
      },
      output: [(0.6 * 9) / Math.hypot(0.6 * 9, 0.8 * 4), (0.8 * 4) / Math.hypot(0.6 * 9, 0.8 * 4)],
      source: "by hand: u is turned by W W^T = diag(9, 4)",
    },
  ],
  exempt: {
    "finite differences":
      "the singular vectors follow the weights, and take no gradient: exact once they have converged",
  },
  create: ({ strength, power, iterations, rest }) => {
    const off = (x: Tensor, from: number) => square(sub(pow(x, power), from));
    const cost = (leaf: Leaf, w: Tensor, u: Tensor | undefined): Tensor | undefined => {
      if (u !== undefined) return off(largest(w, u, iterations), 1);
      if (rest === "free") return undefined;
      // |b|^(2 power) as a power of the sum of squares, which has a gradient at zero
      if (leaf.role === "bias") return pow(sum(square(w)), power);
      return leaf.role === "gain" ? sum(square(sub(pow(square(w), power / 2), 1))) : undefined;
    };
    return {
      state: (params, { model }: About, key): State =>
        Object.fromEntries(
          model.leaves
            .filter(isWeight)
            .map(({ path }) => [path, unit(normal(fold(key, path), [params[path].shape[0]]))]),
        ),
      carries: () => true,
      penalty({ weights, about }, state: State) {
        const costs = about.model.leaves.flatMap(
          (leaf) => cost(leaf, weights[leaf.path], state[leaf.path]) ?? [],
        );
        return mul(strength, costs.reduce(add));
      },
      after: (updated, { weights }, state: State) => [
        updated,
        mapParams(state, (u, path) => iterated(weights[path], u, iterations).u),
      ],
    };
  },
});

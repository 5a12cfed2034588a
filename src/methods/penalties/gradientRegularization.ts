import { fromNested } from "../../array/ndarray.ts";
import {
  combined,
  type GradientOf,
  mapParams,
  method,
  moved,
  nonNegative,
  oneOf,
  type Params,
  positive,
  type Scalar,
  type Step,
} from "../../kinds/index.ts";
import { add, constant, div, grad, mul, neg, square, sum } from "../../tensor/index.ts";

/** g(w), and H g: the gradient of |g(w)|^2 / 2 on the paths that g has. */
function exactly(inner: GradientOf, params: Params): readonly [Params, Params] {
  let g: Params = {};
  const all = grad((at: Params) => {
    g = inner(at);
    return mul(
      0.5,
      Object.values(g)
        .map((part) => sum(square(part)))
        .reduce(add),
    );
  })(params);
  return [g, mapParams(g, (_, path) => all[path])];
}

/** g(w), and (g(w + ascent g) - g(w)) / ascent; a negative ascent looks back. */
function byDifference(inner: GradientOf, params: Params, ascent: Scalar): readonly [Params, Params] {
  const g = inner(params);
  const there = inner(moved(params, g, ascent));
  return [g, combined(div(1, ascent), there, div(-1, ascent), g)];
}

/** f = w^3 / 3, whose gradient is w^2 and whose Hessian is 2 w. */
const cubic = (({ w }: Params) => ({ w: mul(w, w) })) as GradientOf;
const directionAt2 = (made: { gradient?: (inner: GradientOf, step: Step, state: undefined) => GradientOf }) =>
  (made.gradient as NonNullable<typeof made.gradient>)(
    cubic,
    {} as Step,
    undefined,
  )({
    w: constant(fromNested([2])),
  }).w;

/**
 * Gradient regularization: descends the squared norm of the gradient along with the loss, L + strength / 2 |g|^2.
 *
 *   g <- g(w) + strength d
 *   forward:  d = (g(w + ascent g(w)) - g(w)) / ascent
 *   backward: d = (g(w) - g(w - ascent g(w))) / ascent
 *   exact:    d = H g(w), by differentiating the gradient
 *
 * Prefers flat places. The differences cost one gradient more, and for a small `ascent` are the exact form; at
 * larger ones the forward form also looks uphill, as `sam` does: with ascent = strength it is SAM with an unscaled
 * step. In `gradient-regularization+other`, g is what `other` makes of the gradient.
 */
export const gradientRegularization = method("gradient-regularization", {
  summary: "descends the squared norm of the gradient, by finite differences or exactly",
  paper: {
    id: "fd-gradient-regularization",
    title:
      "Understanding Gradient Regularization in Deep Learning: Efficient Finite-Difference Computation and Implicit Bias",
    authors: ["Ryo Karakida", "Tomoumi Takase", "Tomohiro Hayase", "Kazuki Osawa"],
    year: 2022,
    arxiv: "2210.02720",
    where: "section 3: F-GR, B-GR and DB",
  },
  options: {
    strength: nonNegative(
      0.05,
      "weight of the squared norm (gamma in the paper)",
      [0.01, 0.05, 0.1, 0.2, 0.5],
    ),
    ascent: positive(
      0.05,
      "length of the step that is looked ahead, by unit of gradient (epsilon in the paper)",
      [0.01, 0.05, 0.1, 0.5],
    ),
    mode: oneOf(["forward", "backward", "exact"], "forward", "how the Hessian's product is computed"),
  },
  examples: [
    {
      options: { strength: 0.1, ascent: 0.5 },
      value: directionAt2,
      output: [4 + (0.1 * (16 - 4)) / 0.5],
      source: "by hand: f = w^3 / 3 has g = 4 at 2, and 16 at 2 + 0.5 * 4",
    },
    {
      options: { strength: 0.1, ascent: 0.25, mode: "backward" },
      value: directionAt2,
      output: [4 + (0.1 * (4 - 1)) / 0.25],
      source: "by hand: g = 1 at 2 - 0.25 * 4",
    },
    {
      options: { strength: 0.1, mode: "exact" },
      value: directionAt2,
      output: [4 + 0.1 * (2 * 2) * 4],
      source: "by hand: the Hessian of f is 4 at 2",
    },
  ],
  create({ strength, ascent, mode }) {
    const parts = (inner: GradientOf, params: Params) =>
      mode === "exact"
        ? exactly(inner, params)
        : byDifference(inner, params, mode === "forward" ? ascent : neg(ascent));
    return {
      gradient: (inner) => (params) => {
        const [g, d] = parts(inner, params);
        return combined(1, g, strength, d);
      },
    };
  },
});

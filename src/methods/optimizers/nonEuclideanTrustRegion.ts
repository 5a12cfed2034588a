import { fromNested } from "../../array/ndarray.ts";
import {
  combined,
  flag,
  mapParams,
  method,
  nonNegative,
  oneOf,
  type Params,
  type Step,
  share,
} from "../../kinds/index.ts";
import { dualize, type NormName } from "../../parts/optimizers/common/dual.ts";
import { add, constant, div, fill, mul, scalar, sub, type Tensor, zerosLike } from "../../tensor/index.ts";

const at = (params: Params): Step => ({ params, rate: scalar(0.1) }) as unknown as Step;

/**
 * Trust-region descent: the step of a fixed length, in a norm of choice, that lowers a linear model most.
 *
 *   m <- momentum m + (1 - momentum) g
 *   w <- (1 - decay) w - rate argmax{<m, t> : |t| <= 1}
 *
 * The radius is the learning rate. Norms of matrices: `spectral` (the step is U V' of m = U S V', which is Muon),
 * `sign` (largest |entry|, signSGD) or `l2`; of vectors: `sign` or `l2`. Averaging comes before orthogonalization, so
 * that the noise of single gradients cancels. With decay b, spectral norms stay below rate / b. `extrapolate` takes
 * the gradient at w + (momentum / (1 - momentum)) (w - w before), for smooth second derivatives.
 * Kernels with a window are flattened to [out, rest].
 */
export const nonEuclideanTrustRegion = method("non-euclidean-trust-region", {
  summary: "steps of fixed length in the spectral norm, along averaged gradients",
  paper: {
    id: "non-euclidean-trust-region",
    title:
      "Understanding Gradient Orthogonalization for Deep Learning via Non-Euclidean Trust-Region Optimization",
    authors: ["Dmitry Kovalev"],
    year: 2025,
    arxiv: "2503.12645",
    where: "algorithm 1; algorithm 2 with `extrapolate`",
    deviations: [
      "the mean starts from zero; only its direction counts, so the first step is along the first gradient",
      "only the part of the composite term R that is weight decay, in the decoupled form of the catalogue's card",
      "momentum is the paper's 1 - alpha",
    ],
  },
  options: {
    norm: oneOf(["spectral", "sign", "l2"], "spectral", "norm of matrices"),
    vectors: oneOf(["sign", "l2"], "sign", "norm of vectors"),
    momentum: share(
      0.95,
      "share of the past kept in the mean gradient (1 - alpha in the paper)",
      [0.9, 0.95],
    ),
    decay: nonNegative(0, "share of the weights taken off at each step (beta)", [0, 1e-4, 1e-3, 1e-2]),
    extrapolate: flag(false, "take the gradient ahead of the last step"),
    orthogonalization: oneOf(
      ["muon", "cubic"],
      "muon",
      "five steps of Muon, or 20 cubic ones, which converge",
    ),
  },
  examples: [
    {
      options: { momentum: 0.5, decay: 0.01, orthogonalization: "cubic" },
      value: ({ optimizer }) => {
        const { update } = optimizer as NonNullable<typeof optimizer>;
        const params = { w: fill([2, 2], 1) };
        const mean = {
          w: constant(
            fromNested([
              [2, 0],
              [0, 0],
            ]),
          ),
        };
        // the mean becomes (mean + g) / 2 = [[0, -2], [1, 0]]
        const g = constant(
          fromNested([
            [-2, -4],
            [2, 0],
          ]),
        );
        return update({ w: g }, mean, at(params))[0].w;
      },
      output: [
        [0.99, 0.99 + 0.1],
        [0.99 - 0.1, 0.99],
      ],
      tolerance: 1e-5,
      source: "by hand: [[0, -2], [1, 0]] is diag(2, 1) times the rotation [[0, -1], [1, 0]]",
    },
    {
      options: { momentum: 0, vectors: "l2" },
      value: ({ optimizer }) => {
        const { init, update } = optimizer as NonNullable<typeof optimizer>;
        const params = { b: fill([2], 0) };
        const step = at(params);
        return update({ b: constant(fromNested([3, 4])) }, init(params, step.about), step)[0].b;
      },
      output: [-0.1 * 0.6, -0.1 * 0.8],
      source: "by hand",
    },
    {
      options: { momentum: 0.75, extrapolate: true },
      value: ({ gradient }) => {
        const step = at({ w: constant(fromNested([1, 2])) });
        const before = { w: constant(fromNested([0, 3])) };
        const same = (params: Params) => params;
        return (gradient as NonNullable<typeof gradient>)(same, step, before)(step.params).w;
      },
      output: [1 + 3 * 1, 2 - 3 * 1],
      source: "by hand, for g(w) = w: (1 - alpha) / alpha = 0.75 / 0.25",
    },
  ],
  create({ norm, vectors, momentum, decay, extrapolate, orthogonalization }) {
    const names: Readonly<Record<typeof norm, NormName>> = {
      spectral: "spectral",
      sign: "max",
      l2: "euclidean",
    };
    const nameOf = (m: Tensor): NormName => names[m.shape.length > 1 ? norm : vectors];
    const ahead = {
      state: (params: Params): Params => params,
      gradient:
        (inner: (params: Params) => Params, { params }: Step, before: Params) =>
        (point: Params) => {
          const factor = div(momentum, sub(1, momentum));
          const moving = mapParams(before, (old, path) =>
            add(point[path], mul(factor, sub(params[path], old))),
          );
          return inner({ ...point, ...moving });
        },
      after: (updated: Params, { params }: Step, before: Params) =>
        [updated, mapParams(before, (_, path) => params[path])] as const,
    };
    return {
      optimizer: {
        rate: 0.02,
        init: (params) => mapParams(params, zerosLike),
        update(gradients, mean: Params, { params, rate }) {
          const next = combined(momentum, mean, sub(1, momentum), gradients);
          const updated = mapParams(next, (m, path) => {
            const { direction } = dualize(m, nameOf(m), orthogonalization);
            return sub(mul(sub(1, decay), params[path]), mul(rate, direction));
          });
          return [updated, next];
        },
      },
      ...(extrapolate ? ahead : {}),
    };
  },
});

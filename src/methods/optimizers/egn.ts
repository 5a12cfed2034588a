import { fromNested, sizeOf } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import {
  type About,
  dotOf,
  flag,
  mapParams,
  method,
  type Params,
  positive,
  type Scalar,
  type Step,
  share,
} from "../../kinds/index.ts";
import { mlp } from "../../nn/index.ts";
import {
  add,
  argMax,
  cast,
  choleskySolve,
  concat,
  constant,
  div,
  equal,
  expandDims,
  eye,
  fill,
  flatten,
  gather,
  iota,
  keyOf,
  less,
  lessEqual,
  matmul,
  min,
  mul,
  or,
  pow,
  reshape,
  scalar,
  softmax,
  sqrt,
  square,
  squeeze,
  sub,
  sum,
  type Tensor,
  vjp,
  vmap,
  where,
  zerosLike,
} from "../../tensor/index.ts";

/** Of one example: S' with S S' the Hessian of its loss in the prediction [c] (cross entropy, or the mean of squared errors). */
function rootOf(prediction: Tensor, task: About["task"]): Tensor {
  const c = prediction.shape[0];
  if (task !== "classification") return mul(Math.sqrt(2 / c), eye(c, prediction.dtype));
  const p = softmax(prediction);
  const root = sqrt(p);
  // (diag(sqrt p) - p sqrt p')'
  return sub(mul(expandDims(root, 0), eye(c, p.dtype)), matmul(expandDims(root, 1), expandDims(p, 0)));
}

/** S' J of all examples by trained path: [examples x outputs, ...shape], from one backward pass an output. */
export function scaledJacobian(
  { weights, batch, apply, about }: Step,
  params: Params,
): Record<string, Tensor> {
  const paths = Object.keys(params);
  const names = Object.keys(batch.inputs);
  const rows = vmap((...inputs: readonly Tensor[]) => {
    const own = Object.fromEntries(names.map((name, i) => [name, expandDims(inputs[i], 0)]));
    const { prediction } = apply(weights, own);
    const seeds = rootOf(squeeze(prediction, 0), about.task);
    const back = vmap((seed: Tensor) =>
      vjp(
        [prediction],
        [expandDims(seed, 0)],
        paths.map((path) => params[path]),
      ),
    );
    return back(seeds);
  })(...names.map((name) => batch.inputs[name]));
  return Object.fromEntries(
    paths.map((path, i) => [path, reshape(rows[i], [rows[i].shape[0] * rows[i].shape[1], -1])]),
  );
}

/** A x, summed over arrays. */
export const forward = (a: Readonly<Record<string, Tensor>>, x: Params): Tensor =>
  Object.entries(x)
    .map(([path, value]) => matmul(a[path], reshape(value, [sizeOf(value.shape)])))
    .reduce(add);

/**
 * The solution of (A' A / n + damping) d = -g, for A of many more columns than rows:
 * d = -(g - A' (A A' + n damping)^-1 A g) / damping.
 */
function solution(a: Readonly<Record<string, Tensor>>, g: Params, examples: number, damping: Tensor): Params {
  const gram = Object.values(a)
    .map((rows) => matmul(rows, rows, { transposeB: true }))
    .reduce(add);
  const [size] = gram.shape;
  const z = choleskySolve(add(gram, mul(mul(examples, damping), eye(size, gram.dtype))), forward(a, g));
  return mapParams(g, (value, path) => div(sub(reshape(matmul(z, a[path]), value.shape), value), damping));
}

/** Step sizes tried, from the first down: each 0.8 of the one before, the last taken in any case. */
const tries = 16;

const ahead = (step: Step, d: Params, size: Scalar): Params => ({
  ...step.params,
  ...mapParams(d, (one, path) => add(step.params[path], mul(size, one))),
});

/** The first of the falling sizes with f(w + size d) <= f(w) + 0.1 size <g, d>, by evaluating all at once. */
function searched(step: Step, d: Params, slope: Tensor, first: Tensor): { size: Tensor; value: Tensor } {
  const sizes = mul(first, pow(0.8, iota(tries, "float32")));
  const values = vmap((size: Tensor) => step.objective(ahead(step, d, size)))(sizes);
  const enough = add(step.objective(step.params), add(mul(mul(0.1, sizes), slope), 1.2e-7));
  const last = equal(iota(tries), tries - 1);
  const index = argMax(cast(or(lessEqual(values, enough), last), "float32"));
  return { size: gather(sizes, index), value: gather(values, index) };
}

interface State {
  readonly mean: Params;
  /** The last step size, and the damping. */
  readonly size: Tensor;
  readonly damping: Tensor;
}

function refuseBuffers({ model }: About): void {
  const buffer = model.leaves.find(({ role }) => role === "buffer");
  if (buffer !== undefined)
    throw new OckhamError(
      "conflict",
      `egn on ${model.name}`,
      `egn takes each example alone, but ${buffer.layer} of ${model.name} mixes the examples of a batch`,
      "use a model without batch normalization",
    );
}

/** One output, weight and bias zero, examples 1 and 2 with targets 1 and 0. */
function line(): Step {
  const model = mlp([1], 1, []);
  const params = mapParams(model.init(keyOf([1, 2])), zerosLike);
  const inputs = { x: constant(fromNested([[1], [2]])) };
  const about = { model, task: "regression" };
  const apply: Step["apply"] = (weights, x) => model.apply(weights, x);
  return {
    params,
    weights: params,
    batch: { inputs, target: constant(fromNested([[1], [0]])), index: iota(2) },
    apply,
    about,
    rate: scalar(1),
    count: scalar(0),
  } as unknown as Step;
}

/**
 * Exact Gauss-Newton: solves the damped Gauss-Newton system of a batch without forming it.
 *
 *   (J' Q J / n + damping I) d = -g          J: outputs of the n examples in the parameters, Q: Hessian of the losses
 *   m <- momentum m + (1 - momentum) d,  d = m / (1 - momentum^t),  w <- w + size d
 *
 * The matrix has as many rows as parameters; by the push-through identity a system of n x outputs rows is solved
 * instead, by Cholesky. `lineSearch`: size starts at 1.5 of the last (at most the rate) and falls by 0.8, up to 15
 * times, until the objective of the batch falls by 0.1 size <g, d>; else size = rate. `adaptive`: damping grows by 1 %
 * where the objective fell by less than 0.25 of what the model says, and shrinks by 1 % above 0.75. A backward pass an
 * output; Q is that of cross entropy or the mean squared error, whatever the loss; g is the gradient given, penalties
 * included. Wants rates near 1. Takes examples one by one: throws `conflict` for models with batch normalization.
 */
export const egn = method("egn", {
  summary: "Gauss-Newton steps, solved exactly in the dimension of the batch",
  paper: {
    id: "egn",
    title: "Exact Gauss-Newton Optimization for Training Deep Neural Networks",
    authors: ["Mikalai Korbit", "Adeyemi D. Adeoye", "Alberto Bemporad", "Mario Zanon"],
    year: 2024,
    arxiv: "2405.14402",
    url: "https://github.com/cor3bit/somax",
    where: "gn/egn.py in the authors' code",
    deviations: [
      "the authors solve (Q J J' + n damping I) z = r by LU and take d = -J' z; with Q = S S' the same direction is " +
        "found from the symmetric system in S' J J' S, and for any gradient, so that other methods combine",
      "adaptive damping, which the released code refuses, follows its commented part and the paper",
      "all sizes of the line search are evaluated at once",
    ],
  },
  options: {
    damping: positive(1, "added to the Gauss-Newton matrix (lambda in the paper)", [0.1, 0.3, 1, 3]),
    momentum: share(0.9, "share of the past kept in the mean direction", [0, 0.9]),
    lineSearch: flag(true, "search the step size below the rate"),
    adaptive: flag(true, "adapt the damping"),
  },
  examples: [
    {
      options: { momentum: 0, lineSearch: false, adaptive: false },
      value: ({ state, transform }) => {
        const step = line();
        const names = Object.keys(step.params);
        const [bias, kernel] = ["bias", "kernel"].map(
          (role) => names.find((n) => n.endsWith(role)) as string,
        );
        const gradients = { [kernel]: fill([1, 1], -1), [bias]: fill([1], -1) };
        const before = state?.(step.params, step.about, keyOf([1, 2]));
        const [d] = (transform as NonNullable<typeof transform>)(gradients, step, before);
        return concat([flatten(d[kernel]), d[bias]]);
      },
      output: [0, 1 / 3],
      tolerance: 1e-5,
      source:
        "by hand: J = [[1, 1], [2, 1]], Q = 2 I, n = 2: [[6, 3], [3, 3]] d = (1, 1), the gradient of the squares being (-1, -1)",
    },
  ],
  create: ({ damping, momentum, lineSearch, adaptive }) => ({
    state: (params, about): State => {
      refuseBuffers(about);
      return {
        mean: mapParams(params, zerosLike),
        size: fill([], 1e30),
        damping: mul(damping, fill([], 1)),
      };
    },
    transform(gradients, step, state: State) {
      const trained = mapParams(gradients, (_, path) => step.params[path]);
      const a = scaledJacobian(step, trained);
      const [n] = Object.values(step.batch.inputs)[0].shape;
      const direction = solution(a, gradients, n, state.damping);
      const mean = mapParams(direction, (d, path) =>
        add(mul(momentum, state.mean[path]), mul(sub(1, momentum), d)),
      );
      const d = mapParams(mean, (m) => div(m, sub(1, pow(momentum, add(step.count, 1)))));
      const slope = dotOf(gradients, d);
      const taken = lineSearch
        ? searched(step, d, slope, min(mul(1.5, state.size), step.rate))
        : { size: step.rate, value: undefined };
      const next = () => {
        const curve = div(sum(square(forward(a, d))), n);
        const predicted = mul(taken.size, add(slope, mul(mul(0.5, taken.size), curve)));
        const value = taken.value ?? step.objective(ahead(step, d, taken.size));
        const ratio = div(sub(value, step.objective(step.params)), min(predicted, -1e-30));
        const factor = where(less(ratio, 0.25), 1.01, where(less(0.75, ratio), 0.99, 1));
        return mul(state.damping, factor);
      };
      return [
        mapParams(d, (one) => mul(taken.size, one)),
        {
          mean: { ...state.mean, ...mean },
          size: lineSearch ? taken.size : state.size,
          damping: adaptive ? next() : state.damping,
        },
      ];
    },
    optimizer: {
      rate: 1,
      init: () => undefined,
      update: (moves, state, { params }) => [
        mapParams(moves, (move, path) => add(params[path], move)),
        state,
      ],
    },
  }),
});

import { fromNested, type NdArray } from "../../array/ndarray.ts";
import {
  type About,
  type Change,
  type Inputs,
  type Leaf,
  type Model,
  mapParams,
  method,
  nonNegative,
  type Params,
  positive,
  type Run,
  type Step,
} from "../../kinds/index.ts";
import {
  add,
  constant,
  exp,
  expandDims,
  fill,
  flatten,
  logSoftmax,
  matmul,
  mul,
  slice,
  square,
  sub,
  sum,
  type Tensor,
  vjp,
  vmap,
  zerosLike,
} from "../../tensor/index.ts";

interface State {
  /** Sum of the diagonal Fisher informations of the stages so far, and where the last one ended. */
  readonly fisher: Params;
  readonly centre: Params;
}

const learned = ({ leaves }: Model): Leaf[] => leaves.filter(({ role }) => role !== "buffer");

/**
 * The diagonal of the Fisher information, example by example: the expected square of the gradient of the log likelihood
 * over what the model itself would say. Classes: sum_k p_k (d log p_k)^2. Values: sum_k (d f_k)^2, of unit variance.
 */
function fisherOf({ params, weights, batch, about, apply }: Step): Params {
  const paths = learned(about.model).map(({ path }) => path);
  const wrt = paths.map((path) => params[path]);
  return vmap((inputs: Inputs): Params => {
    const { prediction } = apply(
      weights,
      mapParams(inputs, (x) => expandDims(x, 0)),
    );
    const classes = about.task === "classification";
    const scores = flatten(classes ? logSoftmax(prediction) : prediction);
    const terms = Array.from({ length: scores.shape[0] }, (_, k) => {
      const score = sum(slice(scores, 0, k, k + 1));
      const share = classes ? exp(score) : 1;
      return vjp([score], [fill([], 1)], wrt).map((g) => mul(share, square(g)));
    });
    const summed = terms.reduce((a, b) => a.map((value, i) => add(value, b[i])));
    return Object.fromEntries(paths.map((path, i) => [path, summed[i]]));
  })(batch.inputs);
}

const total = (params: Params, { fisher, centre }: State): Tensor =>
  Object.entries(fisher)
    .map(([path, f]) => sum(mul(f, square(sub(params[path], centre[path])))))
    .reduce(add);

/** old * decay + fresh, entry by entry. */
function summed(old: NdArray, decay: number, fresh: NdArray): NdArray {
  const added = fresh.data as Float32Array;
  const data = Float32Array.from(old.data as Float32Array, (v, i) => decay * v + added[i]);
  return { dtype: "float32", shape: old.shape, data };
}

/** Two examples x = 1, 2 of a model that gives the logits (w x, 0). */
const logistic = (): Step => {
  const w = constant(fromNested([[0]]));
  const x = constant(fromNested([[1], [2]]));
  return {
    params: { w },
    weights: { w },
    batch: { inputs: { x } },
    about: { model: { leaves: [{ path: "w", role: "kernel" }] }, task: "classification" },
    apply: ({ w: kernel }: Params, inputs: Inputs) => ({
      prediction: matmul(matmul(inputs.x, kernel), constant(fromNested([[1, 0]]))),
    }),
  } as unknown as Step;
};

/**
 * Elastic weight consolidation: holds on to the weights that earlier tasks need.
 *
 *   penalty = strength / 2 sum_i F_i (w_i - w*_i)^2
 *   after a stage: F <- decay F + its diagonal Fisher information, w* <- the weights
 *
 * F_i says how much the predictions of earlier tasks change with w_i; weights that they do not feel are free for the
 * next task. A Gaussian approximation of the posterior. It knows tasks as stages of training, and does nothing in the
 * first one; F and w* go over from stage to stage. F is the mean over a stage's examples and what the model
 * itself would say of them, so no labels enter.
 */
export const ewc = method("ewc", {
  summary: "draws weights to where earlier tasks left them, as strongly as those tasks feel it",
  paper: {
    id: "ewc",
    title: "Overcoming catastrophic forgetting in neural networks",
    authors: ["James Kirkpatrick", "Razvan Pascanu", "Neil Rabinowitz", "Joel Veness"],
    year: 2016,
    arxiv: "1612.00796",
    where:
      "eq. 3; the running sum: Huszar 2017 (arXiv 1712.03847) and Schwarz et al. 2018 (arXiv 1805.06370), eq. 9",
    deviations: [
      "one penalty around the latest weights with the Fisher informations summed, instead of one for each earlier task: the memory does not grow with the tasks",
    ],
  },
  options: {
    strength: positive(
      100,
      "cost of leaving the old weights (lambda in the paper)",
      [1, 10, 100, 1000, 10000],
    ),
    decay: {
      ...nonNegative(1, "share of the older Fisher information kept at the end of a stage (gamma)", [0.9, 1]),
      traced: false,
    },
  },
  examples: [
    {
      options: { strength: 3 },
      value: ({ penalty }) =>
        (penalty as NonNullable<typeof penalty>)(
          { params: { w: constant(fromNested([1, 5])) } } as unknown as Step,
          {
            fisher: { w: constant(fromNested([2, 0])) },
            centre: { w: constant(fromNested([-1, 1])) },
          },
        ),
      output: (3 / 2) * 2 * (1 + 1) ** 2,
      source: "by hand: the second weight is not felt",
    },
    {
      value: () => fisherOf(logistic()).w,
      output: [[[1 / 4]], [[1]]],
      source: "by hand: F = p (1 - p) x^2 of logistic regression, p = 1/2",
    },
  ],
  create: ({ strength, decay }) => ({
    state(params, { model }: About): State {
      const own = Object.fromEntries(learned(model).map(({ path }) => [path, zerosLike(params[path])]));
      return { fisher: own, centre: own };
    },
    carries: () => true,
    penalty: ({ params }, state: State) => mul(mul(0.5, strength), total(params, state)),
    async between(moment, run: Run): Promise<Change | undefined> {
      if (moment !== "end") return undefined;
      const fresh = await run.average(fisherOf);
      const entries = Object.entries(fresh).flatMap(([path, f]): [string, NdArray][] => [
        [`fisher/${path}`, summed(run.state[`fisher/${path}`], decay, f)],
        [`centre/${path}`, run.params[path]],
      ]);
      return { state: Object.fromEntries(entries) };
    },
  }),
});

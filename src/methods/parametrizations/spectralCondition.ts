import { fromNested, sizeOf } from "../../array/ndarray.ts";
import {
  type About,
  flag,
  isWeight,
  type Leaf,
  mapParams,
  method,
  oneOf,
  positive,
  type Step,
} from "../../kinds/index.ts";
import {
  add,
  constant,
  div,
  fold,
  gramIteration,
  keyOf,
  max,
  mul,
  normal,
  reshape,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
} from "../../tensor/index.ts";

/** Units out and in of a leaf; a bias counts as a map from one unit, and so do gains. */
function unitsOf({ shape, role }: Leaf): readonly [out: number, into: number] {
  return isWeight({ role } as Leaf) ? [shape[0], sizeOf(shape.slice(1))] : [sizeOf(shape), 1];
}

const leaves: readonly Leaf[] = [
  { path: "w", layer: "a", role: "kernel", outAxis: 0, shape: [2, 8] },
  { path: "b", layer: "a", role: "bias", outAxis: 0, shape: [2] },
];
const about = { model: { leaves } } as unknown as About;
const step = {
  about,
  params: {
    w: constant(
      fromNested([
        [1, 1, 1, 1, 1, 1, 1, 1],
        [0, 0, 0, 0, 0, 0, 0, 0],
      ]),
    ),
    b: constant(fromNested([1, 1])),
  },
} as unknown as Step;

/**
 * The spectral condition: weights and their changes have spectral norms of the order sqrt(out / in), so that features
 * change by as much as they are large, at any width, and the best rate does not move with the width.
 *
 *   initial w ~ N(0, s^2),  s = gain sqrt(2 / in) min(1, sqrt(out / in))          biases as the model has them
 *   rate of w = rate out / in          for SGD; rate / in for Adam; biases count as in = 1
 *
 * Kernels with a window are flattened to [out, in]. `explicit` needs no scaled rates: the gradient of each weight
 * becomes sqrt(out / in) g / |g|_2, its spectral norm by Gram iteration, for plain SGD. Equivalent to maximal-update
 * parametrization. The change that an optimizer proposes is what is scaled, so weight decay is too.
 */
export const spectralCondition = method("spectral-condition", {
  summary: "initial weights and rates by layer, so that feature learning does not depend on width",
  paper: {
    id: "spectral-condition",
    title: "A Spectral Condition for Feature Learning",
    authors: ["Greg Yang", "James B. Simon", "Jeremy Bernstein"],
    year: 2023,
    arxiv: "2310.17813",
    where: "condition 1 and section 4",
    deviations: [
      "windows of convolutions are flattened into the inputs; the paper treats dense layers",
      "the rates of Adam follow from the same argument (the entries of its updates are about 1); the paper gives SGD's",
    ],
  },
  options: {
    optimizer: oneOf(["sgd", "adam"], "sgd", "whose rates are scaled"),
    gain: positive(1, "initial size of activations, relative to what relu keeps", [0.5, 1, 2]),
    explicit: flag(false, "divide gradients by their spectral norm instead of scaling rates"),
  },
  examples: [
    {
      options: { gain: 2 },
      value: ({ params }) => {
        const wide: Leaf = { path: "w", layer: "a", role: "kernel", outAxis: 0, shape: [100, 400] };
        const model = { leaves: [wide] };
        const base = { w: normal(keyOf([1, 2]), wide.shape) };
        const own = params?.(base, { model } as unknown as About, keyOf([3, 4]));
        return sqrt(div(sum(square(own?.values.w as Tensor)), 100 * 400));
      },
      output: 2 * 0.5 * Math.sqrt(2 / 400),
      tolerance: 1e-3,
      source: "by hand: min(1, sqrt(100 / 400)) = 1 / 2; 40,000 draws tell the size to 0.4 %",
    },
    {
      value: ({ after }) => {
        const changed = mapParams(step.params, (p) => add(p, 1));
        const [next] = (after as NonNullable<typeof after>)(changed, step, undefined);
        return add(next.b, mul(sum(next.w, { axes: [-1] }), 0.5));
      },
      output: [1 + 2 + 0.5 * 8 * (1 + 2 / 8), 1 + 2 + 0.5 * 8 * (2 / 8)],
      source: "by hand: the weight's change is scaled by 2 / 8, the bias's by 2 / 1",
    },
    {
      options: { explicit: true },
      value: ({ transform }) => {
        const g = { w: mul(3, step.params.w), b: step.params.b };
        return sum((transform as NonNullable<typeof transform>)(g, step, undefined)[0].w, { axes: [-1] });
      },
      output: [8 * Math.sqrt(2 / 8) * (1 / Math.sqrt(8)), 0],
      tolerance: 1e-5,
      source: "by hand: a row of eight 3s has the spectral norm 3 sqrt 8",
    },
  ],
  create({ optimizer, gain, explicit }) {
    const rateOf = ([out, into]: readonly [number, number]) => (optimizer === "sgd" ? out / into : 1 / into);
    const initial = {
      params: (_base: Step["params"], { model }: About, key: Parameters<typeof fold>[0]) => ({
        leaves: [],
        values: Object.fromEntries(
          model.leaves.filter(isWeight).map((leaf) => {
            const [out, into] = unitsOf(leaf);
            const size = mul(gain, Math.min(1, Math.sqrt(out / into)) * Math.sqrt(2 / into));
            return [leaf.path, mul(size, normal(fold(key, leaf.path), leaf.shape))];
          }),
        ),
      }),
    };
    if (explicit)
      return {
        ...initial,
        transform(gradients, { about: { model } }, state) {
          const known = new Map(model.leaves.map((leaf) => [leaf.path, leaf]));
          const scaled = mapParams(gradients, (g, path) => {
            const leaf = known.get(path);
            if (leaf === undefined) return g;
            const [out, into] = unitsOf(leaf);
            const length = max(gramIteration(reshape(g, [out, into])), 1e-30);
            return div(mul(Math.sqrt(out / into), g), length);
          });
          return [scaled, state];
        },
      };
    return {
      ...initial,
      after(updated, { params, about: { model } }, state) {
        const known = new Map(model.leaves.map((leaf) => [leaf.path, leaf]));
        const next = mapParams(updated, (w, path) => {
          const leaf = known.get(path);
          if (leaf === undefined) return w;
          return add(params[path], mul(rateOf(unitsOf(leaf)), sub(w, params[path])));
        });
        return [next, state];
      },
    };
  },
});

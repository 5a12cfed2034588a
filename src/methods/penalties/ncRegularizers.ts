import { fromNested } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import { type About, method, nonNegative, type Outputs, positive, type Step } from "../../kinds/index.ts";
import {
  add,
  amax,
  argMax,
  atan,
  clamp,
  constant,
  div,
  grad,
  iota,
  matmul,
  max,
  mean,
  mul,
  neg,
  normal,
  oneHot,
  reshape,
  sqrt,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
} from "../../tensor/index.ts";

/** One centre a class, [classes, features]. */
interface State {
  readonly centres: Tensor;
}

/** How many features the head reads. */
function widthOf({ model, task }: About): number {
  if (task !== "classification")
    throw new OckhamError(
      "conflict",
      "nc-regularizers",
      `nc-regularizers is for classification, the data is for ${task}`,
      "leave it out",
    );
  const head = model.leaves.find((leaf) => leaf.head === true && leaf.role === "kernel");
  if (head === undefined || model.places.length === 0)
    throw new OckhamError(
      "conflict",
      "nc-regularizers",
      `nc-regularizers acts on the features that the head reads, and ${model.name} has none`,
      "use a model with a hidden layer",
    );
  return head.shape[1];
}

/** The last activation, an example a row. */
function featuresOf({ activations }: Outputs): Tensor {
  const features = Object.values(activations).at(-1) as Tensor;
  return reshape(features, [features.shape[0], -1]);
}

/** The mean over classes of the mean squared distance to the class's centre; a class that is not there counts 0. */
function spread(features: Tensor, centres: Tensor, target: Tensor): Tensor {
  const classes = target.shape[1];
  const members = oneHot(argMax(target), classes);
  const distances = sub(
    add(sum(square(features), { axes: [-1], keep: true }), sum(square(centres), { axes: [-1] })),
    mul(2, matmul(features, centres, { transposeB: true })),
  );
  const counts = sum(members, { axes: [0] });
  return mean(div(sum(mul(distances, members), { axes: [0] }), max(counts, 1)));
}

/** arccos, for x above -1. */
const acos = (x: Tensor): Tensor => mul(2, atan(div(sqrt(sub(1, square(x))), add(1, x))));

/** Minus the mean over centres of the angle to the nearest other one, seen from the middle of all. */
function closeness(centres: Tensor): Tensor {
  const centred = sub(centres, mean(centres, { axes: [0], keep: true }));
  const length = sqrt(max(sum(square(centred), { axes: [-1], keep: true }), 1e-24));
  const unit = div(centred, length);
  const classes = centres.shape[0];
  const others = sub(matmul(unit, unit, { transposeB: true }), mul(2, oneHot(iota(classes), classes)));
  return neg(mean(acos(clamp(amax(others, { axes: [-1] }), -0.99999, 0.99999))));
}

const centres = [
  [1, 0.2],
  [0.3, 1],
  [-1, -0.5],
];

/** A step with four examples of classes 0, 0, 1, 0. */
const example = {
  outputs: {
    activations: {
      hidden: constant(
        fromNested([
          [2, 0],
          [1, 1],
          [0, 3],
          [0.5, 0.25],
        ]),
      ),
    },
  },
  batch: { target: oneHot(constant(fromNested([0, 0, 1, 0], "int32")), 3) },
} as unknown as Step;

const source = "the authors' code (losses.py and engine.py) run in PyTorch, float64";

/**
 * Neural collapse under imbalance: features gather at the centres of their classes, and the centres keep apart.
 *
 *   penalty = strength N1 + separation N2
 *   N1 = mean over classes of ( mean over the batch's examples i of class k of |z_i - c_k|^2 )
 *   N2 = -mean over classes k of min over j of angle(c_k - c, c_j - c)        c = mean of all c_k
 *   centres <- centres - rate d( N1 + separation / strength N2 ) / d centres
 *
 * Every class weighs the same however few examples it has, which keeps the rare ones from collapsing into each other.
 * z are the features that the head reads; N2 moves the centres only, and the features follow through N1. A class that
 * is not in the batch adds 0 to N1. Centres start standard normal. Classification only; throws `conflict` else, and
 * for a model without hidden layers.
 */
export const ncRegularizers = method("nc-regularizers", {
  summary: "features gather at class centres, centres keep equal angles",
  paper: {
    id: "nc-regularizers",
    title: "Inducing Neural Collapse in Deep Long-tailed Learning",
    authors: ["Xuantong Liu", "Jianfeng Zhang", "Tianyang Hu", "He Cao", "Lujia Pan", "Yuan Yao"],
    year: 2023,
    arxiv: "2302.12453",
    url: "https://github.com/Pepper-lll/NCfeature",
    where: 'losses.py (NC1Loss, NC2Loss "v0") and engine.py in the authors\' code',
    deviations: ["mixed or smoothed labels count as their most likely class"],
  },
  options: {
    strength: positive(0.01, "weight of the distance to the centres (lambda 1)"),
    separation: nonNegative(0.1, "weight of the angle between centres (lambda 2)"),
    rate: positive(0.5, "learning rate of the centres (alpha)", [0.1, 0.5]),
  },
  examples: [
    {
      options: { strength: 0.02, separation: 0.1 },
      value: ({ penalty }) =>
        (penalty as NonNullable<typeof penalty>)(example, { centres: constant(fromNested(centres)) }),
      output: -0.13908053639085885,
      source,
    },
    {
      options: { strength: 0.02, separation: 0.1, rate: 0.5 },
      value: ({ after }) =>
        (after as NonNullable<typeof after>)({}, example, { centres: constant(fromNested(centres)) })[1]
          .centres,
      output: [
        [1.2325763768969002, -0.8743248905026089],
        [-0.5721851430179714, 2.634921348098703],
        [-0.40483567832337375, -0.32170756870720485],
      ],
      source,
    },
    {
      options: { strength: 3, separation: 0 },
      value: ({ penalty }) =>
        (penalty as NonNullable<typeof penalty>)(example, {
          centres: constant(
            fromNested([
              [1, 0],
              [0, 1],
              [5, 5],
            ]),
          ),
        }),
      output: (1 + 1 + 0.3125) / 3 + 4,
      source:
        "by hand: squared distances 1, 1, 0.25 + 0.0625 in class 0, 4 in class 1; strength / classes is 1",
    },
  ],
  create: ({ strength, separation, rate }) => ({
    state: (_, about, key): State => ({ centres: normal(key, [about.classes, widthOf(about)]) }),
    penalty: ({ outputs, batch }, { centres: c }: State) =>
      add(mul(strength, spread(featuresOf(outputs), c, batch.target)), mul(separation, closeness(c))),
    after(updated, { outputs, batch }, { centres: c }: State) {
      const features = stopGradient(featuresOf(outputs));
      const slope = grad((at: Tensor) =>
        add(spread(features, at, batch.target), mul(div(separation, strength), closeness(at))),
      )(c);
      return [updated, { centres: sub(c, mul(rate, slope)) }];
    },
  }),
});

import { fromNested, sizeOf } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import {
  type About,
  type Batch,
  type Inputs,
  type Leaf,
  type Model,
  mapParams,
  method,
  type Own,
  type Params,
  positive,
  type Step,
} from "../../kinds/index.ts";
import { mlp } from "../../nn/index.ts";
import {
  add,
  clamp,
  concat,
  constant,
  fill,
  fold,
  gather,
  type Key,
  keyOf,
  matmul,
  mul,
  neg,
  normal,
  permutation,
  reshape,
  scalar,
  slice,
  softmax,
  softplus,
  sub,
  sum,
  type Tensor,
  uniform,
} from "../../tensor/index.ts";

const trunk = "adamixup/policy/";
const range = { kernel: "adamixup/range.kernel", bias: "adamixup/range.bias" };
const intrusion = { kernel: "adamixup/intrusion.kernel", bias: "adamixup/intrusion.bias" };

/** What the head of a model reads, one row an example: its last activation, or its inputs. */
function featuresOf(activations: Readonly<Record<string, Tensor>>, inputs: Inputs): Tensor {
  const last = Object.values(activations).at(-1);
  const read = last === undefined ? Object.values(inputs) : [last];
  return concat(
    read.map((x) => reshape(x, [x.shape[0], -1])),
    1,
  );
}

/** The affine map y = x K^T + b with K [out, in] under two paths. */
const affine = (x: Tensor, params: Params, { kernel, bias }: typeof range): Tensor =>
  add(matmul(x, params[kernel], { transposeB: true }), params[bias]);

function affineLeaves({ kernel, bias }: typeof range, out: number, inputs: number): Leaf[] {
  const [layer] = kernel.split(".");
  return [
    { path: kernel, layer, role: "extra", outAxis: 0, shape: [out, inputs] },
    { path: bias, layer, role: "extra", outAxis: 0, shape: [out] },
  ];
}

/** Leaves of the policy's trunk: those of the model without its head. */
const trunkLeaves = (model: Model): Leaf[] =>
  model.leaves
    .filter((leaf) => !leaf.head)
    .map((leaf) => ({
      ...leaf,
      path: trunk + leaf.path,
      layer: trunk + leaf.layer,
      role: leaf.role === "buffer" ? "buffer" : "extra",
    }));

function ownOf(params: Params, { model }: About, key: Key): Own {
  if (model.inputs.x === undefined)
    throw new OckhamError(
      "conflict",
      "adamixup",
      "adamixup blends examples, and tokens and nodes are whole numbers, which have no middle",
      "leave it out for texts and nodes of a graph",
    );
  const one = Object.fromEntries(Object.entries(model.inputs).map(([name, s]) => [name, fill([1, ...s], 0)]));
  const width = featuresOf(model.apply(params, one).activations, one).shape[1];
  const policy = trunkLeaves(model);
  const fresh = model.init(fold(key, "policy"));
  const leaves = [...affineLeaves(range, 3, width), ...affineLeaves(intrusion, 1, width)];
  const start = ({ path, shape }: Leaf) =>
    shape.length === 1 ? fill(shape, 0) : mul(1e-3, normal(fold(key, path), shape));
  return {
    leaves: [...policy, ...leaves],
    values: Object.fromEntries([
      ...policy.map(({ path }) => [path, fresh[path.slice(trunk.length)]]),
      ...leaves.map((leaf) => [leaf.path, start(leaf)]),
    ]),
  };
}

/** Mixing weights [n, 1] that the policy draws for pairs. */
function weightsOf(first: Inputs, second: Inputs, { params, about, key }: Step): Tensor {
  const { model } = about;
  const blend = (x: Tensor, name: string) => {
    const draw = (which: string) => clamp(normal(fold(fold(key, which), name), x.shape), -2, 2);
    return mul(0.5, add(mul(draw("first"), x), mul(draw("second"), second[name])));
  };
  const gate = mapParams(first, blend);
  const weights = Object.fromEntries(
    model.leaves.map(({ path, shape }) => [path, params[trunk + path] ?? fill(shape, 0)]),
  );
  const { activations } = model.apply(weights, gate, { mode: "train", key: fold(key, "policy") });
  const shares = softmax(affine(featuresOf(activations, gate), params, range));
  const u = uniform(fold(key, "draw"), [shares.shape[0], 1]);
  return add(slice(shares, 1, 0, 1), mul(u, slice(shares, 1, 1, 2)));
}

const rowsOf = (batch: Batch, pick: (x: Tensor) => Tensor): Batch => {
  const { inputs, target, index, ...rest } = batch;
  const optional = Object.entries(rest).filter((entry): entry is [string, Tensor] => entry[1] !== undefined);
  return {
    inputs: mapParams(inputs, pick),
    target: pick(target),
    index: pick(index),
    ...Object.fromEntries(optional.map(([name, x]) => [name, pick(x)])),
  };
};

/** Mixed pairs of the first half of a batch, followed by the first half as it is. */
function mixedBatch(batch: Batch, step: Step): Batch {
  const n = batch.target.shape[0];
  const half = Math.floor(n / 2);
  if (half === 0)
    throw new OckhamError(
      "conflict",
      "adamixup",
      "adamixup halves each batch, and this one has one row",
      "use larger batches",
    );
  const order = slice(permutation(fold(step.key, "pairs"), n), 0, 0, half);
  const first = rowsOf(batch, (x) => slice(x, 0, 0, half));
  const second = rowsOf(batch, (x) => gather(x, order));
  const g = weightsOf(first.inputs, second.inputs, step);
  const mix = (x: Tensor, y: Tensor) => {
    const by = reshape(g, [half, ...x.shape.slice(1).map(() => 1)]);
    return concat([add(mul(by, x), mul(sub(1, by), y)), x]);
  };
  return {
    ...rowsOf(first, (x) => concat([x, x])),
    inputs: mapParams(first.inputs, (x, name) => mix(x, second.inputs[name])),
    target: mix(first.target, second.target),
  };
}

/** Mean binary cross entropy of telling mixed rows from real ones, some of which the batch does not have. */
function intrusionOf({ params, weights, drawn, batch, outputs, apply }: Step): Tensor {
  const half = batch.target.shape[0] / 2;
  const rest = mapParams(drawn.inputs, (x) => slice(x, 0, half, x.shape[0]));
  const unseen = featuresOf(apply(weights, rest).activations, rest);
  const used = featuresOf(outputs.activations, batch.inputs);
  const real = affine(concat([slice(used, 0, half, 2 * half), unseen]), params, intrusion);
  const mixed = affine(slice(used, 0, 0, half), params, intrusion);
  const total = add(sum(softplus(neg(real))), sum(softplus(mixed)));
  return mul(total, 1 / (sizeOf(real.shape) + sizeOf(mixed.shape)));
}

const bare = mlp([2], 2, []);

/** Four equal rows seen by a linear model, the method's own arrays as given. */
function plain(own: Params): Step {
  const x = constant(
    fromNested([
      [3, 5],
      [3, 5],
      [3, 5],
      [3, 5],
    ]),
  );
  const batch = { inputs: { x }, target: x, index: fill([4], 0, "int32") };
  const step = { params: own, weights: own, drawn: batch, key: keyOf([1, 2]), mode: "train" };
  const outputs = { prediction: x, activations: {}, buffers: {} };
  return { ...step, batch, outputs, apply: () => outputs, about: { model: bare } } as unknown as Step;
}

const zero: Params = Object.fromEntries(
  [...affineLeaves(range, 3, 2), ...affineLeaves(intrusion, 1, 2)].map(({ path, shape }) => [
    path,
    fill(shape, 0),
  ]),
);

/**
 * AdaMixUp: mixes pairs in a range that a network learns, so that mixtures do not look like real data.
 *
 *   x <- g x1 + (1 - g) x2,  y likewise,  g = alpha + delta u,  u ~ U(0, 1);  (alpha, delta, rest) = softmax policy(x1, x2)
 *   risk over mixed and unmixed rows alike + strength mean BCE(mixed or real?)
 *
 * The policy is a second copy of the model, without its head, that sees a random blend of the pair. A
 * discriminator on the model's last activation tells mixed rows from real ones (half of them not in the pairs);
 * policy and model both help it, which keeps mixtures off other classes' data. Half of each batch makes pairs, the
 * other half is real data for the discriminator only. Throws `conflict` for batches of one row.
 */
export const adamixup = method("adamixup", {
  summary: "mixes pairs in a learned range that avoids real data",
  paper: {
    id: "adamixup",
    title: "MixUp as Locally Linear Out-Of-Manifold Regularization",
    authors: ["Hongyu Guo", "Yongyi Mao", "Richong Zhang"],
    year: 2018,
    arxiv: "1809.02499",
    url: "https://github.com/SITE5039/AdaMixUp",
    where: "section 4, two-fold mixing; the authors' code",
    deviations: [
      "mixed and unmixed rows weigh one half each, as in the code; the catalogue's card adds their losses",
      "policy and discriminator heads are one affine map each; the code has two without a nonlinearity between",
      "normal draws of the blend are limited to two standard deviations; the code draws again",
    ],
  },
  options: {
    strength: positive(1, "weight of the intrusion loss; the paper's is 1", [0.3, 1, 3]),
  },
  examples: [
    {
      value: ({ batch }) => {
        const step = plain(zero);
        return (batch as NonNullable<typeof batch>)(step.batch, step, undefined).inputs.x;
      },
      output: [
        [3, 5],
        [3, 5],
        [3, 5],
        [3, 5],
      ],
      tolerance: 1e-5,
      source: "by definition: equal rows stay as they are, whatever the range",
    },
    {
      options: { strength: 2 },
      value: ({ penalty }) => (penalty as NonNullable<typeof penalty>)(plain(zero), undefined),
      output: 2 * Math.log(2),
      source: "by hand: a discriminator of zeros says one half of every row",
    },
    {
      value: ({ batch }) => {
        const step = plain({ ...zero, [range.bias]: constant(fromNested([30, 0, 0])) });
        const x = constant(
          fromNested([
            [1, 2],
            [3, 4],
          ]),
        );
        const pair = { inputs: { x }, target: x, index: fill([2], 0, "int32") };
        return (batch as NonNullable<typeof batch>)(pair, step, undefined).target;
      },
      output: [
        [1, 2],
        [1, 2],
      ],
      tolerance: 1e-5,
      source: "by hand: a policy sure of alpha = 1 keeps the first of the pair",
    },
  ],
  create: ({ strength }) => ({
    params: ownOf,
    batch: mixedBatch,
    penalty: (step) => (step.mode === "eval" ? scalar(0) : mul(strength, intrusionOf(step))),
  }),
});

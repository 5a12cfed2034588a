import { fromNested } from "../../array/ndarray.ts";
import {
  type About,
  type Leaf,
  method,
  type Own,
  type Params,
  type Scalar,
  type Step,
  share,
  whole,
} from "../../kinds/index.ts";
import {
  add,
  argSort,
  cast,
  constant,
  div,
  floor,
  less,
  max,
  min,
  mul,
  scalar,
  stopGradient,
  sub,
  sum,
  type Tensor,
} from "../../tensor/index.ts";

const peer = "peer/";

/** The second network: a copy of the model's leaves, with initial values of its own. */
const peerLeaves = (leaves: readonly Leaf[]): Leaf[] =>
  leaves.map((leaf) => ({
    ...leaf,
    path: peer + leaf.path,
    layer: peer + leaf.layer,
    role: leaf.role === "buffer" ? "buffer" : "extra",
  }));

const peerWeights = ({ weights, about }: Step): Params =>
  Object.fromEntries(about.model.leaves.map(({ path }) => [path, weights[peer + path]]));

/** 1 for the `count` smallest losses, 0 for the others. */
const smallest = (losses: Tensor, count: Tensor): Tensor =>
  cast(less(cast(argSort(argSort(stopGradient(losses))), "float32"), count), "float32");

/** How many of n examples are learned from after so many epochs: all at first, 1 - share of them from `epochs` on. */
function remembered(n: number, epoch: Tensor, left: Scalar, epochs: number): Tensor {
  const grown = epochs === 1 ? 1 : min(div(epoch, epochs - 1), 1);
  // the small number keeps 0.8 * 10 from being 7.999
  return max(floor(add(mul(sub(1, mul(left, grown)), n), 1e-4)), 1);
}

/**
 * Co-teaching: two networks, each of which learns from the examples that the other finds easy.
 *
 *   risk = mean of l1 over the examples with the smallest l2, and of l2 over those with the smallest l1, added
 *   learned from: 1 - share min(epoch / (epochs - 1), 1) of each batch
 *
 * Wrong labels have large losses while a network is young; each network filters them for the other, and their
 * errors differ, so that a wrong choice is not confirmed at once. Set `share` to the share of wrong labels. Twice
 * the work of a step. Predictions are those of the first network. Penalties on weights act on the first network.
 */
export const coTeaching = method("co-teaching", {
  summary: "two networks, each learning from what the other finds easy",
  paper: {
    id: "co-teaching",
    title: "Co-teaching: Robust Training of Deep Neural Networks with Extremely Noisy Labels",
    authors: ["Bo Han", "Quanming Yao", "Xingrui Yu", "Gang Niu", "Miao Xu", "Weihua Hu"],
    year: 2018,
    arxiv: "1804.06872",
    url: "https://github.com/bhanML/Co-teaching",
    where: "algorithm 1; loss.py and main.py in the authors' code",
    deviations: [
      "the code divides the mean over the chosen examples by their number once more; the paper does not",
    ],
  },
  options: {
    share: share(0.2, "share of each batch that is left out in the end (tau in the paper)", [0.1, 0.2, 0.4]),
    epochs: whole(1, 10, "epochs until so much is left out (T_k in the paper)", [5, 10, 15]),
  },
  examples: [
    {
      options: { share: 0.5, epochs: 1 },
      value: ({ risk }) => {
        const target = constant(fromNested([1, 2, 3, 4]));
        const step = {
          epoch: scalar(0),
          mode: "train",
          weights: {},
          about: { model: { leaves: [] } },
          batch: { inputs: {}, target },
          apply: () => ({ prediction: constant(fromNested([8, 7, 6, 5])) }),
          loss: (prediction: Tensor) => prediction,
        } as unknown as Step;
        return (risk as NonNullable<typeof risk>)(target, step, undefined);
      },
      output: (3 + 4) / 2 + (8 + 7) / 2,
      source: "by hand: the second network finds the last two easy, the first one the first two",
    },
    {
      options: { share: 0.4, epochs: 5 },
      value: () => remembered(10, scalar(2), 0.4, 5),
      output: 8,
      source:
        "by hand: half way of 0 to 4, so 0.2 are left out; the authors' rate_schedule[2] for num_gradual 5",
    },
  ],
  create: ({ share: left, epochs }) => ({
    params: (_, { model }: About, key): Own => {
      const fresh = model.init(key);
      return {
        leaves: peerLeaves(model.leaves),
        values: Object.fromEntries(model.leaves.map(({ path }) => [peer + path, fresh[path]])),
      };
    },
    risk(losses, step) {
      const { batch, epoch, apply, loss } = step;
      const other = loss(apply(peerWeights(step), batch.inputs).prediction, batch.target);
      const count = remembered(losses.shape[0], epoch, left, epochs);
      const meanOver = (l: Tensor, chosen: Tensor) => div(sum(mul(l, chosen)), count);
      return add(meanOver(losses, smallest(other, count)), meanOver(other, smallest(losses, count)));
    },
    after(updated, step, state) {
      const { buffers } = step.apply(peerWeights(step), step.batch.inputs);
      const own = Object.entries(buffers).map(([path, value]) => [peer + path, value]);
      return [{ ...updated, ...Object.fromEntries(own) }, state];
    },
  }),
});

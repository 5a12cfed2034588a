import { fromNested } from "../../array/ndarray.ts";
import { loss } from "../../kinds/index.ts";
import { constant, logSoftmax, mean, mul, neg, reshape, sum } from "../../tensor/index.ts";

/**
 * Cross entropy of logits with class probabilities.
 *
 *   loss_i = -sum_k target_ik log softmax(prediction_i)_k
 *
 * The default for classification, and for a class a pixel, where it is the mean over the pixels. Targets may be soft,
 * so that mixed and smoothed labels need no loss of their own. prediction, target [n, classes], or
 * [n, height, width, classes] -> [n], in nats.
 */
export const crossEntropy = loss("cross-entropy", {
  summary: "negative log likelihood of the class under softmax",
  options: {},
  examples: [
    {
      value: ({ value }) =>
        value(constant(fromNested([[Math.log(3), 0]])), constant(fromNested([[0.5, 0.5]]))),
      output: [(Math.log(4 / 3) + Math.log(4)) / 2],
      source: "by hand: softmax of (log 3, 0) is (3/4, 1/4)",
    },
    {
      value: ({ value }) =>
        value(
          reshape(constant(fromNested([Math.log(3), 0, 0, 0])), [1, 1, 2, 2]),
          reshape(constant(fromNested([1, 0, 0, 1])), [1, 1, 2, 2]),
        ),
      output: [(Math.log(4 / 3) + Math.log(2)) / 2],
      source: "by hand: two pixels, (3/4, 1/4) and (1/2, 1/2)",
    },
  ],
  exempt: { experiment: "every experiment on classes trains with it; it makes no claim of its own" },
  create: () => ({
    tasks: ["classification", "segmentation"],
    value(prediction, target) {
      const surprise = neg(sum(mul(target, logSoftmax(prediction)), { axes: [-1] }));
      const pixels = surprise.shape.slice(1).map((_, i) => i + 1);
      return pixels.length === 0 ? surprise : mean(surprise, { axes: pixels });
    },
  }),
});

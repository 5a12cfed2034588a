import { fromNested } from "../../array/ndarray.ts";
import { loss } from "../../kinds/index.ts";
import { constant, logSoftmax, mean, mul, neg, sum } from "../../tensor/index.ts";

/**
 * Cross entropy of logits with class probabilities, averaged over the pixels of an image.
 *
 *   loss_i = -mean over pixels p of sum_k target_ipk log softmax(prediction_ip)_k
 *
 * The default for segmentation. Every pixel counts the same, so a class that covers little of the images weighs
 * little. prediction, target [n, height, width, classes] -> [n], in nats.
 */
export const pixelCrossEntropy = loss("pixel-cross-entropy", {
  summary: "negative log likelihood of the class of a pixel under softmax",
  options: {},
  examples: [
    {
      value: ({ value }) =>
        value(
          constant(
            fromNested([
              [
                [
                  [Math.log(3), 0],
                  [0, 0],
                ],
              ],
            ]),
          ),
          constant(
            fromNested([
              [
                [
                  [1, 0],
                  [0, 1],
                ],
              ],
            ]),
          ),
        ),
      output: [(Math.log(4 / 3) + Math.log(2)) / 2],
      source: "by hand: softmax of (log 3, 0) is (3/4, 1/4), of (0, 0) it is (1/2, 1/2)",
    },
  ],
  exempt: {
    experiment: "every comparison with a class a pixel trains with it; it makes no claim of its own",
  },
  create: () => ({
    tasks: ["segmentation"],
    value(prediction, target) {
      const pixels = prediction.shape.slice(1, -1).map((_, i) => i + 1);
      return mean(neg(sum(mul(target, logSoftmax(prediction)), { axes: [-1] })), { axes: pixels });
    },
  }),
});

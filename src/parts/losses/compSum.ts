import { fromNested } from "../../array/ndarray.ts";
import { loss, nonNegative, type Scalar } from "../../kinds/index.ts";
import {
  add,
  constant,
  div,
  equal,
  exp,
  greater,
  logSoftmax,
  mul,
  neg,
  sub,
  sum,
  type Tensor,
  tanh,
  where,
} from "../../tensor/index.ts";

/** (exp(a x) - 1) / a, and x for a = 0; by exp(t) - 1 = tanh(t / 2) (exp(t) + 1), which is exact for small t too. */
function grown(x: Tensor, a: Scalar): Tensor {
  if (a === 0) return x;
  const safe = typeof a === "number" ? a : where(equal(a, 0), 1, a);
  const t = mul(safe, x);
  const value = div(mul(tanh(mul(0.5, t)), add(exp(t), 1)), safe);
  return typeof a === "number" ? value : where(equal(a, 0), x, value);
}

const logits = [[Math.log(3), 0, 0]];
const scored = (target: readonly number[]) => (made: { value(p: Tensor, t: Tensor): Tensor }) =>
  made.value(constant(fromNested(logits)), constant(fromNested([target])));

/**
 * Comp-sum losses: a family of surrogates of the zero-one loss with cross entropy in its middle.
 *
 *   loss_i = (p^(order - 1) - 1) / (1 - order)          p = softmax(prediction_i) of the class; -log p for order 1
 *
 * Order 0 is the sum of exponentials, 1 cross entropy, 1 to 2 generalized cross entropy, 2 the mean absolute error
 * 1 - p. Above 1 examples that are far off count less, which helps against wrong labels and slows learning; below 1
 * they count more. Soft targets weigh the losses of the classes. prediction, target [n, classes] -> [n].
 */
export const compSum = loss("comp-sum", {
  summary: "sum of exponentials, cross entropy, generalized cross entropy, absolute error: one family",
  paper: {
    id: "comp-sum-losses",
    title: "Cross-Entropy Loss Functions: Theoretical Analysis and Applications",
    authors: ["Anqi Mao", "Mehryar Mohri", "Yutao Zhong"],
    year: 2023,
    arxiv: "2304.07288",
    where: "section 3; the authors published no code",
  },
  options: {
    order: nonNegative(1, "which loss of the family (tau in the paper)", [0, 0.5, 1, 1.5, 2]),
  },
  examples: [
    {
      options: { order: 0 },
      value: scored([1, 0, 0]),
      output: [2 / 3],
      source: "by hand: p = 3 / 5, u = 2 / 3; the sum of exp(h_k - h_y) over the other classes",
    },
    {
      options: { order: 0.5 },
      value: scored([0, 1, 0]),
      output: [2 * (Math.sqrt(5) - 1)],
      source: "by hand: 1 + u = 1 / p = 5",
    },
    {
      options: { order: 1 },
      value: scored([1, 0, 0]),
      output: [Math.log(5 / 3)],
      source: "by hand: -log p",
    },
    {
      options: { order: 1.5 },
      value: scored([0, 1, 0]),
      output: [(1 - Math.sqrt(0.2)) / 0.5],
      source: "by hand: generalized cross entropy (1 - p^0.5) / 0.5",
    },
    {
      options: { order: 2 },
      value: scored([0.5, 0.5, 0]),
      output: [(1 - 0.6 + 1 - 0.2) / 2],
      source: "by hand: 1 - p, weighed by the target",
    },
  ],
  create: ({ order }) => ({
    tasks: ["classification"],
    value(prediction, target) {
      // classes without weight are left out before anything can overflow
      const costs = where(greater(target, 0), neg(logSoftmax(prediction)), 0);
      const a = typeof order === "number" ? 1 - order : sub(1, order);
      return sum(mul(target, grown(costs, a)), { axes: [-1] });
    },
  }),
});

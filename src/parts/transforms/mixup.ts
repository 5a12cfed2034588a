import { fromNested } from "../../array/ndarray.ts";
import { type About, type Batch, checkBlendable, positive, transform } from "../../kinds/index.ts";
import {
  add,
  beta,
  constant,
  fold,
  gather,
  iota,
  keyOf,
  mul,
  permutation,
  sub,
  sum,
  type Tensor,
} from "../../tensor/index.ts";

/**
 * Trains on blends of two examples and of their labels.
 *
 *   x <- g x + (1 - g) x'     y <- g y + (1 - g) y'     g ~ Beta(strength, strength), one for the batch
 *
 * x' is the batch in random order. The model is asked to be linear between examples, which softens its
 * confidence away from the data. All inputs of a batch are mixed with the same pairs; regression targets too.
 */
export const mixup = transform("mixup", {
  summary: "trains on blends of two examples and of their labels",
  paper: {
    id: "mixup",
    title: "mixup: Beyond Empirical Risk Minimization",
    authors: ["Hongyi Zhang", "Moustapha Cisse", "Yann N. Dauphin", "David Lopez-Paz"],
    year: 2017,
    arxiv: "1710.09412",
    where: "section 2; one g a batch and pairs from a permutation, as in the authors' code",
  },
  options: {
    strength: positive(
      0.2,
      "both parameters of the Beta distribution (alpha in the paper)",
      [0.1, 0.2, 0.4, 1, 2],
    ),
  },
  examples: [
    {
      value: (made) => {
        const x = constant(fromNested([[1], [2], [4]]));
        const batch: Batch = { inputs: { x }, target: x, index: iota(3) };
        const step = { about: {} as About, progress: constant(fromNested(0)) };
        const mixed = made(batch, keyOf([1, 2]), step);
        return sub(sum(mixed.inputs.x), sum(mixed.target));
      },
      output: 0,
      source: "inputs and targets that are equal stay equal; the mean is kept",
    },
  ],
  create:
    ({ strength }) =>
    (batch, key) => {
      checkBlendable("mixup", batch.inputs);
      const n = batch.target.shape[0];
      const order = permutation(fold(key, "pairs"), n);
      const g = beta(fold(key, "blend"), strength, strength, []);
      const blend = (x: Tensor) => add(mul(g, x), mul(sub(1, g), gather(x, order)));
      return {
        ...batch,
        inputs: Object.fromEntries(Object.entries(batch.inputs).map(([name, x]) => [name, blend(x)])),
        target: blend(batch.target),
      };
    },
});

import { OckhamError } from "../../error.ts";
import { type About, type Batch, positive, transform } from "../../kinds/index.ts";
import {
  add,
  fill,
  fold,
  iota,
  isFloat,
  keyOf,
  mean,
  mul,
  normal,
  scalar,
  square,
  sub,
} from "../../tensor/index.ts";

/**
 * Normal noise on the inputs, drawn anew for every example of every batch.
 *
 *   x <- x + strength e          e ~ N(0, 1), entry by entry
 *
 * For small noise and squared error it acts as a penalty strength^2 / 2 |dprediction / dx|^2: the model must not change
 * fast about the data. `strength` is in the encoded unit of the inputs, in which a column or channel has a spread of 1.
 * Throws `conflict` for inputs that are no numbers, such as ids of tokens.
 */
export const inputNoise = transform("input-noise", {
  summary: "adds normal noise to the inputs",
  paper: {
    id: "input-noise",
    title: "Training with Noise is Equivalent to Tikhonov Regularization",
    authors: ["Christopher M. Bishop"],
    year: 1995,
    url: "https://doi.org/10.1162/neco.1995.7.1.108",
    where: "section 2",
  },
  options: { strength: positive(0.2, "standard deviation of the noise (eta in the paper)") },
  examples: [
    {
      options: { strength: 0.5 },
      value: (made) => {
        const x = fill([100, 100], 3);
        const batch: Batch = { inputs: { x }, target: x, index: iota(100) };
        const noisy = made(batch, keyOf([1, 2]), { about: {} as About, progress: scalar(0) });
        return mean(square(sub(noisy.inputs.x, noisy.target)));
      },
      output: 0.25,
      tolerance: 0.018,
      source: "by hand: 10,000 squares of spread 0.25 sqrt(2) have a standard error of 0.0035; five allowed",
    },
  ],
  create:
    ({ strength }) =>
    (batch, key) => ({
      ...batch,
      inputs: Object.fromEntries(
        Object.entries(batch.inputs).map(([name, x]) => {
          // a mask tells what is there, and is no measurement
          if (name === "mask") return [name, x];
          if (!isFloat(x.dtype))
            throw new OckhamError(
              "conflict",
              "input-noise",
              `input-noise adds to numbers, and ${name} holds whole ones`,
              "leave it out for tokens and nodes of a graph; dropout is the like for them",
            );
          return [name, add(x, mul(strength, normal(fold(key, name), x.shape)))];
        }),
      ),
    }),
});

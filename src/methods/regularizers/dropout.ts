import { nearest, OckhamError } from "../../error.ts";
import { type Model, method, type Step, share, text } from "../../kinds/index.ts";
import {
  bernoulli,
  cast,
  div,
  equal,
  fill,
  fold,
  keyOf,
  mean,
  mul,
  sub,
  type Tensor,
} from "../../tensor/index.ts";

function checkLayer(model: Model, name: string): void {
  if (name === "" || model.places.includes(name)) return;
  const near = nearest(name, model.places);
  throw new OckhamError(
    "unknown-name",
    "dropout.layer",
    `${model.name} has no activation "${name}"`,
    near === undefined ? `it has ${model.places.join(", ")}` : `did you mean "${near}"?`,
  );
}

/** A vector for each example, for each side of a pair, or for each token of a text or step of a sequence. */
function isDense(x: Tensor, { inputs, paired }: Model): boolean {
  const things = paired ? 1 : 0;
  const inSteps = inputs.ids !== undefined || inputs.x?.length === 2 + things;
  return x.shape.length <= 2 + things + (inSteps ? 1 : 0);
}

/**
 * Dropout: sets random entries of activations to zero in training.
 *
 *   x <- x m / (1 - probability)          m = 0 with `probability`, else 1, for every entry of its own
 *
 * No unit can rely on another one being there; the trained model acts as an average of many thinned ones. The
 * mean is kept, so evaluation changes nothing. All evaluations of one step see the same masks. `layer` names
 * one activation; unless told, all that are vectors [n, units], and those of a text's tokens, so no images of a
 * convolution, whose entries stand in for their neighbours. Never the inputs or the prediction. Throws `unknown-name`.
 */
export const dropout = method("dropout", {
  summary: "sets random activations to zero in training",
  paper: {
    id: "dropout",
    title: "Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
    authors: [
      "Nitish Srivastava",
      "Geoffrey Hinton",
      "Alex Krizhevsky",
      "Ilya Sutskever",
      "Ruslan Salakhutdinov",
    ],
    year: 2014,
    url: "https://jmlr.org/papers/v15/srivastava14a.html",
    where: "section 4; scaled in training instead of in testing, as in section 10",
  },
  options: {
    probability: share(0.5, "chance that an entry is set to zero (1 - p in the paper)"),
    layer: text("", "name of the activation; all fully connected ones where empty"),
  },
  examples: [
    {
      options: { probability: 0.2, layer: "a" },
      value: ({ layer }) => {
        const step = {
          mode: "train",
          key: keyOf([1, 2]),
          about: { model: { places: ["a"], inputs: { x: [100] } } },
        };
        const y = (layer as NonNullable<typeof layer>)(
          fill([100, 100], 4),
          "a",
          step as unknown as Step,
          undefined,
        );
        return mean(mul(y, sub(y, 4 / (1 - 0.2))));
      },
      output: 0,
      tolerance: 1e-5,
      source: "by definition: every entry is 0 or 4 / (1 - 0.2)",
    },
    {
      options: { probability: 0.2 },
      value: ({ layer }) => {
        const step = {
          mode: "train",
          key: keyOf([1, 2]),
          about: { model: { places: ["a"], inputs: { x: [100] } } },
        };
        const y = (layer as NonNullable<typeof layer>)(
          fill([100, 100], 4),
          "a",
          step as unknown as Step,
          undefined,
        );
        return mean(cast(equal(y, 0), "float32"));
      },
      output: 0.2,
      tolerance: 0.02,
      source: "by hand: 10,000 draws have a standard error of sqrt(0.2 x 0.8 / 10000) = 0.004; five allowed",
    },
  ],
  create: ({ probability, layer: only }) => ({
    layer(x, name, { mode, key, about }) {
      checkLayer(about.model, only);
      if (mode !== "train" || (only === "" ? !isDense(x, about.model) : only !== name)) return x;
      const kept = sub(1, probability);
      const mask = cast(bernoulli(fold(key, name), kept, x.shape), x.dtype);
      return mul(x, div(mask, kept));
    },
  }),
});

import { fromNested } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import {
  type Batch,
  checkBlendable,
  method,
  positive,
  type Scalar,
  type Step,
  whole,
} from "../../kinds/index.ts";
import {
  add,
  beta,
  constant,
  equal,
  fold,
  gather,
  integers,
  iota,
  keyOf,
  mul,
  permutation,
  sub,
  type Tensor,
  where,
} from "../../tensor/index.ts";

type Seen = Pick<Step, "key" | "about">;

/** What a step draws: the same in every hook, since it follows from the step's key. */
function drawn({ key, about }: Seen, strength: Scalar, layers: number) {
  const order = permutation(fold(key, "pairs"), about.batchSize);
  const share = beta(fold(key, "blend"), strength, strength, []);
  const places = Math.min(layers, 1 + about.model.places.length);
  const place = integers(fold(key, "place"), places, []);
  const mixed = (x: Tensor, g: Tensor) => add(mul(g, x), mul(sub(1, g), gather(x, order)));
  return {
    blend: (x: Tensor) => mixed(x, share),
    blendAt: (x: Tensor, at: number) => mixed(x, where(equal(place, at), share, 1)),
  };
}

const small = {
  mode: "train",
  key: keyOf([3, 4]),
  about: { batchSize: 3, model: { places: ["a", "b"] } },
} as unknown as Step;

/**
 * Manifold mixup: trains on blends of two examples, made at a random depth of the network.
 *
 *   h_k <- g h_k + (1 - g) h_k'     y <- g y + (1 - g) y'     g ~ Beta(strength, strength), k one of `layers` places
 *
 * h_0 are the inputs, h_1, h_2, ... the named activations; h' are those of the batch in random order. Place, share and
 * pairs are drawn once a batch. Blends of later representations give smoother boundaries and flatter classes than those
 * of inputs (`mixup`, which is `layers` 1). Throws `conflict` where another method changes the number of rows.
 */
export const manifoldMixup = method("manifold-mixup", {
  summary: "trains on blends of two examples, made at a random layer",
  paper: {
    id: "manifold-mixup",
    title: "Manifold Mixup: Better Representations by Interpolating Hidden States",
    authors: [
      "Vikas Verma",
      "Alex Lamb",
      "Christopher Beckham",
      "Amir Najafi",
      "Ioannis Mitliagkas",
      "David Lopez-Paz",
      "Yoshua Bengio",
    ],
    year: 2019,
    arxiv: "1806.05236",
    url: "https://github.com/vikasverma1077/manifold_mixup",
    where: "section 2; supervised/models/resnet.py",
  },
  options: {
    strength: positive(2, "both parameters of the Beta distribution (alpha in the paper)", [0.2, 0.5, 1, 2]),
    layers: whole(1, 3, "places that may be mixed: the inputs and the first activations", [1, 2, 3]),
  },
  examples: [
    {
      value: ({ batch, layer }) => {
        const x = constant(fromNested([[1], [2], [4]]));
        const given: Batch = { inputs: { x }, target: x, index: iota(3) };
        const mixed = (batch as NonNullable<typeof batch>)(given, small, undefined);
        const through = ["a", "b"].reduce(
          (value, name) => (layer as NonNullable<typeof layer>)(value, name, small, undefined),
          mixed.inputs.x,
        );
        return sub(through, mixed.target);
      },
      output: [[0], [0], [0]],
      source:
        "by definition: it is mixed at one place, as the targets are, so what equals them goes on doing so",
    },
  ],
  create: ({ strength, layers }) => ({
    batch(batch, step) {
      checkBlendable("manifold-mixup", batch.inputs);
      refuseOther(batch.target, step);
      const { blend, blendAt } = drawn(step, strength, layers);
      const inputs = Object.entries(batch.inputs).map(([name, x]) => [name, blendAt(x, 0)]);
      return { ...batch, inputs: Object.fromEntries(inputs), target: blend(batch.target) };
    },
    layer(x, name, step) {
      const at = 1 + step.about.model.places.indexOf(name);
      if (step.mode !== "train" || at >= layers) return x;
      refuseOther(x, step);
      return drawn(step, strength, layers).blendAt(x, at);
    },
  }),
});

function refuseOther(x: Tensor, { about }: Seen): void {
  if (x.shape[0] !== about.batchSize)
    throw new OckhamError(
      "conflict",
      "manifold-mixup",
      `manifold-mixup pairs the ${about.batchSize} rows of a batch, and another method made it ${x.shape[0]}`,
      "compare the two as candidates instead of combining them",
    );
}

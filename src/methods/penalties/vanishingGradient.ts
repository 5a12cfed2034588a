import { fromNested } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import { type Leaf, type Model, method, positive, type Step } from "../../kinds/index.ts";
import { recurrentModel } from "../../nn/index.ts";
import {
  add,
  cast,
  constant,
  div,
  fill,
  lessEqual,
  matmul,
  max,
  mean,
  mul,
  pad,
  reshape,
  slice,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  vjp,
  where,
} from "../../tensor/index.ts";

/** Squared errors below this are taken for none: `bound` in the authors' code. */
const least = 1e-20;

/** The recurrent matrices of plain units, in layers that name what their input adds and their states. */
function layersOf({ name, leaves, places }: Model): Leaf[] {
  const found = leaves.filter(
    ({ role, shape, layer }) =>
      role === "recurrent" &&
      shape[0] === shape[1] &&
      [layer, `${layer}.input`].every((place) => places.includes(place)),
  );
  if (found.length === 0)
    throw new OckhamError(
      "conflict",
      "vanishing-gradient",
      `vanishing-gradient acts on recurrent layers of plain units, and ${name} has none`,
      "use a recurrent model with tanh or relu units",
    );
  return found;
}

const squares = (x: Tensor): Tensor => sum(square(x), { axes: [-1] });

/** Omega of one layer: the mean of (r - 1)^2 over the tokens and examples whose error can be told from none. */
function omega({ weights, outputs, losses }: Step, { path, layer }: Leaf): Tensor {
  const error = mean(losses);
  const errorIn = (place: string): Tensor => {
    const [g] = vjp([error], [fill([], 1, error.dtype)], [outputs.activations[place]]);
    return stopGradient(g);
  };
  const [direct, entering] = [errorIn(layer), errorIn(`${layer}.input`)];
  const [, tokens, units] = entering.shape;
  // what enters the units at a token reached them with the state before: the error in that state, along the recurrence
  const back = reshape(matmul(reshape(entering, [-1, units]), weights[path]), entering.shape);
  const later = () => pad(stopGradient(slice(back, 1, 1, tokens)), [0, 0, 0], [0, 1, 0]);
  const whole = squares(tokens > 1 ? add(direct, later()) : direct);
  const seen = lessEqual(fill(whole.shape, least), whole);
  const ratio = div(squares(back), where(seen, whole, 1));
  const terms = where(seen, square(sub(ratio, 1)), 0);
  return div(sum(terms), max(sum(cast(seen, "float32")), 1));
}

/** Recurrent units with states of zero, since nothing enters; the last states are added up, and that is the loss. */
function resting(recurrent: readonly (readonly number[])[], tokens: number): Step {
  const units = recurrent.length;
  const model = recurrentModel([tokens, 1], 1, { units });
  const weights = Object.fromEntries(
    model.leaves.map(({ path, role, shape, head }) => [
      path,
      role === "recurrent" ? constant(fromNested(recurrent)) : fill(shape, head && role === "kernel" ? 1 : 0),
    ]),
  );
  const outputs = model.apply(weights, { x: fill([2, tokens, 1], 0) });
  const losses = sum(outputs.prediction, { axes: [-1] });
  return { weights, outputs, losses, about: { model } } as unknown as Step;
}

/**
 * Keeps errors from vanishing on their way back through a recurrent layer.
 *
 *   penalty = strength mean of (r_k - 1)^2
 *   r_k = |(d_k f'_k) W|^2 / |d_k|^2
 *
 * d_k is the error dE/dh_k propagated back to the state at token k, f'_k the slope of the units there and W the
 * recurrent matrix, so r_k tells how much of the error reaches the state before; the mean is over the tokens and
 * examples with |d_k|^2 of at least 1e-20. d and f' are taken as constants: only the W written here is differentiated.
 * Errors then keep their length along the directions that matter, and tasks with long delays can be learned; a large
 * strength invites exploding gradients, so clip them (`clip-norm`). Costs another pass back. Acts on every layer of tanh
 * or relu units that runs from the first token to the last. Throws `conflict` for a model without one.
 */
export const vanishingGradient = method("vanishing-gradient", {
  summary: "errors keep their size on the way back through time",
  paper: {
    id: "pascanu-clip-omega",
    title: "On the difficulty of training Recurrent Neural Networks",
    authors: ["Razvan Pascanu", "Tomas Mikolov", "Yoshua Bengio"],
    year: 2012,
    arxiv: "1211.5063",
    url: "https://github.com/pascanur/trainingRNNs",
    where: "eq. 9 and 10; RNN.py in the authors' code",
    deviations: [
      "as the authors' code and not the paper: squared norms in r, by example, and the mean over those whose error is not too small",
      "the error is that of the mean loss of the batch, without other penalties; the code has no others",
    ],
  },
  options: { strength: positive(2, "cost of a unit of the term (alpha in the paper)", [0.5, 1, 2, 4]) },
  examples: [
    {
      options: { strength: 0.5 },
      value: ({ penalty }) => (penalty as NonNullable<typeof penalty>)(resting([[2]], 3), undefined),
      output: 0.5 * (2 ** 2 - 1) ** 2,
      source: "by hand: the slope of tanh at 0 is 1, so one unit passes on 2 times its error at every token",
    },
    {
      options: { strength: 1 },
      value: ({ penalty }) =>
        (penalty as NonNullable<typeof penalty>)(
          resting(
            [
              [0, 3],
              [0, 0],
            ],
            3,
          ),
          undefined,
        ),
      output: ((9 / 2 - 1) ** 2 + (0 - 1) ** 2) / 2,
      source:
        "by hand: errors (1, 1), (0, 3) and (0, 0) at the last, the middle and the first token, which is skipped",
    },
  ],
  exempt: {
    "finite differences":
      "the errors in the term are constants, as in the paper, so its gradient is that of a part",
  },
  create: ({ strength }) => ({
    penalty: (step) =>
      mul(
        strength,
        layersOf(step.about.model)
          .map((leaf) => omega(step, leaf))
          .reduce(add),
      ),
  }),
});

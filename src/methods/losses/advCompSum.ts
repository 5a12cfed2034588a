import { fromNested } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import {
  type Inputs,
  mapParams,
  method,
  nonNegative,
  type Outputs,
  positive,
  type Step,
  whole,
} from "../../kinds/index.ts";
import { compSum } from "../../parts/losses/compSum.ts";
import {
  add,
  clamp,
  constant,
  div,
  fill,
  fold,
  isFloat,
  keyOf,
  mul,
  norm,
  sign,
  stopGradient,
  sub,
  sum,
  type Tensor,
  uniform,
  vjp,
} from "../../tensor/index.ts";

/** |Delta(x', y) - Delta(x, y)|_2 by example, Delta(x, y) being the score of the class less those of the others. */
function marginShift(moved: Tensor, clean: Tensor, target: Tensor): Tensor {
  const change = sub(moved, clean);
  const own = sum(mul(target, change), { axes: [-1], keep: true });
  return norm(sub(own, change), { axes: [-1] });
}

/** The inputs that can move a little. Throws `conflict` where there is none. */
function movable(inputs: Inputs): Inputs {
  const found = Object.entries(inputs).filter(([, x]) => isFloat(x.dtype));
  if (found.length === 0)
    throw new OckhamError(
      "conflict",
      "adv-comp-sum",
      `adv-comp-sum moves inputs of real numbers, the model has ${Object.keys(inputs).join(", ")}`,
      "leave it out",
    );
  return Object.fromEntries(found);
}

/** A model with logits (x, -x), at 0.5. */
const mirrored = (_: unknown, { x }: Inputs) =>
  ({ prediction: mul(x, constant(fromNested([[1, -1]]))) }) as unknown as Outputs;
const half = { x: constant(fromNested([[0.5]])) };
const mirror = {
  mode: "train",
  weights: {},
  key: keyOf([1, 2]),
  batch: { inputs: half, target: constant(fromNested([[1, 0]])) },
  apply: mirrored,
  outputs: mirrored({}, half),
} as unknown as Step;

/**
 * Smooth adversarial comp-sum loss: a comp-sum loss, and how far the margins can be moved by moving the inputs.
 *
 *   loss_i = comp-sum(prediction_i / temperature) + strength max |D(x') - D(x_i)|_2        over |x' - x_i|_inf <= reach
 *   D(x)   = the score of the class minus those of the others
 *
 * Makes the model robust to attacks on its inputs, at less loss of accuracy than training on attacked inputs. x' is
 * sought by `steps` projected gradient steps of reach / 4 by signs from a random start; no gradient passes through it.
 * 1 + steps passes more than plain training. `reach` is in the unit of the encoded inputs, whose ends it does not
 * know. The paper adds weight decay. Fills `losses`; in evaluation it is the run's own loss.
 */
export const advCompSum = method("adv-comp-sum", {
  summary: "a comp-sum loss, and how far small moves of the inputs change the margins",
  paper: {
    id: "comp-sum-losses",
    title: "Cross-Entropy Loss Functions: Theoretical Analysis and Applications",
    authors: ["Anqi Mao", "Mehryar Mohri", "Yutao Zhong"],
    year: 2023,
    arxiv: "2304.07288",
    where: "section 5; the authors published no code",
    deviations: [
      "moved inputs are not clipped to the range of pixels, which encoded data does not know",
      "the defaults of order, temperature and strength could not be checked against the paper's text",
    ],
  },
  options: {
    order: nonNegative(0.4, "which comp-sum loss (tau in the paper)", [0, 0.4, 1]),
    temperature: positive(1, "divisor of the scores in the comp-sum loss (rho in the paper)", [0.5, 1, 2]),
    strength: nonNegative(1, "weight of the change of margins (nu in the paper)", [0.1, 0.3, 1, 3]),
    reach: positive(0.1, "how far each entry of an input may move (gamma in the paper)", [0.03, 0.1, 0.3]),
    steps: whole(1, 10, "steps of the search for x'", [3, 10]),
  },
  examples: [
    {
      options: { order: 1, temperature: 0.5, strength: 2, reach: 0.1, steps: 12 },
      value: ({ losses }) => (losses as NonNullable<typeof losses>)(mirror, undefined),
      output: [Math.log(1 + Math.exp(-1 / 0.5)) + 2 * 0.2],
      source:
        "by hand: the scores (x, -x) at 0.5 have the margin 1; moving x by 0.1 changes it by 0.2, and 12 steps of 0.025 reach it",
    },
  ],
  create({ order, temperature, strength, reach, steps }) {
    const { value } = compSum({ order });
    /** The inputs, moved to where the margins change most. */
    const worst = ({ batch, apply, weights, key }: Step, clean: Tensor): Inputs => {
      const { inputs, target } = batch;
      const start = movable(inputs);
      const within = (x: Tensor, name: string) =>
        stopGradient(clamp(x, sub(start[name], reach), add(start[name], reach)));
      let moved = mapParams(start, (x, name) =>
        add(x, mul(reach, sub(mul(2, uniform(fold(key, name), x.shape)), 1))),
      );
      for (let i = 0; i < steps; i++) {
        const names = Object.keys(moved);
        const change = sum(marginShift(apply(weights, { ...inputs, ...moved }).prediction, clean, target));
        const slopes = vjp(
          [change],
          [fill([], 1)],
          names.map((name) => moved[name]),
        );
        const before = moved;
        moved = Object.fromEntries(
          names.map((name, j) => [
            name,
            within(add(before[name], mul(div(reach, 4), sign(slopes[j]))), name),
          ]),
        );
      }
      return { ...inputs, ...moved };
    };
    return {
      losses(step) {
        const { mode, outputs, batch, loss, apply, weights } = step;
        const { prediction } = outputs;
        if (mode === "eval") return loss(prediction, batch.target);
        const there = apply(weights, worst(step, stopGradient(prediction))).prediction;
        return add(
          value(div(prediction, temperature), batch.target),
          mul(strength, marginShift(there, prediction, batch.target)),
        );
      },
    };
  },
});

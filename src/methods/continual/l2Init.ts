import { fromNested } from "../../array/ndarray.ts";
import { type About, method, type Params, positive, type Step } from "../../kinds/index.ts";
import { add, constant, mul, square, sub, sum } from "../../tensor/index.ts";

type State = Params;

/**
 * L2-init, or regenerative regularization: draws all parameters toward where they began.
 *
 *   penalty = strength sum_i (w_i - w0_i)^2
 *
 * w0 are the parameters before the first stage of training. Initial weights are good to learn from: where the current
 * task does not need a weight elsewhere it goes back, which keeps networks able to learn task after task. Biases
 * and gains are drawn too.
 */
export const l2Init = method("l2-init", {
  summary: "squared distance of all parameters from their initial values",
  paper: {
    id: "l2-init",
    title: "Maintaining Plasticity in Continual Learning via Regenerative Regularization",
    authors: ["Saurabh Kumar", "Henrik Marklund", "Benjamin Van Roy"],
    year: 2023,
    arxiv: "2308.11958",
    where: "section 3.1",
  },
  options: {
    strength: positive(0.001, "cost of a squared unit of distance (lambda)", [1e-5, 1e-4, 1e-3, 1e-2]),
  },
  examples: [
    {
      options: { strength: 0.5 },
      value: ({ penalty }) =>
        (penalty as NonNullable<typeof penalty>)(
          { params: { w: constant(fromNested([1, 4])), own: constant(fromNested([9])) } } as unknown as Step,
          { w: constant(fromNested([0, 2])) },
        ),
      output: 0.5 * (1 + 4),
      source: "by hand",
    },
  ],
  exempt: { experiment: "it is an arm of the experiment of spectral-continual" },
  create: ({ strength }) => ({
    state: (params, { model }: About): State =>
      Object.fromEntries(
        model.leaves.filter(({ role }) => role !== "buffer").map(({ path }) => [path, params[path]]),
      ),
    carries: () => true,
    penalty: ({ params }, initial: State) =>
      mul(
        strength,
        Object.entries(initial)
          .map(([path, start]) => sum(square(sub(params[path], start))))
          .reduce(add),
      ),
  }),
});

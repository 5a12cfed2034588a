import { fromNested } from "../../array/ndarray.ts";
import { type About, method, type Params, positive, type Step } from "../../kinds/index.ts";
import { add, constant, flatten, mean, mul, sort, square, sub } from "../../tensor/index.ts";

type State = Params;

/**
 * Wasserstein initialization regularization: keeps the distribution of each array's entries as it began.
 *
 *   penalty = strength sum over arrays of mean_i (sort(w)_i - sort(w0)_i)^2
 *
 * The mean is the squared 2-Wasserstein distance between the entries of w and of w0, the array before the first
 * stage of training. Weaker than `l2-init`: a weight may trade places with another. Keeps networks able to learn
 * task after task.
 */
export const wassersteinInit = method("wasserstein-init", {
  summary: "squared Wasserstein distance of each array's entries from their initial distribution",
  paper: {
    id: "spectral-continual",
    title: "Learning Continually by Spectral Regularization",
    authors: ["Alex Lewandowski", "Michał Bortkiewicz", "Saurabh Kumar", "András György"],
    year: 2024,
    arxiv: "2406.06811",
    where: "a baseline there, from Lewandowski et al. 2023 (arXiv 2312.00246)",
  },
  options: {
    strength: positive(0.01, "cost of a squared unit of distance", [1e-4, 1e-3, 1e-2, 1e-1]),
  },
  examples: [
    {
      options: { strength: 2 },
      value: ({ penalty }) =>
        (penalty as NonNullable<typeof penalty>)(
          { params: { w: constant(fromNested([5, 1, 3, 0])) } } as unknown as Step,
          { w: constant(fromNested([0, 1, 2, 3])) },
        ),
      output: (2 * (0 + 0 + 1 + 4)) / 4,
      source: "by hand: 0, 1, 3, 5 against 0, 1, 2, 3",
    },
  ],
  exempt: { experiment: "it is an arm of the experiment of spectral-continual" },
  create: ({ strength }) => ({
    state: (params, { model }: About): State =>
      Object.fromEntries(
        model.leaves
          .filter(({ role }) => role !== "buffer")
          .map(({ path }) => [path, sort(flatten(params[path]))]),
      ),
    carries: () => true,
    penalty: ({ params }, initial: State) =>
      mul(
        strength,
        Object.entries(initial)
          .map(([path, sorted]) => mean(square(sub(sort(flatten(params[path])), sorted))))
          .reduce(add),
      ),
  }),
});

import { fromNested } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import { type About, type Batch, type Change, method, type Run, type Step } from "../../kinds/index.ts";
import { constant, fill, gather, iota, mul, type Tensor } from "../../tensor/index.ts";

interface State {
  /** [groups]: weight of each of its examples. */
  readonly weights: Tensor;
}

/**
 * Upweighting: every group counts the same, however many examples it has.
 *
 *   weight of an example of group g = n / (groups n_g)        times its own, where it has one
 *
 * The usual answer to groups of uneven size, and the baseline of `group-dro`. A network that fits all its training
 * examples has nothing to weigh, so without regularization it changes little. Throws `conflict` for data without groups.
 */
export const upweight = method("upweight", {
  summary: "weighs examples so that every group counts the same",
  paper: {
    id: "importance-weighting",
    title: "Improving predictive inference under covariate shift by weighting the log-likelihood function",
    authors: ["Hidetoshi Shimodaira"],
    year: 2000,
    where: "as the baseline in Sagawa et al. 2019 (arXiv 1911.08731), section 3.2",
    deviations: ["losses are weighted; the code of Sagawa et al. draws examples with these weights instead"],
  },
  options: {},
  examples: [
    {
      value: ({ batch }) => {
        const x = constant(fromNested([[1], [2], [3]]));
        const drawn: Batch = {
          inputs: { x },
          target: x,
          index: iota(3),
          group: constant(fromNested([1, 0, 1], "int32")),
        };
        const state: State = { weights: constant(fromNested([0.5, 2])) };
        return (batch as NonNullable<typeof batch>)(drawn, {} as Step, state).weight as Tensor;
      },
      output: [2, 0.5, 2],
      source: "by definition",
    },
  ],
  exempt: { experiment: "it is an arm of the experiment of group-dro" },
  create: () => ({
    state(_, { groups }: About): State {
      if (groups === 0)
        throw new OckhamError(
          "conflict",
          "upweight",
          "upweight needs groups, and the data have none",
          "use --setting groups, with --groups COLUMN for a table",
        );
      return { weights: fill([groups], 1) };
    },
    async between(moment, { data, about }: Run): Promise<Change | undefined> {
      if (moment !== "start") return undefined;
      const counts = new Float32Array(about.groups);
      for (const group of (data.group?.data ?? []) as Int32Array) counts[group]++;
      const weights = counts.map((n) => data.size / (about.groups * Math.max(n, 1)));
      return { state: { weights: { dtype: "float32", shape: [about.groups], data: weights } } };
    },
    batch(batch, _, { weights }: State) {
      if (batch.group === undefined)
        throw new OckhamError(
          "conflict",
          "upweight",
          "upweight needs the group of every example, and the batch has none",
          "leave out methods that mix examples",
        );
      const weight = gather(weights, batch.group);
      return { ...batch, weight: batch.weight === undefined ? weight : mul(batch.weight, weight) };
    },
  }),
});

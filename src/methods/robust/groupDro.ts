import { fromNested, type NdArray } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import {
  type About,
  type Change,
  method,
  nonNegative,
  positive,
  type Run,
  type Step,
} from "../../kinds/index.ts";
import {
  add,
  cast,
  constant,
  div,
  equal,
  exp,
  expandDims,
  fill,
  iota,
  max,
  mul,
  sqrt,
  stopGradient,
  sum,
  type Tensor,
} from "../../tensor/index.ts";

interface State {
  /** [groups]: how much each group counts, adding up to 1; and how many examples it has. */
  readonly shares: Tensor;
  readonly sizes: Tensor;
}

/** Mean loss of each group [groups] over a batch; 0 for groups that are not in it. */
function groupLosses(losses: Tensor, { batch }: Step, groups: number): Tensor {
  if (batch.group === undefined)
    throw new OckhamError(
      "conflict",
      "group-dro",
      "group-dro needs the group of every example, and the batch has none",
      "name a column of groups with --setting groups --groups COLUMN; leave out methods that mix examples",
    );
  const member = cast(equal(expandDims(batch.group, 1), expandDims(iota(groups), 0)), "float32");
  const counts = sum(member, { axes: [0] });
  return div(sum(mul(member, expandDims(losses, 1)), { axes: [0] }), max(counts, 1));
}

/** Examples of each group, as numbers [groups]. */
function sizesOf({ data, about }: Run): NdArray {
  const counts = new Float32Array(about.groups);
  for (const group of (data.group?.data ?? []) as Int32Array) counts[group]++;
  return { dtype: "float32", shape: [about.groups], data: counts };
}

/**
 * Group distributionally robust optimization: minimizes the loss of the worst group.
 *
 *   L_g = mean loss of group g in the batch
 *   q_g <- q_g exp(rate (L_g + adjustment / sqrt(n_g))), then q <- q / sum q        q = 1 / groups at first
 *   risk = sum_g q_g L_g                                                        q takes no gradient
 *
 * The weights q run after the groups that are learned worst. n_g is the number of training examples of a group: small
 * ones generalize worse, which `adjustment` makes up for. Networks that fit every group to the last example have no
 * worst group in training, so it needs strong regularization or early stopping to differ from plain training. Throws
 * `conflict` for data without groups.
 */
export const groupDro = method("group-dro", {
  summary: "minimizes the loss of the group that is worst off",
  paper: {
    id: "group-dro",
    title:
      "Distributionally Robust Neural Networks for Group Shifts: On the Importance of Regularization for Worst-Case Generalization",
    authors: ["Shiori Sagawa", "Pang Wei Koh", "Tatsunori B. Hashimoto", "Percy Liang"],
    year: 2019,
    arxiv: "1911.08731",
    url: "https://github.com/kohpangwei/group_DRO",
    where: "algorithm 1 and section 3.3; compute_robust_loss in the authors' code",
    deviations: [
      "losses are those of the batch; the code's other variants (btl, moving averages) are not part of it",
    ],
  },
  options: {
    rate: positive(0.01, "step size of the groups' weights (eta_q in the paper)", [0.001, 0.01, 0.1]),
    adjustment: nonNegative(0, "extra weight of small groups (C in the paper)", [0, 1, 2, 5]),
  },
  examples: [
    {
      options: { rate: Math.log(2) },
      value: ({ risk }) =>
        (risk as NonNullable<typeof risk>)(
          constant(fromNested([1, 3, 1])),
          {
            batch: { group: constant(fromNested([0, 0, 1], "int32")) },
            about: { groups: 2 },
          } as unknown as Step,
          { shares: constant(fromNested([0.5, 0.5])), sizes: constant(fromNested([2, 1])) },
        ),
      output: (2 / 3) * 2 + (1 / 3) * 1,
      source: "by hand: L = (2, 1), so q = (2, 1) / 3",
    },
    {
      options: { rate: Math.log(2), adjustment: 2 },
      value: ({ after }) =>
        (after as NonNullable<typeof after>)(
          {},
          {
            losses: constant(fromNested([1, 1])),
            batch: { group: constant(fromNested([0, 0], "int32")) },
            about: { groups: 2 },
          } as unknown as Step,
          { shares: constant(fromNested([0.5, 0.5])), sizes: constant(fromNested([1, 4])) },
        )[1].shares,
      output: [8 / (8 + 2), 2 / (8 + 2)],
      source:
        "by hand: exponents 1 + 2 / sqrt(1) = 3 and, for the group that is not there, 0 + 2 / sqrt(4) = 1",
    },
  ],
  exempt: { "finite differences": "the weights of the groups follow the losses, and take no gradient" },
  create: ({ rate, adjustment }) => {
    const moved = (losses: Tensor, step: Step, { shares, sizes }: State): Tensor => {
      const group = stopGradient(groupLosses(losses, step, step.about.groups));
      const adjusted = add(group, div(adjustment, sqrt(max(sizes, 1))));
      const grown = mul(shares, exp(mul(rate, adjusted)));
      return div(grown, sum(grown));
    };
    return {
      state(_, { groups }: About): State {
        if (groups === 0)
          throw new OckhamError(
            "conflict",
            "group-dro",
            "group-dro needs groups, and the data have none",
            "use --setting groups, with --groups COLUMN for a table",
          );
        return { shares: fill([groups], 1 / groups), sizes: fill([groups], 1) };
      },
      risk: (losses, step, state: State) =>
        sum(mul(moved(losses, step, state), groupLosses(losses, step, step.about.groups))),
      after: (updated, step, state: State) => [
        updated,
        { shares: moved(step.losses, step, state), sizes: state.sizes },
      ],
      between: async (moment, run: Run): Promise<Change | undefined> =>
        moment === "start" ? { state: { sizes: sizesOf(run) } } : undefined,
    };
  },
});

import { fromNested } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import { type Leaf, type Model, method, type Step, share } from "../../kinds/index.ts";
import { bernoulli, cast, concat, constant, fold, keyOf, mul, sub } from "../../tensor/index.ts";

/** The residual branches of a model in order, each by its name with the arrays of its last layer. */
function branchesOf(model: Model): [string, Leaf[]][] {
  const branches = new Map<string, Leaf[]>();
  for (const leaf of model.leaves) {
    const name = leaf.layer.match(/^(.*?)\.body(?:\.|$)/)?.[1];
    if (name === undefined || leaf.role === "buffer") continue;
    const before = branches.get(name)?.filter(({ layer }) => layer === leaf.layer) ?? [];
    branches.set(name, [...before, leaf]);
  }
  if (branches.size === 0)
    throw new OckhamError(
      "conflict",
      "stochastic-depth",
      `${model.name} has no residual branches to drop`,
      "use it with resnet",
    );
  return [...branches];
}

const leaf = (layer: string): Leaf => ({
  path: `${layer}.kernel`,
  layer,
  role: "kernel",
  outAxis: 0,
  shape: [1],
});

const twoBlocks = {
  mode: "eval",
  key: keyOf([1, 2]),
  about: { model: { name: "two blocks", leaves: ["a.body.0", "a.body.1", "b.body", "head"].map(leaf) } },
} as unknown as Step;

/**
 * Stochastic depth: drops whole residual branches in training, later ones more often.
 *
 *   block l of L:   y = skip(x) + b_l branch_l(x)      b_l = 1 with chance p_l = 1 - l / L probability, else 0
 *
 * One draw a block and step; in evaluation b_l = p_l. Short networks are trained, a deep one is used. The branch is
 * switched through the arrays of its last layer (gain and bias of a norm, kernel and bias of a layer), so it is computed
 * all the same and no time is saved. Throws `conflict` for models without residual branches.
 */
export const stochasticDepth = method("stochastic-depth", {
  summary: "drops whole residual branches in training",
  paper: {
    id: "stochastic-depth",
    title: "Deep Networks with Stochastic Depth",
    authors: ["Gao Huang", "Yu Sun", "Zhuang Liu", "Daniel Sedra", "Kilian Q. Weinberger"],
    year: 2016,
    arxiv: "1603.09382",
    url: "https://github.com/yueatsprograms/Stochastic_Depth",
    where: "section 3, with linear decay",
    deviations: [
      "a dropped branch is computed and multiplied by zero, so that running statistics of its norms move on",
    ],
  },
  options: {
    probability: share(0.5, "chance that the last branch is dropped (1 - p_L in the paper)", [0.2, 0.5]),
  },
  examples: [
    {
      options: { probability: 0.5 },
      value: ({ weights }) => {
        const one = constant(fromNested([1]));
        const own = ["a.body.0", "a.body.1", "b.body", "head"].map((layer) => `${layer}.kernel`);
        const scaled = (weights as NonNullable<typeof weights>)(
          Object.fromEntries(own.map((path) => [path, one])),
          twoBlocks,
          undefined,
        );
        return concat(own.map((path) => scaled[path]));
      },
      output: [1, 0.75, 0.5, 1],
      source: "by hand: of two blocks the first stays with chance 1 - 1/2 0.5, the second with 1 - 0.5",
    },
  ],
  create: ({ probability }) => ({
    weights(weights, { mode, key, about }) {
      const branches = branchesOf(about.model);
      const scaled = branches.flatMap(([name, last], i) => {
        const stays = sub(1, mul((i + 1) / branches.length, probability));
        const factor = mode === "eval" ? stays : cast(bernoulli(fold(key, name), stays, []), "float32");
        return last.map(({ path }) => [path, mul(weights[path], factor)] as const);
      });
      return { ...weights, ...Object.fromEntries(scaled) };
    },
  }),
});

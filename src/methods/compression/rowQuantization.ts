import { fromNested } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import {
  type About,
  type AnyMethod,
  isWeight,
  type Leaf,
  method,
  oneOf,
  type Params,
} from "../../kinds/index.ts";
import {
  abs,
  add,
  argMax,
  cast,
  constant,
  cumsum,
  div,
  expandDims,
  greaterEqual,
  iota,
  keyOf,
  less,
  mean,
  mul,
  pick,
  reshape,
  sign,
  sort,
  square,
  sum,
  type Tensor,
  where,
} from "../../tensor/index.ts";

/** Levels [rows, d] and a scale for each row [rows, 1], whose product stands for the weights. */
export interface Quantized {
  readonly levels: Tensor;
  readonly scale: Tensor;
}

/** Levels 1 and -1 (1 at zero) and the mean |x| of each row of x [rows, d]: of all such products the nearest to x. */
export const binarizeRows = (x: Tensor): Quantized => ({
  levels: cast(where(less(x, 0), -1, 1), x.dtype),
  scale: mean(abs(x), { axes: [1], keep: true }),
});

/**
 * Levels -1, 0 and 1, and the mean |x| of what is not zero, of each row of x [rows, d]: of all such products the nearest
 * to x. What is kept are the k largest, for the k of the largest (sum of the k largest)^2 / k.
 */
export function ternarizeRows(x: Tensor): Quantized {
  const size = abs(x);
  const [, width] = x.shape;
  const sorted = sort(size, { descending: true });
  const gain = div(square(cumsum(sorted, 1)), add(cast(iota(width), x.dtype), 1));
  const threshold = expandDims(pick(sorted, argMax(gain)), 1);
  const kept = cast(greaterEqual(size, threshold), x.dtype);
  const inRow = (values: Tensor) => sum(values, { axes: [1], keep: true });
  return { levels: mul(sign(x), kept), scale: div(inRow(mul(size, kept)), inRow(kept)) };
}

/** The weights it acts on. Throws `conflict` where there are none. */
function chosen({ model }: About, layers: "inner" | "all"): Leaf[] {
  const all = model.leaves.filter(isWeight);
  const leaves = layers === "all" ? all : all.filter((leaf, i) => i > 0 && !leaf.head);
  if (leaves.length === 0)
    throw new OckhamError(
      "conflict",
      `row-quantization on ${model.name}`,
      `${model.name} has no weights between its first layer and its last`,
      'choose a deeper model, or the option layers "all"',
    );
  return leaves;
}

const pathsOf = ({ path }: Leaf) => ({ levels: `${path}/levels`, scale: `${path}/scale` });

const x = constant(
  fromNested([
    [0.5, -0.25, 1, 0.0625],
    [2, 0.125, -1.5, 0.5],
  ]),
);
const leaf: Leaf = { path: "w", layer: "w", role: "kernel", outAxis: 0, shape: [2, 4] };
const about = { model: { name: "w", leaves: [leaf] } } as unknown as About;

/**
 * Rounds the weights it begins with to two or three levels a row, fixes the levels and trains their scales.
 *
 *   w = scale levels        scale [rows], levels [rows, ...] in {-1, 1} or {-1, 0, 1}; both the nearest to the first w
 *
 * "binary": the signs and the mean |w|. "ternary": zero below a threshold, signs above it, and their mean |w|, where the
 * threshold is the one of least squared error. A row is all that leads into a unit or filter. It is for a stage of
 * training that goes on from a trained network; at random weights it fixes random signs. `layers` "inner" leaves out
 * the first and the last layer, as is usual. Throws `conflict` where no layer is left.
 */
export const rowQuantization = method("row-quantization", {
  summary: "weights of two or three fixed levels a row, with a trained scale",
  paper: {
    id: "cauchy-schwarz",
    title: "Cauchy-Schwarz Regularizers",
    authors: ["Sueda Taner", "Ziyi Wang", "Christoph Studer"],
    year: 2025,
    arxiv: "2503.01639",
    url: "https://github.com/IIP-Group/CS_regularizers",
    where: "find_sfactors_qweights, discretize_to_ternary and QuantLayer in the authors' code",
    deviations: ["a weight of exactly zero becomes 1 in binary rows; in the code it stays zero"],
  },
  options: {
    levels: oneOf(["binary", "ternary"], "binary", "how many levels: two, or three with zero"),
    layers: oneOf(["inner", "all"], "inner", "all but the first and the last layer, or every layer"),
  },
  examples: [
    {
      options: { layers: "all" },
      value: begun,
      output: [
        [0.453125, -0.453125, 0.453125, 0.453125],
        [1.03125, 1.03125, -1.03125, 1.03125],
      ],
      source: "by hand: the mean sizes are 1.8125 / 4 and 4.125 / 4",
    },
    {
      options: { layers: "all", levels: "ternary" },
      value: begun,
      output: [
        [0.75, 0, 0.75, 0],
        [1.75, 0, -1.75, 0],
      ],
      source: "IIP-Group/CS_regularizers c2d4ea5, discretize_to_ternary, run on each row",
    },
  ],
  exempt: { experiment: "the experiment of cauchy-schwarz tries it" },
  create: ({ levels, layers }) => ({
    params(base, about) {
      const leaves = chosen(about, layers);
      const own = leaves.flatMap((leaf) => {
        const rows = reshape(base[leaf.path], [leaf.shape[0], -1]);
        const quantized = levels === "binary" ? binarizeRows(rows) : ternarizeRows(rows);
        const paths = pathsOf(leaf);
        return (["levels", "scale"] as const).map((part) => {
          const { shape } = quantized[part];
          const described: Leaf = { path: paths[part], layer: leaf.layer, role: "extra", outAxis: 0, shape };
          return [described, quantized[part]] as const;
        });
      });
      return {
        leaves: own.map(([described]) => described),
        values: Object.fromEntries(own.map(([{ path }, value]) => [path, value])),
      };
    },
    frozen: ({ path }) => path.endsWith("/levels"),
    weights(weights, { about }) {
      const made = chosen(about, layers).map((leaf) => {
        const paths = pathsOf(leaf);
        return [leaf.path, reshape(mul(weights[paths.scale], weights[paths.levels]), leaf.shape)] as const;
      });
      return { ...weights, ...Object.fromEntries(made) };
    },
  }),
});

/** The weights x as the model uses them at first. */
function begun({ params, weights }: AnyMethod): Tensor {
  const own = (params as NonNullable<typeof params>)({ w: x }, about, keyOf([1, 2]));
  const all: Params = { w: x, ...own.values };
  return (weights as NonNullable<typeof weights>)(all, { about } as never, undefined).w;
}

import { fromNested } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import {
  flag,
  type Leaf,
  type Model,
  mapParams,
  method,
  nonNegative,
  type Params,
  positive,
  type Step,
  text,
} from "../../kinds/index.ts";
import {
  add,
  constant,
  div,
  exp,
  fold,
  log,
  matmul,
  max,
  mean,
  mul,
  norm,
  normal,
  reshape,
  stopGradient,
  sub,
  sum,
  type Tensor,
} from "../../tensor/index.ts";

/** The named activation, else the one called "code", else the last. */
function placeOf({ name, places }: Model, layer: string): string {
  const place = places.find((one) => one === (layer === "" ? "code" : layer));
  const last = place ?? (layer === "" ? places.at(-1) : undefined);
  if (last !== undefined) return last;
  throw new OckhamError(
    layer === "" ? "conflict" : "unknown-name",
    layer === "" ? "least-volume" : "least-volume.layer",
    layer === ""
      ? `least-volume acts on an activation, and ${name} has none`
      : `${name} has no activation "${layer}"`,
    places.length === 0 ? "use a model with a hidden layer" : `it has ${places.join(", ")}`,
  );
}

/** The kernels of all layers behind an activation. */
function behind({ leaves, places }: Model, place: string): Leaf[] {
  const before = places.slice(0, places.indexOf(place) + 1);
  const inside = ({ layer }: Leaf) => before.some((one) => layer === one || layer.startsWith(`${one}.`));
  return leaves.filter((leaf) => leaf.role === "kernel" && !inside(leaf));
}

/** The geometric mean of the standard deviations (unbiased) of the columns of z [n, d], each plus eta. */
function volume(z: Tensor, eta: Tensor | number): Tensor {
  const [n] = z.shape;
  const deviations = div(
    norm(sub(z, mean(z, { axes: [0], keep: true })), { axes: [0] }),
    Math.sqrt(Math.max(n - 1, 1)),
  );
  return exp(mean(log(add(deviations, eta))));
}

/** Left and right singular vectors by path: "left/..." [out], "right/..." [in]. */
type Vectors = Params;

const asMatrix = (w: Tensor): Tensor => reshape(w, [w.shape[0], -1]);
const unit = (v: Tensor): Tensor => div(v, max(norm(v), 1e-12));

/** One power iteration: the left vector from the right one, then the right from the left. */
function iterated(w: Tensor, right: Tensor): { readonly left: Tensor; readonly right: Tensor } {
  const left = unit(matmul(w, right));
  return { left, right: unit(matmul(left, w)) };
}

function refined(params: Params, vectors: Vectors): Vectors {
  const next: Record<string, Tensor> = {};
  for (const name of Object.keys(vectors)) {
    const path = name.replace(/^right\//, "");
    if (path === name) continue;
    const { left, right } = iterated(asMatrix(params[path]), vectors[name]);
    next[`left/${path}`] = left;
    next[`right/${path}`] = right;
  }
  return next;
}

const code = [
  [1, 0, 5],
  [3, 0, 1],
];

/** A step whose activation "code" is that, with a decoder of one layer. */
const example = {
  outputs: { activations: { code: constant(fromNested(code)) } },
  about: { model: { places: ["code"], leaves: [] } },
} as unknown as Step;

const decoder: Leaf = { path: "out.kernel", layer: "out", role: "kernel", outAxis: 0, shape: [2, 2] };

/**
 * Least volume: an autoencoder that uses as few dimensions of its code as it can.
 *
 *   penalty = strength exp( mean_j log(std_j + eta) )        std_j of code j over the batch, unbiased
 *   each kernel W behind the code is used as W / sigma(W)    sigma its largest singular value
 *
 * The geometric mean falls most where a dimension is narrow already, so that dimensions close one by one; with a linear
 * decoder their order is that of principal components. The decoder must not stretch (Lipschitz constant 1), else the code
 * just shrinks: `bounded` sees to that, by one power iteration a step. A dimension with a small std can then be fixed at
 * its mean at an error of at most that std. The code is activation `layer`; where empty the one called "code", else the
 * last. Throws `conflict` for a model without activations, `unknown-name`.
 */
export const leastVolume = method("least-volume", {
  summary: "few dimensions of the code in use, behind which nothing stretches",
  paper: {
    id: "least-volume",
    title: "Compressing Latent Space via Least Volume",
    authors: ["Qiuyi Chen", "Mark Fuge"],
    year: 2024,
    arxiv: "2404.17773",
    url: "https://github.com/IDEALLab/Least_Volume_ICLR2024",
    where:
      "sparsity.py (VolumeAE) and cmpnts.py (spectral normalization of the decoder) in the authors' code",
    deviations: [
      "kernels of convolutions are bounded as matrices [out, in x window]; the code bounds the convolution itself",
      "the first estimate of sigma takes 15 power iterations, as in PyTorch, from a normal right vector",
    ],
  },
  options: {
    strength: nonNegative(0.001, "cost of a unit of volume (lambda)", [0.0001, 0.001, 0.01, 0.1]),
    eta: positive(1, "added to every standard deviation (eps in the code)", [0.01, 0.1, 1]),
    bounded: flag(true, "kernels behind the code are divided by their largest singular value"),
    layer: text("", 'activation that is the code; "code" or the last one where empty'),
  },
  examples: [
    {
      options: { strength: 0.5, eta: 1 },
      value: ({ penalty }) => (penalty as NonNullable<typeof penalty>)(example, {}),
      output: 0.5 * ((Math.SQRT2 + 1) * 1 * (2 * Math.SQRT2 + 1)) ** (1 / 3),
      source: "by hand: standard deviations sqrt 2, 0, sqrt 8",
    },
    {
      value: ({ weights }) => {
        const w = {
          "out.kernel": constant(
            fromNested([
              [3, 0],
              [0, 1],
            ]),
          ),
        };
        const step = { about: { model: { places: ["code"], leaves: [decoder] } } } as unknown as Step;
        const first = constant(fromNested([1, 0]));
        const vectors = { "left/out.kernel": first, "right/out.kernel": first };
        return (weights as NonNullable<typeof weights>)(w, step, vectors)["out.kernel"];
      },
      output: [
        [1, 0],
        [0, 1 / 3],
      ],
      source: "by hand: singular values 3 and 1, the vectors of the first along the first axis",
    },
  ],
  create: ({ strength, eta, bounded, layer }) => ({
    state(params, { model }, key): Vectors {
      const kernels = bounded ? behind(model, placeOf(model, layer)) : [];
      let vectors: Vectors = Object.fromEntries(
        kernels.map(({ path }) => {
          const w = asMatrix(params[path]);
          return [`right/${path}`, unit(normal(fold(key, path), [w.shape[1]]))];
        }),
      );
      for (let i = 0; i < 15; i++) vectors = refined(params, vectors);
      return vectors;
    },
    weights: (weights, _, vectors: Vectors) =>
      mapParams(weights, (w, path) => {
        const [left, right] = [vectors[`left/${path}`], vectors[`right/${path}`]];
        if (left === undefined) return w;
        const sigma = sum(mul(stopGradient(left), matmul(asMatrix(w), stopGradient(right))));
        return div(w, max(sigma, 1e-12));
      }),
    penalty({ outputs, about }) {
      const z = outputs.activations[placeOf(about.model, layer)];
      return mul(strength, volume(reshape(z, [z.shape[0], -1]), eta));
    },
    after: (updated, { params }, vectors: Vectors) => [updated, refined({ ...params, ...updated }, vectors)],
  }),
});

import { fromNested } from "../../array/ndarray.ts";
import { flag, gradientTransform, mapParams, type Step } from "../../kinds/index.ts";
import { add, constant, div, dot, mul, norm, sub } from "../../tensor/index.ts";

const tiny = 1e-30;
const example = {
  params: {
    w: constant(
      fromNested([
        [1, -2],
        [0.5, 3],
      ]),
    ),
  },
} as unknown as Step;
const gradients = {
  w: constant(
    fromNested([
      [0.25, 1],
      [-0.75, 0.5],
    ]),
  ),
};

/**
 * Takes out of each array's gradient what only makes the array longer or shorter.
 *
 *   g <- g - <w, g> / (<w, w> + 1e-30) w          with `rescale`, brought back to the length it had
 *
 * A network that classifies its training data right can lower cross entropy for ever by scaling its weights up, which
 * teaches it nothing and ends in softmax collapse (see `stablemax`). Without that direction it goes on to generalize.
 * The norms are of each array alone; an array of zeros keeps its gradient.
 */
export const perpGrad = gradientTransform("perp-grad", {
  summary: "removes the part of each gradient along its weights",
  paper: {
    id: "stablemax-perpgrad",
    title: "Grokking at the Edge of Numerical Stability",
    authors: ["Lucas Prieto", "Melih Barsbey", "Pedro A. M. Mediano", "Tolga Birdal"],
    year: 2025,
    arxiv: "2501.04697",
    url: "https://github.com/LucasPrietoAl/grokking-at-the-edge-of-numerical-stability",
    where: "eq. 9; orthograd.py in the authors' code, whose rescaling is not in the paper's formula",
  },
  options: { rescale: flag(true, "whether the gradient keeps its length") },
  examples: [
    {
      value: ({ transform }) => transform(gradients, undefined, example)[0].w,
      output: [
        [0.29603159034672466, 0.9190234446584884],
        [-0.7334514029486013, 0.6362470001481842],
      ],
      source: "the authors' orthograd.py (0cc9e8d) in float64, PyTorch 2.15",
    },
    {
      options: { rescale: false },
      value: ({ transform }) => transform(gradients, undefined, example)[0].w,
      output: [
        [0.25 + 0.625 / 14.25, 1 - (2 * 0.625) / 14.25],
        [-0.75 + (0.5 * 0.625) / 14.25, 0.5 + (3 * 0.625) / 14.25],
      ],
      source: "by hand: <w, g> = -0.625, <w, w> = 14.25",
    },
  ],
  exempt: { experiment: "an arm of stablemax's experiment, which is about the whole paper" },
  create: ({ rescale }) => ({
    init: () => undefined,
    transform(gradients, state, { params }) {
      const across = mapParams(gradients, (g, path) => {
        const w = params[path];
        const rest = sub(g, mul(div(dot(w, g), add(dot(w, w), tiny)), w));
        return rescale ? mul(div(norm(g), add(norm(rest), tiny)), rest) : rest;
      });
      return [across, state];
    },
  }),
});

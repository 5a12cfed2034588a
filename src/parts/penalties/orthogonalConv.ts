import { fromNested, type NdArray, ndarray, sizeOf } from "../../array/ndarray.ts";
import { penalty, positive, whole } from "../../kinds/index.ts";
import { cast, constant, conv, mul, square, sub, sum, type Tensor } from "../../tensor/index.ts";

/**
 * Whether a convolution with kernels [outputs, inputs, size, size] and circular padding can be orthogonal: where it has
 * no more rows than columns if outputs <= inputs size^2, else if stride <= size (theorem 4).
 */
export const orthogonalConvExists = (
  outputs: number,
  inputs: number,
  size: number,
  stride: number,
): boolean => (outputs <= inputs * stride ** 2 ? outputs <= inputs * size ** 2 : stride <= size);

/** One where output meets itself unmoved. */
function identity(shape: readonly number[]): NdArray<"float32"> {
  const [outputs, , ...places] = shape;
  const plane = sizeOf(places);
  const data = new Float32Array(outputs * outputs * plane);
  for (let i = 0; i < outputs; i++) data[(i * outputs + i) * plane + (plane - 1) / 2] = 1;
  return ndarray("float32", shape, data);
}

/** The squared distance of a convolution from an orthogonal one, by entry of its result: |K K^T - I|^2 / N^2 or |K^T K - I|^2 / N^2. */
export function orthogonalityError(w: Tensor, stride: number): Tensor {
  const [outputs, inputs, ...window] = w.shape;
  const padding = window.map((k) => Math.floor((k - 1) / stride) * stride);
  const gram = conv(w, w, { strides: stride, padding });
  const error = sum(square(sub(gram, cast(constant(identity(gram.shape)), gram.dtype))));
  return sub(error, Math.max(0, outputs - inputs * stride ** window.length));
}

/** Three filters of 3 x 3 on one input. */
const filters = [
  [
    [0, 1, 0],
    [1, 2, -1],
    [0, 0, 1],
  ],
  [
    [1, 0, 0],
    [0, 1, 0],
    [2, 0, -1],
  ],
  [
    [0, 0, 1],
    [1, 0, 0],
    [0, -1, 0],
  ],
].map((filter) => [filter]);

/**
 * Draws each convolution, as a linear map of whole images, toward an orthogonal one: all singular values 1.
 *
 *   value(w) = strength (|conv(w, w) - I0|^2 - max(0, M - C stride^2))       w [M, C, k, k]
 *
 * conv(w, w) has stride `stride` and as much padding as the kernel meets itself, I0 is 1 where a filter meets itself
 * unmoved. For circular padding and images of at least 2 k - 1 this is the map's |K K^T - I|^2 (|K^T K - I|^2 where it
 * has more rows than columns) divided by the number of places, at a cost that does not depend on them. `stride` is that
 * of the layers; `orthogonalConvExists` says where zero can be reached. Layers that pad with zeros come only near.
 */
export const orthogonalConv = penalty("orthogonal-conv", {
  summary: "convolutions as orthogonal maps of whole images",
  paper: {
    id: "orthogonal-conv",
    title: "Existence, Stability and Scalability of Orthogonal Convolutional Neural Networks",
    authors: ["El Mehdi Achour", "François Malgouyres", "Franck Mamalet"],
    year: 2022,
    arxiv: "2108.05623",
    url: "https://github.com/deel-ai/deel-lip",
    where: "definition 2 and theorems 4 to 7; Lorth in deel/lip/regularizers.py, a library by the authors",
    deviations: [
      "windows of even size are taken too, and layers that cannot be orthogonal; the library refuses both",
    ],
  },
  options: {
    strength: positive(0.1, "cost of the squared distance (lambda in the paper)"),
    stride: whole(1, 1, "stride of the convolutions it acts on (S in the paper)", [1, 2]),
  },
  examples: [
    {
      options: { strength: 1 },
      value: ({ value }) => value(constant(fromNested([[[[1]]], [[[2]]]]))),
      output: 16,
      source: "by hand: one input, two outputs: K^T K = 1 + 4, so (5 - 1)^2",
    },
    {
      options: { strength: 0.5 },
      value: ({ value }) => value(constant(fromNested([[[1, 2]]]))),
      output: 0.5 * (4 + 16 + 4),
      source: "by hand: (1, 2) meets itself as 2, 5, 2, in place of 0, 1, 0",
    },
    {
      options: { strength: 1, stride: 2 },
      value: ({ value }) => value(constant(fromNested([[[1, 2]]]))),
      output: 16,
      source: "by hand: two places apart (1, 2) meets itself unmoved only",
    },
    {
      options: { strength: 1 },
      value: ({ value }) => value(constant(fromNested(filters))),
      output: 345,
      source: "deel-ai/deel-lip 0d1cdae, Lorth2D.compute_lorth, run with PyTorch in place of TensorFlow",
    },
    {
      options: { strength: 1, stride: 2 },
      value: ({ value }) => value(constant(fromNested(filters))),
      output: 141,
      source: "deel-ai/deel-lip 0d1cdae, Lorth2D.compute_lorth, run with PyTorch in place of TensorFlow",
    },
  ],
  create: ({ strength, stride }) => ({
    applies: (leaf) => leaf.role === "kernel" && leaf.shape.length > 2,
    value: (w) => mul(strength, orthogonalityError(w, stride)),
  }),
});

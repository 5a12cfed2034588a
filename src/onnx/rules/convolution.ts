import { sizeOf } from "../../array/ndarray.ts";
import type { Node, Window } from "../../tensor/graph.ts";
import type { AttributeValues } from "../proto.ts";
import { columns, type Sliding, spread } from "./columns.ts";
import { type Emitter, type LowerRule, padsOf, product, reshape, transpose, vector } from "./rule.ts";

export const geometry = (w: Window, kernel: readonly number[]): AttributeValues => ({
  kernel_shape: { ints: kernel },
  strides: { ints: w.strides },
  pads: { ints: padsOf(w.padding) },
  dilations: { ints: w.dilation },
  group: { int: w.groups },
});

export const sliding = (
  w: Window,
  size: readonly number[],
  out: readonly number[],
  kernel: readonly number[],
): Sliding => ({
  size,
  out,
  kernel,
  strides: w.strides,
  padding: w.padding,
  dilation: w.dilation,
});

export const spatial = (shape: readonly number[]) => shape.slice(2);

/** A convolution in float32 of [x, kernel], or [x, kernel, bias [o]], under relu if told. */
export const convWith = (
  to: Emitter,
  inputs: readonly string[],
  node: Node<"conv">,
  { relu = false }: { readonly relu?: boolean } = {},
): string =>
  to.node(relu ? "com.microsoft:FusedConv" : "Conv", inputs, {
    ...geometry(node.attributes, spatial(node.inputs[1].shape)),
    ...(relu ? { activation: { string: "Relu" } } : {}),
  });

export const conv: LowerRule<"conv"> = (node, [x, kernel], to) => {
  const w = node.attributes;
  const [input, weights] = node.inputs.map((i) => i.shape);
  if (node.dtype === "float32") return convWith(to, [x, kernel], node);
  const [n, c] = input;
  const [o, perGroup] = weights;
  const s = sliding(w, spatial(input), spatial(node.shape), spatial(weights));
  const depth = perGroup * sizeOf(s.kernel);
  const patches = columns(to, x, [n, c], s, node.dtype);
  const grouped = reshape(to, patches, [n, w.groups, depth, sizeOf(s.out)]);
  const rows = reshape(to, kernel, [w.groups, o / w.groups, depth]);
  return reshape(to, product(to, rows, grouped), node.shape);
};

export const convTranspose: LowerRule<"convTranspose"> = (node, [g, kernel], to) => {
  const w = node.attributes;
  const [out, weights] = node.inputs.map((i) => i.shape);
  const window = spatial(weights);
  if (node.dtype !== "float32") return spreadProducts(node, [g, kernel], to);
  const reach = window.map((k, i) => (k - 1) * w.dilation[i]);
  const mirrored = w.padding.map(([low, high], i) => [reach[i] - low, reach[i] - high] as const);
  const plain = w.strides.every((s) => s === 1) && mirrored.flat().every((p) => p >= 0);
  // ConvTranspose sums shifted copies, quickly in a plane but slowly in space
  const few = window.length < 3 && node.shape[1] * 4 <= weights[0];
  if (plain && !few)
    return to.node(
      "Conv",
      [g, flipped(to, kernel, weights, w.groups)],
      geometry({ ...w, padding: mirrored }, window),
    );
  const least = w.size.map(
    (_, i) => (out[i + 2] - 1) * w.strides[i] + reach[i] + 1 - w.padding[i][0] - w.padding[i][1],
  );
  return to.node("ConvTranspose", [g, kernel], {
    ...geometry(w, window),
    output_padding: { ints: w.size.map((n, i) => n - least[i]) },
  });
};

/**
 * The kernel mirrored in its window, with inputs and outputs exchanged: [o, c / groups, ...] -> [c, o / groups, ...].
 * Mirrored by a product, which is faster than a slice that walks back.
 */
function flipped(to: Emitter, kernel: string, [o, c, ...window]: readonly number[], groups: number): string {
  const entries = sizeOf(window);
  const rows = reshape(to, kernel, [groups, o / groups, c, entries]);
  const mirrored = entries === 1 ? rows : to.node("MatMul", [rows, mirror(to, entries)]);
  return reshape(to, transpose(to, mirrored, [0, 2, 1, 3]), [groups * c, o / groups, ...window]);
}

function mirror(to: Emitter, entries: number): string {
  const ones = new Float32Array(entries ** 2);
  for (let i = 0; i < entries; i++) ones[i * entries + entries - 1 - i] = 1;
  return vector(to, ones, "float32", [entries, entries]);
}

const spreadProducts: LowerRule<"convTranspose"> = (node, [g, kernel], to) => {
  const w = node.attributes;
  const [out, weights] = node.inputs.map((i) => i.shape);
  const [n, c] = node.shape;
  const [o, perGroup] = weights;
  const s = sliding(w, w.size, spatial(out), spatial(weights));
  const rows = reshape(to, kernel, [w.groups, o / w.groups, perGroup * sizeOf(s.kernel)]);
  const grouped = reshape(to, g, [n, w.groups, o / w.groups, sizeOf(s.out)]);
  const patches = product(to, rows, grouped, { transA: true });
  return spread(to, patches, [n, c], s, node.dtype);
};

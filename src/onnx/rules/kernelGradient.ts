import { type DType, sizeOf } from "../../array/ndarray.ts";
import type { Node } from "../../tensor/graph.ts";
import { columns, type Sliding } from "./columns.ts";
import { geometry, sliding, spatial } from "./convolution.ts";
import { gemmWith } from "./products.ts";
import { cut, type Emitter, type LowerRule, product, reshape, sumOver, transpose, vector } from "./rule.ts";

/** What decides how a kernel gradient is computed. */
interface Sizes extends Sliding {
  readonly n: number;
  readonly groups: number;
  /** Channels of x and g in a group. */
  readonly c: number;
  readonly o: number;
  readonly dtype: DType;
}

interface Form {
  /** Whether it is the fastest, as measured. */
  fits(s: Sizes): boolean;
  write(s: Sizes, x: string, g: string, to: Emitter): string;
}

/** Numbers written before the product, by example and place: patches of x, or rows of x and columns of g. */
const patchVolume = ({ c, kernel }: Sizes): number => c * sizeOf(kernel);
const splitVolume = ({ c, o, kernel: [height, width] }: Sizes): number => c * width + o * height;

/** The padding under which g is spread over the rows of x. */
const spreadPadding = ({ kernel, dilation, padding }: Sizes) => {
  const reach = (kernel[0] - 1) * dilation[0];
  return [reach - padding[0][0], reach - padding[0][1]] as const;
};

/** In this order, measured on one and two threads; the first that fits is taken, and the last always does. */
const forms: readonly Form[] = [
  {
    fits: (s) =>
      s.dtype === "float32" &&
      s.groups === 1 &&
      s.kernel.length === 2 &&
      s.kernel[0] > 1 &&
      s.strides.every((step) => step === 1) &&
      spreadPadding(s).every((p) => p >= 0) &&
      4 * splitVolume(s) <= 3 * patchVolume(s) &&
      !few(s),
    write: rowsAndColumns,
  },
  { fits: () => true, write: patches },
];

/** Whether the places of one example are so few that products example by example cost more than moving all into one. */
const few = (s: Sizes): boolean => s.groups === 1 && s.n > 1 && 4 * sizeOf(s.out) <= s.o;

export const convKernel: LowerRule<"convKernel"> = (node, [x, g], to) => {
  const s = sizesOf(node);
  const form = forms.find(({ fits }) => fits(s)) as Form;
  return reshape(to, form.write(s, x, g, to), node.shape);
};

function sizesOf(node: Node<"convKernel">): Sizes {
  const w = node.attributes;
  const [input, out] = node.inputs.map((i) => i.shape);
  const { groups } = w;
  return {
    ...sliding(w, spatial(input), spatial(out), w.size),
    n: input[0],
    groups,
    c: input[1] / groups,
    o: out[1] / groups,
    dtype: node.dtype,
  };
}

/** The sum over examples and places of the products of rows [n, groups, p, places] and [n, groups, q, places]: [groups, p, q]. */
function contract(s: Sizes, a: string, p: number, b: string, q: number, places: number, to: Emitter): string {
  const { n, groups } = s;
  if (few(s)) {
    const joined = (rows: string, size: number) =>
      reshape(to, transpose(to, reshape(to, rows, [n, size, places]), [1, 0, 2]), [size, n * places]);
    return gemmWith(to, [joined(a, p), joined(b, q)], { transposeA: false, transposeB: true });
  }
  const each = product(to, reshape(to, a, [n, groups, p, places]), reshape(to, b, [n, groups, q, places]), {
    transB: true,
  });
  return n === 1 ? each : sumOver(to, each, [0]);
}

/** g times all patches of x. */
function patches(s: Sizes, x: string, g: string, to: Emitter): string {
  return contract(s, g, s.o, patchesOf(to, x, s), patchVolume(s), sizeOf(s.out), to);
}

/**
 * The window's height is laid over g and its width over x, so that less is copied: with x shifted along its rows,
 * [c, width], and g shifted along its columns, [o, height], all pairs of shifts meet in one product.
 */
function rowsAndColumns(s: Sizes, x: string, g: string, to: Emitter): string {
  const { c, o, kernel, padding, dilation, size, out } = s;
  const [height, width] = kernel;
  const strides = [1, 1];
  const alongRows = shifts(to, x, c, { ...s, strides, kernel: [1, width], padding: [[0, 0], padding[1]] });
  const alongColumns = shifts(
    to,
    g,
    o,
    { ...s, strides, kernel: [height, 1], padding: [spreadPadding(s), [0, 0]], dilation: [dilation[0], 1] },
    true,
  );
  const all = contract(s, alongColumns, o * height, alongRows, c * width, size[0] * out[1], to);
  return transpose(to, reshape(to, all, [o, height, c, width]), [0, 2, 1, 3]);
}

/** [n, c, window * out]: for a window of one entry the (strided) input itself. */
function patchesOf(to: Emitter, x: string, s: Sizes): string {
  const { n, groups, c, kernel, padding, strides, size, dtype } = s;
  const single = kernel.every((k) => k === 1) && padding.every(([low, high]) => low + high === 0);
  if (!single)
    return dtype === "float32" ? shifts(to, x, groups * c, s) : columns(to, x, [n, groups * c], s, dtype);
  if (strides.every((step) => step === 1)) return x;
  const axes = size.map((_, i) => i + 2);
  return cut(
    to,
    x,
    axes,
    axes.map(() => 0),
    size,
    strides,
  );
}

/** Each channel as it looks through each entry of the window, [n, channels * window, ...out]: a convolution with one-hot kernels. */
function shifts(
  to: Emitter,
  x: string,
  channels: number,
  { kernel, padding, strides, dilation }: Pick<Sliding, "kernel" | "padding" | "strides" | "dilation">,
  mirrored = false,
): string {
  const entries = sizeOf(kernel);
  const hot = new Float32Array(channels * entries * entries);
  for (let i = 0; i < channels * entries; i++) {
    const entry = i % entries;
    hot[i * entries + (mirrored ? entries - 1 - entry : entry)] = 1;
  }
  return to.node(
    "Conv",
    [x, vector(to, hot, "float32", [channels * entries, 1, ...kernel])],
    geometry({ strides, padding, dilation, groups: channels }, kernel),
  );
}

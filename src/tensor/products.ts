import { mul } from "./elementwise.ts";
import { make, type Pool, type Tensor, type Window } from "./graph.ts";
import { mean } from "./reductions.ts";
import { expandDims, reshape, squeeze } from "./shaping.ts";

/** [..., m, k] x [..., k, n], either transposed first if told; leading axes broadcast. Vectors count as rows and columns. */
export function matmul(
  a: Tensor,
  b: Tensor,
  { transposeA = false, transposeB = false }: { transposeA?: boolean; transposeB?: boolean } = {},
): Tensor {
  if (a.shape.length === 1) return squeeze(matmul(expandDims(a, 0), b, { transposeB }), -2);
  if (b.shape.length === 1) return squeeze(matmul(a, expandDims(b, 1), { transposeA }), -1);
  return make("matmul", [a, b], { transposeA, transposeB });
}

type PerAxis = number | readonly number[];
type Padding = number | "same" | readonly (number | readonly [number, number])[];

const each = (value: PerAxis, dimensions: number): readonly number[] =>
  typeof value === "number" ? Array(dimensions).fill(value) : value;

function paddings(
  padding: Padding,
  sizes: readonly number[],
  kernel: readonly number[],
  strides: readonly number[],
  dilation: readonly number[],
): (readonly [number, number])[] {
  if (padding !== "same") {
    const list = typeof padding === "number" ? sizes.map(() => padding) : padding;
    return list.map((p) => (typeof p === "number" ? [p, p] : p));
  }
  return sizes.map((n, i) => {
    const reach = (Math.ceil(n / strides[i]) - 1) * strides[i] + (kernel[i] - 1) * dilation[i] + 1;
    const total = Math.max(0, reach - n);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  });
}

export interface ConvOptions {
  readonly strides?: PerAxis;
  /** A number for all sides, "same" for an output of ceil(n / stride), or an entry an axis. */
  readonly padding?: Padding;
  readonly dilation?: PerAxis;
  readonly groups?: number;
}

/** x [n, c, ...spatial] * kernel [o, c / groups, ...window] -> [n, o, ...], a cross-correlation of one to three dimensions. */
export function conv(x: Tensor, kernel: Tensor, options: ConvOptions = {}): Tensor {
  const sizes = x.shape.slice(2);
  const strides = each(options.strides ?? 1, sizes.length);
  const dilation = each(options.dilation ?? 1, sizes.length);
  const padding = paddings(options.padding ?? 0, sizes, kernel.shape.slice(2), strides, dilation);
  const geometry: Window = { strides, padding, dilation, groups: options.groups ?? 1 };
  return make("conv", [x, kernel], geometry);
}

export interface PoolOptions {
  /** As the window unless told. */
  readonly strides?: PerAxis;
  readonly padding?: Padding;
}

function poolOf(x: Tensor, kernel: PerAxis, options: PoolOptions): Pool {
  const sizes = x.shape.slice(2);
  const window = each(kernel, sizes.length);
  const strides = each(options.strides ?? kernel, sizes.length);
  const padding = paddings(
    options.padding ?? 0,
    sizes,
    window,
    strides,
    sizes.map(() => 1),
  );
  return { kernel: window, strides, padding };
}

/** Largest entry of each window over [n, c, ...spatial]. Where windows tile, equal largest entries share the gradient; else the first takes it. */
export const maxPool = (x: Tensor, kernel: PerAxis, options: PoolOptions = {}): Tensor =>
  make("maxPool", [x], poolOf(x, kernel, options));

/** Sum of each window; padding adds nothing. */
export const sumPool = (x: Tensor, kernel: PerAxis, options: PoolOptions = {}): Tensor =>
  make("sumPool", [x], poolOf(x, kernel, options));

/** Mean of each window, padding counted as zeros. */
export function avgPool(x: Tensor, kernel: PerAxis, options: PoolOptions = {}): Tensor {
  const pool = poolOf(x, kernel, options);
  return mul(make("sumPool", [x], pool), 1 / pool.kernel.reduce((a, b) => a * b, 1));
}

/** Mean over all spatial axes: [n, c, ...] -> [n, c]. */
export const globalAvgPool = (x: Tensor): Tensor =>
  mean(reshape(x, [x.shape[0], x.shape[1], -1]), { axes: [-1] });

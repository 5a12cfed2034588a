import { type NdArray, sizeOf, storage } from "../array/ndarray.ts";
import { constant, make, type Tensor } from "./graph.ts";
import { take } from "./indexing.ts";
import { misplaced } from "./misplaced.ts";
import { matmul } from "./products.ts";
import { reshape, slice } from "./shaping.ts";

export interface ResizeOptions {
  /** New spatial sizes: one for all, or one an axis. */
  readonly size?: number | readonly number[];
  /** In place of `size`, a factor: sizes are floor(n factor), and positions are spaced by exactly 1 / factor. */
  readonly scale?: number | readonly number[];
  /** "nearest" takes the entry at or below a position, "nearest-exact" the one whose middle is nearest. */
  readonly mode?: "nearest" | "nearest-exact" | "linear" | "cubic" | "area";
  /** Whether the first and last entries keep their places (linear and cubic); else entries are intervals, which keep their ends. */
  readonly alignCorners?: boolean;
}

type Mode = NonNullable<ResizeOptions["mode"]>;

/** One axis: `size` entries become `out`, `step` apart. */
interface Along {
  readonly size: number;
  readonly out: number;
  readonly step: number;
  readonly alignCorners: boolean;
}

/** Entries of the old axis with their shares in a new one. */
type Taps = readonly (readonly [entry: number, share: number])[];

/**
 * Interpolation over all spatial axes of x [n, c, ...spatial], as PyTorch's interpolate: "linear" is its linear,
 * bilinear and trilinear, "cubic" its bicubic (Keys 1981 with a = -0.75) in any number of dimensions, "area" the mean of
 * the interval an entry stands for. Axis by axis, by a product with a matrix of the shares; "nearest" takes entries.
 * Throws `bad-shape`.
 */
export function resize(
  x: Tensor,
  { size, scale, mode = "linear", alignCorners = false }: ResizeOptions,
): Tensor {
  const spatial = x.shape.slice(2);
  if ((size === undefined) === (scale === undefined) || spatial.length === 0)
    throw misplaced("resize", "resize takes [n, c, ...spatial] and either size or scale", "give one of them");
  const each = (value: number | readonly number[], axis: number) =>
    typeof value === "number" ? value : value[axis];
  const axes = spatial.map((n, i): Along => {
    const factor = scale === undefined ? undefined : each(scale, i);
    const out = size === undefined ? Math.floor(n * (factor as number)) : each(size, i);
    if (!(Number.isInteger(out) && out >= 1))
      throw misplaced("resize", `a size of ${out} for axis ${i + 2}`, "give whole sizes of at least 1");
    const corners = out > 1 ? (n - 1) / (out - 1) : 0;
    const whole = alignCorners && !mode.startsWith("nearest") && mode !== "area";
    return { size: n, out, step: whole ? corners : factor ? 1 / factor : n / out, alignCorners: whole };
  });
  if (mode === "nearest" && axes.every(({ size, out, step }) => out % size === 0 && step === size / out))
    return enlarged(x, axes);
  return axes.reduce((value, along, i) => oneAxis(value, i + 2, along, mode), x);
}

/** Every entry repeated, which is what spreading a sum over windows that tile does. */
function enlarged(x: Tensor, axes: readonly Along[]): Tensor {
  const kernel = axes.map(({ size, out }) => out / size);
  if (kernel.every((k) => k === 1)) return x;
  const padding = kernel.map(() => [0, 0] as const);
  return make("sumUnpool", [x], { kernel, strides: kernel, padding, size: axes.map(({ out }) => out) });
}

function oneAxis(x: Tensor, axis: number, along: Along, mode: Mode): Tensor {
  const { size, out } = along;
  const taps = Array.from({ length: out }, (_, i) =>
    tapsOf[mode](i, along).filter(([, share]) => share !== 0),
  );
  if (taps.every(([[entry, share], ...more], i) => entry === i && share === 1 && more.length === 0))
    return slice(x, axis, 0, out);
  if (mode.startsWith("nearest"))
    return taken(
      x,
      axis,
      taps.map(([[entry]]) => entry),
      size,
    );
  const matrix = sharesOf(taps, size, x.dtype);
  const shape = x.shape.map((n, i) => (i === axis ? out : n));
  const after = x.shape.slice(axis + 1);
  if (after.length === 0) return reshape(matmul(reshape(x, [-1, size]), matrix, { transposeB: true }), shape);
  return reshape(matmul(matrix, reshape(x, [-1, size, sizeOf(after)])), shape);
}

/** Entries of an axis: a slice where they are evenly spaced. */
function taken(x: Tensor, axis: number, entries: readonly number[], size: number): Tensor {
  const by = entries.length > 1 ? entries[1] - entries[0] : 1;
  if (by > 0 && entries.every((entry, i) => entry === entries[0] + i * by))
    return slice(x, axis, entries[0], Math.min(size, entries[entries.length - 1] + 1), by);
  const at = constant({ dtype: "int32", shape: [entries.length], data: Int32Array.from(entries) });
  return take(x, at, axis);
}

function sharesOf(taps: readonly Taps[], size: number, dtype: Tensor["dtype"]): Tensor {
  const data = storage(dtype, taps.length * size) as Float64Array;
  taps.forEach((list, i) => {
    for (const [entry, share] of list) data[i * size + entry] += share;
  });
  return constant({ dtype, shape: [taps.length, size], data } as NdArray);
}

const within = (entry: number, size: number) => Math.min(Math.max(entry, 0), size - 1);

/** Where a new entry lies among the old ones. */
const position = (i: number, { step, alignCorners }: Along): number =>
  alignCorners ? i * step : (i + 0.5) * step - 0.5;

const tapsOf: { readonly [M in Mode]: (i: number, along: Along) => Taps } = {
  nearest: (i, { step, size }) => [[within(Math.floor(i * step), size), 1]],
  "nearest-exact": (i, { step, size }) => [[within(Math.floor((i + 0.5) * step), size), 1]],
  linear: (i, along) => {
    const at = Math.max(0, position(i, along));
    const low = within(Math.floor(at), along.size);
    const share = Math.min(at - low, 1);
    return [
      [low, 1 - share],
      [within(low + 1, along.size), share],
    ];
  },
  cubic: (i, along) => {
    const at = position(i, along);
    const low = Math.floor(at);
    return [-1, 0, 1, 2].map((d) => [within(low + d, along.size), keys(Math.abs(at - low - d))] as const);
  },
  area: (i, { size, out }) => {
    const [from, to] = [Math.floor((i * size) / out), Math.ceil(((i + 1) * size) / out)];
    return Array.from({ length: to - from }, (_, d) => [from + d, 1 / (to - from)] as const);
  },
};

/** The cubic convolution kernel of Keys (1981) at a distance below 2, a = -0.75. */
function keys(t: number): number {
  const a = -0.75;
  return t <= 1 ? ((a + 2) * t - (a + 3)) * t * t + 1 : ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
}

import { type NdArray, sizeOf } from "../../array/ndarray.ts";
import type { Stream } from "../../array/random.ts";
import type { Dataset, Preprocessing } from "../../kinds/index.ts";

/** Of data whose numbers can be moved a little; the ids of texts and the numbers of nodes cannot. */
export type Spoilable = Extract<Preprocessing, { kind: "table" | "image" }>;
export const isSpoilable = (pre: Preprocessing): pre is Spoilable =>
  pre.kind === "table" || pre.kind === "image";

/** Of data that a noise study is for: these, and texts, whose words can be changed. */
export type Studiable = Spoilable | Extract<Preprocessing, { kind: "text" }>;
export const isStudiable = (pre: Preprocessing): pre is Studiable => isSpoilable(pre) || pre.kind === "text";

/** One way of spoiling data, at three strengths. */
export interface Corruption {
  readonly kind: string;
  /** What the strengths count. */
  readonly unit: string;
  readonly strengths: readonly number[];
  apply(x: Float32Array, strength: number, stream: Stream): Float32Array;
}

/** A change of one channel of one image, pixels from 0 to 1. */
export type Change = (pixels: Float64Array, strength: number, stream: Stream) => Float64Array;

type ImageFacts = Extract<Preprocessing, { kind: "image" }>;
type TableFacts = Extract<Preprocessing, { kind: "table" }>;

/** A change on images [n, c, h, w] of encoded pixels: decoded to [0, 1], changed, clipped, encoded again. */
export const onPixels =
  (pre: ImageFacts, change: Change): Corruption["apply"] =>
  (x, strength, stream) => {
    const [channels, height, width] = pre.shape;
    const plane = height * width;
    const result = new Float32Array(x.length);
    for (let start = 0, i = 0; start < x.length; start += plane, i++) {
      const { mean, spread } = { mean: pre.mean[i % channels], spread: pre.spread[i % channels] };
      const pixels = Float64Array.from(x.subarray(start, start + plane), (v) => v * spread + mean);
      const changed = change(pixels, strength, stream);
      for (let j = 0; j < plane; j++)
        result[start + j] = (Math.min(1, Math.max(0, changed[j])) - mean) / spread;
    }
    return result;
  };

function imageCorruptions(pre: ImageFacts): Corruption[] {
  const [, height, width] = pre.shape;
  const noise: Change = (p, s, stream) => {
    const e = stream.normal(p.length).data as Float64Array;
    return p.map((v, i) => v + s * e[i]);
  };
  const contrast: Change = (p, s) => {
    const average = p.reduce((a, b) => a + b, 0) / p.length;
    return p.map((v) => average + (1 - s) * (v - average));
  };
  return [
    {
      kind: "noise",
      unit: "standard deviation in pixel units",
      strengths: [0.1, 0.2, 0.3],
      apply: onPixels(pre, noise),
    },
    {
      kind: "blur",
      unit: "sigma in pixels",
      strengths: [0.5, 0.75, 1],
      apply: onPixels(pre, (p, s) => blurred(p, height, width, s)),
    },
    {
      kind: "contrast",
      unit: "share of contrast taken away",
      strengths: [0.3, 0.5, 0.7],
      apply: onPixels(pre, contrast),
    },
    {
      kind: "brightness",
      unit: "added, in pixel units",
      strengths: [0.1, 0.2, 0.3],
      apply: onPixels(pre, (p, s) => p.map((v) => v + s)),
    },
    {
      kind: "pixelation",
      unit: "side of a block in pixels",
      strengths: [
        ...new Set([2, 3, 4].map((k) => Math.max(2, Math.round((k * Math.min(height, width)) / 16)))),
      ],
      apply: onPixels(pre, (p, s) => pixelated(p, height, width, s)),
    },
  ];
}

/** Gaussian blur, borders repeated. */
export function blurred(p: Float64Array, height: number, width: number, sigma: number): Float64Array {
  const reach = Math.ceil(3 * sigma);
  const weights = Float64Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * sigma ** 2)),
  );
  const total = weights.reduce((a, b) => a + b, 0);
  const pass = (from: Float64Array, dy: number, dx: number) =>
    from.map((_, at) => {
      const [y, x] = [Math.floor(at / width), at % width];
      let sum = 0;
      for (let k = -reach; k <= reach; k++) {
        const row = Math.min(height - 1, Math.max(0, y + k * dy));
        const column = Math.min(width - 1, Math.max(0, x + k * dx));
        sum += weights[k + reach] * from[row * width + column];
      }
      return sum / total;
    });
  return pass(pass(p, 1, 0), 0, 1);
}

/** Blocks replaced by their means. */
export function pixelated(p: Float64Array, height: number, width: number, side: number): Float64Array {
  const across = Math.ceil(width / side);
  const sums = new Float64Array(across * Math.ceil(height / side));
  const counts = new Float64Array(sums.length);
  const block = (at: number) =>
    Math.floor(Math.floor(at / width) / side) * across + Math.floor((at % width) / side);
  for (let at = 0; at < p.length; at++) {
    sums[block(at)] += p[at];
    counts[block(at)]++;
  }
  return p.map((_, at) => sums[block(at)] / counts[block(at)]);
}

const widthOf = ({ columns }: TableFacts): number => columns.reduce((n, column) => n + column.width, 0);

/** Normal noise on the numbers of a table, in their spreads. */
export const withNoise =
  (pre: TableFacts): Corruption["apply"] =>
  (x, strength, stream) => {
    const width = widthOf(pre);
    const numbers = pre.columns.filter((column) => column.kind === "number");
    const result = Float32Array.from(x);
    const e = stream.normal((x.length / width) * numbers.length).data as Float64Array;
    for (let row = 0, k = 0; row < x.length; row += width)
      for (const column of numbers) result[row + column.at] += strength * e[k++];
    return result;
  };

/** A share of the values of a table as if they were missing. */
export const withMissing =
  (pre: TableFacts): Corruption["apply"] =>
  (x, strength, stream) => {
    const { columns } = pre;
    const width = widthOf(pre);
    const result = Float32Array.from(x);
    const u = stream.uniform((x.length / width) * columns.length).data as Float64Array;
    for (let row = 0, k = 0; row < x.length; row += width)
      for (const column of columns) {
        if (u[k++] >= strength) continue;
        const blank = column.kind === "number" ? (column.fill - column.mean) / column.spread : 0;
        result.fill(blank, row + column.at, row + column.at + column.width);
      }
    return result;
  };

/** Tables: noise on the numbers, and missing values. */
function tableCorruptions(pre: TableFacts): Corruption[] {
  const noise: Corruption = {
    kind: "noise",
    unit: "standard deviation in units of a column's spread",
    strengths: [0.1, 0.3, 0.6],
    apply: withNoise(pre),
  };
  const missing: Corruption = {
    kind: "missing values",
    unit: "share of values",
    strengths: [0.1, 0.2, 0.4],
    apply: withMissing(pre),
  };
  return pre.columns.some((column) => column.kind === "number") ? [noise, missing] : [missing];
}

export const corruptionsFor = (pre: Spoilable): Corruption[] =>
  pre.kind === "image" ? imageCorruptions(pre) : tableCorruptions(pre);

/** The data set with other inputs. */
export function withInputs(data: Dataset, x: Float32Array): Dataset {
  const { shape } = data.inputs.x;
  const input: NdArray = { dtype: "float32", shape, data: x };
  return { ...data, inputs: { ...data.inputs, x: input } };
}

/** Data that looks like the real thing at a glance but means nothing, by name. */
export function outsiders(data: Dataset, pre: Spoilable, stream: Stream): Readonly<Record<string, Dataset>> {
  const x = data.inputs.x.data as Float32Array;
  if (pre.kind === "table")
    return { "shuffled columns": withInputs(data, shuffledColumns(x, data.size, pre, stream)) };
  const [channels, height, width] = pre.shape;
  const plane = height * width;
  const shuffled = new Float32Array(x.length);
  for (let start = 0; start < x.length; start += channels * plane) {
    const order = stream.permutation(plane);
    for (let c = 0; c < channels; c++)
      for (let j = 0; j < plane; j++) shuffled[start + c * plane + j] = x[start + c * plane + order[j]];
  }
  const inverted = x.map((v, i) => {
    const c = Math.floor(i / plane) % channels;
    return (1 - (v * pre.spread[c] + pre.mean[c]) - pre.mean[c]) / pre.spread[c];
  });
  return { "shuffled pixels": withInputs(data, shuffled), "inverted images": withInputs(data, inverted) };
}

/** Each column in an order of its own, so that each alone looks right. */
function shuffledColumns(
  x: Float32Array,
  rows: number,
  pre: Extract<Preprocessing, { kind: "table" }>,
  stream: Stream,
): Float32Array {
  const width = x.length / rows;
  const result = new Float32Array(x.length);
  for (const column of pre.columns) {
    const order = stream.permutation(rows);
    for (let row = 0; row < rows; row++)
      for (let j = column.at; j < column.at + column.width; j++)
        result[row * width + j] = x[order[row] * width + j];
  }
  return result;
}

/** How far an encoded number moves for one unit of pixel (images) or standardised value (tables), and its allowed range; 0 where attacks must not touch it. */
export function attackScale(pre: Spoilable): {
  readonly unit: Float32Array;
  readonly low: Float32Array;
  readonly high: Float32Array;
} {
  if (pre.kind === "image") {
    const plane = pre.shape[1] * pre.shape[2];
    const fill = (f: (c: number) => number) =>
      Float32Array.from({ length: sizeOf(pre.shape) }, (_, i) => f(Math.floor(i / plane)));
    return {
      unit: fill((c) => 1 / pre.spread[c]),
      low: fill((c) => -pre.mean[c] / pre.spread[c]),
      high: fill((c) => (1 - pre.mean[c]) / pre.spread[c]),
    };
  }
  const width = pre.columns.reduce((n, column) => n + column.width, 0);
  const unit = new Float32Array(width);
  for (const column of pre.columns) if (column.kind === "number") unit[column.at] = 1;
  return { unit, low: new Float32Array(width).fill(-1e30), high: new Float32Array(width).fill(1e30) };
}

/** Test data spoiled in one way. */
export interface Spoiled {
  readonly kind: string;
  readonly strength: number;
  readonly data: Dataset;
}

const remembered = new WeakMap<Dataset, readonly Spoiled[]>();

/** A data set under every corruption and strength; drawn from the seed, so that all candidates meet the same. */
export function spoiledBy(
  data: Dataset,
  pre: Spoilable,
  random: Stream,
  corruptions = corruptionsFor(pre),
): readonly Spoiled[] {
  const known = remembered.get(data);
  if (known !== undefined) return known;
  const x = data.inputs.x.data as Float32Array;
  const made = corruptions.flatMap(({ kind, strengths, apply }) =>
    strengths.map((strength) => ({
      kind,
      strength,
      data: withInputs(data, apply(x, strength, random.split(kind).split(`${strength}`))),
    })),
  );
  remembered.set(data, made);
  return made;
}

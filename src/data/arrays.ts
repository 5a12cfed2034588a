import { type NdArray, type PlainDType, type Storage, sizeOf, zeros } from "../array/ndarray.ts";
import { readNpz } from "../array/npz.ts";
import { OckhamError } from "../error.ts";
import { listed, rowsOf, type Where } from "./cells.ts";
import { tableSource } from "./columns.ts";
import { makeFeatures } from "./features.ts";
import { stem } from "./names.ts";
import { imageSource } from "./pixels.ts";
import { sequenceSource } from "./sequences.ts";
import { type ColumnTask, noTarget, type Source } from "./source.ts";
import { makeTarget } from "./target.ts";

export interface ArrayOptions {
  readonly name?: string;
  readonly task?: ColumnTask;
  /** Whether `x` [n, steps, features] holds sequences; a third axis else means images. */
  readonly sequence?: boolean;
}

/**
 * Two arrays as a source: `y` [n] or [n, 1], and `x` as a table [n, features] or images [n, height, width],
 * [n, channels, height, width] or else [n, height, width, channels] with 1 or 3 channels. Bytes are pixels from 0 to
 * 255; other pixels are taken as 0 to 1 where they lie there, else as 0 to 255. With `sequence`, `x` [n, steps, features]
 * are sequences, of which those that are shorter have `lengths` [n].
 *
 * Throws `bad-data`: shapes that do not fit, numbers that are not finite (NaN is a missing number in a table),
 * pixels out of range, and what is wrong with the target (see `makeTarget`).
 */
export function arraySource(
  x: NdArray,
  y: NdArray,
  where: Where,
  options: ArrayOptions & { readonly test?: Int32Array; readonly lengths?: NdArray } = {},
): Source {
  const n = x.shape[0] ?? 0;
  if (sizeOf(y.shape) !== n || y.shape[0] !== n)
    throw bad(
      where.path,
      `y of shape [${y.shape}] for x of [${x.shape}]`,
      "give one target a row: y of shape [n]",
    );
  const made = makeTarget(
    { kind: "number", name: "y", values: numbers(y, where, "y"), notes: [] },
    options.task,
    where,
  );
  const name = options.name ?? stem(where.path);
  const described = { name, target: made.target, ...(options.test && { test: options.test }) };
  if (options.sequence) {
    const [, steps, width] = x.shape;
    if (x.shape.length !== 3)
      throw bad(
        where.path,
        `x of shape [${x.shape}] holds no sequences`,
        "give x of shape [n, steps, features]",
      );
    const found = featuresOf({ ...x, shape: [n * steps, width] } as NdArray, where);
    const lengths = lengthsOf(options.lengths, n, steps, where);
    const rows = Array.from(lengths, (length, i) => Int32Array.from({ length }, (_, t) => i * steps + t));
    const notes = [`${n} sequences, ${width} columns.`, ...made.notes, ...found.notes];
    const ofSteps = tableSource({ name, target: noTarget(n * steps) }, found.features);
    return sequenceSource({ ...described, notes }, ofSteps, rows, { most: steps });
  }
  if (x.shape.length === 2) {
    const found = featuresOf(x, where);
    const notes = [`${n} rows, ${x.shape[1]} columns.`, ...made.notes, ...found.notes];
    return tableSource({ ...described, notes }, found.features);
  }
  const { shape, data } = pixels(x, where);
  const full = fullBrightness(data, x.dtype, where);
  const notes = [
    `${n} images of [${shape}] (channels, height, width), full brightness ${full}.`,
    ...made.notes,
  ];
  return imageSource({ ...described, notes }, { shape, data, full });
}

/** The columns of x [rows, width] that vary. */
function featuresOf(x: NdArray, where: Where): ReturnType<typeof makeFeatures> {
  const [n, width] = x.shape;
  const data = numbers(x, where, "x");
  const columns = Array.from({ length: width }, (_, j) => ({
    kind: "number" as const,
    name: `x${j + 1}`,
    values: Float64Array.from({ length: n }, (_, row) => data[row * width + j]),
    notes: [],
  }));
  const made = makeFeatures(
    columns,
    Int32Array.from({ length: n }, (_, row) => row),
    [],
  );
  if (made.features.length === 0) throw bad(where.path, "no column of x varies", "give columns that vary");
  return made;
}

/** Steps of each sequence; all where nobody says so. */
function lengthsOf(given: NdArray | undefined, n: number, steps: number, where: Where): Int32Array {
  if (given === undefined) return new Int32Array(n).fill(steps);
  const lengths = Float64Array.from(given.data as never, Number);
  const wrong = lengths.findIndex((length) => !Number.isInteger(length) || length < 1 || length > steps);
  if (lengths.length !== n || wrong >= 0)
    throw bad(
      wrong < 0 ? where.path : where.row(wrong),
      wrong < 0 ? `lengths of shape [${given.shape}] for ${n} sequences` : `lengths holds ${lengths[wrong]}`,
      `give every sequence a whole number from 1 to ${steps}`,
    );
  return Int32Array.from(lengths);
}

/**
 * The bytes of a `.npz` file with `x` and `y` (and of sequences `lengths`), or with `x_train`, `y_train`, `x_test` and `y_test`; capitals do not
 * matter. Errors call it `path`.
 */
export function npzSource(bytes: Uint8Array, path: string, options: ArrayOptions = {}): Source {
  const arrays = readNpz(bytes, path);
  const byName = new Map(Object.entries(arrays).map(([name, a]) => [name.toLowerCase(), a]));
  const pair = (suffix: string) => [byName.get(`x${suffix}`), byName.get(`y${suffix}`)];
  const [x, y] = pair("");
  const lengths = byName.get("lengths");
  if (x && y) return arraySource(x, y, rowsOf(path), { ...options, ...(lengths && { lengths }) });
  const [xTrain, yTrain] = pair("_train");
  const [xTest, yTest] = pair("_test");
  if (!(xTrain && yTrain && xTest && yTest))
    throw bad(
      path,
      `no arrays x and y, nor x_train, y_train, x_test and y_test; it holds ${listed(Object.keys(arrays))}`,
      "save the arrays under these names",
    );
  const first = xTrain.shape[0];
  const test = Int32Array.from({ length: xTest.shape[0] }, (_, i) => first + i);
  return arraySource(stackedArrays(xTrain, xTest, path), stackedArrays(yTrain, yTest, path), rowsOf(path), {
    ...options,
    test,
  });
}

function stackedArrays(a: NdArray, b: NdArray, path: string): NdArray {
  const fits = a.dtype === b.dtype && a.shape.length === b.shape.length;
  if (!fits || a.shape.some((n, axis) => axis > 0 && n !== b.shape[axis]))
    throw bad(
      path,
      `training ${a.dtype} [${a.shape}] and test ${b.dtype} [${b.shape}] do not fit`,
      "give both the same type and shape",
    );
  const both = zeros(a.dtype, [a.shape[0] + b.shape[0], ...a.shape.slice(1)]);
  const data = both.data as { set(from: ArrayLike<unknown>, at?: number): void };
  data.set(a.data);
  data.set(b.data, a.data.length);
  return both;
}

/** The elements as numbers. Throws for infinities, and for NaN in `y`. */
function numbers(a: NdArray, where: Where, name: string): Float64Array {
  const values =
    a.dtype === "float16"
      ? Float64Array.from(a.data as Uint16Array, fromHalf)
      : Float64Array.from(a.data as never, Number);
  const width = sizeOf(a.shape.slice(1));
  const at = values.findIndex((v) => Math.abs(v) === Infinity || (name === "y" && Number.isNaN(v)));
  if (at >= 0)
    throw bad(where.row(Math.floor(at / width)), `${name} holds ${values[at]}`, "give finite numbers");
  return values;
}

/** The number of 16 bits of IEEE 754 binary16. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Images with their channels first. */
function pixels(x: NdArray, where: Where): { shape: [number, number, number]; data: Storage[PlainDType] } {
  const [n, ...axes] = x.shape;
  const data =
    x.dtype === "float16" || x.dtype === "int64" ? numbers(x, where, "x") : (x.data as Storage[PlainDType]);
  if (axes.length === 2) return { shape: [1, axes[0], axes[1]], data };
  const known = (channels: number) => channels === 1 || channels === 3;
  if (axes.length !== 3 || !(known(axes[0]) || known(axes[2])))
    throw bad(
      where.path,
      `x of shape [${x.shape}] is neither a table nor images`,
      "give [n, features], [n, height, width], [n, channels, height, width] or [n, height, width, channels] with 1 or 3 channels",
    );
  if (known(axes[0])) return { shape: [axes[0], axes[1], axes[2]], data };
  const [height, width, channels] = axes;
  const first = data.slice();
  for (let i = 0; i < n; i++)
    for (let p = 0; p < height * width; p++)
      for (let c = 0; c < channels; c++)
        first[(i * channels + c) * height * width + p] = data[(i * height * width + p) * channels + c];
  return { shape: [channels, height, width], data: first };
}

function fullBrightness(data: Storage[PlainDType], dtype: string, where: Where): number {
  let [least, most] = [Infinity, -Infinity];
  let broken = false;
  for (const value of data) {
    if (value < least) least = value;
    if (value > most) most = value;
    if (Number.isNaN(value)) broken = true;
  }
  if (broken || least < 0 || most > 255)
    throw bad(
      where.path,
      broken ? "x holds NaN among its pixels" : `x holds pixels from ${least} to ${most}`,
      "give pixels from 0 to 1 or from 0 to 255",
    );
  return dtype === "uint8" || most > 1 ? 255 : 1;
}

const bad = (place: string, problem: string, hint: string) =>
  new OckhamError("bad-data", place, `${place}: ${problem}`, hint);

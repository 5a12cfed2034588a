import { type NdArray, sizeOf } from "../../array/ndarray.ts";
import { type Stream, stream } from "../../array/random.ts";
import type { Source } from "../../data/index.ts";
import type { TextPreprocessing } from "../../data/text/index.ts";
import { OckhamError } from "../../error.ts";
import type { Dataset, Preprocessing } from "../../kinds/index.ts";
import {
  isSpoilable,
  outsiders,
  type Spoilable,
  type Studiable,
  withInputs,
} from "../measure/corruptions.ts";
import { senselessTexts } from "./texts.ts";

/** Rows of another data set that are looked at. */
const foreignRows = 1000;

type ImageFacts = Extract<Preprocessing, { kind: "image" }>;

const mostOf = (n: number) => Int32Array.from({ length: n }, (_, i) => i);

/** Pixels from 0 to 1 of another size: each target pixel takes the mean of its area in the source. */
function resized(
  p: ArrayLike<number>,
  [h, w]: readonly number[],
  [height, width]: readonly number[],
): Float64Array {
  const result = new Float64Array(height * width);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [top, left] = [Math.floor((y * h) / height), Math.floor((x * w) / width)];
      const bottom = Math.max(top + 1, Math.ceil(((y + 1) * h) / height));
      const right = Math.max(left + 1, Math.ceil(((x + 1) * w) / width));
      let sum = 0;
      for (let i = top; i < bottom; i++) for (let j = left; j < right; j++) sum += p[i * w + j];
      result[y * width + x] = sum / ((bottom - top) * (right - left));
    }
  return result;
}

/** Images of another data set as a model for `pre` would be given them: resized, grey or colour, encoded alike. */
function asImages(other: Source, pre: ImageFacts, rows: Int32Array): Float32Array {
  const facts = other.fit(rows) as ImageFacts;
  const { x } = other.encode(facts, rows).inputs;
  const [channels, height, width] = pre.shape;
  const [own, h, w] = facts.shape;
  const pixel = (row: number, c: number) => {
    const start = (row * own + c) * h * w;
    const plane = (x.data as Float32Array).subarray(start, start + h * w);
    return Float64Array.from(plane, (v) => v * facts.spread[c] + facts.mean[c]);
  };
  const result = new Float32Array(rows.length * sizeOf(pre.shape));
  for (let row = 0; row < rows.length; row++) {
    const planes = Array.from({ length: own }, (_, c) => resized(pixel(row, c), [h, w], [height, width]));
    const grey = planes[0].map((_, i) => planes.reduce((sum, plane) => sum + plane[i], 0) / own);
    for (let c = 0; c < channels; c++)
      for (let i = 0; i < height * width; i++) {
        const value = own === channels ? planes[c][i] : grey[i];
        result[(row * channels + c) * height * width + i] = (value - pre.mean[c]) / pre.spread[c];
      }
  }
  return result;
}

/** Throws `conflict` where the other data cannot be shown to a model of these. */
export function checkForeign(data: Source, other: Source): void {
  const kinds = [data, other].map((source) =>
    source.task === "tokens" ? "passage" : source.fit(mostOf(source.size)).kind,
  );
  if (kinds[0] === kinds[1] && (kinds[0] === "image" || kinds[0] === "text")) return;
  throw new OckhamError(
    "conflict",
    other.name,
    `${other.name} cannot be shown to a model of ${data.name}: foreign data sets are images beside images, and texts that are told apart beside such`,
    "leave --outside out: made examples that mean nothing are shown in any case",
  );
}

function uniformNoise(data: Dataset, pre: Spoilable, random: Stream): Float32Array {
  const x = new Float32Array((data.inputs.x.data as Float32Array).length);
  const u = random.uniform(x.length).data as Float64Array;
  if (pre.kind === "image") {
    const plane = pre.shape[1] * pre.shape[2];
    return x.map((_, i) => {
      const c = Math.floor(i / plane) % pre.shape[0];
      return (u[i] - pre.mean[c]) / pre.spread[c];
    });
  }
  const width = x.length / data.size;
  for (let row = 0; row < data.size; row++)
    for (const column of pre.columns) {
      const at = row * width + column.at;
      // numbers from minus three spreads to three; any level of a category
      if (column.kind === "number") x[at] = 6 * u[at] - 3;
      else x[at + Math.min(column.width - 1, Math.floor(u[at] * column.width))] = 1;
    }
  return x;
}

/** Rows of another data set, the same ones each time. */
const chosenRows = ({ size }: Source): Int32Array =>
  Int32Array.from(
    stream(0).split("foreign").choice(size, Math.min(size, foreignRows)) as ArrayLike<number>,
  ).sort();

/** Other inputs as if they were of these data; of no class in particular. */
const withRows = (data: Dataset, size: number, inputs: Dataset["inputs"]): Dataset => ({
  ...data,
  size,
  inputs,
  target: { ...data.target, shape: [size], data: new Int32Array(size) } as NdArray,
});

/** Other texts as a model for `pre` would be given them: by its tokenizer. */
function asTexts(data: Dataset, other: Source, pre: TextPreprocessing): Dataset {
  const rows = chosenRows(other);
  const { tokenizer, vocabulary, tokens } = pre;
  const facts = other.fit(rows) as TextPreprocessing;
  return withRows(data, rows.length, other.encode({ ...facts, tokenizer, vocabulary, tokens }, rows).inputs);
}

/**
 * Data that a model trained on `data` should not be sure of, by name: random values, the shuffled and inverted ones of
 * every comparison, and another data set where one was given (its first 1,000 rows).
 */
export function foreignTo(
  data: Dataset,
  pre: Studiable,
  random: Stream,
  other?: Source,
): Readonly<Record<string, Dataset>> {
  if (!isSpoilable(pre))
    return {
      ...(other === undefined ? {} : { [other.name]: asTexts(data, other, pre) }),
      ...senselessTexts(data, pre, random),
    };
  const made = {
    "random values": withInputs(data, uniformNoise(data, pre, random.split("uniform"))),
    ...outsiders(data, pre, random),
  };
  if (other === undefined || pre.kind !== "image") return made;
  const rows = chosenRows(other);
  const x: NdArray = {
    dtype: "float32",
    shape: [rows.length, ...pre.shape],
    data: asImages(other, pre, rows),
  };
  return { [other.name]: withRows(data, rows.length, { x }), ...made };
}

import { type NdArray, ndarray, sizeOf } from "../../array/ndarray.ts";
import type { Stream } from "../../array/random.ts";
import { OckhamError } from "../../error.ts";
import type { Dataset, Parts, Preprocessing } from "../../kinds/index.ts";
import { withX } from "./data.ts";

/** A change of inputs that makes another domain of the same task. */
export interface Shift {
  readonly name: string;
  apply(data: Dataset): Dataset;
}

/** Inputs in another order, the same for all examples (permuted MNIST; Goodfellow et al., 2013). The first keeps theirs. */
export function permutations({ inputs }: Dataset, count: number, random: Stream): Shift[] {
  const width = sizeOf(inputs.x.shape.slice(1));
  return Array.from({ length: count }, (_, i) => {
    const order = i === 0 ? undefined : random.split(i).permutation(width);
    return {
      name: i === 0 ? "as they are" : `permutation ${i}`,
      apply: (data) => (order === undefined ? data : withX(data, permuted(data.inputs.x, order))),
    };
  });
}

function permuted({ shape, data }: NdArray, order: Int32Array): NdArray {
  const from = data as Float32Array;
  const to = new Float32Array(from.length);
  for (let at = 0; at < from.length; at += order.length)
    for (let i = 0; i < order.length; i++) to[at + i] = from[at + order[i]];
  return ndarray("float32", shape, to);
}

/** The encoded number of a black pixel, by channel: what lies beyond the edge of an image. */
const blackOf = (preprocessing: Preprocessing | undefined, channel: number): number =>
  preprocessing?.kind === "image" ? -preprocessing.mean[channel] / preprocessing.spread[channel] : 0;

/**
 * Images turned by as many angles from 0 to `most` degrees (rotated MNIST; Ghifary et al., 2015), with bilinear
 * interpolation. Throws `conflict` for data that are no images.
 */
export function rotations({ train, preprocessing }: Parts, count: number, most: number): Shift[] {
  if (train.inputs.x?.shape.length !== 4)
    throw new OckhamError(
      "conflict",
      train.name,
      `${train.name} has no images to rotate`,
      "name a column of domains with --groups",
    );
  return Array.from({ length: count }, (_, i) => {
    const degrees = count === 1 ? 0 : (i * most) / (count - 1);
    const apply = (data: Dataset) =>
      degrees === 0 ? data : withX(data, rotated(data.inputs.x, degrees, preprocessing));
    return { name: `${Number(degrees.toFixed(1))}°`, apply };
  });
}

/** Images [n, channels, height, width] turned counter-clockwise about their centres. */
export function rotated(x: NdArray, degrees: number, preprocessing?: Preprocessing): NdArray {
  const [n, channels, height, width] = x.shape;
  const from = x.data as Float32Array;
  const to = new Float32Array(from.length);
  const [sin, cos] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
  const [cy, cx] = [(height - 1) / 2, (width - 1) / 2];
  for (let image = 0; image < n * channels; image++) {
    const black = blackOf(preprocessing, image % channels);
    const start = image * height * width;
    const at = (row: number, column: number) =>
      row < 0 || row >= height || column < 0 || column >= width ? black : from[start + row * width + column];
    for (let row = 0; row < height; row++)
      for (let column = 0; column < width; column++) {
        const [dy, dx] = [row - cy, column - cx];
        const [y, z] = [cy + cos * dy + sin * dx, cx - sin * dy + cos * dx];
        const [top, left] = [Math.floor(y), Math.floor(z)];
        const [down, right] = [y - top, z - left];
        to[start + row * width + column] =
          (1 - down) * ((1 - right) * at(top, left) + right * at(top, left + 1)) +
          down * ((1 - right) * at(top + 1, left) + right * at(top + 1, left + 1));
      }
  }
  return ndarray("float32", x.shape, to);
}

import { ndarray, type PlainDType, type Storage, sizeOf } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import type { Preprocessing } from "../kinds/preprocessing.ts";
import { type Description, fitTarget, makeSource, mismatch, rowsOfTarget, type Source } from "./source.ts";

/** Images of one size, held as they were read. */
export interface Pixels {
  /** [channels, height, width] */
  readonly shape: readonly [number, number, number];
  /** Row-major [n, channels, height, width]. */
  readonly data: Storage[PlainDType];
  /** The number that means full brightness: 255 for bytes; pixel / full lies in [0, 1]. */
  readonly full: number;
}

/**
 * Images as a source. Encoded: `x`, float32 [n, channels, height, width], (pixel / full - mean) / spread with one
 * mean and population standard deviation a channel, learned on the training rows. A channel that is constant
 * there has spread 1. Throws `bad-shape` when the pixels do not fill the shape.
 */
export function imageSource(description: Description, images: Pixels): Source {
  const [channels, height, width] = images.shape;
  const area = height * width;
  const { target } = description;
  const size = rowsOfTarget(target);
  if (images.data.length !== size * sizeOf(images.shape))
    throw new OckhamError(
      "bad-shape",
      description.name,
      `${images.data.length} pixels do not make ${size} images of [${images.shape}]`,
      "give as many images as targets",
    );

  const learn = (train: Int32Array): Preprocessing => {
    const scales = Array.from({ length: channels }, (_, channel) => channelMoments(images, train, channel));
    return {
      kind: "image",
      shape: images.shape,
      mean: scales.map((scale) => scale.mean),
      spread: scales.map((scale) => scale.spread || 1),
      ...fitTarget(target, train),
    };
  };

  const inputs = (preprocessing: Preprocessing, rows: Int32Array) => {
    if (preprocessing.kind !== "image") throw mismatch(description.name, "these are images, not a table");
    if (preprocessing.shape.some((n, axis) => n !== images.shape[axis]))
      throw mismatch(
        description.name,
        `images of [${images.shape}] where [${preprocessing.shape}] were learned`,
      );
    const x = new Float32Array(rows.length * channels * area);
    rows.forEach((row, i) => {
      for (let channel = 0; channel < channels; channel++) {
        const scale = 1 / (images.full * preprocessing.spread[channel]);
        const shift = preprocessing.mean[channel] / preprocessing.spread[channel];
        const from = (row * channels + channel) * area;
        const to = (i * channels + channel) * area;
        for (let p = 0; p < area; p++) x[to + p] = images.data[from + p] * scale - shift;
      }
    });
    return { x: ndarray("float32", [rows.length, channels, height, width], x) };
  };

  return makeSource(description, size, learn, inputs);
}

function channelMoments(images: Pixels, rows: Int32Array, channel: number): { mean: number; spread: number } {
  const [channels, height, width] = images.shape;
  const area = height * width;
  const average = (f: (pixel: number) => number) => {
    let sum = 0;
    for (const row of rows) {
      const from = (row * channels + channel) * area;
      for (let p = 0; p < area; p++) sum += f(images.data[from + p] / images.full);
    }
    return sum / (rows.length * area);
  };
  const mean = average((pixel) => pixel);
  const spread = Math.sqrt(average((pixel) => (pixel - mean) ** 2));
  // Rounding leaves about 1e-16 on a constant channel.
  return { mean, spread: spread < 1e-9 ? 0 : spread };
}

import { type NdArray, ndarray, type PlainDType, type Storage, sizeOf, storage } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import { rowsOf } from "./cells.ts";
import { badFile, stem } from "./names.ts";
import { imageSource } from "./pixels.ts";
import type { Origin, Source } from "./source.ts";
import { makeTarget } from "./target.ts";

interface ElementType {
  readonly dtype: PlainDType;
  readonly width: number;
  read(view: DataView, at: number): number;
}

/** IDX type codes; all numbers are big endian. 16-bit integers become int32. */
const types = new Map<number, ElementType>([
  [0x08, { dtype: "uint8", width: 1, read: (view, at) => view.getUint8(at) }],
  [0x09, { dtype: "int8", width: 1, read: (view, at) => view.getInt8(at) }],
  [0x0b, { dtype: "int32", width: 2, read: (view, at) => view.getInt16(at) }],
  [0x0c, { dtype: "int32", width: 4, read: (view, at) => view.getInt32(at) }],
  [0x0d, { dtype: "float32", width: 4, read: (view, at) => view.getFloat32(at) }],
  [0x0e, { dtype: "float64", width: 8, read: (view, at) => view.getFloat64(at) }],
]);

/**
 * The array of an IDX file, the format of MNIST: two zero bytes, a type code, the number of axes, their lengths
 * as 32-bit numbers, then the elements. Throws `bad-file`, naming `name`: no IDX file, an unknown type, cut
 * short, or longer than its header says.
 */
export function readIdx(bytes: Uint8Array, name: string): NdArray<PlainDType> {
  const type = types.get(bytes[2]);
  const axes = bytes[3];
  if (bytes[0] !== 0 || bytes[1] !== 0 || type === undefined || axes === 0)
    throw badFile(name, "is not an IDX file: it does not begin with its magic number", "give an IDX file");
  const start = 4 + 4 * axes;
  if (bytes.length < start)
    throw badFile(name, "is truncated inside its header", "copy or download it again");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = sizeOf(shape) * type.width;
  if (bytes.length - start !== size)
    throw badFile(
      name,
      `${bytes.length - start < size ? "is truncated" : "is too long"}: shape [${shape}] needs ${size} bytes, ${bytes.length - start} are there`,
      "copy or download it again",
    );
  const data: Storage[PlainDType] = storage(type.dtype, sizeOf(shape));
  if (type.dtype === "uint8") data.set(bytes.subarray(start));
  else for (let i = 0; i < data.length; i++) data[i] = type.read(view, start + i * type.width);
  return ndarray(type.dtype, shape, data);
}

/** One part of an image set: images uint8 [n, height, width] or [n, channels, height, width], labels [n]. */
export interface IdxPart {
  readonly images: NdArray<PlainDType>;
  readonly labels: NdArray<PlainDType>;
  /** What to call them in errors. */
  readonly name: string;
}

/** Images and their labels as one part. Throws `bad-data`, naming the file at fault, when they are not that. */
export function idxPart(
  images: NdArray<PlainDType>,
  labels: NdArray<PlainDType>,
  imagesPath: string,
  labelsPath: string,
): IdxPart {
  if (images.shape.length < 3 || images.shape.length > 4 || images.dtype !== "uint8")
    throw new OckhamError(
      "bad-data",
      imagesPath,
      `${imagesPath} holds ${images.dtype} [${images.shape}], not images of bytes`,
      "give unsigned bytes [n, height, width] or [n, channels, height, width]",
    );
  if (labels.shape.length !== 1 || labels.shape[0] !== images.shape[0])
    throw new OckhamError(
      "bad-data",
      labelsPath,
      `${labelsPath} holds labels [${labels.shape}] for ${images.shape[0]} images`,
      "give one label an image, from the same set",
    );
  return { images, labels, name: imagesPath };
}

interface IdxOptions {
  readonly name?: string;
  /** Names by label; default: the labels themselves. */
  readonly classes?: readonly string[];
  readonly notes?: readonly string[];
  readonly origin?: Origin;
}

/** Images with labels as a source; the images of `test`, where given, are its test rows. */
export function idxSource(train: IdxPart, test: IdxPart | undefined, options: IdxOptions = {}): Source {
  const parts = test === undefined ? [train] : [train, test];
  const shape = imageShape(train);
  for (const part of parts)
    if (imageShape(part).some((n, axis) => n !== shape[axis]))
      throw new OckhamError(
        "bad-data",
        part.name,
        `${part.name} holds images of [${imageShape(part)}], ${train.name} of [${shape}]`,
        "give images of one size",
      );
  const values = Float64Array.from(parts.flatMap((part) => [...part.labels.data]));
  const made = makeTarget(
    { kind: "number", name: "label", values, notes: [] },
    "classification",
    rowsOf(train.name),
  );
  const target =
    made.target.task === "classification" && options.classes !== undefined
      ? {
          ...made.target,
          classes: made.target.classes.map((label) => options.classes![Number(label)] ?? label),
        }
      : made.target;
  const data = new Uint8Array(values.length * sizeOf(shape));
  data.set(train.images.data);
  if (test !== undefined) data.set(test.images.data, train.images.data.length);
  const first = train.labels.data.length;
  const description = {
    name: options.name ?? stem(train.name),
    target,
    notes: [
      `${values.length} images of [${shape}] (channels, height, width).`,
      ...made.notes,
      ...(options.notes ?? []),
    ],
    ...(options.origin && { origin: options.origin }),
    ...(test && { test: Int32Array.from({ length: values.length - first }, (_, i) => first + i) }),
  };
  return imageSource(description, { shape, data, full: 255 });
}

function imageShape({ images }: IdxPart): [number, number, number] {
  const [, ...axes] = images.shape;
  return axes.length === 2 ? [1, axes[0], axes[1]] : [axes[0], axes[1], axes[2]];
}

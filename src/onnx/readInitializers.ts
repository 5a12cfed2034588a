import { bytesPerElement, type DType, type NdArray, sizeOf, storage } from "../array/ndarray.ts";
import { dtypes, type Field, fieldsOf, graphFieldsOf, Malformed, stringOf, whole, wholesOf } from "./read.ts";

/** Fields of TensorProto that hold numbers as such, by what they hold; raw bytes are field 9. */
const numbered: Readonly<Record<number, "floats" | "varints" | "doubles">> = {
  4: "floats",
  5: "varints",
  7: "varints",
  10: "doubles",
  11: "varints",
};

function numbersOf(field: Field): number[] {
  const { number, bytes } = field;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = numbered[number];
  if (kind === "varints") return wholesOf(field);
  const width = kind === "floats" ? 4 : 8;
  return Array.from({ length: Math.floor(bytes.length / width) }, (_, i) =>
    width === 4 ? view.getFloat32(4 * i, true) : view.getFloat64(8 * i, true),
  );
}

/** TensorProto: a named array; undefined for texts and for element types that no array has. */
export function tensorOf(message: Uint8Array): readonly [string, NdArray | undefined] {
  let name = "";
  let dtype: DType | "string" | undefined;
  let raw: Uint8Array | undefined;
  const shape: number[] = [];
  const numbers: number[] = [];
  for (const field of fieldsOf(message)) {
    const { number, value, bytes } = field;
    if (number === 1) shape.push(...wholesOf(field));
    if (number === 2) dtype = dtypes.get(value);
    if (number === 8) name = stringOf(field);
    if (number === 9) raw = bytes;
    if (number === 13) throw new Malformed(`the numbers of ${name} are in another file`);
    if (number in numbered) for (const one of numbersOf(field)) numbers.push(one);
  }
  if (dtype === undefined || dtype === "string") return [name, undefined];
  const size = sizeOf(shape);
  const given = raw === undefined ? numbers.length : raw.length / bytesPerElement[dtype];
  // before room is made for them: a damaged shape may be huge
  if (given !== size)
    throw new Malformed(`${name} has ${given} numbers, and its shape [${shape}] wants ${size}`);
  const data = storage(dtype, size);
  if (raw !== undefined) new Uint8Array(data.buffer).set(raw);
  else
    numbers.forEach((one, i) => {
      (data as unknown as (number | bigint)[])[i] = dtype === "int64" ? BigInt(one) : one;
    });
  return [name, { dtype, shape, data } as NdArray];
}

/**
 * The arrays that an ONNX file (ModelProto) holds by name, those of its main graph. Throws `bad-file`, naming `path`, for
 * a file that is cut off, is no ONNX model, or keeps its numbers in other files.
 */
export function readInitializers(bytes: Uint8Array, path: string): Record<string, NdArray> {
  return whole(path, () => {
    const found: [string, NdArray][] = [];
    for (const { number, bytes: content } of graphFieldsOf(bytes)) {
      if (number !== 5) continue;
      const [name, array] = tensorOf(content);
      if (array !== undefined) found.push([name, array]);
    }
    return Object.fromEntries(found);
  });
}

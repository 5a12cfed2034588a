import type { DType } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import { type Dimension, elementTypes } from "./proto.ts";

/** An input or output as an ONNX file declares it; what it does not say is left out. */
export interface DeclaredValue {
  readonly name: string;
  readonly dtype?: DType | "string";
  readonly shape?: readonly Dimension[];
}

/** What an ONNX file says about itself. */
export interface ModelHead {
  readonly irVersion: number;
  readonly producer: string;
  readonly opsets: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly inputs: readonly DeclaredValue[];
  readonly outputs: readonly DeclaredValue[];
}

/** One field of a message: its number, and its content as a whole number or as bytes. */
export interface Field {
  readonly number: number;
  readonly value: number;
  readonly bytes: Uint8Array;
  /** Whether it has a length, and so may hold several numbers. */
  readonly packed: boolean;
}

/** What is wrong with a file, before its name is known. */
export class Malformed extends Error {}

const nothing = new Uint8Array();
const text = new TextDecoder("utf-8", { fatal: true });

/** The fields of a protocol buffer message. Throws `Malformed` where it is not one, or not whole. */
export function* fieldsOf(message: Uint8Array): Generator<Field> {
  let at = 0;
  const take = (count: number): Uint8Array => {
    if (!(count >= 0 && count <= message.length - at)) throw new Malformed("it ends in the middle");
    at += count;
    return message.subarray(at - count, at);
  };
  const varint = (): number => {
    let [low, high] = [0, 0];
    for (let i = 0; i < 10; i++) {
      const [byte] = take(1);
      if (i < 7) low += (byte & 127) * 128 ** i;
      else high += (byte & 127) * 128 ** (i - 7);
      // numbers below zero are 64-bit complements
      if (byte < 128)
        return i < 9 ? low + high * 2 ** 49 : Number(BigInt.asIntN(64, (BigInt(high) << 49n) | BigInt(low)));
    }
    throw new Malformed("a number in it has no end");
  };
  while (at < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const kind = tag % 8;
    if (number === 0) throw new Malformed("a field in it has no number");
    if (kind === 0) yield { number, value: varint(), bytes: nothing, packed: false };
    else if (kind === 1) yield { number, value: 0, bytes: take(8), packed: false };
    else if (kind === 2) yield { number, value: 0, bytes: take(varint()), packed: true };
    else if (kind === 5) yield { number, value: 0, bytes: take(4), packed: false };
    else throw new Malformed("a field in it is of an unknown kind");
  }
}

/** The fields of a model's main graph. Throws what `fieldsOf` throws. */
export function* graphFieldsOf(model: Uint8Array): Generator<Field> {
  for (const { number, bytes } of fieldsOf(model)) if (number === 7) yield* fieldsOf(bytes);
}

/** Whole numbers of a field that repeats, packed or by itself. */
export function wholesOf({ value, bytes, packed }: Field): number[] {
  if (!packed) return [value];
  const numbers: number[] = [];
  // as fields of their own, with a tag before each
  for (let at = 0; at < bytes.length; ) {
    let end = at;
    while (bytes[end] > 127) end++;
    const [{ value: one }] = fieldsOf(Uint8Array.of(8, ...bytes.subarray(at, end + 1)));
    numbers.push(one);
    at = end + 1;
  }
  return numbers;
}

/** The text of a field. Throws `Malformed`. */
export const stringOf = ({ bytes }: Field): string => {
  try {
    return text.decode(bytes);
  } catch {
    throw new Malformed("a name in it is no UTF-8 text");
  }
};

/** The string fields 1 and 2 of a message. */
function pairOf(message: Uint8Array): readonly [string, string] {
  const pair: [string, string] = ["", ""];
  for (const field of fieldsOf(message))
    if (field.number === 1 || field.number === 2) pair[field.number - 1] = stringOf(field);
  return pair;
}

function dimensionOf(message: Uint8Array): Dimension {
  let size: Dimension = "";
  for (const field of fieldsOf(message)) size = field.number === 1 ? field.value : stringOf(field);
  return size;
}

/** Element types by their numbers in ONNX. */
export const dtypes = new Map(
  Object.entries(elementTypes).map(([dtype, number]) => [number, dtype as DType | "string"]),
);

/** TypeProto: a tensor's element type and shape. */
function typeOf(message: Uint8Array): Pick<DeclaredValue, "dtype" | "shape"> {
  for (const { number, bytes } of fieldsOf(message)) {
    if (number !== 1) continue;
    let dtype: DeclaredValue["dtype"];
    let shape: Dimension[] | undefined;
    for (const field of fieldsOf(bytes)) {
      if (field.number === 1) dtype = dtypes.get(field.value);
      if (field.number === 2) shape = [...fieldsOf(field.bytes)].map((one) => dimensionOf(one.bytes));
    }
    return { ...(dtype && { dtype }), ...(shape && { shape }) };
  }
  return {};
}

export function declaredOf(message: Uint8Array): DeclaredValue {
  let name = "";
  let type: Pick<DeclaredValue, "dtype" | "shape"> = {};
  for (const field of fieldsOf(message)) {
    if (field.number === 1) name = stringOf(field);
    if (field.number === 2) type = typeOf(field.bytes);
  }
  return { name, ...type };
}

function opsetOf(message: Uint8Array): readonly [string, number] {
  let domain = "";
  let version = 0;
  for (const field of fieldsOf(message)) {
    if (field.number === 1) domain = stringOf(field);
    if (field.number === 2) version = field.value;
  }
  return [domain, version];
}

function headOf(bytes: Uint8Array): ModelHead {
  let irVersion = 0;
  let producer = "";
  let graph: Uint8Array | undefined;
  const opsets: Record<string, number> = {};
  const metadata: Record<string, string> = {};
  for (const field of fieldsOf(bytes)) {
    if (field.number === 1) irVersion = field.value;
    if (field.number === 2) producer = stringOf(field);
    if (field.number === 7) graph = field.bytes;
    if (field.number === 8) Object.assign(opsets, Object.fromEntries([opsetOf(field.bytes)]));
    if (field.number === 14) Object.assign(metadata, Object.fromEntries([pairOf(field.bytes)]));
  }
  if (irVersion === 0 || graph === undefined || Object.keys(opsets).length === 0)
    throw new Malformed("a graph, a version or an operator set is missing");
  const inputs: DeclaredValue[] = [];
  const outputs: DeclaredValue[] = [];
  for (const { number, bytes: content } of fieldsOf(graph)) {
    if (number === 11) inputs.push(declaredOf(content));
    if (number === 12) outputs.push(declaredOf(content));
  }
  return { irVersion, producer, opsets, metadata, inputs, outputs };
}

/**
 * What an ONNX file (ModelProto) says about itself: versions, metadata, inputs and outputs; its operations and
 * numbers are left alone. Throws `bad-file`, naming `path`, for a file that is cut off or no ONNX model.
 */
export const readHead = (bytes: Uint8Array, path: string): ModelHead => whole(path, () => headOf(bytes));

/** What `read` gives. Throws `bad-file`, naming `path`, where it finds a file malformed. */
export function whole<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof Malformed)) throw cause;
    throw new OckhamError(
      "bad-file",
      path,
      `${path} is not a whole ONNX model: ${cause.message}`,
      "check that it is an .onnx file, and copy or export it again",
      cause,
    );
  }
}

import type { NdArray } from "../array/ndarray.ts";
import {
  type DeclaredValue,
  declaredOf,
  type Field,
  fieldsOf,
  graphFieldsOf,
  Malformed,
  stringOf,
  whole,
  wholesOf,
} from "./read.ts";
import { tensorOf } from "./readInitializers.ts";

/** What a node of a file is told beside its inputs, by kind. */
export interface ReadAttribute {
  readonly float: number;
  readonly int: number;
  readonly ints: readonly number[];
  readonly text: string;
  readonly tensor?: NdArray;
}

export interface ReadNode {
  readonly op: string;
  /** Empty for ai.onnx. */
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, ReadAttribute>>;
}

/** The main graph of an ONNX file: nodes in the order in which they run. */
export interface ReadGraph {
  readonly nodes: readonly ReadNode[];
  readonly arrays: Readonly<Record<string, NdArray>>;
  /** Without those that have a value of their own. */
  readonly inputs: readonly DeclaredValue[];
  readonly outputs: readonly DeclaredValue[];
}

function floatOf({ bytes }: Field): number {
  if (bytes.length !== 4) throw new Malformed("a number in it is none");
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true);
}

function attributeOf(message: Uint8Array): readonly [string, ReadAttribute] {
  let name = "";
  let made: ReadAttribute = { float: 0, int: 0, ints: [], text: "" };
  for (const field of fieldsOf(message)) {
    const { number, value, bytes } = field;
    if (number === 1) name = stringOf(field);
    if (number === 2) made = { ...made, float: floatOf(field) };
    if (number === 3) made = { ...made, int: value };
    if (number === 4) made = { ...made, text: stringOf(field) };
    if (number === 5) made = { ...made, tensor: tensorOf(bytes)[1] };
    if (number === 8) made = { ...made, ints: [...made.ints, ...wholesOf(field)] };
  }
  return [name, made];
}

function nodeOf(message: Uint8Array): ReadNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: Record<string, ReadAttribute> = {};
  const texts = ["", "", ""];
  for (const field of fieldsOf(message)) {
    const { number, bytes } = field;
    if (number === 1) inputs.push(stringOf(field));
    if (number === 2) outputs.push(stringOf(field));
    if (number === 3) texts[0] = stringOf(field);
    if (number === 4) texts[1] = stringOf(field);
    if (number === 7) texts[2] = stringOf(field);
    if (number === 5) Object.assign(attributes, Object.fromEntries([attributeOf(bytes)]));
  }
  const [name, op, domain] = texts;
  return { op, domain: domain === "ai.onnx" ? "" : domain, name, inputs, outputs, attributes };
}

/**
 * The operations and numbers of an ONNX file (ModelProto). Throws `bad-file`, naming `path`, for a file that is cut off,
 * is no ONNX model, or keeps its numbers in other files.
 */
export function readGraph(bytes: Uint8Array, path: string): ReadGraph {
  return whole(path, () => {
    const nodes: ReadNode[] = [];
    const arrays: Record<string, NdArray> = {};
    const inputs: DeclaredValue[] = [];
    const outputs: DeclaredValue[] = [];
    for (const { number, bytes: content } of graphFieldsOf(bytes)) {
      if (number === 1) nodes.push(nodeOf(content));
      if (number === 11) inputs.push(declaredOf(content));
      if (number === 12) outputs.push(declaredOf(content));
      if (number !== 5) continue;
      const [name, array] = tensorOf(content);
      if (array !== undefined) arrays[name] = array;
    }
    return { nodes, arrays, inputs: inputs.filter(({ name }) => arrays[name] === undefined), outputs };
  });
}

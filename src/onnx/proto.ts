import type { DType, NdArray } from "../array/ndarray.ts";
import { bytesOf } from "./content.ts";

/** Element types of ONNX tensors by our names (TensorProto.DataType). */
export const elementTypes: { readonly [D in DType | "string"]: number } = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
};

/** A value of a node's attribute, told apart by its kind. */
export type AttributeValue =
  | { readonly float: number }
  | { readonly int: number }
  | { readonly string: string }
  | { readonly tensor: NdArray }
  | { readonly graph: GraphProto }
  | { readonly floats: readonly number[] }
  | { readonly ints: readonly number[] }
  | { readonly strings: readonly string[] };

export type AttributeValues = Readonly<Record<string, AttributeValue>>;

export interface NodeProto {
  readonly op: string;
  readonly name: string;
  /** Empty (or absent) for ai.onnx. */
  readonly domain?: string;
  /** An empty name stands for an input left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: AttributeValues;
}

/** A size, or the name of one that is known only when the graph runs. */
export type Dimension = number | string;

export interface ValueInfo {
  readonly name: string;
  readonly dtype: DType | "string";
  /** Left out where it is for the runtime to find. */
  readonly shape?: readonly Dimension[];
}

export interface Initializer {
  readonly name: string;
  readonly value: NdArray;
}

export interface GraphProto {
  readonly name: string;
  readonly nodes: readonly NodeProto[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly initializers: readonly Initializer[];
}

type NameOf = (value: string) => string;

/** The graph of a loop's body, or undefined. */
export function bodyOf({ attributes }: NodeProto): GraphProto | undefined {
  const body = attributes?.body;
  return body !== undefined && "graph" in body ? body.graph : undefined;
}

/** A node with other names for values, in its body too. */
export function renamedNode(node: NodeProto, nameOf: NameOf): NodeProto {
  const body = bodyOf(node);
  return {
    ...node,
    inputs: node.inputs.map(nameOf),
    outputs: node.outputs.map(nameOf),
    ...(body && { attributes: { ...node.attributes, body: { graph: renamedGraph(body, nameOf) } } }),
  };
}

/** A graph with other names for values. */
export function renamedGraph(graph: GraphProto, nameOf: NameOf): GraphProto {
  const named = <T extends { readonly name: string }>(one: T): T => ({ ...one, name: nameOf(one.name) });
  return {
    name: graph.name,
    nodes: graph.nodes.map((node) => renamedNode(node, nameOf)),
    inputs: graph.inputs.map(named),
    outputs: graph.outputs.map(named),
    initializers: graph.initializers.map(named),
  };
}

export interface ModelProto {
  readonly graph: GraphProto;
  readonly irVersion: number;
  readonly producer: string;
  /** Version of each operator set by domain; "" is ai.onnx. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly metadata?: Readonly<Record<string, string>>;
}

const text = new TextEncoder();

/**
 * Writes protocol buffers from the end to the start, so that the length of a message is known when its
 * header is written and every byte is written once.
 */
class BackwardWriter {
  private buffer: Uint8Array;
  /** First byte in use. */
  private start: number;

  constructor(capacity: number) {
    this.buffer = new Uint8Array(capacity);
    this.start = capacity;
  }

  get length(): number {
    return this.buffer.length - this.start;
  }

  finish(): Uint8Array {
    return this.buffer.subarray(this.start);
  }

  private reserve(count: number): void {
    if (this.start >= count) return;
    const used = this.finish();
    const size = Math.max(2 * this.buffer.length, used.length + count + 1024);
    this.buffer = new Uint8Array(size);
    this.start = size - used.length;
    this.buffer.set(used, this.start);
  }

  /** A whole number of at most 53 bits; negative ones take the ten bytes of their 64-bit complement. */
  varint(value: number): void {
    this.reserve(10);
    if (value < 0) {
      this.negative(value);
      return;
    }
    let count = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) count++;
    this.start -= count;
    let rest = value;
    for (let i = 0; i < count; i++) {
      this.buffer[this.start + i] = (rest % 128) | (i < count - 1 ? 128 : 0);
      rest = Math.floor(rest / 128);
    }
  }

  private negative(value: number): void {
    this.start -= 10;
    let rest = BigInt.asUintN(64, BigInt(value));
    for (let i = 0; i < 10; i++) {
      this.buffer[this.start + i] = Number(rest & 127n) | (i < 9 ? 128 : 0);
      rest >>= 7n;
    }
  }

  int(field: number, value: number): void {
    this.varint(value);
    this.varint(field * 8);
  }

  float(field: number, value: number): void {
    this.reserve(4);
    this.start -= 4;
    new DataView(this.buffer.buffer).setFloat32(this.start, value, true);
    this.varint(field * 8 + 5);
  }

  bytes(field: number, value: Uint8Array): void {
    this.reserve(value.length);
    this.start -= value.length;
    this.buffer.set(value, this.start);
    this.header(field, value.length);
  }

  string(field: number, value: string): void {
    const { length } = value;
    this.reserve(length);
    const at = this.start - length;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) {
        this.bytes(field, text.encode(value));
        return;
      }
      this.buffer[at + i] = code;
    }
    this.start = at;
    this.header(field, length);
  }

  header(field: number, length: number): void {
    this.varint(length);
    this.varint(field * 8 + 2);
  }

  message<T>(field: number, value: T, write: (to: BackwardWriter, value: T) => void): void {
    const before = this.length;
    write(this, value);
    this.header(field, this.length - before);
  }

  /** Repeated fields, which are written last first. */
  each<T>(values: readonly T[], write: (value: T) => void): void {
    for (let i = values.length - 1; i >= 0; i--) write(values[i]);
  }
}

function writeTensor(to: BackwardWriter, { name, value }: Initializer): void {
  to.bytes(9, bytesOf(value));
  if (name !== "") to.string(8, name);
  to.int(2, elementTypes[value.dtype]);
  to.each(value.shape, (n) => to.int(1, n));
}

/** The attribute kinds as one record type: kind to value. */
type Kinds = {
  [K in AttributeValue extends infer A ? (A extends A ? keyof A : never) : never]: Extract<
    AttributeValue,
    Readonly<Record<K, unknown>>
  >[K];
};
type KindWriter<K extends keyof Kinds> = (to: BackwardWriter, value: Kinds[K]) => void;

/** For each kind of attribute: its number in AttributeProto.AttributeType and how its field is written. */
const attributeKinds: { readonly [K in keyof Kinds]: readonly [type: number, write: KindWriter<K>] } = {
  float: [1, (to, value) => to.float(2, value)],
  int: [2, (to, value) => to.int(3, value)],
  string: [3, (to, value) => to.string(4, value)],
  tensor: [4, (to, value) => to.message(5, { name: "", value }, writeTensor)],
  graph: [5, (to, value) => to.message(6, value, writeGraph)],
  floats: [6, (to, values) => to.each(values, (v) => to.float(7, v))],
  ints: [7, (to, values) => to.each(values, (v) => to.int(8, v))],
  strings: [8, (to, values) => to.each(values, (v) => to.string(9, v))],
};

function writeAttribute(to: BackwardWriter, [name, value]: [string, AttributeValue]): void {
  const [kind, content] = Object.entries(value)[0] as [keyof Kinds, never];
  const [type, write] = attributeKinds[kind];
  to.int(20, type);
  write(to, content);
  to.string(1, name);
}

function writeNode(to: BackwardWriter, node: NodeProto): void {
  if (node.domain) to.string(7, node.domain);
  if (node.attributes !== undefined)
    to.each(Object.entries(node.attributes), (entry) => to.message(5, entry, writeAttribute));
  to.string(4, node.op);
  to.string(3, node.name);
  to.each(node.outputs, (name) => to.string(2, name));
  to.each(node.inputs, (name) => to.string(1, name));
}

function writeDimension(to: BackwardWriter, size: Dimension): void {
  if (typeof size === "number") to.int(1, size);
  else to.string(2, size);
}

const writeShape = (to: BackwardWriter, shape: readonly Dimension[]): void =>
  to.each(shape, (size) => to.message(1, size, writeDimension));

function writeTensorType(to: BackwardWriter, info: ValueInfo): void {
  if (info.shape !== undefined) to.message(2, info.shape, writeShape);
  to.int(1, elementTypes[info.dtype]);
}

function writeValueInfo(to: BackwardWriter, info: ValueInfo): void {
  to.message(2, info, (type, value) => type.message(1, value, writeTensorType));
  to.string(1, info.name);
}

function writeGraph(to: BackwardWriter, graph: GraphProto): void {
  to.each(graph.outputs, (info) => to.message(12, info, writeValueInfo));
  to.each(graph.inputs, (info) => to.message(11, info, writeValueInfo));
  to.each(graph.initializers, (initializer) => to.message(5, initializer, writeTensor));
  to.string(2, graph.name);
  to.each(graph.nodes, (node) => to.message(1, node, writeNode));
}

function writePair(to: BackwardWriter, [key, value]: [string, string]): void {
  to.string(2, value);
  to.string(1, key);
}

function writeOpset(to: BackwardWriter, [domain, version]: [string, number]): void {
  to.int(2, version);
  to.string(1, domain);
}

/** A guess at the encoded size that is seldom too small. */
function sizeHint({ nodes, initializers }: GraphProto): number {
  const literals = initializers.reduce((total, { value }) => total + value.data.byteLength + 64, 0);
  return 4096 + literals + 200 * nodes.length;
}

/** The bytes of an ONNX file. */
export function encodeModel(model: ModelProto): Uint8Array {
  const to = new BackwardWriter(sizeHint(model.graph));
  to.each(Object.entries(model.metadata ?? {}), (entry) => to.message(14, entry, writePair));
  to.each(Object.entries(model.opsets), (entry) => to.message(8, entry, writeOpset));
  to.message(7, model.graph, writeGraph);
  to.string(2, model.producer);
  to.int(1, model.irVersion);
  return to.finish();
}

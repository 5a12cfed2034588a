import type { NdArray } from "../array/ndarray.ts";
import type { AttributeValues, GraphProto, Initializer, NodeProto } from "./proto.ts";
import type { Emitter } from "./rules/rule.ts";

/** Fresh names for values, and one number for all literals of equal content. */
export interface Names {
  next(): string;
  contentId(value: NdArray): number;
}

/** The nodes and literals of one ONNX graph while they are collected. */
export interface Scope {
  /** An emitter whose nodes are named after `label`. */
  labelled(label: string): Emitter;
  /** Gives a value the name of a graph output: by renaming it if a node here makes it, else by a copy. */
  publish(value: string, name: string): void;
  /** Appends a node as it is; `body` is its subgraph, made when this scope is finished. */
  append(node: NodeProto, body?: () => GraphProto): void;
  /** A scope within this one, for a subgraph; `bare`: without literals of its own. */
  inner(bare?: boolean): Scope;
  /** A name that nothing has. */
  fresh(): string;
  /** What was collected, under the published names of this scope and of the outer one. */
  finish(): Pick<GraphProto, "nodes" | "initializers">;
  /** The published name of a value. */
  published(value: string): string;
}

/** Literals above this size are kept once, in the outermost graph. */
const sharedBytes = 1024;

export function openScope(names: Names, parallel: boolean, outer?: Scope, bare = false): Scope {
  const nodes: NodeProto[] = [];
  const bodies = new Map<NodeProto, () => GraphProto>();
  const initializers: Initializer[] = [];
  const literals = new Map<number, string>();
  const made = new Set<string>();
  const renamed = new Map<string, string>();
  const published = (value: string): string => renamed.get(value) ?? outer?.published(value) ?? value;

  const literal = (value: NdArray): string => {
    if (outer !== undefined && (bare || value.data.byteLength > sharedBytes))
      return outer.labelled("").literal(value);
    const id = names.contentId(value);
    const before = literals.get(id);
    if (before !== undefined) return before;
    const name = names.next();
    literals.set(id, name);
    initializers.push({ name, value });
    return name;
  };

  const append = (node: NodeProto, body?: () => GraphProto): void => {
    nodes.push(node);
    if (body !== undefined) bodies.set(node, body);
    for (const name of node.outputs) made.add(name);
  };

  const labelled = (label: string): Emitter => {
    let parts = 0;
    const emit = (op: string, inputs: readonly string[], results: number, attributes?: AttributeValues) => {
      const outputs = Array.from({ length: results }, names.next);
      const name = parts++ === 0 ? label : `${label}.${parts}`;
      const [domain, type] = op.includes(":") ? op.split(":") : ["", op];
      append({ op: type, domain, name, inputs, outputs, attributes });
      return outputs;
    };
    const node: Emitter["node"] = (op, inputs, attributes) => emit(op, inputs, 1, attributes)[0];
    return { node, nodes: emit, literal, parallel };
  };

  const withBody = (node: NodeProto): Pick<NodeProto, "attributes"> => {
    const body = bodies.get(node);
    return body === undefined ? {} : { attributes: { ...node.attributes, body: { graph: body() } } };
  };

  const scope: Scope = {
    labelled,
    append,
    published,
    inner: (without = bare) => openScope(names, parallel, scope, without),
    fresh: names.next,
    publish: (value, name) => {
      if (made.has(value) && !renamed.has(value)) renamed.set(value, name);
      else append({ op: "Identity", name: `output_${name}`, inputs: [value], outputs: [name] });
    },
    finish: () => ({
      initializers,
      nodes: nodes.map((node) => ({
        ...node,
        ...withBody(node),
        inputs: node.inputs.map(published),
        outputs: node.outputs.map(published),
      })),
    }),
  };
  return scope;
}

export function freshNames(contentId: (value: NdArray) => number): Names {
  let count = 0;
  return { next: () => `%${count++}`, contentId };
}

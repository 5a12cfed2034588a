import type { DType } from "../array/ndarray.ts";
import { type AnyNode, lineOf, type Node, type Tensor } from "../tensor/graph.ts";
import { readingsOf } from "../tensor/scan/body.ts";
import { fusions, lowerFused } from "./fuse.ts";
import { lowerNode } from "./lowering.ts";
import { encodeModel, type GraphProto, type NodeProto, type ValueInfo } from "./proto.ts";
import { split } from "./rules/shaping.ts";
import { type WriteBody, writeScan } from "./scan.ts";
import type { Scope } from "./scope.ts";
import { pieces } from "./split.ts";

/** An input or output of a lowered graph. */
export interface Port {
  readonly name: string;
  /** What the ONNX graph calls it: `name`, unless an input and an output share it. */
  readonly value: string;
  /** -1 stands for a size that is known only when the graph runs. */
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** A graph as an ONNX file (or, where said, a WebAssembly module), with what is needed to run it and to explain its errors. */
export interface Lowered {
  readonly bytes: Uint8Array;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly nodeCount: number;
  /** The same graph for several threads, where only a single one runs this form rightly. */
  readonly parallel?: () => Lowered;
  /** The same for a processor as a WebAssembly program, where that is faster. */
  readonly small?: () => Lowered | undefined;
  /** The primitive and the caller's line behind a text that names one of the nodes, such as a runtime's message. */
  originOf(text: string): { readonly op: string; readonly line: string | undefined } | undefined;
}

export interface Ports {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
}

type Unnamed = Omit<Port, "value">;

/** Names that differ from each other and, starting otherwise, from all values inside a graph. */
export function distinctNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let free = name.replace(/^%/, "_%");
    while (taken.has(free)) free += "'";
    taken.add(free);
    return free;
  });
}

/** Gives inputs and outputs names in the ONNX graph that are all different. */
export function namePorts(inputs: readonly Unnamed[], outputs: readonly Unnamed[]): Ports {
  const names = distinctNames([...inputs, ...outputs].map(({ name }) => name));
  const named = (ports: readonly Unnamed[], from: number): Port[] =>
    ports.map((port, i) => ({ ...port, value: names[from + i] }));
  return { inputs: named(inputs, 0), outputs: named(outputs, inputs.length) };
}

/** The ports of named tensors, under an extra leading axis if told. */
export const portsOf = (tensors: Readonly<Record<string, Tensor>>, lead: readonly number[] = []): Unnamed[] =>
  Object.entries(tensors).map(([name, { shape, dtype }]) => ({ name, shape: [...lead, ...shape], dtype }));

export const infoOf = ({ value, shape, dtype }: Port): ValueInfo => ({
  name: value,
  dtype,
  shape: shape.map((n) => (n < 0 ? "steps" : n)),
});

/** What the nodes of a graph are called in ONNX, and which of them a label names. */
export interface Written {
  readonly names: Map<AnyNode, string>;
  readonly labels: Map<string, AnyNode>;
}

export const emptyWritten = (): Written => ({ names: new Map(), labels: new Map() });

/** Gives the values of nodes the names of graph outputs. */
export function publish(
  scope: Scope,
  nodes: readonly AnyNode[],
  { names }: Written,
  ports: readonly Port[],
): void {
  nodes.forEach((node, i) => {
    scope.publish(names.get(node) as string, ports[i].value);
  });
}

/** Writes nodes in order, each into its scope. Nodes that have a name already are taken as given. */
export function writeNodes(
  nodes: readonly AnyNode[],
  { names, labels }: Written,
  scopeOf: (node: AnyNode) => Scope,
  wanted: readonly AnyNode[],
  portable = false,
): void {
  const together = (a: AnyNode, b: AnyNode) => scopeOf(a) === scopeOf(b);
  const { results, absorbed } = fusions(nodes, { kept: new Set(wanted), together, activations: !portable });
  const cut = pieces(nodes, together);
  const readings = readingsOf(nodes);
  const nameOf = (node: unknown) => names.get(node as AnyNode) as string;
  for (const node of nodes) {
    if (names.has(node) || absorbed.has(node)) continue;
    const label = `${node.op}_${labels.size}`;
    labels.set(label, node);
    if (node.op === "scan") {
      const write: WriteBody = (body, own, scope, results) =>
        writeNodes(body, { names: own, labels }, () => scope, results, portable);
      writeScan(node, readings.get(node as Node) ?? [], label, names, scopeOf(node), write, portable);
      continue;
    }
    const to = scopeOf(node).labelled(label);
    const all = cut.get(node);
    if (all !== undefined) {
      const parts = split(all, nameOf(all.source), to);
      all.slices.forEach((slice, i) => {
        names.set(slice as AnyNode, parts[i]);
      });
      continue;
    }
    const fused = results.get(node);
    names.set(
      node,
      fused === undefined ? lowerNode(node, node.inputs.map(nameOf), to) : lowerFused(fused, nameOf, to),
    );
  }
}

/** Operators that lose sums on several threads. */
const serialOnly: ReadonlySet<string> = new Set(["ScatterND"]);

const irVersion = 9;
const opsets = { "": 18, "com.microsoft": 1 };

/** Nodes with those of their subgraphs. */
export const withInner = (nodes: readonly NodeProto[]): NodeProto[] =>
  nodes.flatMap((node) => {
    const body = node.attributes?.body;
    return body !== undefined && "graph" in body ? [node, ...withInner(body.graph.nodes)] : [node];
  });

/** The finished file; `parallel` lowers the same for several threads. */
export function assemble(
  ports: Ports,
  content: Pick<GraphProto, "nodes" | "initializers">,
  labels: ReadonlyMap<string, AnyNode>,
  parallel: () => Lowered,
): Lowered {
  const bytes = encodeModel({
    irVersion,
    producer: "ockham",
    opsets,
    graph: {
      name: "ockham",
      ...content,
      inputs: ports.inputs.map(infoOf),
      outputs: ports.outputs.map(infoOf),
    },
  });
  const all = withInner(content.nodes);
  const serial = all.some(({ op }) => serialOnly.has(op));
  let known: Lowered | undefined;
  const again = () => {
    known ??= parallel();
    return known;
  };
  return {
    bytes,
    ...ports,
    nodeCount: all.length,
    ...(serial ? { parallel: again } : {}),
    originOf: (text) => {
      for (const [label] of text.matchAll(/[a-zA-Z]+_\d+/g)) {
        const node = labels.get(label);
        if (node !== undefined) return { op: node.op, line: lineOf(node) };
      }
      return undefined;
    },
  };
}

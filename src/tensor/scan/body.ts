import {
  type AnyNode,
  ancestors,
  type Body,
  literalValue,
  type Node,
  nodeOf,
  type Tensor,
} from "../graph.ts";

/** What reads a scan. */
export type Reading = Node<"last"> | Node<"stacked">;

const isReading = (node: Node): node is Reading => node.op === "last" || node.op === "stacked";

/** The scan that a node reads, or undefined. */
export const scanOf = (node: Node): Node<"scan"> | undefined =>
  isReading(node) ? (node.inputs[0] as Node<"scan">) : undefined;

/** Of each scan among some nodes, those that read it: a scan is computed for all of them at once. */
export function readingsOf(nodes: readonly AnyNode[]): ReadonlyMap<Node, readonly Reading[]> {
  const result = new Map<Node, Reading[]>();
  for (const node of nodes) {
    const scan = scanOf(node as Node);
    if (scan === undefined) continue;
    const before = result.get(scan);
    if (before === undefined) result.set(scan, [node as unknown as Reading]);
    else before.push(node as unknown as Reading);
  }
  return result;
}

/** The tensor of the body that a reading gives, at the last step or at all. */
export const readOf = (reading: Reading, body: Body): Node =>
  reading.op === "last"
    ? body.next[(reading as Node<"last">).attributes.index]
    : (reading as Node<"stacked">).attributes.of;

/** All that stands for something in a body. */
export const standInsOf = ({ carry, slices, outside }: Body): Node[] => [...carry, ...slices, ...outside];

/** The nodes of a body that some of its tensors need, inputs before users; the stand-ins among them. */
export function nodesOf(body: Body, wanted: readonly Node[]): AnyNode[] {
  const given = new Set<Node>(standInsOf(body));
  return ancestors(wanted, (node) => given.has(node as Node));
}

/** The three lists that a scan's inputs are. */
export function givenTo({ inputs, attributes: { body } }: Node<"scan">) {
  const slices = body.carry.length;
  const outside = slices + body.slices.length;
  return {
    carry: inputs.slice(0, slices),
    slices: inputs.slice(slices, outside),
    outside: inputs.slice(outside),
  };
}

const isLiteral = (node: Node): boolean => node.op === "constant" || literalValue(node) !== undefined;

/** What the graph of `wanted` takes from outside. */
export interface Outside {
  readonly names: readonly Node[];
  readonly tensors: readonly Tensor[];
}

/**
 * What the graph of a body takes from outside: of the nodes that no stand-in in `given` reaches, those that others
 * read, so that nothing is computed at each step that is the same at all; literals made within the body stay there.
 * `renamed` has what certain nodes stand for.
 */
export function outsideOf(
  wanted: readonly Node[],
  given: readonly Node[],
  renamed: ReadonlyMap<Node, Tensor> = new Map(),
): Outside {
  const stops = new Set<Node>([...given, ...renamed.keys()]);
  const first = [...stops].reduce((least, { id }) => Math.min(least, id), Number.POSITIVE_INFINITY);
  const order = ancestors(wanted, (node) => stops.has(node as Node) || node.id < first) as readonly Node[];
  const inside = new Set(stops);
  const read = new Set(wanted);
  for (const node of order) {
    if (stops.has(node) || !node.inputs.some((i) => inside.has(i))) continue;
    inside.add(node);
    for (const i of node.inputs) read.add(i);
  }
  const own = new Set(given);
  const names = [...read].filter(
    (n) => !own.has(n) && (!inside.has(n) || renamed.has(n)) && !(isLiteral(n) && n.id > first),
  );
  return { names, tensors: names.map((n) => renamed.get(n) ?? n) };
}

/** `wanted`, and what they are made of, as far as the steps make them differ. */
export function varying(body: Body, wanted: readonly Node[]): ReadonlySet<Node> {
  const result = new Set<Node>([...body.carry, ...body.slices]);
  for (const node of nodesOf(body, wanted) as readonly Node[])
    if (node.inputs.some((i) => result.has(i))) result.add(node);
  return result;
}

export const asNodes = (tensors: readonly Tensor[]): Node[] => tensors.map((t) => nodeOf(t) as Node);

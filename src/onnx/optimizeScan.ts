import { type AnyNode, literalValue, type Node } from "../tensor/graph.ts";
import { givenTo, nodesOf, type Reading, readingsOf, readOf } from "../tensor/scan/body.ts";

/** How rewritten nodes are made; equal ones are one. */
export interface Maker {
  /** An operation of rewritten inputs, or what is cheaper. */
  settle(node: AnyNode, inputs: readonly Node[]): AnyNode;
  /** A node as it is. */
  share(node: Node): AnyNode;
  /** A stand-in of a body, the same in all bodies. */
  standIn(name: string, like: Node): AnyNode;
  /** One number everywhere. */
  spread(value: number, like: Node): AnyNode;
}

/** Where each node went. */
type Place = Map<AnyNode, AnyNode>;

/** Rewrites nodes, inputs before users; those in `place` are done already. */
export function settleAll(nodes: readonly AnyNode[], place: Place, maker: Maker): void {
  const readings = readingsOf(nodes);
  for (const node of nodes) {
    if (place.has(node)) continue;
    if (node.op === "scan") settleScan(node, readings.get(node as Node) ?? [], place, maker);
    else
      place.set(
        node,
        maker.settle(
          node,
          node.inputs.map((i) => place.get(i as AnyNode) as AnyNode),
        ),
      );
  }
}

/** The places in the carry that the readings need. */
function neededCarry(
  { attributes: { body } }: Node<"scan">,
  wanted: readonly Node[],
  ends: readonly number[],
) {
  const needed = new Set(ends);
  for (;;) {
    const before = needed.size;
    const reached = new Set<Node>(
      nodesOf(body, [...wanted, ...[...needed].map((i) => body.next[i])]) as Node[],
    );
    body.carry.forEach((t, i) => {
      if (reached.has(t)) needed.add(i);
    });
    if (needed.size === before) return { needed: [...needed].sort((a, b) => a - b), reached };
  }
}

/**
 * Rewrites a scan and what reads it: its body like any graph, without what nothing reads; what is given twice is given
 * once, literals are given by name, and what only passes through is taken from where it came.
 */
function settleScan(loop: Node<"scan">, readings: readonly Reading[], place: Place, maker: Maker): void {
  const { body, length, reverse } = loop.attributes;
  const given = givenTo(loop);
  const ends = readings.flatMap((r) => (r.op === "last" ? [(r as Node<"last">).attributes.index] : []));
  const read = readings.map((reading) => readOf(reading, body));
  const { needed, reached } = neededCarry(loop, read, ends);
  const of = (node: Node) => place.get(node as AnyNode) as AnyNode;
  const inner: Place = new Map();
  const standIns = (kind: string, names: readonly Node[], inputs: readonly Node[]) => {
    const sources: AnyNode[] = [];
    const own: AnyNode[] = [];
    names.forEach((name, i) => {
      if (!reached.has(name)) return;
      const source = of(inputs[i]);
      const value = name.dtype === "float16" ? undefined : literalValue(source);
      if (value !== undefined) inner.set(name as AnyNode, maker.spread(value, name));
      else if (source.op === "constant" && kind === "outside") inner.set(name as AnyNode, source);
      else {
        const known = sources.indexOf(source);
        const stand = known < 0 ? maker.standIn(`${kind}.${own.length}`, name) : own[known];
        if (known < 0) {
          sources.push(source);
          own.push(stand);
        }
        inner.set(name as AnyNode, stand);
      }
    });
    return { sources, own };
  };
  const carry = needed.map((index, i) => {
    const stand = maker.standIn(`carry.${i}`, body.carry[index]);
    inner.set(body.carry[index] as AnyNode, stand);
    return stand;
  });
  const slices = standIns("slice", body.slices, given.slices);
  const outside = standIns("outside", body.outside, given.outside);
  const next = needed.map((index) => body.next[index]);
  settleAll(nodesOf(body, [...next, ...read]), inner, maker);
  const now = (node: Node) => inner.get(node as AnyNode) as AnyNode;
  const made = maker.share({
    ...loop,
    inputs: [...needed.map((index) => of(given.carry[index])), ...slices.sources, ...outside.sources],
    attributes: {
      body: { carry, slices: slices.own, outside: outside.own, next: next.map(now) },
      length,
      reverse,
    },
  } as Node);
  place.set(loop as AnyNode, made);
  const settled = (reading: Reading, value: AnyNode): AnyNode => {
    if (reading.op === "last") {
      const index = needed.indexOf((reading as Node<"last">).attributes.index);
      return maker.share({ ...reading, inputs: [made], attributes: { index } } as Node);
    }
    const passed = slices.own.indexOf(value);
    if (passed >= 0) return slices.sources[passed];
    const literal = value.dtype === "float16" ? undefined : literalValue(value);
    return literal === undefined
      ? maker.share({ ...reading, inputs: [made], attributes: { of: value } } as Node)
      : maker.spread(literal, reading);
  };
  readings.forEach((reading, i) => {
    place.set(reading as AnyNode, settled(reading, now(read[i])));
  });
}

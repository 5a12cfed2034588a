import { type AnyNode, ancestors, literalValue, type Primitive } from "../tensor/graph.ts";
import type { Carried } from "./pack.ts";

/** A number that grows by the same whole number at each step, as it comes into the step. */
export interface Counter {
  readonly from: AnyNode;
  readonly by: number;
}

/** What of a step follows from its number alone. */
export interface Hoisted {
  readonly counters: readonly Counter[];
  /** Numbers to compute for all steps at once, inputs before users. */
  readonly nodes: readonly AnyNode[];
  /** Those of them that the rest of the step reads. */
  readonly read: readonly AnyNode[];
}

/** Operations that give a number the same bits whether they are done for one step or for many. */
const exact: ReadonlySet<Primitive> = new Set<Primitive>([
  "neg",
  "abs",
  "sqrt",
  "floor",
  "add",
  "sub",
  "mul",
  "div",
  "pow",
  "max",
  "min",
  "cast",
]);

function counterOf(from: AnyNode, to: AnyNode): Counter | undefined {
  if (from.shape.length > 0 || from.dtype !== "int32" || to.op !== "add") return undefined;
  const [a, b] = to.inputs as readonly AnyNode[];
  const by = a === from ? literalValue(b) : b === from ? literalValue(a) : undefined;
  return by === undefined ? undefined : { from, by };
}

/**
 * Finds the single numbers of a step that follow from its counters and from what is `outside` the loop: learning
 * rates, corrections of moments. They can be computed for all steps of a run at once. Null where there are none.
 */
export function hoist(
  carried: readonly Carried[],
  nodes: readonly AnyNode[],
  inside: ReadonlySet<AnyNode>,
  results: readonly AnyNode[],
): Hoisted | null {
  const counters = carried.flatMap(({ from, to }) => counterOf(from, to) ?? []);
  const known = new Set<AnyNode>(counters.map(({ from }) => from));
  const found: AnyNode[] = [];
  for (const node of nodes) {
    const inputs = node.inputs as readonly AnyNode[];
    const fits = inputs.every((i) => i.shape.length === 0 && (known.has(i) || !inside.has(i)));
    if (node.shape.length > 0 || !exact.has(node.op) || !fits || !inputs.some((i) => known.has(i))) continue;
    known.add(node);
    found.push(node);
  }
  // what leaves the step is computed in it, so a counter's next value is no reason to compute it before
  const own = new Set(results);
  const hoisted = new Set(found.filter((node) => !own.has(node)));
  const users = nodes.filter((node) => !hoisted.has(node));
  const reached = new Set(users.flatMap((node) => node.inputs as readonly AnyNode[]));
  const read = [...hoisted].filter((node) => reached.has(node));
  if (read.length === 0) return null;
  const needed = new Set(ancestors(read));
  return { counters, nodes: found.filter((node) => needed.has(node)), read };
}

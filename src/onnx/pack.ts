import { sameShape, sizeOf } from "../array/ndarray.ts";
import { type AnyNode, ancestors, input, make, type Primitive, type Tensor } from "../tensor/graph.ts";
import { concat, flatten, reshape, window } from "../tensor/shaping.ts";

/** What a step carries: as it comes in, and as it leaves. */
export interface Carried {
  readonly from: AnyNode;
  readonly to: AnyNode;
}

/** Carried arrays that are kept end to end in one vector while the steps run. */
export interface Pack {
  /** Their places in the list of what is carried. */
  readonly members: readonly number[];
  readonly from: Tensor;
  readonly to: Tensor;
}

export interface Packed {
  readonly packs: readonly Pack[];
  /** A node of the step with its inputs taken from the vectors. */
  of(node: AnyNode): Tensor;
}

/** Larger arrays cost more to move into a vector than their operations cost to start. */
const largest = 2 ** 15;

/** Operations that act entry by entry, on arrays of one shape and single numbers. */
const entrywise: ReadonlySet<Primitive> = new Set<Primitive>([
  "neg",
  "abs",
  "sign",
  "exp",
  "log",
  "sqrt",
  "reciprocal",
  "tanh",
  "sigmoid",
  "relu",
  "step",
  "add",
  "sub",
  "mul",
  "div",
  "pow",
  "max",
  "min",
]);

/** A number that broadcasts to a vector. */
const isSingle = (node: AnyNode): boolean => node.shape.length < 2 && sizeOf(node.shape) === 1;

/** Whether a node can be computed for several arrays end to end. */
const isEntrywise = (node: AnyNode, shape: readonly number[]): boolean =>
  entrywise.has(node.op) &&
  sameShape(node.shape, shape) &&
  (node.inputs as readonly AnyNode[]).every((i) => sameShape(i.shape, shape) || isSingle(i));

/** How an array is computed from others of its shape, as a text: equal texts can be computed together. */
function recipes(shape: readonly number[]): (node: AnyNode) => string {
  const known = new Map<AnyNode, string>();
  const recipe = (node: AnyNode): string => {
    const before = known.get(node);
    if (before !== undefined) return before;
    const inputs = node.inputs as readonly AnyNode[];
    const text = isEntrywise(node, shape)
      ? `${node.op}(${inputs.map((i) => (isSingle(i) && !sameShape(i.shape, shape) ? `#${i.id}` : recipe(i)))})`
      : "array";
    known.set(node, text);
    return text;
  };
  return recipe;
}

/** Groups of what is carried whose update is the same but for the arrays: two or more of each. */
function groups(carried: readonly Carried[]): number[][] {
  const byRecipe = new Map<string, number[]>();
  carried.forEach(({ from, to }, i) => {
    if (from === to || from.dtype !== "float32" || sizeOf(from.shape) > largest) return;
    const recipe = recipes(from.shape)(to);
    if (recipe !== "array") byRecipe.set(recipe, [...(byRecipe.get(recipe) ?? []), i]);
  });
  return [...byRecipe.values()].filter((members) => members.length > 1);
}

/** The same operation of other inputs, where the caller of the first stood. */
const madeLike = ({ op, attributes, origin }: AnyNode, inputs: readonly Tensor[]): Tensor =>
  ({ ...make(op, inputs, attributes), origin }) as Tensor;

/** An array of a vector, by its place. */
const piece = (vector: Tensor, start: number, shape: readonly number[]): Tensor =>
  reshape(window(vector, [start], [sizeOf(shape)]), shape);

/**
 * Packs the small arrays of a step's state that are updated alike (the parameters and moments of an optimizer) into
 * vectors, so that each operation of the update runs once. Null where nothing is.
 */
export function pack(carried: readonly Carried[], outputs: readonly AnyNode[]): Packed | null {
  const found = groups(carried);
  if (found.length === 0) return null;
  const starts = found.map((members) => {
    let at = 0;
    return members.map((i) => {
      const start = at;
      at += sizeOf(carried[i].from.shape);
      return start;
    });
  });
  const vectors = found.map((members, g) =>
    input(`packed.${g}`, [members.reduce((n, i) => n + sizeOf(carried[i].from.shape), 0)]),
  );
  const rebuilt = new Map<AnyNode, Tensor>();
  found.forEach((members, g) => {
    members.forEach((i, at) => {
      rebuilt.set(carried[i].from, piece(vectors[g], starts[g][at], carried[i].from.shape));
    });
  });
  for (const node of ancestors(outputs)) {
    if (rebuilt.has(node) || node.op === "input" || node.op === "constant") continue;
    const inputs = node.inputs as readonly AnyNode[];
    if (!inputs.some((i) => rebuilt.has(i))) continue;
    const own = inputs.map((i) => rebuilt.get(i) ?? i);
    rebuilt.set(node, madeLike(node, own));
  }
  const of = (node: AnyNode): Tensor => rebuilt.get(node) ?? node;
  const together = joiner(carried, found, vectors, of);
  const packs = found.map((members, g) => ({
    members,
    from: vectors[g],
    to: together(members.map((i) => carried[i].to)),
  }));
  return { packs, of };
}

/** Computes nodes of one recipe end to end, once for each list of them. */
function joiner(
  carried: readonly Carried[],
  found: readonly (readonly number[])[],
  vectors: readonly Tensor[],
  of: (node: AnyNode) => Tensor,
): (nodes: readonly AnyNode[]) => Tensor {
  const idOf = (nodes: readonly AnyNode[]) => nodes.map(({ id }) => id).join();
  const known = new Map(found.map((members, g) => [idOf(members.map((i) => carried[i].from)), vectors[g]]));
  const together = (nodes: readonly AnyNode[]): Tensor => {
    const id = idOf(nodes);
    const before = known.get(id);
    if (before !== undefined) return before;
    const [first] = nodes;
    const joined = nodes.every((node) => isEntrywise(node, node.shape) && node.op === first.op)
      ? madeLike(
          first,
          first.inputs.map((own, i) => {
            const all = nodes.map((node) => node.inputs[i] as AnyNode);
            const shared = all.every((other) => other === own) && !sameShape(own.shape, first.shape);
            return shared ? of(own as AnyNode) : together(all);
          }),
        )
      : concat(nodes.map((node) => flatten(of(node))));
    known.set(id, joined);
    return joined;
  };
  return together;
}

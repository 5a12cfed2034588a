import type { AnyNode, Node } from "../tensor/graph.ts";

/** Slices that cut a tensor into pieces along one axis, in their order: one Split. */
export interface Pieces {
  readonly source: AnyNode;
  readonly axis: number;
  readonly slices: readonly Node<"slice">[];
}

/** The axis that a slice cuts, where it cuts only one and takes every entry between its ends. */
function cutAxis({ inputs, attributes: { sizes, steps } }: Node<"slice">): number | undefined {
  const [x] = inputs;
  if (steps.some((step) => step !== 1)) return undefined;
  const axes = sizes.flatMap((n, i) => (n === x.shape[i] ? [] : [i]));
  return axes.length === 1 ? axes[0] : undefined;
}

/** The pieces that each slice belongs to, where all slices of a tensor along an axis together are the whole of it. */
export function pieces(
  nodes: readonly AnyNode[],
  together: (a: AnyNode, b: AnyNode) => boolean,
): ReadonlyMap<AnyNode, Pieces> {
  const groups = new Map<string, Node<"slice">[]>();
  for (const node of nodes) {
    const slice = node as Node<"slice">;
    const axis = node.op === "slice" ? cutAxis(slice) : undefined;
    if (axis === undefined) continue;
    const id = `${slice.inputs[0].id} ${axis}`;
    groups.set(id, [...(groups.get(id) ?? []), slice]);
  }
  const result = new Map<AnyNode, Pieces>();
  for (const [id, group] of groups) {
    const axis = Number(id.split(" ")[1]);
    const source = group[0].inputs[0] as AnyNode;
    const slices = group.sort((a, b) => a.attributes.starts[axis] - b.attributes.starts[axis]);
    let end = 0;
    const whole = slices.every(({ attributes: { starts, sizes } }) => {
      const fits = starts[axis] === end;
      end += sizes[axis];
      return fits;
    });
    const [first] = slices as unknown as AnyNode[];
    if (!whole || end !== source.shape[axis] || !slices.every((s) => together(s as AnyNode, first))) continue;
    for (const slice of slices) result.set(slice as AnyNode, { source, axis, slices });
  }
  return result;
}

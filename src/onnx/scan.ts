import { zeros } from "../array/ndarray.ts";
import type { AnyNode, Node } from "../tensor/graph.ts";
import { givenTo, nodesOf, type Reading, readOf } from "../tensor/scan/body.ts";
import type { ValueInfo } from "./proto.ts";
import type { Scope } from "./scope.ts";

/** Writes nodes into a scope; the names of some are given, and of all, afterwards, in `names`. */
export type WriteBody = (
  nodes: readonly AnyNode[],
  names: Map<AnyNode, string>,
  scope: Scope,
  wanted: readonly AnyNode[],
) => void;

/**
 * Writes a scan with all that reads it as one ONNX Scan, and names the readings. What is the same for all steps is
 * used by its outer name, which costs nothing a step. `portable`: the body says nothing of sizes (see anyRows.ts).
 */
export function writeScan(
  loop: Node<"scan">,
  readings: readonly Reading[],
  label: string,
  names: Map<AnyNode, string>,
  scope: Scope,
  write: WriteBody,
  portable: boolean,
): void {
  const { body, length, reverse } = loop.attributes;
  const given = givenTo(loop);
  const outer = (node: Node) => names.get(node as AnyNode) as string;
  const inner = scope.inner(portable);
  const own = new Map<AnyNode, string>();
  const info = (name: string, { dtype, shape }: Node): ValueInfo =>
    portable ? { name, dtype } : { name, dtype, shape };
  const inputs = [...body.carry, ...body.slices].map((node) => {
    const name = scope.fresh();
    own.set(node as AnyNode, name);
    return info(name, node);
  });
  body.outside.forEach((node, i) => {
    own.set(node as AnyNode, outer(given.outside[i]));
  });
  const stacked = readings.filter(({ op }) => op === "stacked");
  const results = [...body.next, ...stacked.map((reading) => readOf(reading, body))] as readonly AnyNode[];
  write(nodesOf(body, results as readonly Node[]), own, inner, results);
  const outputs = results.map((node) => {
    const name = scope.fresh();
    inner.publish(own.get(node) as string, name);
    return info(name, node as Node);
  });
  const counted = body.slices.length === 0;
  const steps = counted ? [scope.labelled(label).literal(zeros("bool", [length]))] : given.slices.map(outer);
  if (counted) inputs.push({ name: scope.fresh(), dtype: "bool", shape: [] });
  const left = results.map(() => scope.fresh());
  for (const reading of readings) {
    const index = reading.op === "last" ? (reading as Node<"last">).attributes.index : undefined;
    names.set(reading as AnyNode, left[index ?? body.next.length + stacked.indexOf(reading)]);
  }
  const direction = (count: number) => ({ ints: Array<number>(count).fill(reverse ? 1 : 0) });
  scope.append(
    {
      op: "Scan",
      name: label,
      inputs: [...given.carry.map(outer), ...steps],
      outputs: left,
      attributes: {
        num_scan_inputs: { int: steps.length },
        scan_input_directions: direction(steps.length),
        scan_output_directions: direction(stacked.length),
      },
    },
    () => ({ name: label, ...inner.finish(), inputs, outputs }),
  );
}

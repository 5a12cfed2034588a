import { sizeOf } from "../array/ndarray.ts";
import { type LoopSpec, type Lowered, lowerLoop, rewrittenStep } from "../onnx/index.ts";
import { type AnyNode, ancestors, lineOf } from "../tensor/graph.ts";
import { compile } from "./compile.ts";
import { costInOnnxRuntime, costInWasm, costOfProducts } from "./cost.ts";
import { expand, isExpanded } from "./expand.ts";
import { isSupported } from "./schedule.ts";

export type { Layout, Port } from "./compile.ts";

/**
 * A loop as `lowerLoop` has it, which small models do as a WebAssembly program of its own: `Lowered.small` is that, where
 * there is code for all of the step, and it is estimated to take less time than ONNX Runtime does.
 */
export function lowerSmallLoop(spec: LoopSpec): Lowered {
  const lowered = lowerLoop(spec);
  let known: { readonly small: Lowered | undefined } | undefined;
  return {
    ...lowered,
    small: () => {
      known ??= { small: programOf(spec, lowered) };
      return known.small;
    },
  };
}

/** Most entries of what is fed: a program has them in its own memory too, which ends at 4 GiB. */
const mostEntries = 2 ** 26;

function programOf(spec: LoopSpec, { nodeCount, inputs }: Lowered): Lowered | undefined {
  if (inputs.reduce((n, { shape }) => n + Math.abs(sizeOf(shape)), 0) > mostEntries) return undefined;
  // most steps that are not taken are told by a look at them, before they are rewritten and compiled
  const results = [...Object.values(spec.state).map(({ to }) => to), ...Object.values(spec.collected)];
  const nodes = ancestors(results);
  if (!nodes.every(isPossible) || costOfProducts(nodes) > costInOnnxRuntime(nodes, nodeCount))
    return undefined;
  const compiled = compileLoop(spec);
  if (compiled === undefined) return undefined;
  return compiled.cost < costInOnnxRuntime(compiled.nodes, nodeCount) ? compiled.lowered : undefined;
}

const isPossible = (node: AnyNode): boolean => isExpanded(node) || isSupported(node);

/** A loop as a WebAssembly program, with what a step is estimated to take, in ns. Undefined where a node has no code. */
export function compileLoop(
  spec: LoopSpec,
): { readonly lowered: Lowered; readonly cost: number; readonly nodes: readonly AnyNode[] } | undefined {
  const { ports, nodes, carried, scanned, shared, collected } = rewrittenStep(spec, false);
  const all = [...carried.map(({ from }) => from), ...scanned, ...shared];
  const { nodes: simple, of } = expand(nodes);
  if (![...simple, ...all.map(({ node }) => node)].every(isSupported)) return undefined;
  const labels = new Map<string, AnyNode>();
  const labelOf = (node: AnyNode) => {
    const label = `${node.op}_${labels.size}`;
    labels.set(label, node);
    return label;
  };
  const work = {
    nodes: simple,
    carried: carried.map(({ from, to }) => ({ from: of(from.node), to: of(to.node) })),
    scanned: scanned.map(({ node }) => of(node)),
    shared: shared.map(({ node }) => of(node)),
    collected: collected.map(({ node }) => of(node)),
  };
  const names = {
    carried: carried.map(({ from, to }) => ({ from: from.port.value, to: to.port.value })),
    scanned: scanned.map(({ port }) => port.value),
    shared: shared.map(({ port }) => port.value),
    collected: collected.map(({ port }) => port.value),
  };
  const { bytes, schedule } = compile(work, names, labelOf, spec.length);
  const lowered: Lowered = {
    bytes,
    ...ports,
    nodeCount: schedule.before.length + schedule.steps.length,
    originOf: (text) => {
      for (const [label] of text.matchAll(/[a-zA-Z]+_\d+/g)) {
        const node = labels.get(label);
        if (node !== undefined) return { op: node.op, line: lineOf(node) };
      }
      return undefined;
    },
  };
  return { lowered, cost: costInWasm(schedule), nodes: simple };
}

import { type DType, sizeOf } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import { evaluate } from "../tensor/evaluate.ts";
import {
  type AnyNode,
  type Attributes,
  ancestors,
  type Node,
  nodeOf,
  type Primitive,
  scalar,
  type Tensor,
} from "../tensor/graph.ts";
import { shapeOf } from "../tensor/shapes.ts";
import { contentTable } from "./content.ts";
import { type Maker, settleAll } from "./optimizeScan.ts";
import { type Rewriter, simplifications } from "./simplify.ts";

/** A graph rewritten: what it needs, inputs before users, and where each old tensor went. */
export interface Optimized {
  readonly nodes: readonly AnyNode[];
  /** The new node of an output or a leaf. */
  of(tensor: Tensor): AnyNode;
}

/** Most entries (operands and result together) that are computed while lowering. */
const foldLimit = 4096;
const foldable: readonly DType[] = ["float32", "float64", "int32", "uint32", "int8", "uint8", "bool"];

/** Operations whose inputs may be exchanged. */
const commutes: ReadonlySet<Primitive> = new Set(["add", "mul", "max", "min", "equal", "and", "or"]);

function isFoldable(node: Node): boolean {
  if (node.inputs.length === 0 || node.op === "broadcast" || node.op === "scan") return false;
  if (!node.inputs.every((i) => i.op === "constant" && foldable.includes(i.dtype))) return false;
  const entries = node.inputs.reduce((total, i) => total + sizeOf(i.shape), sizeOf(node.shape));
  return foldable.includes(node.dtype) && entries <= foldLimit;
}

/**
 * Rewrites the graph behind `outputs` down to `leaves`, which stay as they are: equal operations become one,
 * operations on literals become literals, and what `simplify.ts` knows a cheaper form for is replaced.
 */
export function optimize(outputs: readonly Tensor[], leaves: readonly Tensor[]): Optimized {
  const place = new Map<AnyNode, AnyNode>();
  const known = new Map<string, AnyNode>();
  const contentId = contentTable();
  let count = 0;

  /** What a node is told, as a text. */
  const told = (node: Node): string => {
    const { op, attributes } = node as AnyNode;
    if (op === "constant") return `${contentId(attributes.value)}`;
    if (op === "input") return `#${count}`;
    if (op === "stacked") return `${attributes.of.id}`;
    if (op === "scan") {
      const { body, length, reverse } = attributes;
      const sizes = [body.carry, body.slices].map((list) => list.length);
      return `${body.next.map(({ id }) => id)}|${sizes}|${length}|${reverse}`;
    }
    return JSON.stringify(attributes);
  };

  const keyOf = (node: Node): string => {
    const inputs = node.inputs.map((i) => i.id);
    return `${node.op}|${commutes.has(node.op) ? inputs.sort((a, b) => a - b) : inputs}|${told(node)}`;
  };

  const share = (node: AnyNode, key = keyOf(node)): AnyNode => {
    const before = known.get(key);
    if (before !== undefined) return before;
    const own = { ...node, id: count++ } as AnyNode;
    known.set(key, own);
    return own;
  };

  const settle = (node: AnyNode): AnyNode => {
    const origin = node.origin;
    const rewriter: Rewriter = {
      make: (op, inputs, attributes) => settle(build(op, inputs as readonly Node[], attributes, origin)),
      literal: (tensor) => share(nodeOf(tensor)),
    };
    const simplify = simplifications[node.op] as
      | ((node: Node, rewrite: Rewriter) => AnyNode | null)
      | undefined;
    const simpler = simplify?.(node, rewriter) ?? null;
    if (simpler !== null) return simpler;
    const own = share(node);
    if (!isFoldable(own)) return own;
    const [value] = evaluate([own]);
    return share({ ...own, op: "constant", inputs: [], attributes: { value } } as AnyNode);
  };

  const maker: Maker = {
    share: (node) => share({ ...node, id: count } as unknown as AnyNode),
    standIn: (name, { shape, dtype, origin }) => {
      const attributes: Attributes["input"] = { name, shape, dtype };
      const node = { op: "input", inputs: [], attributes, shape, dtype, origin, id: count };
      return share(node as unknown as AnyNode, `${name}|${dtype}[${shape}]`);
    },
    spread: (value, { shape, dtype, origin }) =>
      settle(build("broadcast", [share(nodeOf(scalar(value, dtype)))] as readonly Node[], { shape }, origin)),
    settle: (node, inputs) => settle({ ...node, inputs, id: count } as AnyNode),
  };

  for (const leaf of leaves) {
    const { shape, dtype } = leaf;
    const attributes: Attributes["input"] = { name: "leaf", shape, dtype };
    place.set(nodeOf(leaf), share({ ...nodeOf(leaf), op: "input", inputs: [], attributes } as AnyNode));
  }
  settleAll(
    ancestors(outputs, (n) => place.has(n)),
    place,
    maker,
  );
  const of = (tensor: Tensor) => place.get(nodeOf(tensor)) as AnyNode;
  return { nodes: ancestors(outputs.map(of)), of };
}

/** A node without the cost of a new stack trace: it stands where `origin` does. */
function build<P extends Primitive>(
  op: P,
  inputs: readonly Node[],
  attributes: Attributes[P],
  origin: Node["origin"],
): AnyNode {
  const result = shapeOf(op, inputs, attributes);
  if ("problem" in result)
    throw new OckhamError("internal", op, `a rewriting made a bad ${op}: ${result.problem}`, "report this");
  return { op, inputs, attributes, id: -1, origin, ...result } as unknown as AnyNode;
}

import { type AnyNode, ancestors, type Node, nodeOf, type Primitive } from "../tensor/graph.ts";
import { amax, div, exp, log, mul, sub, sum, type Tensor, transpose } from "../tensor/index.ts";
import { turned } from "./views.ts";

/** x less its largest entry along an axis, its exponentials, and their sum. */
function parts({ attributes: { axis }, inputs: [x] }: Node<"softmax" | "logSoftmax">) {
  const along = { axes: [axis], keep: true };
  const shifted = sub(x, amax(x, along));
  const exponentials = exp(shifted);
  return { shifted, exponentials, total: sum(exponentials, along) };
}

/** A matrix, or its transpose: rows and columns are the last two axes. */
function sided(x: Tensor, transposed: boolean): Tensor {
  return transposed ? transpose(x, turned(x.shape.map((_, axis) => axis))) : x;
}

const expansions: { readonly [P in Primitive]?: (node: never) => Tensor } = {
  softmax(node: Node<"softmax">) {
    const { exponentials, total } = parts(node);
    return div(exponentials, total);
  },
  logSoftmax(node: Node<"logSoftmax">) {
    const { shifted, total } = parts(node);
    return sub(shifted, log(total));
  },
  /** Of one column and one row, whose entries are single products. */
  matmul({ inputs: [a, b], attributes: { transposeA, transposeB } }: Node<"matmul">) {
    return mul(sided(a, transposeA), sided(b, transposeB));
  },
};

const isThin = ({ inputs: [a], attributes: { transposeA } }: Node<"matmul">): boolean =>
  a.shape.at(transposeA ? -2 : -1) === 1;

/** Whether a node is made of simpler ones. */
export const isExpanded = (node: AnyNode): boolean =>
  node.dtype === "float32" && expansions[node.op] !== undefined && (node.op !== "matmul" || isThin(node));

const expanded = (node: AnyNode): Tensor =>
  isExpanded(node) ? (expansions[node.op] as (node: AnyNode) => Tensor)(node) : node;

export interface Expanded {
  /** Inputs before users. */
  readonly nodes: readonly AnyNode[];
  of(node: AnyNode): AnyNode;
}

/** Nodes (inputs before users) with those that have no kernel of their own in simpler ones. */
export function expand(nodes: readonly AnyNode[]): Expanded {
  const places = new Map<AnyNode, AnyNode>();
  const of = (node: AnyNode) => places.get(node) ?? node;
  const known = new Set<AnyNode>();
  for (const node of nodes) {
    const inputs = (node.inputs as readonly AnyNode[]).map(of);
    const own = inputs.every((input, i) => input === node.inputs[i])
      ? node
      : ({ ...node, inputs } as AnyNode);
    const result = nodeOf(expanded(own));
    places.set(node, result);
    for (const part of ancestors([result], (n) => known.has(n))) known.add(part);
  }
  return { nodes: [...known], of };
}

import { type AnyNode, literalValue, type Node } from "../tensor/graph.ts";

/** A product of two matrices, or a convolution, that takes in what follows it: one Gemm or Conv of ONNX Runtime. */
export interface Fused {
  readonly core: Node<"matmul"> | Node<"conv">;
  /** What is added, as it broadcasts to the result. */
  readonly bias?: AnyNode;
  /** Factor on the product, before the bias. */
  readonly alpha: number;
  readonly relu: boolean;
}

export interface Fusions {
  /** By the node whose value the fused operation gives. */
  readonly results: ReadonlyMap<AnyNode, Fused>;
  /** Nodes that need none of their own. */
  readonly absorbed: ReadonlySet<AnyNode>;
}

const isGemm = (node: AnyNode): node is Node<"matmul"> & { op: "matmul" } =>
  node.op === "matmul" && node.dtype !== "float16" && node.inputs.every((i) => i.shape.length === 2);

const isConv = (node: AnyNode): node is Node<"conv"> & { op: "conv" } =>
  node.op === "conv" && node.dtype === "float32";

/** Whether Gemm broadcasts a bias of this shape to [m, n]. */
const fitsRows = (bias: readonly number[], [m, n]: readonly number[]): boolean => {
  if (bias.length > 2) return false;
  const [rows, columns] = [bias.at(-2) ?? 1, bias.at(-1) ?? 1];
  return (rows === 1 || rows === m) && (columns === 1 || columns === n);
};

/** Whether a shape has one number a channel of [n, channels, ...spatial]. */
const fitsChannels = (bias: readonly number[], [, channels, ...spatial]: readonly number[]): boolean =>
  bias.length > spatial.length &&
  bias.length <= spatial.length + 2 &&
  bias.every((n, i) => n === (i === bias.length - spatial.length - 1 ? channels : 1));

type Known = (node: AnyNode) => Fused | undefined;

/** What a node is when it joins the operation behind one of its inputs, and which nodes that makes superfluous. */
interface Joined {
  readonly fused: Fused;
  readonly absorbs: AnyNode;
}

const bare = (core: Fused["core"]): Fused => ({ core, alpha: 1, relu: false });

/** From a node to what it joins, or null; tried in this order. */
const joints: readonly ((node: AnyNode, known: Known) => Joined | null)[] = [
  function bias(node) {
    if (node.op !== "add") return null;
    const inputs = node.inputs as readonly AnyNode[];
    for (const [i, core] of inputs.entries()) {
      const other = inputs[1 - i];
      if (isGemm(core) && fitsRows(other.shape, core.shape))
        return { fused: { ...bare(core), bias: other }, absorbs: core };
      if (isConv(core) && fitsChannels(other.shape, core.shape))
        return { fused: { ...bare(core), bias: other }, absorbs: core };
    }
    return null;
  },
  function factor(node) {
    if (node.op !== "mul") return null;
    const inputs = node.inputs as readonly AnyNode[];
    for (const [i, core] of inputs.entries()) {
      const alpha = literalValue(inputs[1 - i]);
      if (isGemm(core) && alpha !== undefined && inputs[1 - i].shape.length <= 2)
        return { fused: { ...bare(core), alpha }, absorbs: core };
    }
    return null;
  },
  function activation(node, known) {
    if (node.op !== "relu" || node.dtype !== "float32") return null;
    const inner = node.inputs[0] as AnyNode;
    const fused = known(inner) ?? (isGemm(inner) || isConv(inner) ? bare(inner) : undefined);
    return fused === undefined ? null : { fused: { ...fused, relu: true }, absorbs: inner };
  },
];

export interface FusionRules {
  /** Nodes whose value is wanted by name. */
  readonly kept: ReadonlySet<AnyNode>;
  /** Whether two nodes are run equally often. */
  together(a: AnyNode, b: AnyNode): boolean;
  /** Whether activations are taken in too, which plain ONNX has no operators for. */
  readonly activations: boolean;
}

/** Finds the products and convolutions used once, by an addition, a scaling or a relu that their operator can do itself. */
export function fusions(nodes: readonly AnyNode[], { kept, together, activations }: FusionRules): Fusions {
  const uses = new Map<AnyNode, number>();
  for (const node of nodes)
    for (const i of node.inputs as readonly AnyNode[]) uses.set(i, (uses.get(i) ?? 0) + 1);
  const results = new Map<AnyNode, Fused>();
  const absorbed = new Set<AnyNode>();
  const used = activations ? joints : joints.slice(0, -1);
  for (const node of nodes) {
    const joined = used.map((joint) => joint(node, (n) => results.get(n))).find((j) => j !== null);
    if (joined === undefined) continue;
    const { fused, absorbs } = joined;
    if (uses.get(absorbs) !== 1 || kept.has(absorbs) || absorbed.has(absorbs) || !together(node, absorbs))
      continue;
    results.delete(absorbs);
    results.set(node, fused);
    absorbed.add(absorbs);
  }
  return { results, absorbed };
}

import { sameShape } from "../array/ndarray.ts";
import { type AnyNode, literalValue, type Node, type Primitive } from "../tensor/graph.ts";
import { convWith } from "./rules/convolution.ts";
import { halfPlusHalf } from "./rules/elementwise.ts";
import { gemmWith } from "./rules/products.ts";
import { sumOfSquares } from "./rules/reductions.ts";
import { type Emitter, product, reshape } from "./rules/rule.ts";

/** The name of a node's value. */
type NameOf = (node: unknown) => string;

/** A product or a convolution that takes in what follows it: one Gemm, FusedMatMul or Conv of ONNX Runtime. */
interface Core {
  readonly core: Node<"matmul"> | Node<"conv">;
  /** What is added, as it broadcasts to the result. */
  readonly bias?: AnyNode;
  /** Factor on the product, before the bias. */
  readonly alpha: number;
  readonly relu: boolean;
}

/** Nodes that become one operator of ONNX Runtime. */
export type Fused = Core | { write(nameOf: NameOf, to: Emitter): string };

export interface Fusions {
  /** By the node whose value the fused operation gives. */
  readonly results: ReadonlyMap<AnyNode, Fused>;
  /** Nodes that need none of their own. */
  readonly absorbed: ReadonlySet<AnyNode>;
}

const isProduct = (node: AnyNode): node is Node<"matmul"> & { op: "matmul" } =>
  node.op === "matmul" && node.dtype !== "float16";

const isGemm = (node: AnyNode): node is Node<"matmul"> & { op: "matmul" } =>
  isProduct(node) && node.inputs.every((i) => i.shape.length === 2);

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

const bare = (core: Core["core"]): Core => ({ core, alpha: 1, relu: false });

const isCore = (fused: Fused | undefined): fused is Core => fused !== undefined && "core" in fused;

/** From a node to what it joins, or null; tried in this order. */
const joints: readonly ((node: AnyNode, known: Known) => Joined | null)[] = [
  function bias(node) {
    if (node.op !== "add") return null;
    const inputs = node.inputs as readonly AnyNode[];
    for (const [i, core] of inputs.entries()) {
      const other = inputs[1 - i];
      const fits =
        (isGemm(core) && fitsRows(other.shape, core.shape)) ||
        (isConv(core) && fitsChannels(other.shape, core.shape));
      if (fits) return { fused: { ...bare(core as Core["core"] & AnyNode), bias: other }, absorbs: core };
    }
    return null;
  },
  function factor(node) {
    if (node.op !== "mul") return null;
    const inputs = node.inputs as readonly AnyNode[];
    for (const [i, core] of inputs.entries()) {
      const alpha = literalValue(inputs[1 - i]);
      if (isProduct(core) && alpha !== undefined && inputs[1 - i].shape.length <= core.shape.length)
        return { fused: { ...bare(core), alpha }, absorbs: core };
    }
    return null;
  },
  /** The sum of all x^2. */
  function squares(node) {
    const inner = node.inputs[0] as AnyNode;
    if (node.op !== "sum" || node.dtype !== "float32" || inner.op !== "mul") return null;
    const [a, b] = inner.inputs;
    if (a !== b || node.attributes.axes.length !== inner.shape.length) return null;
    return { fused: { write: (nameOf, to) => sumOfSquares(node, [nameOf(a)], to) }, absorbs: inner };
  },
  /** (1 + x) / 2 of what is between -1 and 1. */
  function share(node) {
    if (node.op !== "mul" || node.dtype !== "float32") return null;
    const sum = beside(node, 0.5, ["add"]);
    const inner = sum === undefined ? undefined : beside(sum, 1, ["erf", "tanh"]);
    if (sum === undefined || inner === undefined) return null;
    return { fused: { write: (nameOf, to) => halfPlusHalf(nameOf(inner), to) }, absorbs: sum };
  },
];

/** The operand of a binary operation beside a literal, where it is one of some operations and has the result's shape. */
function beside(node: AnyNode, value: number, ops: readonly Primitive[]): AnyNode | undefined {
  const inputs = node.inputs as readonly AnyNode[];
  return inputs.find(
    (x, i) => literalValue(inputs[1 - i]) === value && ops.includes(x.op) && sameShape(x.shape, node.shape),
  );
}

/** A relu of what has been joined already. */
function activation(node: AnyNode, known: Known): Joined | null {
  if (node.op !== "relu" || node.dtype !== "float32") return null;
  const inner = node.inputs[0] as AnyNode;
  const fused = known(inner) ?? (isGemm(inner) || isConv(inner) ? bare(inner) : undefined);
  if (!isCore(fused) || !(isGemm(fused.core as AnyNode) || isConv(fused.core as AnyNode))) return null;
  return { fused: { ...fused, relu: true }, absorbs: inner };
}

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
  const used = activations ? [...joints, activation] : joints;
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

/** The one operator of some fused nodes; returns the name of the result. */
export function lowerFused(fused: Fused, nameOf: NameOf, to: Emitter): string {
  if (!isCore(fused)) return fused.write(nameOf, to);
  const { core, bias, alpha, relu } = fused;
  const inputs = core.inputs.map(nameOf);
  if (core.op === "conv") {
    const channels = bias === undefined ? [] : [reshape(to, nameOf(bias), [core.shape[1]])];
    return convWith(to, [...inputs, ...channels], core as Node<"conv">, { relu });
  }
  const { transposeA, transposeB } = (core as Node<"matmul">).attributes;
  if (core.inputs.some(({ shape }) => shape.length > 2))
    return product(to, inputs[0], inputs[1], { transA: transposeA, transB: transposeB, alpha });
  const added = bias === undefined ? [] : [nameOf(bias)];
  return gemmWith(to, [...inputs, ...added], { transposeA, transposeB }, { alpha, relu });
}

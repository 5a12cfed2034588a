export * from "./activations.ts";
export { vmapTraced } from "./batching.ts";
export * from "./einsum.ts";
export * from "./elementwise.ts";
export * from "./fft.ts";
export {
  type AnyNode,
  type Attributes,
  ancestors,
  constant,
  input,
  lineOf,
  literalValue,
  type Node,
  nodeOf,
  type Operand,
  type Primitive,
  type Pullback,
  scalar,
  type Tensor,
} from "./graph.ts";
export * from "./indexing.ts";
export * from "./linalg/index.ts";
export * from "./products.ts";
export * from "./random.ts";
export * from "./reductions.ts";
export * from "./resize.ts";
export { type ScanOptions, scan } from "./scan.ts";
export { isFloat } from "./shapes.ts";
export * from "./shaping.ts";
export * from "./transforms.ts";
export { leavesOf, type Mapped, mapTree, type Tree } from "./tree.ts";

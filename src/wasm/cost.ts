import { sizeOf } from "../array/ndarray.ts";
import type { AnyNode, Node } from "../tensor/graph.ts";
import { hasKernel } from "./kernels.ts";
import { isLanewise, weightOf } from "./lanes.ts";
import { isReduction, type Schedule, type Task } from "./schedule.ts";

/** Multiplications of a product, with the additions that go with them. */
function multiplications(node: AnyNode): number {
  if (node.op !== "matmul") return 0;
  const { transposeA } = (node as Node<"matmul">).attributes;
  return sizeOf(node.shape) * (node.inputs[0].shape.at(transposeA ? -2 : -1) as number);
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

/** ns: what a task costs at all, four entries through an operation, and a multiplication of a product. */
const wasm = { task: 10, lanes: 0.3, multiplication: 0.09 };

/** Instructions by which four entries are compared with another. */
const comparing = 10;

function costOf({ node, formula }: Task): number {
  const products = multiplications(node);
  if (products > 0) return wasm.task + wasm.multiplication * products;
  if (node.op === "argTopK") {
    const { shape } = node.inputs[0];
    return wasm.task + wasm.lanes * sizeOf(shape) * Math.ceil((shape.at(-1) as number) / 4) * comparing;
  }
  const entries = hasKernel(node) && !isReduction(node) ? sizeOf(node.shape) : sizeOf(formula.value.shape);
  const each = formula.operands.length + 1 + sum(formula.nodes.map(weightOf));
  return wasm.task + wasm.lanes * Math.ceil(entries / 4) * each;
}

/** What a step of a program is estimated to take, in ns. */
export const costInWasm = ({ steps }: Schedule): number => sum(steps.map(costOf));

/** What the products among nodes are estimated to take in a program, in ns: no step takes less. */
export const costOfProducts = (nodes: readonly AnyNode[]): number =>
  wasm.multiplication * sum(nodes.map(multiplications));

/** ns: what an operator costs at all, an entry through it, and a multiplication of a product. */
const onnxRuntime = { operator: 500, entry: 0.2, multiplication: 0.045 };

/** What ONNX Runtime is estimated to take for the same, in so many operators. */
export function costInOnnxRuntime(nodes: readonly AnyNode[], operators: number): number {
  const entries = sum(nodes.filter(isLanewise).map(({ shape }) => sizeOf(shape)));
  const products = sum(nodes.map(multiplications));
  return (
    onnxRuntime.operator * operators + onnxRuntime.entry * entries + onnxRuntime.multiplication * products
  );
}

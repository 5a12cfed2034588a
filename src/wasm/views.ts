import { stridesOf } from "../array/ndarray.ts";
import type { AnyNode, Primitive } from "../tensor/graph.ts";

/** A node as entries of another that is in memory. */
export interface View {
  readonly base: AnyNode;
  /** The first entry, and from one to the next along each axis, in entries. */
  readonly offset: number;
  readonly strides: readonly number[];
}

const viewing: ReadonlySet<Primitive> = new Set<Primitive>([
  "alias",
  "stop",
  "custom",
  "reshape",
  "transpose",
  "broadcast",
  "slice",
]);

/** Whether a node only shows the entries of its first input in another order. */
export const isView = (node: AnyNode): boolean => viewing.has(node.op);

/** A list by axis with rows and columns, its last two, exchanged. */
export const turned = <T>(list: readonly T[]): T[] => [...list.slice(0, -2), ...list.slice(-2).reverse()];

/** Strides with which an array is seen as a larger one that it broadcasts to. */
export function spreadStrides(
  shape: readonly number[],
  strides: readonly number[],
  to: readonly number[],
): number[] {
  const extra = to.length - shape.length;
  return to.map((n, axis) =>
    axis < extra || (shape[axis - extra] === 1 && n !== 1) ? 0 : strides[axis - extra],
  );
}

const isWhole = (shape: readonly number[], strides: readonly number[]): boolean => {
  const whole = stridesOf(shape);
  return shape.every((n, axis) => n === 1 || strides[axis] === whole[axis]);
};

/** Strides of an array in a new shape, where its entries stand so that there are such. */
function reshaped(
  from: readonly number[],
  strides: readonly number[],
  to: readonly number[],
): readonly number[] | null {
  if (isWhole(from, strides)) return stridesOf(to);
  const long = (shape: readonly number[]) => shape.filter((n) => n !== 1);
  if (long(from).join() !== long(to).join()) return null;
  const left = strides.filter((_, axis) => from[axis] !== 1);
  return to.map((n) => (n === 1 ? 0 : (left.shift() as number)));
}

function through(node: AnyNode, { base, offset, strides }: View): View | null {
  const [x] = node.inputs;
  switch (node.op) {
    case "reshape": {
      const own = reshaped(x.shape, strides, node.shape);
      return own === null ? null : { base, offset, strides: own };
    }
    case "transpose":
      return { base, offset, strides: node.attributes.order.map((axis) => strides[axis]) };
    case "broadcast":
      return { base, offset, strides: spreadStrides(x.shape, strides, node.shape) };
    case "slice": {
      const { starts, steps } = node.attributes;
      const skipped = starts.reduce((sum, start, axis) => sum + start * strides[axis], 0);
      return { base, offset: offset + skipped, strides: strides.map((stride, axis) => stride * steps[axis]) };
    }
    default:
      return { base, offset, strides };
  }
}

/** A node as a view of what is in memory, or null where its entries must be put in order first. */
export function viewOf(node: AnyNode, isStored: (node: AnyNode) => boolean): View | null {
  if (isStored(node)) return { base: node, offset: 0, strides: stridesOf(node.shape) };
  if (!isView(node)) return null;
  const inner = viewOf(node.inputs[0] as AnyNode, isStored);
  return inner === null ? null : through(node, inner);
}

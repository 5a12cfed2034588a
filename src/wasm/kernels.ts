import { sizeOf, stridesOf } from "../array/ndarray.ts";
import { type AnyNode, literalValue, type Node, nodeOf, type Primitive, scalar } from "../tensor/graph.ts";
import { fromFront } from "../tensor/shapes.ts";
import type { Formula } from "./formula.ts";
import { writeMap } from "./map.ts";
import type { Func } from "./module.ts";
import type { Place, Walk } from "./nest.ts";
import { writeArgMax, writeTopK } from "./order.ts";
import { canFinish, formOf, type Matrix, type Product, type Seen, writeProduct } from "./product.ts";
import { foldings, writeReduction } from "./reduce.ts";
import { type Refusal, writeFoldKey, writeGather, writeRandomBits, writeScatterAdd } from "./rows.ts";
import type { Task } from "./schedule.ts";
import { spreadStrides, turned } from "./views.ts";

/** Where a task reads and writes. */
export interface Site {
  /** A node in memory, along the axes of `shape`, to which it broadcasts. */
  walk(node: AnyNode, shape: readonly number[]): Walk;
  readonly out: Place;
  /** The i-th array that is laid out anew. */
  laid(i: number): Place;
  refusal(): Refusal;
}

export type WalkOf = Site["walk"];

interface Kernel {
  /** Values that must be laid out anew before, whole and in order. */
  lays?(node: AnyNode, walk: WalkOf): readonly AnyNode[];
  write(fn: Func, task: Task, site: Site): void;
}

const wholeWalk = (place: Place, shape: readonly number[]): Walk => ({ place, strides: stridesOf(shape) });

const isWhole = (node: AnyNode, { strides }: Walk): boolean => {
  const whole = stridesOf(node.shape);
  return node.shape.every((n, axis) => n === 1 || strides[axis] === whole[axis]);
};

/** The inputs whose entries do not lie in order. */
const scattered = (node: AnyNode, walk: WalkOf): AnyNode[] =>
  (node.inputs as readonly AnyNode[]).filter((input) => !isWhole(input, walk(input, input.shape)));

/** The places of a node's inputs, some of which were laid out anew. */
function orderedInputs(node: AnyNode, site: Site): Place[] {
  const laid = scattered(node, site.walk);
  return (node.inputs as readonly AnyNode[]).map((input) => {
    const at = laid.indexOf(input);
    return at < 0 ? site.walk(input, input.shape).place : site.laid(at);
  });
}

const map: Kernel = {
  write(fn, { formula }, { walk, out }) {
    const { shape } = formula.value;
    const from = formula.operands.map((operand) => walk(operand, shape));
    writeMap(fn, shape, formula, wholeWalk(out, shape), from);
  },
};

const reduction: Kernel = {
  write(fn, { node, formula }, { walk, out }) {
    const { shape } = formula.value;
    const { axes } = (node as Node<"sum" | "amax">).attributes;
    const gone = new Set(axes.map((axis) => fromFront(axis, shape.length)));
    const kept = stridesOf(shape.map((n, axis) => (gone.has(axis) ? 1 : n)));
    const to: Walk = { place: out, strides: kept.map((stride, axis) => (gone.has(axis) ? 0 : stride)) };
    const folding =
      node.op === "amax" ? foldings.amax : node.dtype === "float32" ? foldings.sum : foldings.wholeSum;
    writeReduction(
      fn,
      shape,
      formula,
      folding,
      to,
      formula.operands.map((operand) => walk(operand, shape)),
    );
  },
};

/** A product as its matrices stand in memory; `b` as it is laid out anew if told. */
function productOf(node: Node<"matmul">, walk: WalkOf, c: Place, laid?: Place): Product {
  const { transposeA, transposeB } = node.attributes;
  const stack = node.shape.slice(0, -2);
  const [m, n] = node.shape.slice(-2);
  const k = node.inputs[0].shape.at(transposeA ? -2 : -1) as number;
  const matrix = (input: AnyNode, { place, strides }: Walk, transposed: boolean): Matrix => {
    const [row, column] = strides.slice(-2);
    const own = spreadStrides(input.shape.slice(0, -2), strides.slice(0, -2), stack);
    return { place, stack: own, row: transposed ? column : row, column: transposed ? row : column };
  };
  const [a, b] = node.inputs as readonly AnyNode[];
  const anew = laid === undefined ? undefined : laidRight(node);
  return {
    ...{ stack, m, n, k },
    a: matrix(a, walk(a, a.shape), transposeA),
    b:
      anew === undefined
        ? matrix(b, walk(b, b.shape), transposeB)
        : matrix(anew, wholeWalk(laid as Place, anew.shape), false),
    c: { place: c, stack: stridesOf(node.shape).slice(0, -2), row: n, column: 1 },
  };
}

/** The right factor, rows by columns. */
const laidRight = ({ inputs: [, b], attributes }: Node<"matmul">): AnyNode => {
  if (!attributes.transposeB) return b as AnyNode;
  const order = turned(b.shape.map((_, axis) => axis));
  return {
    ...b,
    op: "transpose",
    inputs: [b],
    attributes: { order },
    shape: order.map((axis) => b.shape[axis]),
  } as unknown as AnyNode;
};

const nowhere: Place = { address: 0 };

const product: Kernel = {
  lays(node, walk) {
    const own = node as Node<"matmul">;
    return formOf(productOf(own, walk, nowhere)) === null ? [laidRight(own)] : [];
  },
  write(fn, { node }, site) {
    writeProduct(fn, seenFor(node as Node<"matmul">, site));
  },
};

/** A product as it is done. */
function seenFor(node: Node<"matmul">, { walk, out, laid }: Site): Seen {
  const direct = formOf(productOf(node, walk, out));
  return direct ?? { form: "columns", product: productOf(node, walk, out, laid(0)), isTurned: false };
}

/** A product and what is done to its entries: at once where that can be, else one after the other where the result stands. */
const finishedProduct: Kernel = {
  lays: product.lays,
  write(fn, { formula }, site) {
    const node = formula.product as AnyNode;
    const { shape } = formula.value;
    const seen = seenFor(node as Node<"matmul">, site);
    const walks = formula.operands.map((operand) => site.walk(operand, shape));
    if (canFinish(seen, walks)) {
      writeProduct(fn, seen, { node, formula, walks });
      return;
    }
    writeProduct(fn, seen);
    const whole = wholeWalk(site.out, shape);
    writeMap(fn, shape, { ...formula, operands: [...formula.operands, node] }, whole, [...walks, whole]);
  },
};

const rowsOf = (
  write: (fn: Func, node: AnyNode, places: readonly Place[], out: Place, refusal: Refusal) => void,
): Kernel => ({
  lays: scattered,
  write: (fn, { node }, site) => write(fn, node, orderedInputs(node, site), site.out, site.refusal()),
});

const largest: Kernel = {
  write(fn, { node }, { walk, out }) {
    const [x] = node.inputs as readonly AnyNode[];
    const axis = fromFront((node as Node<"argMax">).attributes.axis, x.shape.length);
    const { place, strides } = walk(x, x.shape);
    const from = { place, strides: strides.filter((_, i) => i !== axis) };
    writeArgMax(fn, x.shape[axis], node.shape, from, strides[axis], wholeWalk(out, node.shape));
  },
};

const topK: Kernel = {
  lays: scattered,
  write(fn, { node }, site) {
    const { k, largest } = (node as Node<"argTopK">).attributes;
    const [{ shape, dtype }] = node.inputs;
    const [x] = orderedInputs(node, site);
    const lines = shape.slice(0, -1);
    const along = (place: Place, length: number): Walk => ({
      place,
      strides: stridesOf([...lines, length]).slice(0, -1),
    });
    const count = shape[shape.length - 1];
    writeTopK(fn, { count, k, largest, dtype }, lines, along(x, count), along(site.out, k));
  },
};

const randomBits: Kernel = {
  lays: scattered,
  write(fn, { node }, site) {
    const keys = sizeOf(node.inputs[0].shape) / 2;
    const [key] = orderedInputs(node, site);
    writeRandomBits(fn, keys, sizeOf((node as Node<"randomBits">).attributes.shape), key, site.out);
  },
};

const foldKey: Kernel = {
  write(fn, { node }, { walk, out }) {
    const [keys, words] = node.inputs as readonly AnyNode[];
    const shape = node.shape.slice(0, -1);
    const walks = [walk(keys, node.shape), walk(words, shape), wholeWalk(out, node.shape)];
    const [key, word, to] = walks.map(({ place, strides }) => ({
      place,
      strides: strides.slice(0, shape.length),
    }));
    writeFoldKey(fn, shape, key, word, to, walks[0].strides[shape.length]);
  },
};

const copying = (node: AnyNode): Formula => ({
  value: node,
  nodes: [],
  operands: literalValue(node) === undefined ? [node] : [],
});

/** Writes a value, whole and in order. */
export function writeCopy(fn: Func, node: AnyNode, walk: WalkOf, to: Walk): void {
  const formula = copying(node);
  writeMap(
    fn,
    node.shape,
    formula,
    to,
    formula.operands.map((operand) => walk(operand, node.shape)),
  );
}

const further = ({ global, address }: Place, entries: number): Place => ({
  global,
  address: address + 4 * entries,
});

const concat: Kernel = {
  write(fn, { node }, { walk, out }) {
    const strides = stridesOf(node.shape);
    const axis = fromFront((node as Node<"concat">).attributes.axis, node.shape.length);
    let start = 0;
    for (const part of node.inputs as readonly AnyNode[]) {
      writeCopy(fn, part, walk, { place: further(out, start * strides[axis]), strides });
      start += part.shape[axis];
    }
  },
};

const pad: Kernel = {
  write(fn, { node }, { walk, out }) {
    const { low, value } = (node as Node<"pad">).attributes;
    const strides = stridesOf(node.shape);
    const [x] = node.inputs as readonly AnyNode[];
    const filling = { value: nodeOf(scalar(value, node.dtype)), nodes: [], operands: [] };
    writeMap(fn, node.shape, filling, wholeWalk(out, node.shape), []);
    const skipped = low.reduce((sum, n, axis) => sum + n * strides[axis], 0);
    writeCopy(fn, x, walk, { place: further(out, skipped), strides });
  },
};

const kernels: { readonly [P in Primitive]?: Kernel } = {
  sum: reduction,
  amax: reduction,
  matmul: product,
  gather: rowsOf(writeGather),
  scatterAdd: rowsOf(writeScatterAdd),
  argMax: largest,
  argTopK: topK,
  randomBits,
  foldKey,
  concat,
  pad,
};

/** Whether a node has code of its own, beside what acts entry by entry. */
export const hasKernel = (node: AnyNode): boolean => kernels[node.op] !== undefined;

const kernelOf = ({ node, formula }: Task): Kernel =>
  formula.product === undefined ? (kernels[node.op] ?? map) : finishedProduct;

/** Values that a task lays out anew before it begins. */
export const laidFor = (task: Task, walk: WalkOf): readonly AnyNode[] =>
  kernelOf(task).lays?.(task.formula.product ?? task.node, walk) ?? [];

/** Writes what a task does. */
export function writeTask(fn: Func, task: Task, site: Site): void {
  laidFor(task, site.walk).forEach((node, i) => {
    writeCopy(fn, node, site.walk, wholeWalk(site.laid(i), node.shape));
  });
  kernelOf(task).write(fn, task, site);
}

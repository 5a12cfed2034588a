import { sizeOf } from "../array/ndarray.ts";
import type { AnyNode } from "../tensor/graph.ts";
import { type Code, f32x4, get, i32, set, types, v128 } from "./code.ts";
import { type Formula, type Lanes, openFormula } from "./formula.ts";
import { kept } from "./functions.ts";
import type { Func } from "./module.ts";
import {
  copied,
  loops,
  type Move,
  type Place,
  type Pointers,
  repeated,
  storeLanes,
  vectors,
  type Walk,
} from "./nest.ts";
import { acrossLanes, firstLanes } from "./reduce.ts";
import { turned } from "./views.ts";

/** A matrix, or a stack of them, as it stands in memory; strides in entries. */
export interface Matrix {
  readonly place: Place;
  /** For each axis of the stack. */
  readonly stack: readonly number[];
  readonly row: number;
  readonly column: number;
}

/** c = a b, a stack of such products. */
export interface Product {
  readonly stack: readonly number[];
  /** Rows of c, columns of c, columns of a. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: Matrix;
  readonly b: Matrix;
  readonly c: Matrix;
}

/** c^T = b^T a^T */
const transposed = ({ a, b, c, m, n, ...rest }: Product): Product => ({
  ...rest,
  m: n,
  n: m,
  a: flipped(b),
  b: flipped(a),
  c: flipped(c),
});

const flipped = ({ row, column, ...rest }: Matrix): Matrix => ({ ...rest, row: column, column: row });

/** Products of fewer columns go along k instead of along the columns. */
const narrow = 4;

type Form = "columns" | "dots";

/** How a product is done, and from which side it is seen. */
export interface Seen {
  readonly form: Form;
  readonly product: Product;
  /** Whether it is seen as its transpose. */
  readonly isTurned: boolean;
}

/** Null where b must be laid out anew first. */
export function formOf(product: Product): Seen | null {
  const other = transposed(product);
  const isColumns = ({ b, c, n }: Product) => b.column === 1 && (c.column === 1 || n === 1);
  const columns = (side: Product): Seen => ({ form: "columns", product: side, isTurned: side === other });
  const along = [product, other].find((side) => isColumns(side) && side.n >= narrow);
  if (along !== undefined) return columns(along);
  const { a, b, m, n } = product;
  if (n < narrow && m >= narrow && other.b.column === 1) return columns(other);
  if (a.column === 1 && b.row === 1 && Math.min(m, n) < narrow)
    return { form: "dots", product, isTurned: false };
  return isColumns(product) ? columns(product) : null;
}

/** What becomes of the entries of a product before they are stored. */
export interface Finish {
  readonly node: AnyNode;
  readonly formula: Formula;
  /** What is read beside the product, along the axes of the result: rows and columns last. */
  readonly walks: readonly Walk[];
}

const turnedWalk = ({ place, strides }: Walk): Walk => ({
  place,
  strides: turned(strides),
});

/** Whether what follows a product can be done while its entries are in registers. */
export const canFinish = ({ form, product, isTurned }: Seen, walks: readonly Walk[]): boolean =>
  form === "columns" &&
  product.c.column === 1 &&
  walks.every(({ strides }) => Math.abs(strides.at(isTurned ? -2 : -1) as number) <= 1);

/** Writes a product, and what follows it (see `canFinish`). */
export function writeProduct(fn: Func, { form, product, isTurned }: Seen, finish?: Finish): void {
  const { stack, a, b, c } = product;
  const factors = [a, b, c].map((matrix): Walk => ({ place: matrix.place, strides: matrix.stack }));
  const own = (finish?.walks ?? []).map((walk) => (isTurned ? turnedWalk(walk) : walk));
  const others = own.map(({ place, strides }) => ({ place, strides: strides.slice(0, -2) }));
  const lanes = finish && openFormula(fn, finish.formula, own, stack.length + 1);
  const after = finish && lanes && { node: finish.node, lanes, strides: own.map((w) => w.strides.slice(-2)) };
  const all = [...factors, ...others];
  const flat = sizeOf(stack) === 1;
  const walks = flat ? all.map((walk) => ({ ...walk, strides: [] })) : all;
  loops(fn, flat ? [] : stack, walks, 0, (inner, pointers) => {
    if (form === "columns") writeBlocks(inner, product, pointers, after);
    else writeDots(inner, product, pointers);
  });
}

interface After {
  readonly node: AnyNode;
  readonly lanes: Lanes;
  /** From row to row and from column to column of what is read. */
  readonly strides: readonly (readonly number[])[];
}

const moved = (pointer: number, entries: number): Move => ({ pointer, bytes: 4 * entries });

/** Calls `write` for whole blocks of a size, which the moves lead from one to the next, and for what is left. */
function blocked(
  fn: Func,
  count: number,
  size: number,
  moves: readonly Move[],
  write: (fn: Func, size: number) => void,
): void {
  const scaled = moves.map(({ pointer, bytes }) => ({ pointer, bytes: bytes * size }));
  repeated(fn, Math.floor(count / size), scaled, (to) => write(to, size));
  if (count % size > 0) write(fn, count % size);
}

/** Rows of a block of results that stays in registers, and vectors: sums enough that none waits for the one before it. */
const rows = 4;
const vectorsFor = (m: number): number => (m === 1 ? 8 : m < rows ? 4 : 2);

/** Products of so few terms are written out. */
const short = 4;

/** Blocks of rows and of columns that stand side by side; every entry is the sum over k in its order. */
function writeBlocks(fn: Func, product: Product, [atA, atB, atC, ...others]: Pointers, after?: After): void {
  const { m, n, a, c } = product;
  const strides = after?.strides ?? [];
  const [b0, c0, ...d0] = [atB, atC, ...others].map((at) => copied(fn, at));
  const acrossMoves = [moved(b0, 1), moved(c0, c.column), ...d0.map((d, i) => moved(d, strides[i][1]))];
  blocked(fn, n, 4 * vectorsFor(m), acrossMoves, (columns, width) => {
    const [a1, c1, ...d1] = [atA, c0, ...d0].map((at) => copied(columns, at));
    const downMoves = [moved(a1, a.row), moved(c1, c.row), ...d1.map((d, i) => moved(d, strides[i][0]))];
    blocked(columns, m, rows, downMoves, (block, height) => {
      const sums = writeSums(block, product, [a1, b0], height, Math.ceil(width / 4));
      sums.forEach((row, r) => {
        const pointers = d1.map((d, i) => further(block, d, r * strides[i][0]));
        after?.lanes.enter(block, pointers);
        row.forEach((sum, v) => {
          const offset = c.place.address + 4 * (r * c.row + 4 * v * c.column);
          after?.lanes.bind(after.node, get(sum));
          const value = after === undefined ? get(sum) : after.lanes.at(block, pointers, v);
          storeApart(block, c1, offset, c.column, value, width - 4 * v);
        });
      });
    });
  });
}

/** A pointer so many entries further. */
function further(fn: Func, pointer: number, entries: number): number {
  if (entries === 0) return pointer;
  const local = fn.local(types.i32);
  fn.emit(set(local, i32.add(get(pointer), i32.const(4 * entries))));
  return local;
}

/** The sums over k of a block, in locals by row and vector. */
function writeSums(
  fn: Func,
  { k, a, b }: Product,
  [atA, atB]: Pointers,
  height: number,
  width: number,
): readonly (readonly number[])[] {
  const across = Array.from({ length: width }, (_, v) => v);
  const sums = Array.from({ length: height }, () => across.map(() => fn.local()));
  const right = across.map(() => fn.local());
  const left = fn.local();
  /** The terms of one k, `skipped` of them after where the pointers stand. */
  const terms = (to: Func, pa: number, pb: number, skipped: number, begin: boolean) => {
    const [offsetA, offsetB] = [
      a.place.address + 4 * skipped * a.column,
      b.place.address + 4 * skipped * b.row,
    ];
    for (const v of across) to.emit(set(right[v], v128.load(get(pb), offsetB + 16 * v)));
    sums.forEach((row, r) => {
      to.emit(set(left, v128.loadSplat(get(pa), offsetA + 4 * r * a.row)));
      row.forEach((sum, v) => {
        const term = f32x4.mul(get(left), get(right[v]));
        to.emit(set(sum, begin ? term : f32x4.add(get(sum), term)));
      });
    });
  };
  if (k <= short) for (let at = 0; at < k; at++) terms(fn, atA, atB, at, at === 0);
  else {
    const [pa, pb] = [copied(fn, atA), copied(fn, atB)];
    for (const sum of sums.flat()) fn.emit(set(sum, v128.floats(0)));
    repeated(fn, k, [moved(pa, a.column), moved(pb, b.row)], (to) => terms(to, pa, pb, 0, false));
  }
  return sums;
}

/** Rows of a times columns of b, each of whose entries stand side by side. */
function writeDots(fn: Func, { m, n, k, a, b, c }: Product, [atA, atB, atC]: Pointers): void {
  const [b0, c0] = [copied(fn, atB), copied(fn, atC)];
  repeated(fn, n, [moved(b0, b.column), moved(c0, c.column)], (column) => {
    const [a1, c1] = [copied(column, atA), copied(column, c0)];
    blocked(column, m, rows, [moved(a1, a.row), moved(c1, c.row)], (block, height) => {
      const down = Array.from({ length: height }, (_, r) => r);
      const sums = down.map(() => block.local());
      for (const sum of sums) block.emit(set(sum, v128.floats(0)));
      const right = block.local();
      vectors(block, k, [1, 1], [a1, b0], 1, (to, [a2, b2], first, count, entries) => {
        for (let v = 0; v < count; v++) {
          const mask = firstLanes(Math.min(4, entries - 4 * v));
          const own = (x: Code) => (entries - 4 * v >= 4 ? x : v128.and(x, mask));
          to.emit(set(right, own(v128.load(get(b2), b.place.address + 16 * (first + v)))));
          for (const r of down) {
            const left = own(v128.load(get(a2), a.place.address + 4 * r * a.row + 16 * (first + v)));
            to.emit(set(sums[r], f32x4.add(get(sums[r]), f32x4.mul(left, get(right)))));
          }
        }
      });
      if (height === rows && c.row === 1) {
        block.emit(v128.store(get(c1), totalsOf(block, sums), c.place.address));
        return;
      }
      for (const r of down) {
        const total = acrossLanes(block, f32x4.add, get(sums[r]));
        block.emit(v128.storeLane(get(c1), total, 0, c.place.address + 4 * r * c.row));
      }
    });
  });
}

/** The sums of the lanes of four locals, as `acrossLanes` has them, in the lanes of one. */
function totalsOf(fn: Func, [a, b, c, d]: readonly number[]): Code {
  const halves = (x: number, y: number) =>
    kept(
      fn,
      f32x4.add(v128.shuffle(get(x), get(y), [0, 1, 4, 5]), v128.shuffle(get(x), get(y), [2, 3, 6, 7])),
    );
  const [left, right] = [halves(a, b), halves(c, d)];
  return f32x4.add(v128.shuffle(left, right, [0, 2, 4, 6]), v128.shuffle(left, right, [1, 3, 5, 7]));
}

/** Stores the first `count` lanes, some entries apart. */
function storeApart(
  fn: Func,
  pointer: number,
  offset: number,
  apart: number,
  value: Code,
  count: number,
): void {
  if (apart === 1) storeLanes(fn, pointer, offset, value, count);
  else
    for (let lane = 0; lane < Math.min(4, count); lane++)
      fn.emit(v128.storeLane(get(pointer), value, lane, offset + 4 * lane * apart));
}

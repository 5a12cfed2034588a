import { sizeOf } from "../array/ndarray.ts";
import { type Code, f32x4, get, set, v128 } from "./code.ts";
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
const turned = ({ a, b, c, m, n, ...rest }: Product): Product => ({
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

/** How a product is done, and seen from which side; null where b must be laid out anew first. */
export function formOf(product: Product): { readonly form: Form; readonly product: Product } | null {
  const other = turned(product);
  const isColumns = ({ b, c, n }: Product) => b.column === 1 && (c.column === 1 || n === 1);
  const along = [product, other].find((side) => isColumns(side) && side.n >= narrow);
  if (along !== undefined) return { form: "columns", product: along };
  const { a, b, m, n } = product;
  if (n < narrow && m >= narrow && other.b.column === 1) return { form: "columns", product: other };
  if (a.column === 1 && b.row === 1 && Math.min(m, n) < narrow) return { form: "dots", product };
  return isColumns(product) ? { form: "columns", product } : null;
}

/** Rows and vectors of a block of results that stays in registers. */
const rows = 4;
const wide = 2;

export function writeProduct(fn: Func, form: Form, product: Product): void {
  const { stack, a, b, c } = product;
  const walks = [a, b, c].map((matrix): Walk => ({ place: matrix.place, strides: matrix.stack }));
  const write = form === "columns" ? writeBlocks : writeDots;
  const all =
    sizeOf(stack) === 1 ? { stack: [], walks: walks.map((w) => ({ ...w, strides: [] })) } : { stack, walks };
  loops(fn, all.stack, all.walks, 0, (inner, pointers) => write(inner, product, pointers));
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

/** Blocks of rows and of columns that stand side by side; every entry is the sum over k in its order. */
function writeBlocks(fn: Func, { m, n, k, a, b, c }: Product, [atA, atB, atC]: Pointers): void {
  const [b0, c0] = [copied(fn, atB), copied(fn, atC)];
  blocked(fn, n, 4 * wide, [moved(b0, 1), moved(c0, c.column)], (columns, width) => {
    const [a1, c1] = [copied(columns, atA), copied(columns, c0)];
    blocked(columns, m, rows, [moved(a1, a.row), moved(c1, c.row)], (block, height) => {
      const [a2, b2] = [copied(block, a1), copied(block, b0)];
      const across = Array.from({ length: Math.ceil(width / 4) }, (_, v) => v);
      const down = Array.from({ length: height }, (_, r) => r);
      const sums = down.map(() => across.map(() => block.local()));
      for (const sum of sums.flat()) block.emit(set(sum, v128.floats(0)));
      const right = across.map(() => block.local());
      const left = block.local();
      repeated(block, k, [moved(a2, a.column), moved(b2, b.row)], (to) => {
        for (const v of across) to.emit(set(right[v], v128.load(get(b2), b.place.address + 16 * v)));
        for (const r of down) {
          to.emit(set(left, v128.loadSplat(get(a2), a.place.address + 4 * r * a.row)));
          for (const v of across) {
            const term = f32x4.mul(get(left), get(right[v]));
            to.emit(set(sums[r][v], f32x4.add(get(sums[r][v]), term)));
          }
        }
      });
      for (const r of down)
        for (const v of across)
          storeApart(
            block,
            c1,
            c.place.address + 4 * (r * c.row + 4 * v * c.column),
            c.column,
            sums[r][v],
            width - 4 * v,
          );
    });
  });
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
      for (const r of down)
        block.emit(
          v128.storeLane(
            get(c1),
            acrossLanes(block, f32x4.add, get(sums[r])),
            0,
            c.place.address + 4 * r * c.row,
          ),
        );
    });
  });
}

/** Stores the first `count` lanes of a local, some entries apart. */
function storeApart(
  fn: Func,
  pointer: number,
  offset: number,
  apart: number,
  local: number,
  count: number,
): void {
  const value = get(local);
  if (apart === 1) storeLanes(fn, pointer, offset, value, count);
  else
    for (let lane = 0; lane < Math.min(4, count); lane++)
      fn.emit(v128.storeLane(get(pointer), value, lane, offset + 4 * lane * apart));
}

import type { DType } from "../array/ndarray.ts";
import { type Code, f32, f32x4, get, i32, i32x4, set, types, v128, when } from "./code.ts";
import { kept } from "./functions.ts";
import type { Func } from "./module.ts";
import { copied, loops, repeated, vectors, type Walk } from "./nest.ts";
import { acrossLanes } from "./reduce.ts";

/** Where a line of `count` entries, `stride` apart, has its largest, the first of equals; NaN is above all. */
export function writeArgMax(
  fn: Func,
  count: number,
  shape: readonly number[],
  from: Walk,
  stride: number,
  to: Walk,
): void {
  loops(fn, shape, [from, to], 0, (each, [x, out]) => {
    const [at, best, index, value] = [
      copied(each, x),
      each.local(types.f32),
      each.local(types.i32),
      each.local(types.f32),
    ];
    const number = each.local(types.i32);
    const load = f32.load(get(at), from.place.address);
    each.emit(set(best, load), set(index, i32.const(0)), set(number, i32.const(0)));
    repeated(
      each,
      count,
      [
        { pointer: at, bytes: 4 * stride },
        { pointer: number, bytes: 1 },
      ],
      (to) => {
        to.emit(set(value, load));
        const missing = (x: number) => f32.ne(get(x), get(x));
        const above = i32.or(
          f32.gt(get(value), get(best)),
          i32.and(missing(value), f32.eq(get(best), get(best))),
        );
        to.emit(when(above, [...set(best, get(value)), ...set(index, get(number))]));
      },
    );
    each.emit(i32.store(get(out), get(index), to.place.address));
  });
}

/** Whole numbers in the order of the entries: for floats, by their bits, where NaN stands above all. */
function keysOf(fn: Func, entries: Code, dtype: DType): Code {
  if (dtype !== "float32") return entries;
  // adding 0 makes one zero of two
  const x = kept(fn, f32x4.add(entries, v128.floats(0)));
  const one = kept(fn, v128.select(v128.floats(Number.NaN), x, f32x4.ne(x, x)));
  return v128.xor(one, v128.and(i32x4.shrS(one, 31), v128.words(0x7fffffff)));
}

/** Of which entries places are asked for: the `k` largest, or smallest, of `count` in order. */
export interface Order {
  readonly count: number;
  readonly k: number;
  readonly largest: boolean;
  readonly dtype: DType;
}

/**
 * Where a line has its k largest (or smallest) entries, in order, the first of equals first. An entry's rank is the
 * number of those before it, all of which are counted: for lines of some hundred entries, four at a time.
 */
export function writeTopK(
  fn: Func,
  { count, k, largest, dtype }: Order,
  shape: readonly number[],
  from: Walk,
  to: Walk,
): void {
  loops(fn, shape, [from, to], 0, (line, [x, out]) => {
    const [at, number] = [copied(line, x), line.local(types.i32)];
    line.emit(set(number, i32.const(0)));
    const [own, places, rank, total] = [line.local(), line.local(), line.local(types.i32), line.local()];
    const moves = [
      { pointer: at, bytes: 4 },
      { pointer: number, bytes: 1 },
    ];
    repeated(line, count, moves, (entry) => {
      entry.emit(set(own, keysOf(entry, v128.loadSplat(get(at), from.place.address), dtype)));
      entry.emit(set(places, v128.words(0, 1, 2, 3)), set(total, v128.words(0)));
      const index = kept(entry, i32x4.splat(get(number)));
      vectors(entry, count, [1], [x], 1, (block, [other], first, n, entries) => {
        for (let v = 0; v < n; v++) {
          const keys = kept(
            block,
            keysOf(block, v128.load(get(other), from.place.address + 16 * (first + v)), dtype),
          );
          const before = largest ? i32x4.ltS(get(own), keys) : i32x4.ltS(keys, get(own));
          const equal = v128.and(i32x4.eq(keys, get(own)), i32x4.ltS(get(places), index));
          const counted = v128.or(before, equal);
          const inLine = v128.and(counted, i32x4.ltS(get(places), v128.words(count)));
          block.emit(set(total, i32x4.sub(get(total), entries - 4 * v < 4 ? inLine : counted)));
          block.emit(set(places, i32x4.add(get(places), v128.words(4))));
        }
      });
      entry.emit(set(rank, i32x4.lane(acrossLanes(entry, i32x4.add, get(total)), 0)));
      const store = i32.store(i32.add(get(out), i32.shl(get(rank), 2)), get(number), to.place.address);
      entry.emit(k === count ? store : when(i32.ltU(get(rank), i32.const(k)), store));
    });
  });
}

import { golden } from "../array/hash.ts";
import { sizeOf } from "../array/ndarray.ts";
import type { AnyNode } from "../tensor/graph.ts";
import { type Code, f32x4, fail, get, i32, i32x4, set, setGlobal, types, v128, when } from "./code.ts";
import { kept, mix } from "./functions.ts";
import type { Func } from "./module.ts";
import { baseOf, loops, type Place, repeated, storeLanes, vectors, type Walk } from "./nest.ts";

/** A place from which arrays are read or written in order, without gaps. */
const start = (fn: Func, place: Place): number => {
  const pointer = fn.local(types.i32);
  fn.emit(set(pointer, baseOf(place)));
  return pointer;
};

/** Where an array of rows has a row by its number, which is refused when there is none: then the global tells whose it was. */
function rowAt(fn: Func, base: Place, index: Code, rows: number, width: number, refused: Refusal): number {
  const number = fn.local(types.i32);
  fn.emit(set(number, index));
  fn.emit(
    when(i32.eqz(i32.ltU(get(number), i32.const(rows))), [
      ...setGlobal(refused.global, i32.const(refused.id)),
      ...fail,
    ]),
  );
  const pointer = fn.local(types.i32);
  fn.emit(set(pointer, i32.add(baseOf(base), i32.mul(get(number), i32.const(4 * width)))));
  return pointer;
}

/** What a program leaves behind when it refuses an index: the number of the operation, in a global. */
export interface Refusal {
  readonly global: number;
  readonly id: number;
}

/** Rows of x, one for each index. */
export function writeGather(
  fn: Func,
  node: AnyNode,
  [x, indices]: readonly Place[],
  out: Place,
  refused: Refusal,
): void {
  const [rows, ...rest] = node.inputs[0].shape;
  const width = sizeOf(rest);
  const [at, to] = [start(fn, indices), start(fn, out)];
  const moves = [
    { pointer: at, bytes: 4 },
    { pointer: to, bytes: 4 * width },
  ];
  repeated(fn, sizeOf(node.inputs[1].shape), moves, (each) => {
    const from = rowAt(each, x, i32.load(get(at), indices.address), rows, width, refused);
    vectors(each, width, [1, 1], [from, to], 4, (block, [read, write], first, count, entries) => {
      for (let v = 0; v < count; v++) {
        const value = v128.load(get(read), x.address + 16 * (first + v));
        storeLanes(block, write, out.address + 16 * (first + v), value, entries - 4 * v);
      }
    });
  });
}

/** Sums of the rows of values that have one index. */
export function writeScatterAdd(
  fn: Func,
  node: AnyNode,
  [indices, values]: readonly Place[],
  out: Place,
  refused: Refusal,
): void {
  const [rows, ...rest] = node.shape;
  const width = sizeOf(rest);
  const clear = start(fn, out);
  vectors(fn, rows * width, [1], [clear], 4, (block, [write], first, count, entries) => {
    for (let v = 0; v < count; v++)
      storeLanes(block, write, out.address + 16 * (first + v), v128.words(0), entries - 4 * v);
  });
  const join = node.dtype === "float32" ? f32x4.add : i32x4.add;
  const [at, from] = [start(fn, indices), start(fn, values)];
  const moves = [
    { pointer: at, bytes: 4 },
    { pointer: from, bytes: 4 * width },
  ];
  repeated(fn, sizeOf(node.inputs[0].shape), moves, (each) => {
    const to = rowAt(each, out, i32.load(get(at), indices.address), rows, width, refused);
    vectors(each, width, [1, 1], [from, to], 4, (block, [read, write], first, count, entries) => {
      for (let v = 0; v < count; v++) {
        const offset = 16 * (first + v);
        const sum = join(
          v128.load(get(write), out.address + offset),
          v128.load(get(read), values.address + offset),
        );
        storeLanes(block, write, out.address + offset, sum, entries - 4 * v);
      }
    });
  });
}

/** array/hash.ts `bits` for counters already multiplied by the golden ratio. */
const bits = (fn: Func, first: Code, second: Code, scaled: Code): Code =>
  mix(fn, i32x4.add(mix(fn, i32x4.add(scaled, first)), second));

const iota = [0, 1, 2, 3];
const words = (f: (lane: number) => number): Code => v128.words(...iota.map((lane) => Math.imul(f(lane), 1)));

/** The words of the streams of keys [b, 2]. */
export function writeRandomBits(fn: Func, keys: number, count: number, key: Place, out: Place): void {
  const [from, to] = [start(fn, key), start(fn, out)];
  const moves = [
    { pointer: from, bytes: 8 },
    { pointer: to, bytes: 4 * count },
  ];
  repeated(fn, keys, moves, (each) => {
    const first = kept(each, v128.loadSplat(get(from), key.address));
    const second = kept(each, v128.loadSplat(get(from), key.address + 4));
    const counters = each.local();
    each.emit(
      set(
        counters,
        words((lane) => Math.imul(lane, golden)),
      ),
    );
    const step = v128.words(Math.imul(4, golden));
    vectors(each, count, [1], [to], 1, (block, [write], at, n, entries) => {
      for (let v = 0; v < n; v++) {
        const value = bits(block, first, second, get(counters));
        storeLanes(block, write, out.address + 16 * (at + v), value, entries - 4 * v);
        block.emit(set(counters, i32x4.add(get(counters), step)));
      }
    });
  });
}

/** Child keys [b, 2] of keys by words, both walked over b. */
export function writeFoldKey(
  fn: Func,
  shape: readonly number[],
  key: Walk,
  name: Walk,
  out: Walk,
  /** Entries from the first word of a key to the second. */
  apart: number,
): void {
  loops(fn, shape, [key, name, out], 0, (each, [k, w, to]) => {
    const word = v128.loadSplat(get(w), name.place.address);
    const first = v128.loadSplat(get(k), key.place.address);
    const second = kept(each, v128.loadSplat(get(k), key.place.address + 4 * apart));
    const child = kept(each, v128.xor(first, mix(each, i32x4.add(word, v128.words(golden)))));
    const value = bits(
      each,
      child,
      second,
      words((lane) => Math.imul(lane, golden)),
    );
    storeLanes(each, to, out.place.address, value, 2);
  });
}

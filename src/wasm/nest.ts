import { type Code, get, getGlobal, i32, loop, set, types, v128 } from "./code.ts";
import type { Func } from "./module.ts";

/** Where an array begins: at a fixed address, or at an offset from what a global holds. */
export interface Place {
  readonly global?: number;
  readonly address: number;
}

/** An array as it is walked: its first entry, and for each axis the entries from one to the next. */
export interface Walk {
  readonly place: Place;
  readonly strides: readonly number[];
}

const word = 4;

export const baseOf = ({ global }: Place): Code => (global === undefined ? i32.const(0) : getGlobal(global));

/** Axes of length 1 taken out, and axes joined that all walks go through as through one. */
export function collapse(
  shape: readonly number[],
  walks: readonly Walk[],
): { readonly shape: number[]; readonly walks: Walk[] } {
  const sizes: number[] = [];
  const strides: number[][] = walks.map(() => []);
  shape.forEach((n, axis) => {
    if (n === 1) return;
    const last = sizes.length - 1;
    const joins = last >= 0 && walks.every((walk, k) => strides[k][last] === walk.strides[axis] * n);
    if (joins) sizes[last] *= n;
    else sizes.push(n);
    walks.forEach((walk, k) => {
      if (joins) strides[k][last] = walk.strides[axis];
      else strides[k].push(walk.strides[axis]);
    });
  });
  return { shape: sizes, walks: walks.map(({ place }, k) => ({ place, strides: strides[k] })) };
}

/** A local that holds the address, less its fixed part, at which a walk stands. */
export type Pointers = readonly number[];

/** Locals at the beginnings of walks. */
export const pointersAt = (fn: Func, walks: readonly Walk[]): Pointers =>
  walks.map(({ place }) => {
    const pointer = fn.local(types.i32);
    fn.emit(set(pointer, baseOf(place)));
    return pointer;
  });

/** Code that a function writes. */
export function written(fn: Func, write: (fn: Func) => void): Code {
  const code: number[] = [];
  const emit: Func["emit"] = (...parts) => {
    for (const part of parts) for (const byte of part) code.push(byte);
  };
  write({ ...fn, emit });
  return code;
}

/** By how many bytes a pointer moves. */
export interface Move {
  readonly pointer: number;
  readonly bytes: number;
}

/** Repeats what `body` writes `count` times; after each time the pointers move by so many bytes. */
export function repeated(fn: Func, count: number, moves: readonly Move[], body: (fn: Func) => void): void {
  const once = (to: Func) => {
    body(to);
    for (const { pointer, bytes } of moves)
      if (bytes !== 0) to.emit(set(pointer, i32.add(get(pointer), i32.const(bytes))));
  };
  if (count < 2) {
    if (count === 1) once(fn);
    return;
  }
  const left = fn.local(types.i32);
  fn.emit(set(left, i32.const(count)));
  const inner = written(fn, (to) => {
    once(to);
    to.emit(set(left, i32.sub(get(left), i32.const(1))));
  });
  fn.emit(loop(inner, get(left)));
}

/** Loops over the axes from the first to before the last `inner` ones; `body` gets the pointers of its place. */
export function loops(
  fn: Func,
  shape: readonly number[],
  walks: readonly Walk[],
  inner: number,
  body: (fn: Func, pointers: Pointers) => void,
  pointers: Pointers = pointersAt(fn, walks),
  axis = 0,
): void {
  if (axis >= shape.length - inner) {
    body(fn, pointers);
    return;
  }
  const moving = walks.map(({ strides }) => strides[axis] !== 0 && shape[axis] > 1);
  const own = pointers.map((pointer, k) => {
    if (!moving[k]) return pointer;
    return copied(fn, pointer);
  });
  const moves = walks.map(({ strides }, k) => ({
    pointer: own[k],
    bytes: moving[k] ? strides[axis] * word : 0,
  }));
  repeated(fn, shape[axis], moves, (to) => loops(to, shape, walks, inner, body, own, axis + 1));
}

/**
 * Four entries of an array, `stride` apart, from where a pointer stands, or from `vectors` times four entries after it.
 */
export function loadLanes(
  fn: Func,
  { address }: Place,
  stride: number,
  pointer: number,
  vectors: number,
): Code {
  const at = get(pointer);
  if (stride === 0) return v128.loadSplat(at, address);
  if (stride === 1) return v128.load(at, address + 16 * vectors);
  const result = fn.local();
  for (const lane of [0, 1, 2, 3])
    fn.emit(
      set(result, v128.loadLane(at, get(result), lane, address + word * stride * (4 * vectors + lane))),
    );
  return get(result);
}

/** Stores the first `count` lanes side by side. */
export function storeLanes(fn: Func, pointer: number, offset: number, value: Code, count: number): void {
  const at = get(pointer);
  if (count >= 4) fn.emit(v128.store(at, value, offset));
  else if (count === 1) fn.emit(v128.storeLane(at, value, 0, offset));
  else {
    const local = fn.local();
    fn.emit(set(local, value), v128.storeHalf(at, get(local), offset));
    if (count === 3) fn.emit(v128.storeLane(at, get(local), 2, offset + 8));
  }
}

/** Most vectors that are written out one after another. */
const unrolled = 16;

/**
 * Goes along an axis of n entries, `unroll` vectors of four at a time where there are many; `body` gets how many vectors
 * stand side by side and how many entries they have, which are fewer than four a vector only at the end.
 */
export function vectors(
  fn: Func,
  n: number,
  strides: readonly number[],
  pointers: Pointers,
  unroll: number,
  body: (fn: Func, pointers: Pointers, first: number, count: number, lanes: number) => void,
): void {
  const full = Math.floor(n / 4);
  const block = full <= unrolled ? Math.max(full, 1) : unroll;
  const blocks = Math.floor(full / block);
  const over = full - blocks * block;
  const moved =
    blocks > 1 ? pointers.map((pointer, k) => (strides[k] === 0 ? pointer : copied(fn, pointer))) : pointers;
  const moves = strides.map((stride, k) => ({ pointer: moved[k], bytes: 16 * stride * block }));
  if (blocks === 1) body(fn, pointers, 0, block, 4 * block);
  else repeated(fn, blocks, moves, (to) => body(to, moved, 0, block, 4 * block));
  const first = blocks > 1 ? 0 : blocks * block;
  if (over > 0) body(fn, moved, first, over, 4 * over);
  if (n % 4 > 0) body(fn, moved, first + over, 1, n % 4);
}

/** A local with the value of another. */
export function copied(fn: Func, local: number): number {
  const own = fn.local(types.i32);
  fn.emit(set(own, get(local)));
  return own;
}

/** Instructions of WebAssembly, as bytes; operands come first, so that a piece of code is an expression. */
export type Code = readonly number[];

/** Whole numbers without a sign, LEB128. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  do {
    const rest = Math.floor(left / 128);
    bytes.push((left % 128) | (rest > 0 ? 128 : 0));
    left = rest;
  } while (left > 0);
  return bytes;
}

/** Whole numbers of 32 bits with a sign, LEB128. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  let left = value | 0;
  for (;;) {
    const byte = left & 127;
    left >>= 7;
    if ((left === 0 && byte < 64) || (left === -1 && byte >= 64)) return [...bytes, byte];
    bytes.push(byte | 128);
  }
}

type Binary = (a: Code, b: Code) => Code;
type Unary = (a: Code) => Code;

const plain =
  (op: number): Binary =>
  (a, b) => [...a, ...b, op];
const vector = (op: number): Code => [0xfd, ...unsigned(op)];
const one =
  (op: number): Unary =>
  (a) => [...a, ...vector(op)];
const two =
  (op: number): Binary =>
  (a, b) => [...a, ...b, ...vector(op)];
const memory = (align: number, offset: number): Code => [align, ...unsigned(offset)];

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  add: plain(0x6a),
  sub: plain(0x6b),
  mul: plain(0x6c),
  divS: plain(0x6d),
  divU: plain(0x6e),
  shl: (a: Code, places: number): Code => [...a, ...i32.const(places), 0x74],
  eqz: (a: Code): Code => [...a, 0x45],
  ltU: plain(0x49),
  ne: plain(0x47),
  or: plain(0x72),
  and: plain(0x71),
  load: (at: Code, offset = 0): Code => [...at, 0x28, ...memory(2, offset)],
  store: (at: Code, value: Code, offset = 0): Code => [...at, ...value, 0x36, ...memory(2, offset)],
};

export const f32 = {
  load: (at: Code, offset = 0): Code => [...at, 0x2a, ...memory(2, offset)],
  store: (at: Code, value: Code, offset = 0): Code => [...at, ...value, 0x38, ...memory(2, offset)],
  gt: plain(0x5e),
  ne: plain(0x5c),
  eq: plain(0x5b),
};

/** float32 to float64 and back, around the functions of JavaScript. */
export const promote: Unary = (a) => [...a, 0xbb];
export const demote: Unary = (a) => [...a, 0xb6];

const bytesOf = (words: ArrayLike<number>, kind: "float" | "whole"): Uint8Array =>
  new Uint8Array((kind === "float" ? Float32Array.from(words) : Uint32Array.from(words)).buffer);

export const v128 = {
  load: (at: Code, offset = 0): Code => [...at, ...vector(0x00), ...memory(2, offset)],
  loadSplat: (at: Code, offset = 0): Code => [...at, ...vector(0x09), ...memory(2, offset)],
  store: (at: Code, value: Code, offset = 0): Code => [
    ...at,
    ...value,
    ...vector(0x0b),
    ...memory(2, offset),
  ],
  loadLane: (at: Code, value: Code, lane: number, offset = 0): Code => [
    ...at,
    ...value,
    ...vector(0x56),
    ...memory(2, offset),
    lane,
  ],
  storeLane: (at: Code, value: Code, lane: number, offset = 0): Code => [
    ...at,
    ...value,
    ...vector(0x5a),
    ...memory(2, offset),
    lane,
  ],
  /** Lanes 0 and 1. */
  storeHalf: (at: Code, value: Code, offset = 0): Code => [
    ...at,
    ...value,
    ...vector(0x5b),
    ...memory(2, offset),
    0,
  ],
  floats: (...lanes: readonly number[]): Code => [
    ...vector(0x0c),
    ...bytesOf(lanes.length === 1 ? Array(4).fill(lanes[0]) : lanes, "float"),
  ],
  words: (...lanes: readonly number[]): Code => [
    ...vector(0x0c),
    ...bytesOf(lanes.length === 1 ? Array(4).fill(lanes[0]) : lanes, "whole"),
  ],
  not: one(0x4d),
  and: two(0x4e),
  or: two(0x50),
  xor: two(0x51),
  /** Where the mask is set `yes`, else `no`. */
  select: (yes: Code, no: Code, mask: Code): Code => [...yes, ...no, ...mask, ...vector(0x52)],
  anyTrue: one(0x53),
  /** Lanes of two vectors by their numbers, 0 to 7. */
  shuffle: (a: Code, b: Code, lanes: readonly number[]): Code => [
    ...a,
    ...b,
    ...vector(0x0d),
    ...lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)),
  ],
};

export const i32x4 = {
  splat: one(0x11),
  lane: (a: Code, lane: number): Code => [...a, ...vector(0x1b), lane],
  withLane: (a: Code, lane: number, value: Code): Code => [...a, ...value, ...vector(0x1c), lane],
  eq: two(0x37),
  ltS: two(0x39),
  ltU: two(0x3a),
  leS: two(0x3d),
  leU: two(0x3e),
  abs: one(0xa0),
  neg: one(0xa1),
  shl: (a: Code, places: number): Code => [...a, ...i32.const(places), ...vector(0xab)],
  shrS: (a: Code, places: number): Code => [...a, ...i32.const(places), ...vector(0xac)],
  shrU: (a: Code, places: number): Code => [...a, ...i32.const(places), ...vector(0xad)],
  add: two(0xae),
  sub: two(0xb1),
  mul: two(0xb5),
  minS: two(0xb6),
  minU: two(0xb7),
  maxS: two(0xb8),
  maxU: two(0xb9),
  /** Toward zero, to the nearest that 32 bits hold; NaN gives 0. */
  fromFloatS: one(0xf8),
  fromFloatU: one(0xf9),
};

export const f32x4 = {
  splat: one(0x13),
  lane: (a: Code, lane: number): Code => [...a, ...vector(0x1f), lane],
  withLane: (a: Code, lane: number, value: Code): Code => [...a, ...value, ...vector(0x20), lane],
  eq: two(0x41),
  ne: two(0x42),
  lt: two(0x43),
  gt: two(0x44),
  le: two(0x45),
  floor: one(0x68),
  nearest: one(0x6a),
  abs: one(0xe0),
  neg: one(0xe1),
  sqrt: one(0xe3),
  add: two(0xe4),
  sub: two(0xe5),
  mul: two(0xe6),
  div: two(0xe7),
  min: two(0xe8),
  max: two(0xe9),
  /** Where a < b, b, else a: one instruction, and NaN in a stays. */
  above: two(0xeb),
  fromWordsS: one(0xfa),
  fromWordsU: one(0xfb),
};

/** Types of values. */
export const types = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)];
export const getGlobal = (global: number): Code => [0x23, ...unsigned(global)];
export const setGlobal = (global: number, value: Code): Code => [...value, 0x24, ...unsigned(global)];
export const call = (index: number, ...args: readonly Code[]): Code => [
  ...args.flat(),
  0x10,
  ...unsigned(index),
];

const empty = 0x40;

/** Runs `body` if the condition is other than zero. */
export const when = (condition: Code, body: Code): Code => [...condition, 0x04, empty, ...body, 0x0b];

/** Runs `body` again and again until `again` is zero after it. */
export const loop = (body: Code, again: Code): Code => [0x03, empty, ...body, ...again, 0x0d, 0, 0x0b];

/** Ends the program with an error. */
export const fail: Code = [0x00];

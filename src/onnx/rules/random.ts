import { golden } from "../../array/hash.ts";
import { sizeOf } from "../../array/ndarray.ts";
import { cast, cut, type Emitter, type LowerRule, number, reshape, vector } from "./rule.ts";

const word = (to: Emitter, value: number) => number(to, value, "uint32");
const plus = (to: Emitter, a: string, b: string) => to.node("Add", [a, b]);

/** x ^ (x >> places) */
const fold = (to: Emitter, x: string, places: number) =>
  to.node("BitwiseXor", [x, to.node("BitShift", [x, word(to, places)], { direction: { string: "RIGHT" } })]);

/** array/hash.ts `mix`, entry by entry. */
function mix(to: Emitter, x: string): string {
  const a = to.node("Mul", [fold(to, x, 16), word(to, 0x21f0aaad)]);
  const b = to.node("Mul", [fold(to, a, 15), word(to, 0x735a2d97)]);
  return fold(to, b, 15);
}

/** The two words of keys [...b, 2], [...b, 1] each. */
function wordsOf(to: Emitter, key: string, rank: number): readonly [string, string] {
  const last = [rank - 1];
  return [cut(to, key, last, [0], [1]), cut(to, key, last, [1], [2])];
}

/** array/hash.ts `bits` for counters already multiplied by the golden ratio. */
const bits = (to: Emitter, first: string, second: string, scaled: string) =>
  mix(to, plus(to, mix(to, plus(to, scaled, first)), second));

export const randomBits: LowerRule<"randomBits"> = (node, [key], to) => {
  const { shape } = node.attributes;
  const count = sizeOf(shape);
  const whole = (value: number) => number(to, value, "int32");
  const counters = cast(to, to.node("Range", [whole(0), whole(count), whole(1)]), "uint32");
  const [first, second] = wordsOf(to, key, node.inputs[0].shape.length);
  const all = bits(to, first, second, to.node("Mul", [counters, word(to, golden)]));
  return shape.length === 1 ? all : reshape(to, all, node.shape);
};

export const foldKey: LowerRule<"foldKey"> = (node, [key, name], to) => {
  const [first, second] = wordsOf(to, key, node.shape.length);
  const { shape } = node.inputs[1];
  const names = shape.length === 0 ? name : reshape(to, name, [...shape, 1]);
  const child = to.node("BitwiseXor", [first, mix(to, plus(to, names, word(to, golden)))]);
  return bits(to, child, second, vector(to, [0, golden], "uint32", [2]));
};

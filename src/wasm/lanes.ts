import type { DType } from "../array/ndarray.ts";
import { type AnyNode, literalValue, type Primitive } from "../tensor/graph.ts";
import { type Code, f32x4, i32, i32x4, v128 } from "./code.ts";
import { cos, eachLane, erf, exp, kept, log, sigmoid, sin, softplus, tanh } from "./functions.ts";
import type { Func } from "./module.ts";

const { floats, words, select, and, or, not } = v128;

/** The functions that come from JavaScript, in the order in which programs number them, and how many numbers each takes. */
export const imported = [
  { name: "sin", arity: 1 },
  { name: "cos", arity: 1 },
  { name: "atan", arity: 1 },
  { name: "power", arity: 2 },
] as const;
type Imported = (typeof imported)[number]["name"];
const place = (wanted: Imported) => imported.findIndex(({ name }) => name === wanted);

/** What a node is in four lanes, from its operands, each in a local. */
type LaneRule = (args: readonly Code[], node: AnyNode, fn: Func, alike: boolean) => Code;

/** How an operation is done for each dtype of its operands; dtypes that are absent are not done here. */
type ByDtype = { readonly [D in DType]?: LaneRule };

const float = (f: (x: Code, y: Code) => Code): ByDtype => ({ float32: ([x, y]) => f(x, y) });
const withFn = (f: (fn: Func, x: Code) => Code): ByDtype => ({ float32: ([x], _, fn) => f(fn, x) });

/** One rule for whole numbers of both kinds. */
const whole = (f: LaneRule): ByDtype => ({ int32: f, uint32: f });

const splat = (value: number, dtype: DType): Code =>
  dtype === "float32" ? floats(value) : words(dtype === "bool" ? (value === 0 ? 0 : -1) : value);

/** Whole numbers by the division of single numbers; by zero gives 0, as the lowering to ONNX has it. */
const wholeDiv =
  (divide: (a: Code, b: Code) => Code): LaneRule =>
  ([x, y], node, fn) => {
    const by = literalValue(node.inputs[1]);
    if (node.dtype === "uint32" && by !== undefined && by > 0 && Number.isInteger(Math.log2(by)))
      return i32x4.shrU(x, Math.log2(by));
    const zero = kept(fn, i32x4.eq(y, words(0)));
    const safe = kept(fn, select(words(1), y, zero));
    const quotients = [0, 1, 2, 3].reduce<Code>(
      (all, lane) => i32x4.withLane(all, lane, divide(i32x4.lane(x, lane), i32x4.lane(safe, lane))),
      words(0),
    );
    return and(quotients, not(zero));
  };

const sign: LaneRule = ([x]) => {
  const unit = f32x4.sub(and(f32x4.gt(x, floats(0)), floats(1)), and(f32x4.lt(x, floats(0)), floats(1)));
  return select(x, unit, f32x4.ne(x, x));
};

const byCall =
  (name: Imported): LaneRule =>
  (args, _, fn, alike) =>
    eachLane(fn, place(name), args, alike);

/** Casts by the dtypes from and to; a mask stands for a truth value. */
const casts: { readonly [D in DType]?: { readonly [E in DType]?: (x: Code) => Code } } = {
  float32: {
    float32: (x) => x,
    int32: i32x4.fromFloatS,
    uint32: i32x4.fromFloatU,
    bool: (x) => f32x4.ne(x, floats(0)),
  },
  int32: {
    int32: (x) => x,
    uint32: (x) => x,
    float32: f32x4.fromWordsS,
    bool: (x) => not(i32x4.eq(x, words(0))),
  },
  uint32: {
    int32: (x) => x,
    uint32: (x) => x,
    float32: f32x4.fromWordsU,
    bool: (x) => not(i32x4.eq(x, words(0))),
  },
  bool: {
    bool: (x) => x,
    float32: (x) => and(x, floats(1)),
    int32: (x) => and(x, words(1)),
    uint32: (x) => and(x, words(1)),
  },
};

const castOf = (from: DType, to: DType) => casts[from]?.[to];

const cast =
  (from: DType): LaneRule =>
  ([x], node) =>
    (castOf(from, node.dtype) as (x: Code) => Code)(x);

const same: LaneRule = ([x]) => x;

const everything = (f: LaneRule): ByDtype => ({ float32: f, int32: f, uint32: f, bool: f });

/** The operations that act on each entry alone. */
const rules: { readonly [P in Primitive]?: ByDtype } = {
  neg: { ...float((x) => f32x4.neg(x)), int32: ([x]) => i32x4.neg(x) },
  abs: { ...float((x) => f32x4.abs(x)), int32: ([x]) => i32x4.abs(x), uint32: same },
  sign: { float32: sign },
  exp: withFn(exp),
  log: withFn(log),
  sqrt: float((x) => f32x4.sqrt(x)),
  reciprocal: float((x) => f32x4.div(floats(1), x)),
  floor: float((x) => f32x4.floor(x)),
  round: float((x) => f32x4.nearest(x)),
  sin: withFn((fn, x) => sin(fn, x, place("sin"))),
  cos: withFn((fn, x) => cos(fn, x, place("cos"))),
  atan: { float32: byCall("atan") },
  tanh: withFn(tanh),
  sigmoid: withFn(sigmoid),
  softplus: withFn(softplus),
  erf: withFn(erf),
  relu: float((x) => f32x4.above(x, floats(0))),
  step: float((x) => and(f32x4.gt(x, floats(0)), floats(1))),
  add: { ...float(f32x4.add), ...whole(([x, y]) => i32x4.add(x, y)) },
  sub: { ...float(f32x4.sub), ...whole(([x, y]) => i32x4.sub(x, y)) },
  mul: { ...float(f32x4.mul), ...whole(([x, y]) => i32x4.mul(x, y)) },
  div: { ...float(f32x4.div), int32: wholeDiv(i32.divS), uint32: wholeDiv(i32.divU) },
  pow: { float32: byCall("power") },
  max: { ...float(f32x4.max), int32: ([x, y]) => i32x4.maxS(x, y), uint32: ([x, y]) => i32x4.maxU(x, y) },
  min: { ...float(f32x4.min), int32: ([x, y]) => i32x4.minS(x, y), uint32: ([x, y]) => i32x4.minU(x, y) },
  equal: { ...float(f32x4.eq), ...whole(([x, y]) => i32x4.eq(x, y)), bool: ([x, y]) => i32x4.eq(x, y) },
  less: { ...float(f32x4.lt), int32: ([x, y]) => i32x4.ltS(x, y), uint32: ([x, y]) => i32x4.ltU(x, y) },
  lessEqual: { ...float(f32x4.le), int32: ([x, y]) => i32x4.leS(x, y), uint32: ([x, y]) => i32x4.leU(x, y) },
  not: { bool: ([x]) => not(x) },
  and: { bool: ([x, y]) => and(x, y) },
  or: { bool: ([x, y]) => or(x, y) },
  isNaN: float((x) => f32x4.ne(x, x)),
  cast: { float32: cast("float32"), int32: cast("int32"), uint32: cast("uint32"), bool: cast("bool") },
  where: everything(([condition, yes, no]) => select(yes, no, condition)),
};

/** Which operand tells the dtype that an operation works in. */
const telling = (node: AnyNode): DType => (node.op === "where" ? node.inputs[1] : node.inputs[0]).dtype;

const ruleOf = (node: AnyNode): LaneRule | undefined => {
  const dtype = node.inputs.length === 0 ? undefined : telling(node);
  if (dtype === undefined) return undefined;
  if (node.op === "cast" && castOf(dtype, node.dtype) === undefined) return undefined;
  return rules[node.op]?.[dtype];
};

/** Whether a node acts on each entry alone, in a dtype that is done here. */
export const isLanewise = (node: AnyNode): boolean => ruleOf(node) !== undefined;

/** Code for four entries of a node from those of its inputs; `alike` where they are all the same. */
export const lanesOf = (node: AnyNode, args: readonly Code[], fn: Func, alike: boolean): Code =>
  (ruleOf(node) as LaneRule)(args, node, fn, alike);

/** A literal number in all lanes. */
export const literalLanes = (value: number, dtype: DType): Code => splat(value, dtype);

/** Entries computed one by one, each by a call: what they cost beside what is done four at a time. */
const called: ReadonlySet<Primitive> = new Set<Primitive>(["pow", "atan"]);
const long: ReadonlySet<Primitive> = new Set<Primitive>([
  "exp",
  "log",
  "sin",
  "cos",
  "tanh",
  "sigmoid",
  "softplus",
  "erf",
]);

/** Roughly how many instructions four entries of a node take. */
export const weightOf = ({ op }: AnyNode): number => (called.has(op) ? 200 : long.has(op) ? 25 : 1);

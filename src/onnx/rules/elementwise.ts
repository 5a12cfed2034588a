import type { DType } from "../../array/ndarray.ts";
import type { Arithmetic, Comparison, Unary } from "../../tensor/graph.ts";
import { cast as castTo, type Emitter, type LowerRule, number } from "./rule.ts";

type Direct = Unary | Arithmetic | Comparison | "not" | "and" | "or" | "isNaN" | "where";

const direct =
  (op: string): LowerRule<Direct> =>
  (_, inputs, to) =>
    to.node(op, inputs);

/** A rule for float64 where ONNX Runtime has no kernel of its own. */
const withFloat64 =
  (op: string, wide: (x: string, to: Emitter) => string): LowerRule<Unary> =>
  (node, inputs, to) =>
    node.dtype === "float64" ? wide(inputs[0], to) : to.node(op, inputs);

const wide = (to: Emitter) => ({
  literal: (value: number) => number(to, value, "float64"),
  add: (a: string, b: string) => to.node("Add", [a, b]),
  sub: (a: string, b: string) => to.node("Sub", [a, b]),
  mul: (a: string, b: string) => to.node("Mul", [a, b]),
  div: (a: string, b: string) => to.node("Div", [a, b]),
  of: (op: string, ...inputs: string[]) => to.node(op, inputs),
});

/** max(x, 0) + log1p(exp(-|x|)), where log1p(u) = u log(w) / (w - 1) with w = 1 + u loses no digits. */
function softplus64(x: string, to: Emitter): string {
  const { literal, add, sub, mul, div, of } = wide(to);
  const one = literal(1);
  const u = of("Exp", of("Neg", of("Abs", x)));
  const w = add(one, u);
  const small = of("Equal", w, one);
  const safe = of("Where", small, literal(2), w);
  const log1p = of("Where", small, u, div(mul(u, of("Log", safe)), sub(safe, one)));
  return add(of("Max", x, literal(0)), log1p);
}

/** Terms of the series below that reach float64 at |x| = 6, beyond which erf is 1. */
const erfTerms = 120;

/** erf(x) = 2/sqrt(pi) exp(-x^2) x (1 + 2x^2/3 (1 + 2x^2/5 (1 + ...))), a series of positive terms. */
function erf64(x: string, to: Emitter): string {
  const { literal, add, mul, of } = wide(to);
  const clipped = of("Clip", x, literal(-6), literal(6));
  const square = mul(clipped, clipped);
  let series = literal(1);
  for (let n = erfTerms; n >= 1; n--)
    series = add(literal(1), mul(mul(square, literal(2 / (2 * n + 1))), series));
  const scale = mul(literal(2 / Math.sqrt(Math.PI)), of("Exp", of("Neg", square)));
  return mul(mul(scale, clipped), series);
}

/** Three half-angle steps, atan(x) = 2 atan(x / (1 + sqrt(1 + x^2))), then the power series; 1/x for |x| > 1. */
function atan64(x: string, to: Emitter): string {
  const { literal, add, sub, mul, div, of } = wide(to);
  const one = literal(1);
  const size = of("Abs", x);
  const large = of("Greater", size, one);
  let t = of("Where", large, div(one, of("Max", size, one)), size);
  for (let i = 0; i < 3; i++) t = div(t, add(one, of("Sqrt", add(one, mul(t, t)))));
  const square = mul(t, t);
  let series = literal(1 / 25);
  for (let n = 23; n >= 1; n -= 2) series = sub(literal(1 / n), mul(square, series));
  const angle = mul(literal(8), mul(t, series));
  return mul(of("Sign", x), of("Where", large, sub(literal(Math.PI / 2), angle), angle));
}

/** The largest slope a HardSigmoid can have makes it a step for every normal float32. NaN is not kept. */
const step: LowerRule<"step"> = (node, [x], to) =>
  node.dtype === "float32"
    ? to.node("HardSigmoid", [x], { alpha: { float: 3e38 }, beta: { float: 0 } })
    : castTo(to, to.node("Greater", [x, number(to, 0, node.dtype)]), node.dtype);

/** (1 + x) / 2 for x from -1 to 1. */
export const halfPlusHalf = (x: string, to: Emitter): string =>
  to.node("HardSigmoid", [x], { alpha: { float: 0.5 }, beta: { float: 0.5 } });

export const unaryRules: { readonly [P in Unary]: LowerRule<P> } = {
  neg: direct("Neg"),
  abs: direct("Abs"),
  sign: direct("Sign"),
  exp: direct("Exp"),
  log: direct("Log"),
  sqrt: direct("Sqrt"),
  reciprocal: direct("Reciprocal"),
  floor: direct("Floor"),
  round: direct("Round"),
  sin: direct("Sin"),
  cos: direct("Cos"),
  atan: withFloat64("Atan", atan64),
  tanh: direct("Tanh"),
  sigmoid: direct("Sigmoid"),
  softplus: withFloat64("Softplus", softplus64),
  erf: withFloat64("Erf", erf64),
  relu: direct("Relu"),
  step,
};

const wholes: readonly DType[] = ["int64", "int32", "uint32", "int8", "uint8"];

/** Division of whole numbers by zero would end the process: it gives 0 instead. */
const div: LowerRule<"div"> = (node, [a, b], to) => {
  const divisor = node.inputs[1];
  const literal = divisor.op === "constant" ? divisor : undefined;
  const safe =
    !wholes.includes(node.dtype) ||
    (literal !== undefined && Array.from(literalOf(literal.attributes)).every((v) => Number(v) !== 0));
  if (safe) return to.node("Div", [a, b]);
  const zero = castTo(to, to.node("Equal", [b, number(to, 0, node.dtype)]), node.dtype);
  const quotient = to.node("Div", [a, to.node("Add", [b, zero])]);
  return to.node("Mul", [quotient, to.node("Sub", [number(to, 1, node.dtype), zero])]);
};

const literalOf = (attributes: object): ArrayLike<number | bigint> =>
  (attributes as { value: { data: ArrayLike<number | bigint> } }).value.data;

export const arithmeticRules: { readonly [P in Arithmetic]: LowerRule<P> } = {
  add: direct("Add"),
  sub: direct("Sub"),
  mul: direct("Mul"),
  div,
  pow: direct("Pow"),
  max: direct("Max"),
  min: direct("Min"),
};

export const comparisonRules: { readonly [P in Comparison]: LowerRule<P> } = {
  equal: direct("Equal"),
  less: direct("Less"),
  lessEqual: direct("LessOrEqual"),
};

export const logicalRules = {
  not: direct("Not"),
  and: direct("And"),
  or: direct("Or"),
  isNaN: direct("IsNaN"),
  where: direct("Where"),
} satisfies { readonly [P in "not" | "and" | "or" | "isNaN" | "where"]: LowerRule<P> };

export const cast: LowerRule<"cast"> = (node, [x], to) => castTo(to, x, node.dtype);

import { type Code, call, demote, f32x4, get, i32x4, promote, set, v128 } from "./code.ts";
import type { Func } from "./module.ts";

const { floats, words, select, and, or } = v128;
const { add, sub, mul, div, lt, eq, ne, min, max } = f32x4;

/** A value that is used more than once, kept in a local. */
export function kept(fn: Func, value: Code): Code {
  const local = fn.local();
  fn.emit(set(local, value));
  return get(local);
}

/** c0 + x (c1 + x (c2 + ...)) */
const polynomial = (x: Code, [first, ...rest]: readonly number[]): Code =>
  rest.length === 0 ? floats(first) : add(mul(polynomial(x, rest), x), floats(first));

/** 2^n of whole numbers n within the exponents of float32. */
const powerOfTwo = (n: Code): Code => i32x4.shl(i32x4.add(n, words(127)), 23);

/** exp(x) = 2^n exp(r), |r| <= log(2) / 2; the polynomial is that of Cephes' `expf`. Infinite above 88.7, 0 below -104. */
export function exp(fn: Func, x: Code): Code {
  const bounded = kept(fn, min(max(x, floats(-104)), floats(89)));
  const n = kept(fn, f32x4.nearest(mul(bounded, floats(Math.LOG2E))));
  const high = sub(bounded, mul(n, floats(0.693359375)));
  const r = kept(fn, sub(high, mul(n, floats(-2.1219444e-4))));
  const tail = polynomial(
    r,
    [5.0000001201e-1, 1.6666665459e-1, 4.1665795894e-2, 8.3334519073e-3, 1.3981999507e-3, 1.98756915e-4],
  );
  const value = add(add(mul(tail, mul(r, r)), r), floats(1));
  const whole = kept(fn, i32x4.fromFloatS(n));
  const half = kept(fn, i32x4.shrS(whole, 1));
  return mul(mul(value, powerOfTwo(half)), powerOfTwo(i32x4.sub(whole, half)));
}

/** log(x) = e log(2) + log(m), m between sqrt(1/2) and sqrt(2); the polynomial is that of Cephes' `logf`. */
export function log(fn: Func, given: Code): Code {
  const x = kept(fn, given);
  const small = kept(fn, lt(x, floats(1.17549435e-38)));
  const scaled = kept(fn, select(mul(x, floats(2 ** 23)), x, small));
  const mantissa = kept(fn, or(and(scaled, words(0x007fffff)), words(0x3f000000)));
  const exponent = f32x4.fromWordsS(i32x4.sub(i32x4.shrS(scaled, 23), words(126)));
  const raw = sub(exponent, and(small, floats(23)));
  const low = kept(fn, lt(mantissa, floats(Math.SQRT1_2)));
  const e = kept(fn, sub(raw, and(low, floats(1))));
  const m = kept(fn, sub(add(mantissa, and(low, mantissa)), floats(1)));
  const z = kept(fn, mul(m, m));
  const series = polynomial(
    m,
    [
      3.3333331174e-1, -2.4999993993e-1, 2.0000714765e-1, -1.6668057665e-1, 1.4249322787e-1, -1.2420140846e-1,
      1.167699874e-1, -1.151461031e-1, 7.0376836292e-2,
    ],
  );
  const y = add(mul(mul(series, m), z), mul(e, floats(-2.1219444e-4)));
  const value = add(add(m, sub(y, mul(z, floats(0.5)))), mul(e, floats(0.693359375)));
  const finite = select(floats(Number.NaN), value, lt(x, floats(0)));
  const zero = select(floats(Number.NEGATIVE_INFINITY), finite, eq(x, floats(0)));
  // infinity and NaN stay what they are
  const large = or(eq(x, floats(Number.POSITIVE_INFINITY)), ne(x, x));
  return select(x, zero, large);
}

/** A quotient of polynomials in x^2, as Eigen has it for single precision; x itself near 0. */
export function tanh(fn: Func, given: Code): Code {
  const whole = kept(fn, given);
  const x = kept(fn, min(max(whole, floats(-9)), floats(9)));
  const square = kept(fn, mul(x, x));
  const over = mul(
    x,
    polynomial(
      square,
      [
        4.89352455891786e-3, 6.37261928875436e-4, 1.48572235717979e-5, 5.12229709037114e-8,
        -8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16,
      ],
    ),
  );
  const under = polynomial(
    square,
    [4.89352518554385e-3, 2.268434632439e-3, 1.18534705686654e-4, 1.19825839466702e-6],
  );
  return select(whole, div(over, under), lt(f32x4.abs(whole), floats(4e-4)));
}

/** 1 / (1 + exp(-x)) */
export const sigmoid = (fn: Func, x: Code): Code => div(floats(1), add(floats(1), exp(fn, f32x4.neg(x))));

/** max(x, 0) + log1p(exp(-|x|)), where log1p(u) = u log(w) / (w - 1) with w = 1 + u loses no digits. */
export function softplus(fn: Func, given: Code): Code {
  const x = kept(fn, given);
  const u = kept(fn, exp(fn, f32x4.neg(f32x4.abs(x))));
  const w = kept(fn, add(floats(1), u));
  const exact = div(mul(u, log(fn, w)), sub(w, floats(1)));
  return add(max(x, floats(0)), select(u, exact, eq(w, floats(1))));
}

/** A quotient of polynomials in x^2 for |x| <= 4, as Eigen has it for single precision. */
export function erf(fn: Func, given: Code): Code {
  const x = kept(fn, min(max(given, floats(-4)), floats(4)));
  const square = kept(fn, mul(x, x));
  const over = polynomial(
    square,
    [
      -1.60960333262415e-2, -2.95459980854025e-3, -7.34990630326855e-4, -5.69250639462346e-5,
      -2.10102402082508e-6, 2.77068142495902e-8, -2.72614225801306e-10,
    ],
  );
  const under = polynomial(
    square,
    [
      -1.42647390514189e-2, -7.37332916720468e-3, -1.68282697438203e-3, -2.13374055278905e-4,
      -1.45660718464996e-5,
    ],
  );
  return div(mul(x, over), under);
}

/** Beyond this the reduction below loses digits. */
const farthest = 4096;

/** sin(x + quarter pi / 2) by Cephes' polynomials on |r| <= pi/4; far from 0, entry by entry by `slow`. */
function wave(fn: Func, given: Code, quarter: number, slow: number): Code {
  const x = kept(fn, given);
  const n = kept(fn, f32x4.nearest(mul(x, floats(2 / Math.PI))));
  const near = sub(sub(x, mul(n, floats(1.5703125))), mul(n, floats(4.837512969970703e-4)));
  const r = kept(fn, sub(near, mul(n, floats(7.549789948768648e-8))));
  const z = kept(fn, mul(r, r));
  const turn = kept(fn, i32x4.add(i32x4.fromFloatS(n), words(quarter)));
  const sine = add(r, mul(mul(r, z), polynomial(z, [-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4])));
  const series = polynomial(z, [4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5]);
  const cosine = add(sub(floats(1), mul(z, floats(0.5))), mul(mul(z, z), series));
  const odd = i32x4.eq(and(turn, words(1)), words(1));
  const size = select(cosine, sine, odd);
  const sign = i32x4.shl(and(turn, words(2)), 30);
  const result = fn.local();
  fn.emit(set(result, v128.xor(size, sign)));
  const far = v128.not(f32x4.le(f32x4.abs(x), floats(farthest)));
  fn.emit([...v128.anyTrue(far), 0x04, 0x40]);
  fn.emit(set(result, eachLane(fn, slow, [x])), [0x0b]);
  return get(result);
}

export const sin = (fn: Func, x: Code, slow: number): Code => wave(fn, x, 0, slow);
export const cos = (fn: Func, x: Code, slow: number): Code => wave(fn, x, 1, slow);

/** A function of JavaScript on each lane; where all lanes hold the same (`alike`), it is called once. */
export function eachLane(fn: Func, imported: number, args: readonly Code[], alike = false): Code {
  const own = args.map((arg) => kept(fn, arg));
  const at = (lane: number) => demote(call(imported, ...own.map((arg) => promote(f32x4.lane(arg, lane)))));
  if (alike) return f32x4.splat(at(0));
  const result = fn.local();
  for (const lane of [0, 1, 2, 3]) fn.emit(set(result, f32x4.withLane(get(result), lane, at(lane))));
  return get(result);
}

/** x >> places of a word, folded into it. */
const folded = (x: Code, places: number): Code => v128.xor(x, i32x4.shrU(x, places));

/** array/hash.ts `mix`, lane by lane. */
export function mix(fn: Func, x: Code): Code {
  const a = i32x4.mul(folded(kept(fn, x), 16), words(0x21f0aaad));
  const b = i32x4.mul(folded(kept(fn, a), 15), words(0x735a2d97));
  return folded(kept(fn, b), 15);
}

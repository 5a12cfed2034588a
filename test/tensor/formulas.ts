import type { Attributes, Primitive } from "../../src/tensor/graph.ts";

/** An array as plain numbers, row by row. */
export interface Numbers {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** What a primitive means, written with nothing but loops over entries. */
type Formula<P extends Primitive> = (operands: readonly Numbers[], attributes: Attributes[P]) => Numbers;

type Index = readonly number[];
type Shape = readonly number[];

/** All places of a shape, in order. */
export const placesOf = (shape: Shape): number[][] =>
  shape.reduce<number[][]>(
    (all, n) => all.flatMap((place) => Array.from({ length: n }, (_, i) => [...place, i])),
    [[]],
  );

const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

/** The entry at a place; undefined outside. */
export function inside({ shape, data }: Numbers, place: Index): number | undefined {
  let at = 0;
  for (const [axis, i] of place.entries()) {
    if (i < 0 || i >= shape[axis]) return undefined;
    at = at * shape[axis] + i;
  }
  return data[at];
}

export const entry = (a: Numbers, place: Index): number => inside(a, place) as number;

/** The entry at a place of a larger shape that `a` is stretched to. */
const stretched = (a: Numbers, place: Index): number =>
  entry(
    a,
    place.slice(place.length - a.shape.length).map((i, axis) => (a.shape[axis] === 1 ? 0 : i)),
  );

/** Entry by entry of a shape. */
export const filled = (shape: Shape, of: (place: Index) => number): Numbers => ({
  shape,
  data: placesOf(shape).map(of),
});

/** The shape that all stretch to. */
function common(operands: readonly Numbers[]): number[] {
  const rank = Math.max(...operands.map(({ shape }) => shape.length));
  return Array.from({ length: rank }, (_, axis) =>
    Math.max(...operands.map(({ shape }) => shape[axis - rank + shape.length] ?? 1)),
  );
}

export const each =
  (f: (...values: number[]) => number): ((operands: readonly Numbers[]) => Numbers) =>
  (operands) =>
    filled(common(operands), (place) => f(...operands.map((a) => stretched(a, place))));

const truth = (f: (...values: number[]) => boolean) => each((...values) => (f(...values) ? 1 : 0));

const same = ([a]: readonly Numbers[]): Numbers => a;

/** The nearest whole number; of two that are equally near the even one. */
function nearest(x: number): number {
  const below = Math.floor(x);
  if (x - below === 0.5) return below % 2 === 0 ? below : below + 1;
  return x - below < 0.5 ? below : below + 1;
}

/** 2 / sqrt(pi) exp(-x^2) sum over n of 2^n x^(2n + 1) / (2n + 1)!! (Abramowitz and Stegun 7.1.6). */
export function erf(x: number): number {
  let [term, sum] = [x, 0];
  for (let n = 0; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    sum += term;
    term *= (2 * x * x) / (2 * n + 3);
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** For each place along the axes that stay, a number of the entries along the others. */
export function reduced(
  a: Numbers,
  axes: readonly number[],
  keep: boolean,
  of: (entries: number[]) => number,
): Numbers {
  const rank = a.shape.length;
  const gone = axes.map((axis) => axis + rank);
  const kept = a.shape.map((n, axis) => (gone.includes(axis) ? 1 : n));
  const values = placesOf(kept).map((place) =>
    of(
      placesOf(a.shape.map((n, axis) => (gone.includes(axis) ? n : 1))).map((more) =>
        entry(
          a,
          place.map((i, axis) => i + more[axis]),
        ),
      ),
    ),
  );
  return { shape: keep ? kept : a.shape.filter((_, axis) => !gone.includes(axis)), data: values };
}

/** Rows along an axis, each replaced by as many numbers. */
export function along(a: Numbers, axis: number, of: (row: number[], at: number) => number): Numbers {
  const own = axis + a.shape.length;
  return filled(a.shape, (place) => {
    const row = Array.from({ length: a.shape[own] }, (_, i) =>
      entry(
        a,
        place.map((j, k) => (k === own ? i : j)),
      ),
    );
    return of(row, place[own]);
  });
}

export const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
export const largest = (values: readonly number[]): number =>
  values.reduce((a, b) => Math.max(a, b), -Infinity);
export const softly = (row: readonly number[], at: number): number =>
  Math.exp(row[at] - largest(row)) / total(row.map((x) => Math.exp(x - largest(row))));

/** Each result of a convolution with what it is a sum of: entries of x (perhaps in the padding) and of the kernel. */
function* products(
  x: Shape,
  kernel: Shape,
  out: Shape,
  { strides, padding, dilation, groups }: Attributes["conv"],
): Generator<{ readonly x: Index; readonly kernel: Index; readonly out: Index }> {
  for (const place of placesOf(out)) {
    const [n, o, ...at] = place;
    const group = Math.floor(o / (kernel[0] / groups));
    for (const [c, ...d] of placesOf(kernel.slice(1))) {
      const spatial = at.map((y, i) => y * strides[i] + d[i] * dilation[i] - padding[i][0]);
      if (spatial.every((i, axis) => i >= 0 && i < x[axis + 2]))
        yield { x: [n, group * kernel[1] + c, ...spatial], kernel: [o, c, ...d], out: place };
    }
  }
}

/** What is added up at the places of a shape. */
export function gathered(shape: Shape, terms: Iterable<readonly [place: Index, value: number]>): Numbers {
  const data = new Array<number>(sizeOf(shape)).fill(0);
  for (const [place, value] of terms) data[place.reduce((at, i, axis) => at * shape[axis] + i, 0)] += value;
  return { shape, data };
}

const outOf = (x: Shape, kernel: Shape, { strides, padding, dilation }: Attributes["conv"]): number[] => [
  x[0],
  kernel[0],
  ...kernel.slice(2).map((k, i) => {
    const room = x[i + 2] + padding[i][0] + padding[i][1] - ((k - 1) * dilation[i] + 1);
    return Math.floor(room / strides[i]) + 1;
  }),
];

/** For each place of a pooled array the places of its window that are not padding. */
function windowsOf(x: Shape, { kernel, strides, padding }: Attributes["sumPool"]) {
  const shape = [
    ...x.slice(0, 2),
    ...kernel.map((k, i) => Math.floor((x[i + 2] + padding[i][0] + padding[i][1] - k) / strides[i]) + 1),
  ];
  const windowAt = ([n, c, ...at]: Index): number[][] =>
    placesOf(kernel)
      .map((d) => [n, c, ...d.map((di, i) => at[i] * strides[i] + di - padding[i][0])])
      .filter((place) => place.every((i, axis) => i >= 0 && i < x[axis]));
  return { shape, windowAt };
}

function pooled(x: Numbers, pool: Attributes["sumPool"], of: (values: number[], places: Index[]) => number) {
  const { shape, windowAt } = windowsOf(x.shape, pool);
  return filled(shape, (place) => {
    const places = windowAt(place);
    return of(
      places.map((one) => entry(x, one)),
      places,
    );
  });
}

const first = (values: readonly number[]): number => values.indexOf(largest(values));

const word = 2n ** 32n;
/** C. Wellons' "lowbias32", in whole numbers of any size. */
function mixed(start: bigint): bigint {
  let x = start % word;
  x ^= x >> 16n;
  x = (x * 0x21f0aaadn) % word;
  x ^= x >> 15n;
  x = (x * 0x735a2d97n) % word;
  return x ^ (x >> 15n);
}
const golden = 0x9e3779b9n;
const bitsOf = ([a, b]: readonly bigint[], counter: bigint): bigint => mixed(mixed(counter * golden + a) + b);

const keyAt = (keys: Numbers, place: Index): bigint[] =>
  [0, 1].map((i) => BigInt(entry(keys, [...place, i])));

/** Every primitive but loops, of which there is no formula without a body. */
export const formulas: { readonly [P in Exclude<Primitive, "scan" | "last" | "stacked">]: Formula<P> } = {
  input: same,
  constant: (_, { value }) => ({ shape: value.shape, data: Array.from(value.data as Float32Array) }),
  alias: same,
  stop: same,
  custom: same,
  neg: each((x) => -x),
  abs: each((x) => (x < 0 ? -x : x)),
  sign: each((x) => (x > 0 ? 1 : x < 0 ? -1 : 0)),
  exp: each(Math.exp),
  log: each(Math.log),
  sqrt: each((x) => Math.sqrt(x)),
  reciprocal: each((x) => 1 / x),
  floor: each((x) => Math.floor(x)),
  round: each(nearest),
  sin: each(Math.sin),
  cos: each(Math.cos),
  atan: each(Math.atan),
  tanh: each((x) => 1 - 2 / (Math.exp(2 * x) + 1)),
  sigmoid: each((x) => 1 / (1 + Math.exp(-x))),
  softplus: each((x) => Math.log1p(Math.exp(x))),
  erf: each(erf),
  relu: each((x) => (x > 0 ? x : 0)),
  step: each((x) => (x > 0 ? 1 : 0)),
  add: each((a, b) => a + b),
  sub: each((a, b) => a - b),
  mul: each((a, b) => a * b),
  div: each((a, b) => a / b),
  pow: each((a, b) => a ** b),
  max: each((a, b) => (a > b ? a : b)),
  min: each((a, b) => (a < b ? a : b)),
  equal: truth((a, b) => a === b),
  less: truth((a, b) => a < b),
  lessEqual: truth((a, b) => a <= b),
  not: truth((a) => a === 0),
  and: truth((a, b) => a !== 0 && b !== 0),
  or: truth((a, b) => a !== 0 || b !== 0),
  isNaN: truth((a) => !(a < 0) && !(a >= 0)),
  cast: ([a], { dtype }) => {
    if (dtype === "bool") return truth((x) => x !== 0)([a]);
    return dtype === "int32" ? each(Math.trunc)([a]) : a;
  },
  where: each((condition, yes, no) => (condition !== 0 ? yes : no)),
  sum: ([a], { axes, keep }) => reduced(a, axes, keep, total),
  amax: ([a], { axes, keep }) => reduced(a, axes, keep, largest),
  argMax: ([a], { axis }) => reduced(a, [axis], false, first),
  cumsum: ([a], { axis, exclusive, reverse }) =>
    along(a, axis, (row, at) =>
      total(row.filter((_, i) => (reverse ? i > at : i < at) || (i === at && !exclusive))),
    ),
  softmax: ([a], { axis }) => along(a, axis, softly),
  logSoftmax: ([a], { axis }) => along(a, axis, (row, at) => Math.log(softly(row, at))),
  argTopK: ([a], { k, largest: high }) => {
    const lead = a.shape.slice(0, -1);
    const width = a.shape[a.shape.length - 1];
    return filled([...lead, k], (place) => {
      const row = Array.from({ length: width }, (_, i) => entry(a, [...place.slice(0, -1), i]));
      const rank = place[place.length - 1];
      // as many entries come before it as its rank: those that are further out, and equal ones on its left
      return row.findIndex((x, i) => {
        const before = row.filter((y, j) => (high ? y > x : y < x) || (y === x && j < i));
        return before.length === rank;
      });
    });
  },
  matmul: ([a, b], { transposeA, transposeB }) => {
    const [p, q] = [a, b].map(({ shape }) => ({ shape: shape.slice(0, -2), data: [] }));
    const [ta, tb] = [a, b].map(({ shape }) => shape.slice(-2));
    const [m, k] = transposeA ? [ta[1], ta[0]] : ta;
    const n = transposeB ? tb[0] : tb[1];
    const own = (lead: Index, shape: Shape) =>
      lead.slice(lead.length - shape.length + 2).map((i, axis) => (shape[axis] === 1 ? 0 : i));
    return filled([...common([p, q]), m, n], (place) => {
      const [row, column] = place.slice(-2);
      const lead = place.slice(0, -2);
      return total(
        Array.from({ length: k }, (_, i) => {
          const left = transposeA ? [i, row] : [row, i];
          const right = transposeB ? [column, i] : [i, column];
          return entry(a, [...own(lead, a.shape), ...left]) * entry(b, [...own(lead, b.shape), ...right]);
        }),
      );
    });
  },
  conv: ([x, kernel], window) => {
    const out = outOf(x.shape, kernel.shape, window);
    const terms = [...products(x.shape, kernel.shape, out, window)];
    return gathered(
      out,
      terms.map((at) => [at.out, entry(x, at.x) * entry(kernel, at.kernel)]),
    );
  },
  convTranspose: ([g, kernel], window) => {
    const x = [g.shape[0], kernel.shape[1] * window.groups, ...window.size];
    const terms = [...products(x, kernel.shape, g.shape, window)];
    return gathered(
      x,
      terms.map((at) => [at.x, entry(g, at.out) * entry(kernel, at.kernel)]),
    );
  },
  convKernel: ([x, g], window) => {
    const kernel = [g.shape[1], x.shape[1] / window.groups, ...window.size];
    const terms = [...products(x.shape, kernel, g.shape, window)];
    return gathered(
      kernel,
      terms.map((at) => [at.kernel, entry(x, at.x) * entry(g, at.out)]),
    );
  },
  maxPool: ([x], pool) => pooled(x, pool, largest),
  argMaxPool: ([x], pool) =>
    pooled(x, pool, (values, places) =>
      places[first(values)].slice(2).reduce((at, i, axis) => at * x.shape[axis + 2] + i, 0),
    ),
  sumPool: ([x], pool) => pooled(x, pool, total),
  sumUnpool: ([g], pool) => {
    const x = [...g.shape.slice(0, 2), ...pool.size];
    const { windowAt } = windowsOf(x, pool);
    return gathered(
      x,
      placesOf(g.shape).flatMap((place) => windowAt(place).map((at) => [at, entry(g, place)] as const)),
    );
  },
  gather: ([x, indices]) =>
    filled([...indices.shape, ...x.shape.slice(1)], (place) => {
      const lead = place.slice(0, indices.shape.length);
      return entry(x, [entry(indices, lead), ...place.slice(lead.length)]);
    }),
  scatterAdd: ([indices, values], { rows }) =>
    gathered(
      [rows, ...values.shape.slice(indices.shape.length)],
      placesOf(values.shape).map((place) => {
        const lead = place.slice(0, indices.shape.length);
        return [[entry(indices, lead), ...place.slice(lead.length)], entry(values, place)];
      }),
    ),
  reshape: ([a], { shape }) => ({ shape, data: a.data }),
  transpose: ([a], { order }) =>
    filled(
      order.map((axis) => a.shape[axis]),
      (place) => {
        const from = a.shape.map(() => 0);
        for (const [to, axis] of order.entries()) from[axis] = place[to];
        return entry(a, from);
      },
    ),
  broadcast: ([a], { shape }) => filled(shape, (place) => stretched(a, place)),
  slice: ([a], { starts, sizes, steps }) =>
    filled(sizes, (place) =>
      entry(
        a,
        place.map((i, axis) => starts[axis] + i * steps[axis]),
      ),
    ),
  pad: ([a], { low, high, value }) =>
    filled(
      a.shape.map((n, axis) => low[axis] + n + high[axis]),
      (place) =>
        inside(
          a,
          place.map((i, axis) => i - low[axis]),
        ) ?? value,
    ),
  concat: (operands, { axis }) => {
    const own = axis + operands[0].shape.length;
    const width = total(operands.map(({ shape }) => shape[own]));
    return filled(
      operands[0].shape.map((n, k) => (k === own ? width : n)),
      (place) => {
        let at = place[own];
        const part = operands.find(({ shape }) => {
          if (at < shape[own]) return true;
          at -= shape[own];
          return false;
        }) as Numbers;
        return entry(
          part,
          place.map((i, k) => (k === own ? at : i)),
        );
      },
    );
  },
  randomBits: ([keys], { shape }) => {
    const lead = keys.shape.slice(0, -1);
    return filled([...lead, ...shape], (place) => {
      const counter = place.slice(lead.length).reduce((at, i, axis) => at * shape[axis] + i, 0);
      return Number(bitsOf(keyAt(keys, place.slice(0, lead.length)), BigInt(counter)));
    });
  },
  foldKey: ([keys, words]) =>
    filled(keys.shape, (place) => {
      const lead = place.slice(0, -1);
      const [a, b] = keyAt(keys, lead);
      const child = [a ^ mixed(BigInt(stretched(words, lead)) + golden), b];
      return Number(bitsOf(child, BigInt(place[place.length - 1])));
    }),
};

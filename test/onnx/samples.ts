import fc from "fast-check";
import { type NdArray, ndarray, type PlainDType, sizeOf, storage } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import {
  type Arithmetic,
  type Attributes,
  type Comparison,
  constant,
  make,
  type Pool,
  type Primitive,
  type Tensor,
  type Unary,
  type Window,
} from "../../src/tensor/graph.ts";
import { add, mul, scan, sub, sum } from "../../src/tensor/index.ts";
import { convSizes, poolSizes } from "../../src/tensor/shapes.ts";

/** One use of a primitive: its operands and how it is applied to them. */
export interface Sample {
  /** float32, except for indices (int32), conditions (bool) and keys (uint32). */
  readonly arrays: readonly NdArray<PlainDType>[];
  build(inputs: readonly Tensor[]): Tensor;
}

type Samples = { readonly [P in Primitive]: fc.Arbitrary<Sample> };
type Shape = readonly number[];

const size = fc.integer({ min: 1, max: 4 });
const shapeOfRank = (min: number, max: number) => fc.array(size, { minLength: min, maxLength: max });
const anyShape = shapeOfRank(0, 4);
const seed = fc.integer({ min: 0, max: 2 ** 31 - 1 });

/**
 * Numbers in random order from an even grid around zero, no two equal and none near a multiple of 1/2: so that
 * kinks, jumps and ties stay away from finite differences.
 */
export function spreadNumbers(shape: Shape, from: number): NdArray<"float32"> {
  const n = sizeOf(shape);
  const gap = Math.max(0.03, 4 / n);
  const order = stream([from, 7]).permutation(n);
  const data = Float32Array.from(order, (place) => {
    const x = (place - n / 2) * gap + 0.011;
    const near = Math.abs(2 * x - Math.round(2 * x)) < 0.016;
    return near ? x + 0.013 : x;
  });
  return ndarray("float32", shape, data);
}

const positive = (a: NdArray<"float32">): NdArray<"float32"> => ({
  ...a,
  data: a.data.map((x) => Math.abs(x) + 0.3),
});

const numbers = (shape: Shape) => seed.map((from) => spreadNumbers(shape, from));
const positives = (shape: Shape) => numbers(shape).map(positive);
const flags = (shape: Shape) =>
  numbers(shape).map((a) =>
    ndarray(
      "bool",
      shape,
      Uint8Array.from(a.data, (x) => (x > 0 ? 1 : 0)),
    ),
  );
const indices = (shape: Shape, below: number) =>
  seed.map((from) =>
    ndarray("int32", shape, stream([from, 8]).integers(below, sizeOf(shape)).data as Int32Array),
  );
const words = (shape: Shape) =>
  fc.array(seed, { minLength: sizeOf(shape), maxLength: sizeOf(shape) }).map((list) =>
    ndarray(
      "uint32",
      shape,
      Uint32Array.from(list, (w) => Math.imul(w, 3)),
    ),
  );
const keys = (lead: Shape) => words([...lead, 2]);

/** The primitive with the same attributes for all operands. */
const applied =
  <P extends Primitive>(op: P, attributes: Attributes[P]) =>
  (inputs: readonly Tensor[]): Tensor =>
    make(op, inputs, attributes);

const sample = <P extends Primitive>(
  op: P,
  attributes: Attributes[P],
  ...operands: readonly fc.Arbitrary<NdArray<PlainDType>>[]
): fc.Arbitrary<Sample> =>
  fc.tuple(...operands).map((arrays) => ({ arrays, build: applied(op, attributes) }));

const unary = <P extends Unary>(op: P, operand = numbers) =>
  anyShape.chain((shape) => sample(op, {} as Attributes[P], operand(shape)));

/** Two shapes that broadcast: one as drawn, the other with axes dropped or cut to 1, in either order. */
const pairShapes = anyShape.chain((shape) =>
  fc
    .tuple(
      fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }),
      fc.integer({ min: 0, max: shape.length }),
      fc.boolean(),
    )
    .map(([ones, drop, swap]) => {
      const other = shape.map((n, i) => (ones[i] ? 1 : n)).slice(drop);
      return swap ? ([other, shape] as const) : ([shape, other] as const);
    }),
);

const binary = <P extends Arithmetic | Comparison>(op: P, left = numbers, right = numbers) =>
  pairShapes.chain(([a, b]) => sample(op, {} as Attributes[P], left(a), right(b)));

const logical = (op: "and" | "or") => pairShapes.chain(([a, b]) => sample(op, {}, flags(a), flags(b)));

const shapeAndAxis = shapeOfRank(1, 4).chain((shape) =>
  fc.integer({ min: -shape.length, max: -1 }).map((axis) => ({ shape, axis })),
);

const reduction = (op: "sum" | "amax") =>
  fc
    .tuple(anyShape, fc.boolean())
    .chain(([shape, keep]) =>
      fc
        .subarray(shape.map((_, i) => i - shape.length))
        .chain((axes) => sample(op, { axes, keep }, numbers(shape))),
    );

/** A window of one to three dimensions with everything drawn, and a spatial size that it fits. */
const geometry = fc
  .record({
    dimensions: fc.integer({ min: 1, max: 3 }),
    groups: fc.integer({ min: 1, max: 3 }),
    n: fc.integer({ min: 1, max: 3 }),
    c: fc.integer({ min: 1, max: 3 }),
    o: fc.integer({ min: 1, max: 3 }),
  })
  .chain(({ dimensions, ...rest }) => {
    const per = (low: number, high: number) =>
      fc.array(fc.integer({ min: low, max: high }), { minLength: dimensions, maxLength: dimensions });
    const wide = { arbitrary: per(5, 6), weight: dimensions < 3 ? 1 : 0 };
    return fc
      .record({
        kernel: fc.oneof({ arbitrary: per(1, 3), weight: 4 }, wide),
        strides: per(1, 3),
        dilation: per(1, 2),
        low: per(0, 2),
        high: per(0, 2),
        extra: per(0, 4),
      })
      .map((drawn) => ({ ...rest, ...drawn }));
  })
  .map(({ n, c, o, groups, kernel, strides, dilation, low, high, extra }) => {
    const padding = kernel.map((_, i) => [low[i], high[i]] as const);
    const spatial = kernel.map((k, i) =>
      Math.max(1, (k - 1) * dilation[i] + 1 - low[i] - high[i] + extra[i]),
    );
    const window: Window = { strides, padding, dilation, groups };
    const x = [n, c * groups, ...spatial];
    const weights = [o * groups, c, ...kernel];
    const out = [n, o * groups, ...convSizes(spatial, kernel, window)];
    return { window, kernel, spatial, x, weights, out };
  });

const pooling = fc
  .record({
    dimensions: fc.integer({ min: 1, max: 3 }),
    n: fc.integer({ min: 1, max: 3 }),
    c: fc.integer({ min: 1, max: 3 }),
    tiles: fc.boolean(),
  })
  .chain(({ dimensions, n, c, tiles }) => {
    const per = (low: number, high: number) =>
      fc.array(fc.integer({ min: low, max: high }), { minLength: dimensions, maxLength: dimensions });
    return fc
      .record({ kernel: per(1, 3), strides: per(1, 3), low: per(0, 2), high: per(0, 2), extra: per(0, 4) })
      .map(({ kernel, strides, low, high, extra }) => {
        const padding = kernel.map((k, i) =>
          tiles ? ([0, 0] as const) : ([Math.min(low[i], k - 1), Math.min(high[i], k - 1)] as const),
        );
        const pool: Pool = { kernel, strides: tiles ? kernel : strides, padding };
        const spatial = kernel.map((k, i) => k * (tiles ? 1 + extra[i] : 1) + (tiles ? 0 : extra[i]));
        return { pool, spatial, x: [n, c, ...spatial], out: [n, c, ...poolSizes(spatial, pool)] };
      });
  });

const pooled = (op: "maxPool" | "argMaxPool" | "sumPool") =>
  pooling.chain(({ pool, x }) => sample(op, pool, numbers(x)));

const matrices = fc
  .record({
    leads: pairShapes.filter(([a, b]) => a.length + b.length <= 5),
    m: size,
    k: size,
    n: size,
    transposeA: fc.boolean(),
    transposeB: fc.boolean(),
  })
  .chain(({ leads: [a, b], m, k, n, transposeA, transposeB }) =>
    sample(
      "matmul",
      { transposeA, transposeB },
      numbers([...a, ...(transposeA ? [k, m] : [m, k])]),
      numbers([...b, ...(transposeB ? [n, k] : [k, n])]),
    ),
  );

const slices = anyShape.chain((shape) =>
  fc
    .tuple(
      ...shape.map((n) =>
        fc
          .record({ step: fc.constantFrom(1, 2, -1, -2), start: fc.integer({ min: 0, max: n - 1 }) })
          .chain(({ step, start }) => {
            const most = Math.floor((step > 0 ? n - 1 - start : start) / Math.abs(step)) + 1;
            return fc.integer({ min: 1, max: most }).map((count) => ({ step, start, count }));
          }),
      ),
    )
    .chain((along) =>
      sample(
        "slice",
        {
          starts: along.map(({ start }) => start),
          sizes: along.map(({ count }) => count),
          steps: along.map(({ step }) => step),
        },
        numbers(shape),
      ),
    ),
);

const rowIndices = fc.record({
  rows: fc.integer({ min: 1, max: 5 }),
  lead: shapeOfRank(0, 2),
  rest: shapeOfRank(0, 2),
});

/** A loop whose steps use what is carried, scanned and outside; `give` picks what of it is looked at. */
const loops = (give: (last: Tensor, all: Tensor) => Tensor): fc.Arbitrary<Sample> =>
  fc
    .record({
      length: fc.integer({ min: 1, max: 4 }),
      shape: shapeOfRank(0, 2),
      reverse: fc.boolean(),
      nested: fc.boolean(),
    })
    .chain(({ length, shape, reverse, nested }) => {
      const build = ([start, xs, factor]: readonly Tensor[]): Tensor => {
        const step = (carry: Tensor, x: Tensor): readonly [Tensor, Tensor] => {
          const next = sub(x, mul(carry, factor));
          return [next, sub(next, mul(carry, factor))];
        };
        const twice = (carry: Tensor, x: Tensor): readonly [Tensor, Tensor] => {
          const [next, all] = scan((c: Tensor, _: object) => step(c, x), carry, {}, { length: 2 });
          return [next, sum(all, { axes: [0] })];
        };
        return give(...scan(nested ? twice : step, start, xs, { reverse }));
      };
      return fc
        .tuple(numbers(shape), numbers([length, ...shape]), numbers([]))
        .map((arrays) => ({ arrays, build }));
    });

/** For every primitive, random uses of it. A missing primitive does not compile. */
export const samples: Samples = {
  input: anyShape.chain((shape) => numbers(shape).map((a) => ({ arrays: [a], build: ([x]) => x }))),
  constant: anyShape.chain((shape) => numbers(shape).map((a) => ({ arrays: [], build: () => constant(a) }))),
  alias: anyShape.chain((shape) => sample("alias", {}, numbers(shape))),
  stop: anyShape.chain((shape) => sample("stop", {}, numbers(shape))),
  custom: anyShape.chain((shape) =>
    sample("custom", { pullback: (g) => [g] }, numbers(shape), numbers(shape)),
  ),
  neg: unary("neg"),
  abs: unary("abs"),
  sign: unary("sign"),
  exp: unary("exp"),
  log: unary("log", positives),
  sqrt: unary("sqrt", positives),
  reciprocal: unary("reciprocal", positives),
  floor: unary("floor"),
  round: unary("round"),
  sin: unary("sin"),
  cos: unary("cos"),
  atan: unary("atan"),
  tanh: unary("tanh"),
  sigmoid: unary("sigmoid"),
  softplus: unary("softplus"),
  erf: unary("erf"),
  relu: unary("relu"),
  step: unary("step"),
  add: binary("add"),
  sub: binary("sub"),
  mul: binary("mul"),
  div: binary("div", numbers, positives),
  pow: binary("pow", positives),
  max: binary("max"),
  min: binary("min"),
  equal: binary("equal"),
  less: binary("less"),
  lessEqual: binary("lessEqual"),
  not: anyShape.chain((shape) => sample("not", {}, flags(shape))),
  and: logical("and"),
  or: logical("or"),
  isNaN: anyShape.chain((shape) => sample("isNaN", {}, numbers(shape))),
  cast: fc
    .tuple(anyShape, fc.constantFrom("float64", "int32", "bool", "float32"))
    .chain(([shape, dtype]) => sample("cast", { dtype } as Attributes["cast"], numbers(shape))),
  where: fc
    .tuple(pairShapes, fc.boolean())
    .chain(([[a, b], first]) => sample("where", {}, flags(first ? a : b), numbers(a), numbers(b))),
  sum: reduction("sum"),
  amax: reduction("amax"),
  argMax: shapeAndAxis.chain(({ shape, axis }) => sample("argMax", { axis }, numbers(shape))),
  cumsum: fc
    .tuple(shapeAndAxis, fc.boolean(), fc.boolean())
    .chain(([{ shape, axis }, exclusive, reverse]) =>
      sample("cumsum", { axis, exclusive, reverse }, numbers(shape)),
    ),
  softmax: shapeAndAxis.chain(({ shape, axis }) => sample("softmax", { axis }, numbers(shape))),
  logSoftmax: shapeAndAxis.chain(({ shape, axis }) => sample("logSoftmax", { axis }, numbers(shape))),
  argTopK: fc
    .tuple(shapeOfRank(1, 4), fc.boolean())
    .chain(([shape, largest]) =>
      fc
        .integer({ min: 1, max: shape[shape.length - 1] })
        .chain((k) => sample("argTopK", { k, largest }, numbers(shape))),
    ),
  matmul: matrices,
  conv: geometry.chain(({ window, x, weights }) => sample("conv", window, numbers(x), numbers(weights))),
  convTranspose: geometry.chain(({ window, spatial, out, weights }) =>
    sample("convTranspose", { ...window, size: spatial }, numbers(out), numbers(weights)),
  ),
  convKernel: geometry.chain(({ window, kernel, x, out }) =>
    sample("convKernel", { ...window, size: kernel }, numbers(x), numbers(out)),
  ),
  maxPool: pooled("maxPool"),
  argMaxPool: pooled("argMaxPool"),
  sumPool: pooled("sumPool"),
  sumUnpool: pooling.chain(({ pool, spatial, out }) =>
    sample("sumUnpool", { ...pool, size: spatial }, numbers(out)),
  ),
  gather: rowIndices.chain(({ rows, lead, rest }) =>
    sample("gather", {}, numbers([rows, ...rest]), indices(lead, rows)),
  ),
  scatterAdd: rowIndices.chain(({ rows, lead, rest }) =>
    sample("scatterAdd", { rows }, indices(lead, rows), numbers([...lead, ...rest])),
  ),
  reshape: anyShape.chain((shape) =>
    sample("reshape", { shape: [...shape.slice(1), 1, ...shape.slice(0, 1)] }, numbers(shape)),
  ),
  transpose: anyShape.chain((shape) =>
    fc
      .shuffledSubarray(
        shape.map((_, i) => i),
        { minLength: shape.length },
      )
      .chain((order) => sample("transpose", { order }, numbers(shape))),
  ),
  broadcast: pairShapes.chain(([a, b]) =>
    a.length >= b.length && sizeOf(a) >= sizeOf(b)
      ? sample("broadcast", { shape: a }, numbers(b))
      : sample("broadcast", { shape: b }, numbers(a)),
  ),
  slice: slices,
  pad: anyShape.chain((shape) => {
    const widths = fc.array(fc.integer({ min: 0, max: 2 }), {
      minLength: shape.length,
      maxLength: shape.length,
    });
    return fc
      .tuple(widths, widths, fc.constantFrom(0, 1, -2))
      .chain(([low, high, value]) => sample("pad", { low, high, value }, numbers(shape)));
  }),
  concat: shapeAndAxis.chain(({ shape, axis }) =>
    fc
      .array(size, { minLength: 1, maxLength: 3 })
      .chain((widths) =>
        sample(
          "concat",
          { axis },
          ...widths.map((n) => numbers(shape.map((m, i) => (i === axis + shape.length ? n : m)))),
        ),
      ),
  ),
  scan: loops((last, all) => add(last, sum(all, { axes: [0] }))),
  last: loops((last) => last),
  stacked: loops((_, all) => all),
  randomBits: fc
    .tuple(shapeOfRank(0, 3), shapeOfRank(0, 2))
    .chain(([shape, lead]) => sample("randomBits", { shape }, keys(lead))),
  foldKey: fc
    .tuple(
      shapeOfRank(0, 2),
      fc.array(fc.boolean(), { minLength: 2, maxLength: 2 }),
      fc.integer({ min: 0, max: 2 }),
    )
    .chain(([lead, ones, drop]) =>
      sample("foldKey", {}, keys(lead), words(lead.map((n, i) => (ones[i] ? 1 : n)).slice(drop))),
    ),
};

/** The floating-point operands in another dtype: whole numbers are three times the original, rounded. */
export function recast(a: NdArray<PlainDType>, dtype: PlainDType): NdArray<PlainDType> {
  if (a.dtype !== "float32") return a;
  const values = dtype === "float64" ? a.data : a.data.map((x) => Math.round(3 * x));
  const data = storage(dtype, a.data.length);
  for (let i = 0; i < data.length; i++)
    data[i] =
      dtype === "bool" ? Number(values[i] > 0) : dtype.startsWith("u") ? Math.abs(values[i]) : values[i];
  return ndarray(dtype, a.shape, data);
}

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bits, fold } from "../../src/array/hash.ts";
import {
  fromNested,
  type NdArray,
  type Nested,
  ndarray,
  type PlainDType,
  sizeOf,
  toNested,
} from "../../src/array/ndarray.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import {
  type Arithmetic,
  type Attributes,
  constant,
  input,
  make,
  type Pool,
  type Primitive,
  type Tensor,
  type Unary,
  type Window,
} from "../../src/tensor/graph.ts";

const c = (values: Nested, dtype: PlainDType = "float64"): Tensor => constant(fromNested(values, dtype));
const value = (t: Tensor): NdArray<PlainDType> => evaluate([t])[0] as NdArray<PlainDType>;
const run = <P extends Primitive>(op: P, inputs: readonly Tensor[], attributes: Attributes[P]): Nested =>
  toNested(value(make(op, inputs, attributes)));
const flat = (t: Tensor): number[] => Array.from(value(t).data);
function near(got: Nested, want: readonly number[], digits = 14): void {
  expect(got).toHaveLength(want.length);
  (got as number[]).forEach((x, i) => {
    const tolerance = 10 ** -digits * Math.max(1, Math.abs(want[i]));
    expect(Math.abs(x - want[i]), `${x} against ${want[i]}`).toBeLessThan(tolerance);
  });
}

describe("elementwise", () => {
  const points = [-2, -0.5, 0.25, 1, 3.5];
  // Python 3.11, module math; sigmoid as 1 / (1 + exp(-x)), softplus as log1p(exp(x))
  const reference: readonly (readonly [Unary, readonly number[], (readonly number[])?])[] = [
    ["exp", [0.1353352832366127, 0.6065306597126334, 1.2840254166877414, Math.E, 33.11545195869231]],
    [
      "sin",
      [
        -0.9092974268256817, -0.479425538604203, 0.24740395925452294, 0.8414709848078965,
        -0.35078322768961984,
      ],
    ],
    [
      "cos",
      [-0.4161468365471424, 0.8775825618903728, 0.9689124217106447, 0.5403023058681398, -0.9364566872907963],
    ],
    [
      "atan",
      [-1.1071487177940904, -0.4636476090008061, 0.24497866312686414, 0.7853981633974483, 1.2924966677897853],
    ],
    [
      "tanh",
      [
        -0.9640275800758169, -0.46211715726000974, 0.24491866240370913, 0.7615941559557649,
        0.9981778976111987,
      ],
    ],
    [
      "sigmoid",
      [0.11920292202211755, 0.3775406687981454, 0.5621765008857981, 0.7310585786300049, 0.9706877692486436],
    ],
    [
      "softplus",
      [0.1269280110429725, 0.4740769841801067, 0.8259394198788436, 1.3132616875182228, 3.5297504182726205],
    ],
    ["log", [-1.3862943611198906, 0, 1.252762968495368], [0.25, 1, 3.5]],
    ["sqrt", [0.5, 1, 1.8708286933869707], [0.25, 1, 3.5]],
    [
      "erf",
      [
        -0.9999999998033839, -0.9953222650189527, -0.5204998778130465, 0.2763263901682369, 0.8427007929497149,
        0.9999589021219005, 0.9999883513426328, 0.9999992569016276, 0.9999999999999927,
      ],
      [-4.5, -2, -0.5, 0.25, 1, 2.9, 3.1, 3.5, 5.5],
    ],
  ];
  for (const [op, want, at = points] of reference)
    test(`${op} agrees with Python's math`, () => near(run(op, [c(at)], {}), want));

  // by hand
  const exact: [Unary, readonly number[]][] = [
    ["neg", [2, 0.5, -0.25, -1, -3.5]],
    ["abs", [2, 0.5, 0.25, 1, 3.5]],
    ["sign", [-1, -1, 1, 1, 1]],
    ["reciprocal", [-0.5, -2, 4, 1, 1 / 3.5]],
    ["floor", [-2, -1, 0, 1, 3]],
    ["relu", [0, 0, 0.25, 1, 3.5]],
    ["step", [0, 0, 1, 1, 1]],
  ];
  test.each(exact)("%s", (op, want) => {
    expect(run(op, [c(points)], {})).toEqual(want);
  });

  test("round takes halves to even", () => {
    expect(run("round", [c([-2.5, -1.5, 0.5, 1.5, 2.4999, 3.5, 1e300])], {})).toEqual([
      -2, -2, 0, 2, 2, 4, 1e300,
    ]);
  });

  test("sigmoid and softplus keep their tails", () => {
    // sigmoid(-x) = exp(-x) and softplus(-x) = exp(-x) to relative precision at 40; softplus(1000) = 1000
    near(run("sigmoid", [c([-1000, 1000])], {}), [0, 1]);
    expect((run("sigmoid", [c([-40])], {}) as number[])[0] / Math.exp(-40)).toBeCloseTo(1, 12);
    expect((run("softplus", [c([-40])], {}) as number[])[0] / Math.exp(-40)).toBeCloseTo(1, 12);
    expect(run("softplus", [c([1000])], {})).toEqual([1000]);
  });

  test("erf is odd, rising, and relatively precise near zero", () => {
    // erf(x) = 2 x / sqrt(pi) (1 - x^2 / 3 + ...)
    near(run("erf", [c([1e-9])], {}), [1.1283791670955127e-9], 23);
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 7, noNaN: true }),
        fc.double({ min: 1e-6, max: 1, noNaN: true }),
        (x, d) => {
          const [a, b, mirrored] = run("erf", [c([x, x + d, -x])], {}) as number[];
          expect(b).toBeGreaterThanOrEqual(a);
          expect(mirrored + a).toBe(0);
        },
      ),
    );
  });

  test("arithmetic broadcasts as in NumPy", () => {
    const column = c([[1], [2]]);
    const row = c([10, 20, 30]);
    expect(run("add", [column, row], {})).toEqual([
      [11, 21, 31],
      [12, 22, 32],
    ]);
    expect(run("sub", [row, c(1)], {})).toEqual([9, 19, 29]);
    expect(run("mul", [c(2), row], {})).toEqual([20, 40, 60]);
    expect(run("div", [row, c([4, 5, 8])], {})).toEqual([2.5, 4, 3.75]);
    expect(run("max", [c([[1, 5, 3]]), c([2, 4, 3])], {})).toEqual([[2, 5, 3]]);
    expect(run("min", [c([[1, 5, 3]]), c([2, 4, 3])], {})).toEqual([[1, 4, 3]]);
  });

  test("pow, with IEEE 754's special cases", () => {
    near(run("pow", [c([3, 0.5, -2, 0]), c([2.5, -2, 3, 0])], {}), [15.588457268119896, 4, -8, 1]);
    // C99 F.9.4.4: pow(1, NaN) = 1, pow(-1, inf) = 1, pow(-8, 1/3) is NaN
    expect(run("pow", [c([1, -1, -8]), c([Number.NaN, Number.POSITIVE_INFINITY, 1 / 3])], {})).toEqual([
      1,
      1,
      Number.NaN,
    ]);
  });

  const whole = (op: Arithmetic, a: number, b: number, dtype: PlainDType) =>
    run(op, [c(a, dtype), c(b, dtype)], {});
  test("whole numbers wrap around and divide toward zero", () => {
    // Python: (4000000000 + 1000000000) % 2**32 and so on; minus 2**32 from 2**31 up for int32
    expect(whole("add", 4000000000, 1000000000, "uint32")).toBe(705032704);
    expect(whole("sub", 3, 5, "uint32")).toBe(4294967294);
    expect(whole("mul", 123456789, 987654321, "uint32")).toBe(4227814277);
    expect(whole("mul", 100000, 100000, "int32")).toBe(1410065408);
    expect(whole("pow", 7, 20, "uint32")).toBe(3095271137);
    expect(whole("pow", -3, 21, "int32")).toBe(-1870418611);
    expect(whole("pow", 5, 0, "int32")).toBe(1);
    expect(whole("div", -7, 2, "int32")).toBe(-3);
    expect(whole("div", 7, -2, "int32")).toBe(-3);
    expect(whole("div", 4294967295, 256, "uint32")).toBe(16777215);
    expect(whole("add", 100, 100, "int8")).toBe(-56);
    expect(whole("sub", 1, 2, "uint8")).toBe(255);
    expect(run("neg", [c([1, 0], "uint32")], {})).toEqual([4294967295, 0]);
  });

  test("32-bit arithmetic agrees with BigInt", () => {
    const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        const [x, y] = [BigInt(a), BigInt(b)];
        expect(whole("mul", a, b, "uint32")).toBe(Number(BigInt.asUintN(32, x * y)));
        expect(whole("mul", a | 0, b | 0, "int32")).toBe(Number(BigInt.asIntN(32, x * y)));
        expect(whole("add", a | 0, b | 0, "int32")).toBe(Number(BigInt.asIntN(32, x + y)));
        expect(whole("sub", a, b, "uint32")).toBe(Number(BigInt.asUintN(32, x - y)));
        if (b > 0) expect(whole("div", a, b, "uint32")).toBe(Number(x / y));
      }),
    );
  });

  test("comparisons, logic, where", () => {
    const [a, b] = [c([1, 2, 3, Number.NaN]), c([2, 2, 2, Number.NaN])];
    expect(run("equal", [a, b], {})).toEqual([0, 1, 0, 0]);
    expect(run("less", [a, b], {})).toEqual([1, 0, 0, 0]);
    expect(run("lessEqual", [a, b], {})).toEqual([1, 1, 0, 0]);
    expect(run("isNaN", [a], {})).toEqual([0, 0, 0, 1]);
    const [p, q] = [c([0, 0, 1, 1], "bool"), c([0, 1, 0, 1], "bool")];
    expect(run("and", [p, q], {})).toEqual([0, 0, 0, 1]);
    expect(run("or", [p, q], {})).toEqual([0, 1, 1, 1]);
    expect(run("not", [p], {})).toEqual([1, 1, 0, 0]);
    expect(run("where", [c([[1], [0]], "bool"), c([1, 2]), c(9)], {})).toEqual([
      [1, 2],
      [9, 9],
    ]);
  });

  test("NaN passes through max, min, relu, sign and amax", () => {
    const nan = c([Number.NaN]);
    for (const op of ["max", "min"] as const) {
      expect(run(op, [nan, c([1])], {})).toEqual([Number.NaN]);
      expect(run(op, [c([1]), nan], {})).toEqual([Number.NaN]);
    }
    expect(run("relu", [nan], {})).toEqual([Number.NaN]);
    expect(run("sign", [nan], {})).toEqual([Number.NaN]);
    expect(run("step", [nan], {})).toEqual([0]);
    expect(run("amax", [c([1, Number.NaN, 2])], { axes: [-1], keep: false })).toBe(Number.NaN);
    expect(run("argMax", [c([1, Number.NaN, 2])], { axis: -1 })).toBe(1);
  });

  test("cast", () => {
    expect(run("cast", [c([2.9, -2.9, Number.NaN])], { dtype: "int32" })).toEqual([2, -2, 0]);
    expect(run("cast", [c([0, -0.1, 7])], { dtype: "bool" })).toEqual([0, 1, 1]);
    expect(run("cast", [c([-1], "int32")], { dtype: "uint32" })).toEqual([4294967295]);
    expect(run("cast", [c([300, -1], "int32")], { dtype: "uint8" })).toEqual([44, 255]);
    // the float32 nearest to 0.1
    expect(run("cast", [c([0.1])], { dtype: "float32" })).toEqual([0.10000000149011612]);
  });
});

describe("reductions", () => {
  const x = c([
    [1, 5, 2],
    [4, 3, 6],
  ]);
  test("sum and amax over each axis, kept or not", () => {
    expect(run("sum", [x], { axes: [-1], keep: false })).toEqual([8, 13]);
    expect(run("sum", [x], { axes: [-2], keep: true })).toEqual([[5, 8, 8]]);
    expect(run("sum", [x], { axes: [-1, -2], keep: false })).toBe(21);
    expect(run("sum", [x], { axes: [], keep: false })).toEqual(toNested(value(x)));
    expect(run("amax", [x], { axes: [-1], keep: true })).toEqual([[5], [6]]);
    expect(run("amax", [c([-3, -1])], { axes: [-1], keep: false })).toBe(-1);
  });

  test("a float32 sum is rounded once", () => {
    // 2^24 + 1 + 1 + 1 + 1: in float32 arithmetic every 1 is lost
    const sum = make("sum", [c([2 ** 24, 1, 1, 1, 1], "float32")], { axes: [-1], keep: false });
    expect(flat(sum)).toEqual([2 ** 24 + 4]);
  });

  test("argMax takes the first of equals", () => {
    expect(
      run(
        "argMax",
        [
          c([
            [1, 7, 7],
            [2, 2, 0],
          ]),
        ],
        { axis: -1 },
      ),
    ).toEqual([1, 0]);
    expect(
      run(
        "argMax",
        [
          c([
            [1, 7, 7],
            [2, 2, 7],
          ]),
        ],
        { axis: -2 },
      ),
    ).toEqual([1, 0, 0]);
  });

  test("argTopK: in order, the first of equals first, NaN as the largest", () => {
    const y = c([[3, 1, 3, 2]]);
    expect(run("argTopK", [y], { k: 3, largest: true })).toEqual([[0, 2, 3]]);
    expect(run("argTopK", [y], { k: 4, largest: false })).toEqual([[1, 3, 0, 2]]);
    const odd = c([1, Number.NaN, Number.POSITIVE_INFINITY, Number.NaN, -1]);
    expect(run("argTopK", [odd], { k: 5, largest: true })).toEqual([1, 3, 2, 0, 4]);
    expect(run("argTopK", [odd], { k: 5, largest: false })).toEqual([4, 0, 2, 1, 3]);
  });

  test("argTopK picks each maximum in turn", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 12 }), (row) => {
        const left = [...row];
        const want = row.map(() => {
          const at = left.indexOf(Math.max(...left));
          left[at] = Number.NEGATIVE_INFINITY;
          return at;
        });
        expect(run("argTopK", [c(row)], { k: row.length, largest: true })).toEqual(want);
      }),
    );
  });

  test("cumsum in its four variants", () => {
    const all = { axis: -1, exclusive: false, reverse: false };
    const y = c([1, 2, 3, 4]);
    expect(run("cumsum", [y], all)).toEqual([1, 3, 6, 10]);
    expect(run("cumsum", [y], { ...all, exclusive: true })).toEqual([0, 1, 3, 6]);
    expect(run("cumsum", [y], { ...all, reverse: true })).toEqual([10, 9, 7, 4]);
    expect(run("cumsum", [y], { ...all, exclusive: true, reverse: true })).toEqual([9, 7, 4, 0]);
    expect(run("cumsum", [x], { ...all, axis: -2 })).toEqual([
      [1, 5, 2],
      [5, 8, 8],
    ]);
  });

  test("cumsum is a product with a triangle of ones", () => {
    const entries = fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(entries, fc.boolean(), fc.boolean(), (row, exclusive, reverse) => {
        const want = row.map((own, i) => {
          const part = reverse ? row.slice(i) : row.slice(0, i + 1);
          return part.reduce((a, b) => a + b, 0) - (exclusive ? own : 0);
        });
        expect(run("cumsum", [c(row.map((v) => [v]))], { axis: -2, exclusive, reverse })).toEqual(
          want.map((v) => [v]),
        );
      }),
    );
  });

  test("softmax and its logarithm", () => {
    // Python: e^i / (e + e^2 + e^3), and its log; shifting all entries changes nothing
    const want = [0.09003057317038046, 0.24472847105479767, 0.6652409557748219];
    near(run("softmax", [c([1, 2, 3])], { axis: -1 }), want);
    near(run("softmax", [c([1001, 1002, 1003])], { axis: -1 }), want, 12);
    near(
      run("logSoftmax", [c([1, 2, 3])], { axis: -1 }),
      [-2.40760596444438, -1.4076059644443801, -0.4076059644443803],
    );
    expect(run("logSoftmax", [c([[0], [-2000]])], { axis: -2 })).toEqual([[0], [-2000]]);
  });

  test("softmax sums to one along its axis", () => {
    const shape = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }));
    fc.assert(
      fc.property(shape, fc.constantFrom(-1, -2), fc.integer(), (s, axis, seed) => {
        const y = make("softmax", [random(s, seed, 80)], { axis });
        near(flat(make("sum", [y], { axes: [axis], keep: false })), Array(s[-1 - axis]).fill(1), 12);
        const logs = make("exp", [make("logSoftmax", [random(s, seed, 80)], { axis })], {});
        near(flat(logs), flat(y), 12);
      }),
    );
  });
});

/** Whole numbers from -most to most, so that sums of products are exact. */
function random(shape: readonly number[], seed: number, most = 4): Tensor {
  const data = Float64Array.from(
    { length: sizeOf(shape) },
    (_, i) => (bits([seed >>> 0, 1], i) % (2 * most + 1)) - most,
  );
  return constant(ndarray("float64", shape, data));
}

const inner = (a: Tensor, b: Tensor): number => {
  const [x, y] = [flat(a), flat(b)];
  expect(x.length).toBe(y.length);
  return x.reduce((total, v, i) => total + v * y[i], 0);
};

describe("products", () => {
  test("matmul, by hand", () => {
    const a = c([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    const b = c([
      [1, 0, 2],
      [0, 1, 3],
    ]);
    const want = [
      [1, 2, 8],
      [3, 4, 18],
      [5, 6, 28],
    ];
    const turned = (t: Tensor) => make("transpose", [t], { order: [1, 0] });
    expect(run("matmul", [a, b], { transposeA: false, transposeB: false })).toEqual(want);
    expect(run("matmul", [turned(a), b], { transposeA: true, transposeB: false })).toEqual(want);
    expect(run("matmul", [a, turned(b)], { transposeA: false, transposeB: true })).toEqual(want);
    expect(run("matmul", [turned(a), turned(b)], { transposeA: true, transposeB: true })).toEqual(want);
  });

  test("matmul of broadcast stacks is a sum of products", () => {
    const size = fc.integer({ min: 1, max: 4 });
    const lead = fc.constantFrom(
      [[2, 1], [3]],
      [[], [2]],
      [
        [2, 3],
        [2, 3],
      ],
      [[1], [2, 1]],
    );
    fc.assert(
      fc.property(
        fc.tuple(size, size, size),
        lead,
        fc.boolean(),
        fc.boolean(),
        fc.integer(),
        (s, [p, q], ta, tb, seed) => {
          const [m, k, n] = s;
          const a = random([...p, ...(ta ? [k, m] : [m, k])], seed);
          const b = random([...q, ...(tb ? [n, k] : [k, n])], seed + 1);
          const last = (t: Tensor, turn: boolean) => {
            const order = t.shape.map((_, i) => i);
            if (turn) order.push(...order.splice(-2).reverse());
            return make("transpose", [t], { order });
          };
          const left = last(a, ta);
          const right = last(b, !tb);
          const wide = make("reshape", [left], { shape: [...p, m, 1, k] });
          const tall = make("reshape", [right], { shape: [...q, 1, n, k] });
          const want = make("sum", [make("mul", [wide, tall], {})], { axes: [-1], keep: false });
          expect(run("matmul", [a, b], { transposeA: ta, transposeB: tb })).toEqual(toNested(value(want)));
        },
      ),
    );
  });

  test("conv, by hand", () => {
    // x = 1 2 3 4, kernel = 1 10: 1 + 20, 2 + 30, 3 + 40; with padding 1 before: 0 + 10 first
    const plain: Window = { strides: [1], padding: [[0, 0]], dilation: [1], groups: 1 };
    const [x, k] = [c([[[1, 2, 3, 4]]]), c([[[1, 10]]])];
    expect(run("conv", [x, k], plain)).toEqual([[[21, 32, 43]]]);
    expect(run("conv", [x, k], { ...plain, padding: [[1, 0]] })).toEqual([[[10, 21, 32, 43]]]);
    expect(run("conv", [x, k], { ...plain, dilation: [2] })).toEqual([[[31, 42]]]);
    expect(run("conv", [x, k], { ...plain, strides: [2] })).toEqual([[[21, 43]]]);
    // two groups: each kernel sees its own channel
    const two = c([
      [
        [1, 2],
        [3, 4],
      ],
    ]);
    expect(run("conv", [two, c([[[10]], [[100]]])], { ...plain, groups: 2 })).toEqual([
      [
        [10, 20],
        [300, 400],
      ],
    ]);
    // 1 2 3 / 4 5 6 / 7 8 9 with kernel 1 0 / 0 -1: 1 - 5, 2 - 6, 4 - 8, 5 - 9
    const flatWindow: Window = {
      strides: [1, 1],
      padding: [
        [0, 0],
        [0, 0],
      ],
      dilation: [1, 1],
      groups: 1,
    };
    expect(
      run(
        "conv",
        [
          c([
            [
              [
                [1, 2, 3],
                [4, 5, 6],
                [7, 8, 9],
              ],
            ],
          ]),
          c([
            [
              [
                [1, 0],
                [0, -1],
              ],
            ],
          ]),
        ],
        flatWindow,
      ),
    ).toEqual([
      [
        [
          [-4, -4],
          [-4, -4],
        ],
      ],
    ]);
  });

  test("convTranspose and convKernel, by hand", () => {
    const w: Window = { strides: [2], padding: [[0, 0]], dilation: [1], groups: 1 };
    // 5 and 7 each times (1, 10), two apart; the fifth entry is never reached
    expect(run("convTranspose", [c([[[5, 7]]]), c([[[1, 10]]])], { ...w, size: [5] })).toEqual([
      [[5, 50, 7, 70, 0]],
    ]);
    // 1 * 5 + 3 * 7, 2 * 5 + 4 * 7
    expect(run("convKernel", [c([[[1, 2, 3, 4]]]), c([[[5, 7]]])], { ...w, size: [2] })).toEqual([
      [[26, 38]],
    ]);
  });

  interface Case {
    readonly x: readonly number[];
    readonly kernel: readonly number[];
    readonly window: Window;
    readonly seed: number;
  }
  const axis = fc.record({
    size: fc.integer({ min: 1, max: 6 }),
    kernel: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 3 }),
    low: fc.integer({ min: 0, max: 3 }),
    high: fc.integer({ min: 0, max: 3 }),
    dilation: fc.integer({ min: 1, max: 3 }),
  });
  const cases: fc.Arbitrary<Case> = fc
    .record({
      axes: fc.array(axis, { minLength: 1, maxLength: 3 }),
      counts: fc.tuple(...[2, 2, 2, 3].map((max) => fc.integer({ min: 1, max }))),
      seed: fc.integer({ min: 0, max: 1e6 }),
    })
    .filter(({ axes }) => axes.every((a) => a.size + a.low + a.high > (a.kernel - 1) * a.dilation))
    .map(({ axes, counts: [n, channels, outputs, groups], seed }) => ({
      x: [n, channels * groups, ...axes.map((a) => a.size)],
      kernel: [outputs * groups, channels, ...axes.map((a) => a.kernel)],
      window: {
        strides: axes.map((a) => a.stride),
        padding: axes.map((a) => [a.low, a.high] as const),
        dilation: axes.map((a) => a.dilation),
        groups,
      },
      seed,
    }));

  /** All index lists of a shape. */
  const indices = (shape: readonly number[]): number[][] =>
    shape.reduce<number[][]>(
      (all, n) => all.flatMap((i) => Array.from({ length: n }, (_, j) => [...i, j])),
      [[]],
    );

  /** One entry, zero outside. */
  const entry = (a: NdArray, index: readonly number[]): number => {
    if (index.some((i, k) => i < 0 || i >= a.shape[k])) return 0;
    return Number(a.data[index.reduce((at, i, k) => at * a.shape[k] + i, 0)]);
  };

  test("conv is its definition, entry by entry", () => {
    fc.assert(
      fc.property(cases, ({ x, kernel, window, seed }) => {
        const [a, k] = [value(random(x, seed)), value(random(kernel, seed + 1))];
        const result = value(make("conv", [constant(a), constant(k)], window));
        const perGroup = kernel[0] / window.groups;
        const want = indices(result.shape).map(([n, o, ...at]) =>
          indices(kernel.slice(1)).reduce((total, [l, ...d]) => {
            const spatial = at.map(
              (y, i) => y * window.strides[i] + d[i] * window.dilation[i] - window.padding[i][0],
            );
            const channel = Math.floor(o / perGroup) * kernel[1] + l;
            return total + entry(a, [n, channel, ...spatial]) * entry(k, [o, l, ...d]);
          }, 0),
        );
        expect(Array.from(result.data, (v) => v + 0)).toEqual(want.map((v) => v + 0));
      }),
    );
  });

  test("convTranspose and convKernel are the adjoints of conv", () => {
    fc.assert(
      fc.property(cases, ({ x, kernel, window, seed }) => {
        const [a, k] = [random(x, seed), random(kernel, seed + 1)];
        const y = make("conv", [a, k], window);
        const g = random(y.shape, seed + 2);
        const back = make("convTranspose", [g, k], { ...window, size: x.slice(2) });
        const toKernel = make("convKernel", [a, g], { ...window, size: kernel.slice(2) });
        expect(back.shape).toEqual(x);
        expect(toKernel.shape).toEqual(kernel);
        const form = inner(y, g) + 0;
        expect(inner(a, back) + 0).toBe(form);
        expect(inner(k, toKernel) + 0).toBe(form);
      }),
    );
  });
});

describe("pooling", () => {
  const x = c([
    [
      [
        [1, 2, 3],
        [4, 9, 6],
        [7, 9, 5],
      ],
    ],
  ]);
  const pool: Pool = {
    kernel: [2, 2],
    strides: [1, 1],
    padding: [
      [0, 0],
      [0, 0],
    ],
  };
  test("by hand", () => {
    expect(run("maxPool", [x], pool)).toEqual([
      [
        [
          [9, 9],
          [9, 9],
        ],
      ],
    ]);
    // the 9 at flat position 4 comes before the one at 7
    expect(run("argMaxPool", [x], pool)).toEqual([
      [
        [
          [4, 4],
          [4, 4],
        ],
      ],
    ]);
    // 1 + 2 + 4 + 9, 2 + 3 + 9 + 6, 4 + 9 + 7 + 9, 9 + 6 + 9 + 5
    expect(run("sumPool", [x], pool)).toEqual([
      [
        [
          [16, 20],
          [29, 29],
        ],
      ],
    ]);
    // each of 1 2 / 3 4 over its window of four
    expect(
      run(
        "sumUnpool",
        [
          c([
            [
              [
                [1, 2],
                [3, 4],
              ],
            ],
          ]),
        ],
        { ...pool, size: [3, 3] },
      ),
    ).toEqual([
      [
        [
          [1, 3, 2],
          [4, 10, 6],
          [3, 7, 4],
        ],
      ],
    ]);
  });

  test("padding never wins a maximum and adds nothing to a sum", () => {
    const low: Pool = { kernel: [2], strides: [2], padding: [[1, 0]] };
    const y = c([[[-5, -3, -4]]]);
    expect(run("maxPool", [y], low)).toEqual([[[-5, -3]]]);
    expect(run("argMaxPool", [y], low)).toEqual([[[0, 1]]]);
    expect(run("sumPool", [y], low)).toEqual([[[-5, -7]]]);
  });

  test("the first NaN wins", () => {
    const y = c([[[1, Number.NaN, Number.NaN, 2]]]);
    const all: Pool = { kernel: [4], strides: [1], padding: [[0, 0]] };
    expect(run("maxPool", [y], all)).toEqual([[[Number.NaN]]]);
    expect(run("argMaxPool", [y], all)).toEqual([[[1]]]);
  });

  const axis = fc
    .record({
      size: fc.integer({ min: 1, max: 6 }),
      kernel: fc.integer({ min: 1, max: 3 }),
      stride: fc.integer({ min: 1, max: 3 }),
      low: fc.integer({ min: 0, max: 2 }),
      high: fc.integer({ min: 0, max: 2 }),
    })
    .filter((a) => a.low < a.kernel && a.high < a.kernel && a.size + a.low + a.high >= a.kernel);
  const poolings = fc.array(axis, { minLength: 1, maxLength: 3 }).map((axes) => ({
    size: axes.map((a) => a.size),
    pool: {
      kernel: axes.map((a) => a.kernel),
      strides: axes.map((a) => a.stride),
      padding: axes.map((a) => [a.low, a.high] as const),
    },
  }));

  test("sumUnpool is the adjoint of sumPool, which is a convolution with ones", () => {
    fc.assert(
      fc.property(poolings, fc.integer({ min: 0, max: 1e6 }), ({ size, pool: p }, seed) => {
        const a = random([2, 1, ...size], seed);
        const y = make("sumPool", [a], p);
        const g = random(y.shape, seed + 1);
        expect(inner(y, g) + 0).toBe(inner(a, make("sumUnpool", [g], { ...p, size })) + 0);
        const ones = make("broadcast", [c(1)], { shape: [1, 1, ...p.kernel] });
        const window = { strides: p.strides, padding: p.padding, dilation: size.map(() => 1), groups: 1 };
        expect(flat(y)).toEqual(flat(make("conv", [a, ones], window)));
      }),
    );
  });

  test("argMaxPool points at maxPool", () => {
    fc.assert(
      fc.property(poolings, fc.integer({ min: 0, max: 1e6 }), ({ size, pool: p }, seed) => {
        const a = random([1, 2, ...size], seed);
        const plane = sizeOf(size);
        const top = flat(make("maxPool", [a], p));
        const at = flat(make("argMaxPool", [a], p));
        const entries = flat(a);
        expect(at.map((i, o) => entries[Math.floor(o / (at.length / 2)) * plane + i])).toEqual(top);
      }),
    );
  });
});

describe("rows", () => {
  const x = c([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  test("gather and scatterAdd, by hand", () => {
    expect(
      run(
        "gather",
        [
          x,
          c(
            [
              [2, 0],
              [1, 1],
            ],
            "int32",
          ),
        ],
        {},
      ),
    ).toEqual([
      [
        [5, 6],
        [1, 2],
      ],
      [
        [3, 4],
        [3, 4],
      ],
    ]);
    expect(run("gather", [x, c(1, "int32")], {})).toEqual([3, 4]);
    expect(run("scatterAdd", [c([3, 1, 3], "int32"), x], { rows: 4 })).toEqual([
      [0, 0],
      [3, 4],
      [0, 0],
      [6, 8],
    ]);
  });

  test("scatterAdd is the adjoint of gather", () => {
    const list = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(
        list,
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 1e6 }),
        (at, width, seed) => {
          const table = random([5, width], seed);
          const indices = c(at, "int32");
          const rows = make("gather", [table, indices], {});
          const g = random(rows.shape, seed + 1);
          expect(inner(rows, g) + 0).toBe(inner(table, make("scatterAdd", [indices, g], { rows: 5 })) + 0);
        },
      ),
    );
  });

  test("an index out of range is an error that names the operation", () => {
    for (const i of [-1, 3]) {
      expect(() => run("gather", [x, c([i], "int32")], {})).toThrow(
        expect.objectContaining({ code: "runtime", culprit: "gather" }),
      );
      expect(() => run("scatterAdd", [c([i], "int32"), c([1])], { rows: 3 })).toThrow(
        expect.objectContaining({ code: "runtime", culprit: "scatterAdd" }),
      );
    }
  });
});

describe("shape", () => {
  const x = c([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  test("by hand", () => {
    expect(run("reshape", [x], { shape: [3, 2] })).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    expect(run("transpose", [x], { order: [1, 0] })).toEqual([
      [1, 4],
      [2, 5],
      [3, 6],
    ]);
    expect(run("transpose", [c([[[1, 2]], [[3, 4]]])], { order: [2, 0, 1] })).toEqual([
      [[1], [3]],
      [[2], [4]],
    ]);
    expect(run("broadcast", [c([[1], [2]])], { shape: [2, 2, 2] })).toEqual([
      [
        [1, 1],
        [2, 2],
      ],
      [
        [1, 1],
        [2, 2],
      ],
    ]);
    expect(run("broadcast", [c(3)], { shape: [2] })).toEqual([3, 3]);
    expect(run("slice", [x], { starts: [1, 2], sizes: [2, 2], steps: [-1, -2] })).toEqual([
      [6, 4],
      [3, 1],
    ]);
    expect(run("slice", [x], { starts: [0, 1], sizes: [1, 2], steps: [1, 1] })).toEqual([[2, 3]]);
    expect(run("pad", [c([[1, 2]])], { low: [1, 0], high: [0, 2], value: 9 })).toEqual([
      [9, 9, 9, 9],
      [1, 2, 9, 9],
    ]);
    expect(run("concat", [x, c([[7], [8]])], { axis: -1 })).toEqual([
      [1, 2, 3, 7],
      [4, 5, 6, 8],
    ]);
    expect(run("concat", [x, c([[7, 8, 9]])], { axis: -2 })).toEqual([
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
    ]);
  });

  test("a window out of what was padded is the whole again", () => {
    const shape = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 });
    fc.assert(
      fc.property(
        shape,
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 0, max: 2 }),
        (s, before, after) => {
          const a = random(s, before * 3 + after);
          const wide = make("pad", [a], { low: s.map(() => before), high: s.map(() => after), value: 7 });
          const back = make("slice", [wide], {
            starts: s.map(() => before),
            sizes: s,
            steps: s.map(() => 1),
          });
          expect(flat(back)).toEqual(flat(a));
        },
      ),
    );
  });
});

describe("random", () => {
  const words = fc.tuple(...[0, 1].map(() => fc.integer({ min: 0, max: 2 ** 32 - 1 })));
  test("randomBits are the words of the key's stream, foldKey its child", () => {
    fc.assert(
      fc.property(words, fc.integer({ min: 0, max: 2 ** 32 - 1 }), ([a, b], word) => {
        const key = c([a, b], "uint32");
        const want = Array.from({ length: 6 }, (_, i) => bits([a, b], i));
        expect(flat(make("randomBits", [key], { shape: [2, 3] }))).toEqual(want);
        expect(run("foldKey", [key, c(word, "uint32")], {})).toEqual([...fold([a, b], word)]);
      }),
    );
  });
});

describe("evaluate", () => {
  const feed = (t: Tensor, a: NdArray) => new Map([[t, a]]);
  test("alias, stop and custom pass their value on", () => {
    const x = c([1, 2]);
    expect(run("alias", [x], {})).toEqual([1, 2]);
    expect(run("stop", [x], {})).toEqual([1, 2]);
    expect(run("custom", [x, c([5])], { pullback: () => [null] })).toEqual([1, 2]);
  });

  test("results have the dtype and storage of their node", () => {
    const x = input("x", [2]);
    const [sum, less] = evaluate(
      [make("add", [x, x], {}), make("less", [x, x], {})],
      feed(x, fromNested([0.1, 0.2])),
    );
    expect(sum.data).toEqual(Float32Array.of(0.2, 0.4));
    expect(less).toEqual({ dtype: "bool", shape: [2], data: Uint8Array.of(0, 0) });
  });

  test("float64 computes float32 in float64, and takes float64 feeds", () => {
    const x = input("x", []);
    const third = make("div", [x, c(3, "float32")], {});
    const whole = make("cast", [third], { dtype: "int32" });
    expect(evaluate([third], feed(x, fromNested(1)))[0].data[0]).toBe(Math.fround(1 / 3));
    const [fine, same] = evaluate([third, whole], feed(x, fromNested(7.3, "float64")), { float64: true });
    expect(fine).toEqual({ dtype: "float64", shape: [], data: Float64Array.of(7.3 / 3) });
    expect(same.dtype).toBe("int32");
    expect(same.data[0]).toBe(2);
  });

  test("each float32 operation is rounded as it is done", () => {
    // 2^24 + 1 is 2^24 in float32, and 2^24 - 2^24 is 0
    const big = c(2 ** 24, "float32");
    const sum = make("add", [big, c(1, "float32")], {});
    expect(flat(make("sub", [sum, big], {}))).toEqual([0]);
  });

  test("watch sees every node once, inputs first, and outputs survive", () => {
    const x = input("x", [2]);
    const y = make("neg", [x], {});
    const z = make("mul", [y, y], {});
    const seen: string[] = [];
    const results = evaluate([y, z, y], feed(x, fromNested([1, 2])), {
      watch: (node, v) => seen.push(`${node.op} ${Array.from(v.data as Float32Array)}`),
    });
    expect(seen).toEqual(["input 1,2", "neg -1,-2", "mul 1,4"]);
    expect(results.map((r) => Array.from(r.data as Float32Array))).toEqual([
      [-1, -2],
      [1, 4],
      [-1, -2],
    ]);
  });

  test("feeds and constants are left as they were", () => {
    const array = fromNested([1.5, -2.5], "float64");
    const x = input("x", [2], "float64");
    const [out] = evaluate([x], feed(x, array));
    (out.data as Float64Array)[0] = 99;
    expect(array.data[0]).toBe(1.5);
  });

  test("a long chain is walked without recursion", () => {
    let x = c(0);
    for (let i = 0; i < 20000; i++) x = make("alias", [x], {});
    expect(flat(x)).toEqual([0]);
  });

  test.each<[string, string, NdArray | null]>([
    ["nothing", "unknown-name", null],
    ["another shape", "bad-shape", fromNested([1, 2])],
    ["another dtype", "bad-dtype", fromNested([1, 2, 3], "int32")],
    ["float64 unasked", "bad-dtype", fromNested([1, 2, 3], "float64")],
  ])("an input fed %s is an error that names it", (_, code, array) => {
    const x = input("weights", [3]);
    expect(() => evaluate([x], array === null ? new Map() : feed(x, array))).toThrow(
      expect.objectContaining({ code, culprit: "weights", message: expect.stringContaining("weights") }),
    );
  });

  test("float16 and int64 are refused", () => {
    for (const dtype of ["float16", "int64"] as const)
      expect(() => evaluate([make("cast", [c(1)], { dtype })])).toThrow(
        expect.objectContaining({ code: "bad-dtype", culprit: "cast" }),
      );
  });
});

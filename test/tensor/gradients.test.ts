import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ndarray } from "../../src/array/ndarray.ts";
import type { Primitive, Tensor } from "../../src/tensor/graph.ts";
import {
  add,
  amax,
  cast,
  constant,
  conv,
  fill,
  grad,
  input,
  isFloat,
  max,
  maxPool,
  min,
  mul,
  norm,
  pow,
  relu,
  scalar,
  slice,
  sqrt,
  square,
  sub,
  sum,
  valueAndGrad,
  vjp,
  where,
  window,
} from "../../src/tensor/index.ts";
import { type Sample, samples } from "../onnx/samples.ts";
import { derivative, literal, normals, numbersOf, type Plain, placed, shifted, valuesOf } from "./numbers.ts";

/**
 * What the gradient of a primitive is: `slope`, that of the function (zero where it is constant between
 * jumps), `none`, exactly zero (its values jump or are no floats), `own`, something declared, tested below.
 */
const kinds: { readonly [P in Primitive]: "slope" | "none" | "own" } = {
  input: "slope",
  constant: "none",
  alias: "slope",
  stop: "own",
  custom: "own",
  neg: "slope",
  abs: "slope",
  sign: "none",
  exp: "slope",
  log: "slope",
  sqrt: "slope",
  reciprocal: "slope",
  floor: "none",
  round: "none",
  sin: "slope",
  cos: "slope",
  atan: "slope",
  tanh: "slope",
  sigmoid: "slope",
  softplus: "slope",
  erf: "slope",
  relu: "slope",
  step: "none",
  add: "slope",
  sub: "slope",
  mul: "slope",
  div: "slope",
  pow: "slope",
  max: "slope",
  min: "slope",
  equal: "none",
  less: "none",
  lessEqual: "none",
  not: "none",
  and: "none",
  or: "none",
  isNaN: "none",
  cast: "slope",
  where: "slope",
  sum: "slope",
  amax: "slope",
  argMax: "none",
  cumsum: "slope",
  softmax: "slope",
  logSoftmax: "slope",
  argTopK: "none",
  matmul: "slope",
  conv: "slope",
  convTranspose: "slope",
  convKernel: "slope",
  maxPool: "slope",
  argMaxPool: "none",
  sumPool: "slope",
  sumUnpool: "slope",
  gather: "slope",
  scatterAdd: "slope",
  reshape: "slope",
  transpose: "slope",
  broadcast: "slope",
  slice: "slope",
  pad: "slope",
  concat: "slope",
  scan: "slope",
  last: "slope",
  stacked: "slope",
  randomBits: "none",
  foldKey: "none",
};

const byKind = (kind: string) => (Object.keys(kinds) as Primitive[]).filter((op) => kinds[op] === kind);

/** A sum of the result with random weights, and its slopes along two random directions, one after the other. */
function traced(sample: Sample, seed: number) {
  const { inputs, values } = placed(sample);
  const moving = inputs.filter((t) => isFloat(t.dtype));
  const along = (name: string) => moving.map((t, i) => normals(t.shape, seed, `${name} ${i}`));
  const slopeOf = (value: Tensor, directions: readonly Plain[]) =>
    vjp([value], [scalar(1)], moving)
      .map((g, i) => sum(mul(g, constant(directions[i]))))
      .reduce(add, scalar(0));
  const result = cast(sample.build(inputs), "float32");
  const value = sum(mul(result, constant(normals(result.shape, seed, "weights"))));
  const [first, second] = [along("first"), along("second")];
  const slope = slopeOf(value, first);
  const bend = slopeOf(slope, second);
  const at = (directions: readonly Plain[], t: number) => {
    let next = 0;
    return new Map(
      inputs.map((x, i) => [x, isFloat(x.dtype) ? shifted(values[i], [t, directions[next++]]) : values[i]]),
    );
  };
  return { value, slope, bend, first, second, at, gradients: vjp([value], [scalar(1)], moving) };
}

/** 1e-6 of the larger of the number and 1: literals in the graph are rounded to float32. */
function close(got: number, expected: number, what: string): void {
  expect(Math.abs(got - expected), `${what}: ${got} for ${expected}`).toBeLessThanOrEqual(
    1e-6 * Math.max(1, Math.abs(expected)),
  );
}

const runs = { seed: 20240601, numRuns: 15 };

describe("against finite differences", () => {
  it.each(byKind("slope"))("%s", (op) => {
    fc.assert(
      fc.property(samples[op as Primitive], fc.nat(1e6), (sample, seed) => {
        const { value, slope, bend, first, second, at } = traced(sample, seed);
        const [slopeHere, bendHere] = valuesOf([slope, bend], at(first, 0)).map(([x]) => x);
        close(
          slopeHere,
          derivative((t) => numbersOf(value, at(first, t))[0]),
          "first order",
        );
        close(
          bendHere,
          derivative((t) => numbersOf(slope, at(second, t))[0]),
          "second order",
        );
      }),
      runs,
    );
  });

  it.each(byKind("none"))("%s has none", (op) => {
    fc.assert(
      fc.property(samples[op as Primitive], fc.nat(1e6), (sample, seed) => {
        const { gradients, first, at } = traced(sample, seed);
        for (const g of valuesOf(gradients, at(first, 0))) expect(g.every((x) => x === 0)).toBe(true);
      }),
      runs,
    );
  });
});

const gradientAt = (f: (x: Tensor) => Tensor, ...at: number[]): number[] =>
  numbersOf(grad(f)(literal([at.length], ...at)));

describe("where functions have kinks", () => {
  it("max and min halve the gradient at ties", () => {
    const b = literal([3], 0, 1, 2);
    expect(gradientAt((a) => sum(max(a, b)), 1, 1, 1)).toEqual([1, 0.5, 0]);
    expect(gradientAt((a) => sum(min(a, b)), 1, 1, 1)).toEqual([0, 0.5, 1]);
    expect(gradientAt((a) => sum(max(b, a)), 1, 1, 1)).toEqual([1, 0.5, 0]);
  });

  it("amax shares the gradient among equal largest entries", () => {
    expect(gradientAt((x) => amax(x), 3, 1, 3, 2)).toEqual([0.5, 0, 0.5, 0]);
  });

  it("relu, abs and sqrt of a square at zero", () => {
    expect(gradientAt((x) => sum(relu(x)), -1, 0, 1)).toEqual([0, 0, 1]);
    expect(gradientAt((x) => norm(x), 0, 0)).toEqual([0, 0]);
    expect(gradientAt((x) => norm(x), 3, 4)).toEqual([0.6000000000000001, 0.8]);
  });

  it("where sends nothing to the choice not taken", () => {
    const f = (x: Tensor) => {
      const safe = where(cast(x, "bool"), x, 1);
      return sum(where(cast(x, "bool"), sqrt(safe), 0));
    };
    expect(gradientAt(f, 0, 4)).toEqual([0, 0.25]);
  });
});

describe("max pooling with ties", () => {
  const image = (...data: number[]) => constant(ndarray("float32", [1, 1, 4, 4], Float32Array.from(data)));
  const flat = image(...Array(16).fill(0.5));

  it("never gives a window more gradient than came in", () => {
    for (const [kernel, strides] of [
      [2, 2],
      [2, 1],
      [3, 1],
    ]) {
      const g = grad((x: Tensor) => sum(maxPool(x, kernel, { strides })))(flat);
      const windows = ((4 - kernel) / strides + 1) ** 2;
      expect(numbersOf(g).reduce((a, b) => a + b)).toBeCloseTo(windows, 12);
    }
  });

  it("so that the bias of a convolution over a plain background has its true gradient", () => {
    const x = constant(ndarray("float32", [1, 1, 6, 6], new Float32Array(36)));
    const f = (bias: Tensor) => sum(square(maxPool(add(conv(x, fill([1, 1, 3, 3], 0.3)), bias), 2)));
    const bias = input("bias", []);
    const at = (t: number) =>
      numbersOf(f(bias), new Map([[bias, ndarray("float64", [], Float64Array.of(0.7 + t))]]))[0];
    const g = numbersOf(grad(f)(bias), new Map([[bias, ndarray("float64", [], Float64Array.of(0.7))]]))[0];
    close(g, derivative(at), "bias");
  });
});

describe("powers", () => {
  it("of zero, to whole exponents, at first and second order", () => {
    for (const [exponent, first, second] of [
      [0, 0, 0],
      [1, 1, 0],
      [2, 0, 2],
      [3, 0, 0],
    ]) {
      const f = (x: Tensor) => pow(x, exponent);
      const x = scalar(0);
      expect(numbersOf(grad(f)(x)), `x^${exponent}`).toEqual([first]);
      expect(numbersOf(grad(grad(f))(x)), `x^${exponent}`).toEqual([second]);
      const symbolic = (y: Tensor) => pow(y, add(scalar(exponent), 0));
      expect(numbersOf(grad(symbolic)(x)), `x^${exponent}`).toEqual([first]);
      expect(numbersOf(grad(grad(symbolic))(x)), `x^${exponent}`).toEqual([second]);
    }
  });

  it("of negative numbers to whole exponents", () => {
    expect(numbersOf(grad((x: Tensor) => pow(x, 3))(scalar(-2)))).toEqual([12]);
    expect(numbersOf(grad(grad((x: Tensor) => pow(x, 3)))(scalar(-2)))).toEqual([-12]);
  });

  it("of zero in the exponent", () => {
    expect(numbersOf(grad((b: Tensor) => pow(0, b))(scalar(2)))).toEqual([0]);
  });
});

describe("vjp", () => {
  it("gives zeros where there is no dependence, in the shape and dtype of the argument", () => {
    const [a, b] = [literal([2], 1, 2), input("whole", [3], "int32")];
    const gradients = vjp([sum(square(a))], [scalar(1)], [literal([2, 2], 1, 2, 3, 4), b]);
    expect(gradients.map(({ shape, dtype }) => ({ shape, dtype }))).toEqual([
      { shape: [2, 2], dtype: "float32" },
      { shape: [3], dtype: "int32" },
    ]);
    expect(valuesOf(gradients)).toEqual([
      [0, 0, 0, 0],
      [0, 0, 0],
    ]);
  });

  it("stops at the arguments: what lies before them is constant", () => {
    const x = scalar(3);
    const y = square(x);
    const z = mul(y, x);
    // z = y x with y = x^2: dz/dy = x = 3; dz/dx at fixed y = y = 9
    expect(valuesOf(vjp([z], [scalar(1)], [y, x]))).toEqual([[3], [9]]);
    expect(valuesOf(vjp([z], [scalar(1)], [x]))).toEqual([[27]]);
  });

  it("adds up the seeds of several outputs, and of one output named twice", () => {
    const x = scalar(2);
    const y = square(x);
    expect(valuesOf(vjp([y, mul(3, x), y], [scalar(1), scalar(10), scalar(5)], [x]))).toEqual([[54]]);
  });

  it("of float64 and mixed dtypes stays in the dtypes of the arguments", () => {
    const x = constant(ndarray("float64", [2], Float64Array.of(1, 2)));
    const y = literal([2], 3, 4);
    const gradients = vjp([sum(mul(x, cast(y, "float64")))], [scalar(1, "float64")], [x, y]);
    expect(gradients.map((g) => g.dtype)).toEqual(["float64", "float32"]);
    expect(valuesOf(gradients)).toEqual([
      [3, 4],
      [1, 2],
    ]);
  });
});

describe("grad", () => {
  it("differentiates in all tensors of a tree and keeps its structure", () => {
    const tree = { a: literal([2], 1, 2), rest: [scalar(3)], nothing: undefined };
    const { value, gradient } = valueAndGrad((t: typeof tree) => mul(sum(square(t.a)), t.rest[0]))(tree);
    expect(numbersOf(value)).toEqual([15]);
    expect(valuesOf([gradient.a, gradient.rest[0]])).toEqual([[6, 12], [5]]);
    expect(gradient.nothing).toBeUndefined();
  });

  it("of one tensor in two places tells the places apart", () => {
    const x = scalar(3);
    const g = grad(([a, b]: readonly Tensor[]) => sub(square(a), mul(2, b)))([x, x]);
    expect(valuesOf(g)).toEqual([[6], [-2]]);
  });

  it("of a slice walked back in steps", () => {
    // x[4], x[2], x[0] times 1, 2, 3
    const f = (x: Tensor) => sum(mul(window(x, [4], [3], [-2]), literal([3], 1, 2, 3)));
    expect(gradientAt(f, 1, 1, 1, 1, 1, 1)).toEqual([3, 0, 2, 0, 1, 0]);
    expect(gradientAt((x) => sum(slice(x, 0, 1, 6, 2)), 1, 1, 1, 1, 1, 1)).toEqual([0, 1, 0, 1, 0, 1]);
  });

  it("demands a scalar of floats", () => {
    expect(() => grad((x: Tensor) => x)(literal([2], 1, 2))).toThrow(
      expect.objectContaining({ code: "bad-shape", culprit: "grad" }),
    );
    expect(() => grad((x: Tensor) => cast(x, "int32"))(scalar(1))).toThrow(/int32\[\], not one float/);
  });
});

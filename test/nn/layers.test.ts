import { describe, expect, it } from "vitest";
import { sizeOf } from "../../src/array/ndarray.ts";
import type { Mode, Params } from "../../src/kinds/index.ts";
import {
  batchNorm,
  conv,
  convTranspose,
  flatten,
  globalAvgPool,
  glorotUniform,
  groupNorm,
  heNormal,
  type Initializer,
  layerNorm,
  lecunNormal,
  linear,
  type ModuleOf,
  ones,
  relu,
  residual,
  sequence,
  zeros,
} from "../../src/nn/index.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import { fill, fold, keyOf, type Tensor, uniform } from "../../src/tensor/index.ts";
import { literal, numbersOf } from "../tensor/numbers.ts";

function applied(layer: ModuleOf, x: Tensor, weights: Params = {}, mode: Mode = "eval") {
  const buffers: Record<string, Tensor> = {};
  return { y: layer("l", x.shape.slice(1)).apply(x, { weights, mode, buffers }), buffers };
}

describe("linear", () => {
  const weights = { "l.kernel": literal([2, 3], 1, 2, 3, 4, 5, 6), "l.bias": literal([2], 10, 20) };

  it("is x W^T + b", () => {
    const { y } = applied(linear(2), literal([2, 3], 1, 0, 0, 1, 1, 1), weights);
    expect(y.shape).toEqual([2, 2]);
    expect(numbersOf(y)).toEqual([11, 24, 16, 35]);
  });

  it("acts on the last axis of any example", () => {
    const { y } = applied(linear(2), literal([1, 2, 3], 1, 0, 0, 1, 1, 1), weights);
    expect(y.shape).toEqual([1, 2, 2]);
    expect(numbersOf(y)).toEqual([11, 24, 16, 35]);
  });

  it("without bias has one array", () => {
    const built = linear(2, { bias: false })("l", [3]);
    expect(built.leaves.map((leaf) => leaf.path)).toEqual(["l.kernel"]);
    expect(Object.keys(built.init(keyOf([1, 2])))).toEqual(["l.kernel"]);
    const { y } = applied(linear(2, { bias: false }), literal([1, 3], 1, 1, 1), weights);
    expect(numbersOf(y)).toEqual([6, 15]);
  });

  it("marks the head's arrays, and no others", () => {
    expect(linear(2, { head: true })("l", [3]).leaves.every((leaf) => leaf.head)).toBe(true);
    expect(linear(2)("l", [3]).leaves.some((leaf) => leaf.head)).toBe(false);
  });
});

describe("convTranspose", () => {
  it("lays kernels [out, in, window] over the places of x, by group", () => {
    const x = literal([1, 2, 2], 1, 2, 3, 4);
    const weights = { "l.kernel": literal([1, 2, 2], 1, 10, 100, 1000), "l.bias": literal([1], 0.5) };
    const { y } = applied(convTranspose(1, 2, { strides: 2 }), x, weights);
    // 1 (1, 10) + 3 (100, 1000), 2 (1, 10) + 4 (100, 1000)
    expect(numbersOf(y)).toEqual([301.5, 3010.5, 402.5, 4020.5]);
    const each = { "l.kernel": literal([2, 1, 2], 1, 10, 100, 1000), "l.bias": literal([2], 0, 0.5) };
    const grouped = applied(convTranspose(2, 2, { strides: 2, groups: 2 }), x, each).y;
    expect(numbersOf(grouped)).toEqual([1, 10, 2, 20, 300.5, 3000.5, 400.5, 4000.5]);
  });

  it("enlarges, and refuses groups that do not divide", () => {
    const layer = convTranspose(3, 3, { strides: 2, padding: 1, outputPadding: 1, bias: false });
    expect(layer("l", [4, 5, 6]).shape).toEqual([3, 10, 12]);
    expect(layer("l", [4, 5, 6]).leaves.map(({ shape }) => shape)).toEqual([[3, 4, 3, 3]]);
    expect(() => convTranspose(3, 3, { groups: 2 })("l", [4, 5])).toThrow(/3 channels do not divide/);
  });
});

describe("conv", () => {
  it("adds a bias by channel", () => {
    const x = literal([1, 1, 2, 2], 1, 2, 3, 4);
    const weights = { "l.kernel": literal([2, 1, 1, 1], 1, -1), "l.bias": literal([2], 10, 20) };
    expect(numbersOf(applied(conv(2, 1), x, weights).y)).toEqual([11, 12, 13, 14, 19, 18, 17, 16]);
  });

  it("over one spatial axis", () => {
    const x = literal([1, 1, 3], 1, 2, 3);
    const weights = { "l.kernel": literal([1, 1, 2], 1, 10), "l.bias": literal([1], 0.5) };
    expect(numbersOf(applied(conv(1, 2), x, weights).y)).toEqual([21.5, 32.5]);
  });

  it("'same' keeps the size, also of even windows and with strides", () => {
    for (const size of [1, 2, 3, 4, 5])
      expect(conv(2, size, { padding: "same" })("l", [1, 7, 6]).shape).toEqual([2, 7, 6]);
    expect(conv(2, 3, { padding: "same", strides: 2 })("l", [1, 7, 6]).shape).toEqual([2, 4, 3]);
    expect(conv(2, 3, { padding: "same", dilation: 2 })("l", [1, 7, 6]).shape).toEqual([2, 7, 6]);
  });

  it("refuses groups that do not divide the channels", () => {
    expect(() => conv(4, 3, { groups: 2 })("l", [3, 8, 8])).toThrow(
      expect.objectContaining({ code: "bad-shape" }),
    );
  });
});

describe("norms", () => {
  const x = literal([2, 2], 1, 10, 3, 30);
  const start = (layer: ModuleOf): Params => layer("l", [2]).init(keyOf([1, 2]));

  it("a fresh batch norm standardizes in training, and in evaluation leaves numbers as they are", () => {
    const { y, buffers } = applied(batchNorm(), x, start(batchNorm()), "train");
    // means 2 and 20, variances 1 and 100
    numbersOf(y).forEach((v, i) => {
      expect(v).toBeCloseTo([-1, -1, 1, 1][i], 4);
    });
    // 0.9 0 + 0.1 mean; 0.9 1 + 0.1 (2 variance)
    expect(numbersOf(buffers["l.mean"]).map((v) => Number(v.toFixed(6)))).toEqual([0.2, 2]);
    expect(numbersOf(buffers["l.variance"]).map((v) => Number(v.toFixed(5)))).toEqual([1.1, 20.9]);
    const evaluated = applied(batchNorm(), x, start(batchNorm()), "eval");
    expect(evaluated.buffers).toEqual({});
    numbersOf(evaluated.y).forEach((v, i) => {
      expect(v).toBeCloseTo([1, 10, 3, 30][i], 3);
    });
  });

  it("batch norm in training does not see the running statistics, and in evaluation nothing else", () => {
    const running = { ...start(batchNorm()), "l.mean": literal([2], 5, 5), "l.variance": literal([2], 4, 4) };
    expect(numbersOf(applied(batchNorm(), x, running, "train").y)).toEqual(
      numbersOf(applied(batchNorm(), x, start(batchNorm()), "train").y),
    );
    const one = applied(batchNorm(), literal([1, 2], 7, 9), running, "eval").y;
    numbersOf(one).forEach((v, i) => {
      expect(v).toBeCloseTo([1, 2][i], 4);
    });
  });

  it("batch norm refuses a batch of one value a channel", () => {
    const layer = batchNorm();
    expect(() => applied(layer, literal([1, 2], 1, 2), start(layer), "train")).toThrow(/more than one value/);
    expect(() =>
      applied(layer, fill([1, 2, 1, 2], 1), layer("l", [2, 1, 2]).init(keyOf([1, 2])), "train"),
    ).not.toThrow();
  });

  it("group norm refuses groups that do not divide the channels", () => {
    expect(() => groupNorm(2)("l", [3, 4, 4])).toThrow(expect.objectContaining({ culprit: "l" }));
  });

  it("layer norm of the last axis leaves examples independent", () => {
    const weights = layerNorm()("l", [3]).init(keyOf([1, 2]));
    const both = numbersOf(applied(layerNorm(), literal([2, 3], 1, 2, 3, 7, 0, 2), weights).y);
    const first = numbersOf(applied(layerNorm(), literal([1, 3], 1, 2, 3), weights).y);
    expect(both.slice(0, 3)).toEqual(first);
  });
});

describe("compositions", () => {
  it("residual adds its input, or a projection of it", () => {
    const x = literal([1, 2], 3, 4);
    const body = linear(2);
    const weights = {
      "l.body.kernel": literal([2, 2], 1, 0, 0, 1),
      "l.body.bias": literal([2], 0.5, 0.5),
      "l.skip.kernel": literal([2, 2], 10, 0, 0, 10),
      "l.skip.bias": literal([2], 0, 0),
    };
    expect(numbersOf(applied(residual(body), x, weights).y)).toEqual([6.5, 8.5]);
    expect(numbersOf(applied(residual(body, linear(2)), x, weights).y)).toEqual([33.5, 44.5]);
  });

  it("residual refuses branches of different shapes", () => {
    expect(() => residual(linear(3))("l", [2])).toThrow(/end in \[3\] and \[2\]/);
  });

  it("sequence names its parts by number, counting those with arrays, and one alone as itself", () => {
    const paths = (layer: ModuleOf) => layer("l", [4]).leaves.map((leaf) => leaf.path);
    expect(paths(sequence(linear(3), relu, linear(2)))).toEqual([
      "l.0.kernel",
      "l.0.bias",
      "l.1.kernel",
      "l.1.bias",
    ]);
    expect(paths(sequence(linear(3)))).toEqual(["l.kernel", "l.bias"]);
    expect(sequence()("l", [4]).shape).toEqual([4]);
  });

  it("flatten, globalAvgPool and relu", () => {
    const x = literal([1, 2, 1, 2], 1, -2, 3, 5);
    expect(applied(flatten, x).y.shape).toEqual([1, 4]);
    expect(numbersOf(applied(globalAvgPool, x).y)).toEqual([-0.5, 4]);
    expect(numbersOf(applied(relu, x).y)).toEqual([1, 0, 3, 5]);
  });
});

describe("initial values", () => {
  const dense = [200, 150];
  const window = [60, 20, 3, 3];
  const [fanIn, fanOut] = [20 * 9, 60 * 9];
  // one over fan in and so on, by the formulas of the papers
  const laws: readonly (readonly [string, Initializer, readonly number[], number])[] = [
    ["he, dense", heNormal, dense, 2 / 150],
    ["he, window", heNormal, window, 2 / fanIn],
    ["lecun, dense", lecunNormal, dense, 1 / 150],
    ["lecun, window", lecunNormal, window, 1 / fanIn],
    ["glorot, dense", glorotUniform, dense, 2 / (150 + 200)],
    ["glorot, window", glorotUniform, window, 2 / (fanIn + fanOut)],
  ];

  it.each(laws)("%s has the variance of its law", (_, init, shape, variance) => {
    const values = numbersOf(init(keyOf([5, 6]), shape));
    const n = sizeOf(shape);
    const mean = values.reduce((a, b) => a + b, 0) / n;
    const spread = values.reduce((a, b) => a + b * b, 0) / n;
    expect(Math.abs(mean)).toBeLessThan(4 * Math.sqrt(variance / n));
    // the sample variance of n normal numbers is off by sqrt(2 / n), of uniform ones by less
    expect(Math.abs(spread / variance - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
  });

  it("glorot stays within its bound", () => {
    const bound = Math.sqrt(6 / 350);
    const values = numbersOf(glorotUniform(keyOf([5, 6]), dense));
    const largest = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    expect(largest).toBeLessThanOrEqual(bound);
    expect(largest).toBeGreaterThan(0.99 * bound);
  });

  it("zeros and ones", () => {
    expect(numbersOf(zeros(keyOf([1, 2]), [2]))).toEqual([0, 0]);
    expect(numbersOf(ones(keyOf([1, 2]), [2]))).toEqual([1, 1]);
  });

  it("keep the scale of activations through ten layers of relu", () => {
    const layers = sequence(...Array.from({ length: 10 }, () => sequence(linear(120), relu)));
    const built = layers("l", [120]);
    const x = uniform(fold(keyOf([3, 3]), "x"), [64, 120]);
    const y = built.apply(x, { weights: built.init(keyOf([1, 9])), mode: "train", buffers: {} });
    const square = (values: readonly number[]) => values.reduce((a, b) => a + b * b, 0) / values.length;
    const [before, after] = [x, y].map((t) => square(Array.from(evaluate([t])[0].data as Float32Array)));
    expect(after / before).toBeGreaterThan(1 / 3);
    expect(after / before).toBeLessThan(3);
  });

  it("differ from layer to layer and from key to key", () => {
    const layer = sequence(linear(4), linear(4), residual(linear(4), linear(4)));
    const kernels = [keyOf([1, 2]), keyOf([1, 3])].flatMap((key) =>
      Object.entries(layer("l", [4]).init(key)).flatMap(([path, t]) =>
        path.endsWith("kernel") ? [numbersOf(t).join()] : [],
      ),
    );
    expect(kernels.length).toBe(8);
    expect(new Set(kernels).size).toBe(8);
  });

  it("have the shapes the leaves say", () => {
    for (const layer of [linear(3), batchNorm(), layerNorm(), groupNorm(2)]) {
      const built = layer("l", [4]);
      const values = built.init(keyOf([1, 2]));
      expect(Object.fromEntries(built.leaves.map((leaf) => [leaf.path, leaf.shape]))).toEqual(
        Object.fromEntries(Object.entries(values).map(([path, t]) => [path, t.shape])),
      );
    }
  });
});

import { describe, expect, it } from "vitest";
import * as host from "../../src/array/linalg.ts";
import { ndarray, sizeOf } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import { mapParams, type Params, type Step } from "../../src/kinds/index.ts";
import { egn } from "../../src/methods/optimizers/egn.ts";
import { mlp } from "../../src/nn/index.ts";
import { crossEntropy } from "../../src/parts/losses/crossEntropy.ts";
import { squaredError } from "../../src/parts/losses/squaredError.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import {
  constant,
  fill,
  flatten,
  iota,
  keyOf,
  mean,
  oneHot,
  scalar,
  slice,
  sum,
  type Tensor,
  vjp,
} from "../../src/tensor/index.ts";

const numbers = (t: Tensor): number[] =>
  Array.from(evaluate([t], new Map(), { float64: true })[0].data as Float64Array);
const flat = (params: Params): number[] => Object.values(params).flatMap(numbers);

/** The rows of a derivative of outputs [m] in the parameters, one by one. */
const rowsOf = (outputs: Tensor, params: Params): number[][] =>
  Array.from({ length: outputs.shape[0] }, (_, i) =>
    vjp([sum(slice(outputs, 0, i, i + 1))], [fill([], 1)], Object.values(params)).flatMap(numbers),
  );

const losses = { classification: crossEntropy(), regression: squaredError() };

describe.each(["classification", "regression"] as const)("for %s", (task) => {
  it("takes the step of the dense Gauss-Newton system", () => {
    const [n, c, damping] = [4, 3, 0.3];
    const model = mlp([2], c, [3]);
    const params = mapParams(model.init(keyOf([3, 5])), (p) => constant(evaluate([p])[0]));
    const x = constant(ndarray("float32", [n, 2], Float32Array.from(stream(1).normal(n * 2).data)));
    const target = oneHot(constant(ndarray("int32", [n], Int32Array.of(0, 1, 2, 1))), c);
    const loss = (prediction: Tensor) => losses[task].value(prediction, target);
    const { prediction } = model.apply(params, { x });
    const gradients = vjp([mean(loss(prediction))], [fill([], 1)], Object.values(params));
    const g = Object.fromEntries(Object.keys(params).map((path, i) => [path, gradients[i]]));
    const step = {
      params,
      weights: params,
      batch: { inputs: { x }, target, index: iota(n) },
      apply: (weights: Params, inputs: { x: Tensor }) => model.apply(weights, inputs),
      about: { model, task },
      rate: scalar(1),
      count: scalar(0),
    } as unknown as Step;
    const method = egn({ damping, momentum: 0, lineSearch: false, adaptive: false });
    const before = method.state?.(params, step.about, keyOf([1, 2]));
    const [got] = (method.transform as NonNullable<typeof method.transform>)(g, step, before);

    const size = Object.values(params).reduce((total, p) => total + sizeOf(p.shape), 0);
    // the dense matrix: J' Q J / n + damping I, with Q the Hessian of each loss in its own prediction
    const j = rowsOf(flatten(prediction), params);
    const free = constant(evaluate([prediction])[0]);
    const q = rowsOf(flatten(vjp([sum(loss(free))], [fill([], 1)], [free])[0]), { free });
    const matrix = new Float64Array(size * size);
    for (let a = 0; a < n * c; a++)
      for (let b = 0; b < n * c; b++)
        for (let r = 0; r < size; r++)
          for (let s = 0; s < size; s++) matrix[r * size + s] += (j[a][r] * q[a][b] * j[b][s]) / n;
    for (let r = 0; r < size; r++) matrix[r * size + r] += damping;
    const right = ndarray(
      "float64",
      [size],
      Float64Array.from(flat(g), (v) => -v),
    );
    const want = host.solve(ndarray("float64", [size, size], matrix), right).data;
    const found = flat(mapParams(params, (_, path) => got[path]));
    found.forEach((value, i) => {
      expect(Math.abs(value - want[i])).toBeLessThan(1e-6);
    });
  });
});

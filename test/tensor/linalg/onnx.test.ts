import { afterAll, expect, it } from "vitest";
import type { NdArray } from "../../../src/array/ndarray.ts";
import { lower } from "../../../src/onnx/index.ts";
import { openInline } from "../../../src/runtime/index.ts";
import { evaluate } from "../../../src/tensor/evaluate.ts";
import {
  cholesky,
  choleskyLogDet,
  choleskySolve,
  constant,
  eigh,
  fill,
  grad,
  gramIteration,
  input,
  logDet,
  mul,
  newtonSchulz,
  orthogonalFactor,
  polar,
  powerIteration,
  qr,
  solve,
  sqrt,
  sum,
  svd,
  symmetricFunction,
  type Tensor,
  triangularSolve,
} from "../../../src/tensor/index.ts";
import { normals } from "../numbers.ts";
import { distance, gaussian, identity, plus, positive, type Real, single } from "./matrices.ts";

const host = openInline();
afterAll(() => host.close());

/** Eigenvalues from about 1, so that float32 keeps most of its digits. */
const tame = (n: number, seed: number): Real =>
  plus(positive({ lead: [2], n, seed }), identity(n, [2], 1 + n / 4));

type Shape = readonly number[];

/** What is computed of a tensor [2, n, n] (or what `of` makes), and its gradient. */
const functions: Readonly<Record<string, { of?(n: number, seed: number): Real; f(a: Tensor): Tensor }>> = {
  cholesky: { f: cholesky },
  choleskySolve: { f: (a) => choleskySolve(a, fill([a.shape[1]], 1)) },
  choleskyLogDet: { f: choleskyLogDet },
  triangularSolve: { f: (a) => triangularSolve(a, fill([a.shape[1], 2], 1), { upper: true }) },
  orthogonalFactor: { of: (n, seed) => gaussian([2, 3, n], seed), f: orthogonalFactor },
  newtonSchulz: { of: (n, seed) => gaussian([2, n, 3], seed), f: (a) => newtonSchulz(a, { steps: 3 }) },
  gramIteration: { f: (a) => gramIteration(a) },
  solve: { f: (a) => solve(a, fill([a.shape[1]], 1)) },
  logDet: { f: (a) => logDet(a).log },
  qr: { f: (a) => qr(a).r },
  "values of eigh": { f: (a) => eigh(a).values },
  "values of svd": { of: (n, seed) => gaussian([2, n, 5], seed), f: (a) => svd(a).s },
  polar: { f: (a) => polar(a).orthogonal },
  root: { f: (a) => symmetricFunction(a, sqrt) },
  powerIteration: { f: (a) => powerIteration(a, fill([a.shape[0], a.shape[2]], 1), 3).value },
};

const weighted = (x: Tensor) => sum(mul(x, constant(normals(x.shape, 1, "weights"))));

const sizes = [1, 4, 17];

it("agrees with the reference evaluator in float32, gradients too", async () => {
  const inputs: Record<string, Tensor> = {};
  const feeds: Record<string, NdArray> = {};
  const outputs: Record<string, Tensor> = {};
  for (const [name, { of = tame, f }] of Object.entries(functions))
    for (const [i, n] of sizes.entries()) {
      const value = single(of(n, i));
      const key = `${name}.${n}`;
      inputs[key] = input(key, value.shape as Shape);
      feeds[key] = value;
      outputs[`${key}.value`] = f(inputs[key]);
      if (n === 4) outputs[`${key}.gradient`] = grad((x: Tensor) => weighted(f(x)))(inputs[key]);
    }
  const program = await host.load(lower({ inputs, outputs }));
  const run = await host.run(program, feeds);
  const fed = new Map(Object.entries(inputs).map(([key, x]) => [x, feeds[key]]));
  const wanted = evaluate(Object.values(outputs), fed, { float64: true });
  const wrong = Object.keys(outputs).flatMap((key, i) => {
    const off = distance((run.outputs[key] as NdArray).data as Float32Array, wanted[i].data as Float64Array);
    return off < 2e-4 ? [] : [`${key}: ${off}`];
  });
  expect(wrong).toEqual([]);
});

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fromNested, type Nested } from "../../../src/array/ndarray.ts";
import {
  add,
  cholesky,
  choleskyLogDet,
  choleskySolve,
  constant,
  det,
  eigh,
  exp,
  fill,
  inverse,
  logDet,
  matmul,
  mul,
  newtonSchulz,
  polar,
  qr,
  slice,
  solve,
  sqrt,
  sum,
  svd,
  symmetricFunction,
  type Tensor,
  triangularSolve,
  vjp,
} from "../../../src/tensor/index.ts";
import { valuesOf } from "../numbers.ts";
import { distance } from "./matrices.ts";

interface Case {
  readonly name: string;
  readonly inputs: { readonly arrays: readonly Nested[]; readonly weights: readonly Nested[] };
  readonly outputs: readonly Nested[];
  readonly gradients: readonly Nested[];
}

const file = new URL("../../references/linalg.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: readonly Case[] };
const flat = (values: Nested): number[] =>
  typeof values === "number" ? [values] : (values as readonly Nested[]).flatMap(flat);

const functions: Readonly<Record<string, (...args: readonly Tensor[]) => readonly Tensor[]>> = {
  cholesky: (a) => [cholesky(a)],
  choleskySolve: (a, b) => [choleskySolve(a, b)],
  choleskyLogDet: (a) => [choleskyLogDet(a)],
  lowerSolve: (a, b) => [triangularSolve(a, b)],
  upperTransposedSolve: (a, b) => [triangularSolve(a, b, { upper: true, transpose: true })],
  solve: (a, b) => [solve(a, b)],
  inverse: (a) => [inverse(a)],
  det: (a) => [det(a)],
  logDet: (a) => [logDet(a).log],
  qr: (a) => [qr(a).q, qr(a).r],
  eigh: (a) => {
    const { values, vectors } = eigh(a);
    const first = slice(vectors, -1, 0, 1);
    return [values, matmul(first, first, { transposeB: true })];
  },
  svd: (a) => {
    const { u, s, vt } = svd(a);
    return [s, matmul(slice(u, -1, 0, 1), slice(vt, -2, 0, 1))];
  },
  polar: (a) => {
    const { orthogonal, symmetric } = polar(a);
    return [orthogonal, symmetric];
  },
  root: (a) => [symmetricFunction(a, sqrt)],
  exponential: (a) => [symmetricFunction(a, exp)],
  // the coefficients are float32
  newtonSchulz: (a) => [newtonSchulz(a, { steps: 5, coefficients: "muon" })],
};

describe("agrees with PyTorch in values and gradients", () => {
  it.each(cases.map((one, i) => [`${one.name} ${i}`, one] as const))("%s", (_, one) => {
    const args = one.inputs.arrays.map((a) => constant(fromNested(a, "float64")));
    const outputs = functions[one.name](...args);
    const weighted = outputs
      .map((output, i) => sum(mul(output, constant(fromNested(one.inputs.weights[i], "float64")))))
      .reduce(add);
    const gradients = vjp([weighted], [fill([], 1, "float64")], args);
    const got = valuesOf([...outputs, ...gradients]);
    [...one.outputs, ...one.gradients].forEach((want, i) => {
      expect(distance(got[i], flat(want)), `array ${i}`).toBeLessThan(
        one.name === "newtonSchulz" ? 1e-6 : 1e-9,
      );
    });
  });
});

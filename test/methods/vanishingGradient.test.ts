import { expect, it } from "vitest";
import { fromNested, type Nested } from "../../src/array/ndarray.ts";
import type { Step } from "../../src/kinds/index.ts";
import { vanishingGradient } from "../../src/methods/penalties/vanishingGradient.ts";
import { mlp, recurrentModel } from "../../src/nn/index.ts";
import { crossEntropy } from "../../src/parts/losses/crossEntropy.ts";
import { constant, oneHot, scalar, swapLast, vjp } from "../../src/tensor/index.ts";
import { valuesOf } from "../tensor/numbers.ts";
import { references } from "./small.ts";

interface Case {
  readonly name: string;
  readonly options: { readonly units: number };
  readonly inputs: Readonly<Record<"x" | "W_uh" | "W_hh" | "b_hh" | "W_hy" | "b_hy" | "labels", Nested>>;
  readonly omega: number;
  readonly gradient: Nested;
}

const { cases, source } = references<Case>("vanishing-gradient");

it.each(cases.map((c) => [c.name, c] as const))(`%s (${source.script})`, (_, { inputs, options, ...c }) => {
  const given = (name: keyof typeof inputs) => constant(fromNested(inputs[name]));
  const x = given("x");
  const model = recurrentModel(x.shape.slice(1), 3, options);
  const recurrent = given("W_hh");
  // the authors' matrices are [from, to], ours [to, from]
  const weights = {
    "recurrent.0.input.kernel": swapLast(given("W_uh")),
    "recurrent.0.input.bias": given("b_hh"),
    "recurrent.0.recurrent": swapLast(recurrent),
    "head.kernel": swapLast(given("W_hy")),
    "head.bias": given("b_hy"),
  };
  expect(model.leaves.map(({ path }) => path).sort()).toEqual(Object.keys(weights).sort());
  const outputs = model.apply(weights, { x });
  const target = oneHot(constant(fromNested(inputs.labels, "int32")), 3);
  const losses = crossEntropy().value(outputs.prediction, target);
  const step = { weights, outputs, losses, about: { model } } as unknown as Step;
  const omega = vanishingGradient({ strength: 1 }).penalty?.(step, undefined) ?? scalar(0);
  const [[value], gradient] = valuesOf([omega, ...vjp([omega], [scalar(1)], [recurrent])]);
  expect(value).toBeCloseTo(c.omega, 6);
  (c.gradient as readonly Nested[]).flat().forEach((want, i) => {
    expect(Math.abs(gradient[i] - Number(want))).toBeLessThan(1e-6 * (1 + Math.abs(Number(want))));
  });
});

it("refuses models without plain recurrent layers, naming them", () => {
  const refused = (model: ReturnType<typeof mlp>) => () =>
    vanishingGradient().penalty?.({ about: { model } } as unknown as Step, undefined);
  expect(refused(mlp([4], 2, [3]))).toThrow(/mlp\(3\) has none/);
  expect(refused(recurrentModel([4, 2], 2, { cell: "lstm" }))).toThrow(/lstm/);
});

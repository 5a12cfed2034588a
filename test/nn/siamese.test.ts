import { describe, expect, it } from "vitest";
import { fromNested } from "../../src/array/ndarray.ts";
import type { Model } from "../../src/kinds/index.ts";
import { bagOfTokens, cnn, mlp, recurrentEncoder, resnet, siamese, staged } from "../../src/nn/index.ts";
import { linear } from "../../src/nn/layers.ts";
import { constant, gather, keyOf, reshape, type Tensor } from "../../src/tensor/index.ts";
import { normals, numbersOf } from "../tensor/numbers.ts";

const given = (values: Parameters<typeof fromNested>[0]) => constant(fromNested(values));

describe("siamese models", () => {
  it("compare |u - v| and u v by a head, by hand", () => {
    // u = 2 x: a linear tower of one unit
    const tower = staged(
      "double",
      [1],
      [
        { name: "features", part: linear(1, { bias: false }) },
        { name: "head", part: linear(3, { head: true }) },
      ],
    );
    const model = siamese(tower, 1);
    expect(model.leaves.map(({ path, shape }) => [path, shape])).toEqual([
      ["features.kernel", [1, 1]],
      ["head.kernel", [1, 2]],
      ["head.bias", [1]],
    ]);
    const weights = {
      "features.kernel": given([[2]]),
      "head.kernel": given([[1, 10]]),
      "head.bias": given([5]),
    };
    const x = given([
      [[1], [4]],
      [[-3], [0.5]],
    ]);
    const { prediction, activations } = model.apply(weights, { x });
    // u = 2, v = 8; then u = -6, v = 1
    expect(numbersOf(activations.pair)).toEqual([6, 16, 7, -6]);
    expect(numbersOf(prediction)).toEqual([6 + 160 + 5, 7 - 60 + 5]);
    expect(activations.features.shape).toEqual([2, 2, 1]);
  });

  it("without activations compare the inputs", () => {
    const model = siamese(mlp([2], 1, []), 1);
    expect(model.places).toEqual(["pair"]);
    const x = given([
      [
        [1, 2],
        [5, 0],
      ],
    ]);
    expect(numbersOf(model.apply(model.init(keyOf([1, 2])), { x }).activations.pair)).toEqual([4, 2, 5, 0]);
  });

  const images = (model: Model) =>
    [model, { x: constant(normals([3, 2, ...model.inputs.x.slice(1)], 1, "x")) }] as const;
  const ids = constant(
    fromNested(
      [
        [
          [1, 2, 3],
          [4, 0, 0],
        ],
        [
          [1, 1, 1],
          [2, 2, 0],
        ],
        [
          [3, 0, 0],
          [3, 4, 4],
        ],
      ],
      "int32",
    ),
  );
  const mask = given([
    [
      [1, 1, 1],
      [1, 0, 0],
    ],
    [
      [1, 1, 1],
      [1, 1, 0],
    ],
    [
      [1, 0, 0],
      [1, 1, 1],
    ],
  ]);
  const texts = (tower: Model) => [siamese(tower, 2), { ids, mask }] as const;

  it.each([
    ["mlp", images(siamese(mlp([5], 1, [4, 3]), 2))],
    ["cnn", images(siamese(cnn([1, 8, 8], 1, { channels: [2], dense: 3 }), 2))],
    ["resnet", images(siamese(resnet([1, 8, 8], 1, { channels: [2, 3] }), 2))],
    ["bag", texts(bagOfTokens(5, 3, 1, 4))],
    ["lstm", texts(recurrentEncoder(5, 3, 1, { width: 3, units: 4 }))],
  ] as const)("of %s take either side first, and go on from any place", (_, [model, inputs]) => {
    const weights = model.init(keyOf([1, 2]));
    expect(Object.keys(weights).sort()).toEqual(model.leaves.map(({ path }) => path).sort());
    const swapped = Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, swap(x)]));
    const seen: string[] = [];
    const layer = (x: Tensor, name: string) => {
      seen.push(`${name} ${x.shape.slice(0, name === "pair" ? 1 : 2)}`);
      return x;
    };
    const run = model.apply(weights, inputs, { layer });
    expect(seen).toEqual(model.places.map((name) => `${name} ${name === "pair" ? "3" : "3,2"}`));
    const out = numbersOf(run.prediction);
    const close = (got: readonly number[]) =>
      got.forEach((value, i) => {
        expect(value).toBeCloseTo(out[i], 8);
      });
    close(numbersOf(model.apply(weights, swapped).prediction));
    for (const name of model.places)
      close(
        numbersOf(model.apply(weights, inputs, { from: { name, value: run.activations[name] } }).prediction),
      );
  });
});

/** The other side first. */
function swap(x: Tensor): Tensor {
  const order = constant(fromNested([1, 0, 3, 2, 5, 4], "int32"));
  const flat = reshape(x, [6, ...x.shape.slice(2)]);
  return reshape(gather(flat, order), x.shape);
}

import { describe, expect, it } from "vitest";
import { ndarray, sizeOf } from "../../src/array/ndarray.ts";
import type { Mode, Model } from "../../src/kinds/index.ts";
import {
  autoencoder,
  cnn,
  conv,
  linear,
  mlp,
  models,
  relu,
  resnet,
  sequence,
  staged,
} from "../../src/nn/index.ts";
import { add, constant, fill, input, keyOf, mapTree, mul, type Tensor } from "../../src/tensor/index.ts";
import { literal, normals, numbersOf, valuesOf } from "../tensor/numbers.ts";

const image = [2, 8, 8];
const all: readonly (readonly [name: string, model: Model, parameters: number])[] = [
  // weights and biases layer by layer, by hand
  ["linear", mlp([5], 3, []), 5 * 3 + 3],
  ["mlp", mlp([5], 3, [6, 4]), 5 * 6 + 6 + (6 * 4 + 4) + (4 * 3 + 3)],
  ["mlp of images", mlp(image, 3, [6]), 128 * 6 + 6 + (6 * 3 + 3)],
  ["linear of images", mlp(image, 3, []), 128 * 3 + 3],
  [
    "cnn",
    cnn(image, 3, { channels: [4, 6], dense: 5 }),
    4 * 2 * 9 + 4 + (6 * 4 * 9 + 6) + (6 * 2 * 2 * 5 + 5) + (5 * 3 + 3),
  ],
  [
    // without biases; gain and bias a norm; the second group halves the image and is projected
    "resnet",
    resnet(image, 3, { channels: [4, 6] }),
    4 * 2 * 9 + 2 * 4 + (2 * (4 * 4 * 9) + 2 * 8) + (6 * 4 * 9 + 6 * 6 * 9 + 6 * 4 + 3 * 12) + (6 * 3 + 3),
  ],
  [
    "autoencoder",
    autoencoder(image, 3, { hidden: [6] }),
    128 * 6 + 6 + (6 * 3 + 3) + (3 * 6 + 6) + (6 * 128 + 128),
  ],
];

const rows = (model: Model, n: number) => constant(normals([n, ...model.inputs.x], 7, "x"));
const starting = (model: Model) => mapTree(model.init(keyOf([1, 2])), (t) => t);

describe.each(all)("%s", (_, model, parameters) => {
  const weights = starting(model);
  const x = rows(model, 3);

  it("has the parameters of its layers, with initial values of their shapes", () => {
    const counted = model.leaves
      .filter((leaf) => leaf.role !== "buffer")
      .reduce((n, leaf) => n + sizeOf(leaf.shape), 0);
    expect(counted).toBe(parameters);
    expect(model.leaves.map(({ path, shape }) => [path, shape]).sort()).toEqual(
      Object.entries(weights)
        .map(([path, t]) => [path, t.shape])
        .sort(),
    );
    expect(new Set(model.leaves.map((leaf) => leaf.path)).size).toBe(model.leaves.length);
  });

  it("marks the head, which makes the prediction", () => {
    const heads = model.leaves.filter((leaf) => leaf.head);
    expect(heads.map((leaf) => leaf.role)).toEqual(["kernel", "bias"]);
    expect(heads[0].shape[0]).toBe(model.outputs);
  });

  it("predicts [n, outputs], and names its activations in order", () => {
    for (const n of [1, 3]) {
      const { prediction, activations } = model.apply(weights, { x: rows(model, n) });
      expect(prediction.shape).toEqual([n, model.outputs]);
      expect(Object.keys(activations)).toEqual([...model.places]);
    }
  });

  it.each(["train", "eval"] as const)(
    "started at any activation gives the same prediction (%s)",
    (mode: Mode) => {
      const whole = model.apply(weights, { x }, { mode });
      for (const name of model.places) {
        const part = model.apply(weights, {}, { mode, from: { name, value: whole.activations[name] } });
        expect(numbersOf(part.prediction), name).toEqual(numbersOf(whole.prediction));
        const later = model.places.slice(model.places.indexOf(name) + 1);
        expect(Object.keys(part.activations)).toEqual(later);
      }
    },
  );

  it("shows every activation to `layer`, which may replace it", () => {
    const seen: string[] = [];
    const layer = (value: Tensor, name: string) => {
      seen.push(name);
      return mul(value, 2);
    };
    const plain = model.apply(weights, { x });
    const changed = model.apply(weights, { x }, { layer });
    expect(seen).toEqual([...model.places]);
    if (model.places.length === 0) return;
    const [first] = model.places;
    const [before, after] = valuesOf([plain.activations[first], changed.activations[first]]);
    expect(after).toEqual(before.map((v) => 2 * v));
    expect(numbersOf(changed.prediction)).not.toEqual(numbersOf(plain.prediction));
    const last = model.places.at(-1) as string;
    const again = model.apply(weights, {}, { from: { name: last, value: changed.activations[last] } });
    expect(numbersOf(again.prediction)).toEqual(numbersOf(changed.prediction));
  });

  it("gives new buffers in training, in their shapes, and none in evaluation", () => {
    const buffers = model.leaves.filter((leaf) => leaf.role === "buffer");
    const { buffers: moved } = model.apply(weights, { x }, { mode: "train" });
    expect(
      Object.entries(moved)
        .map(([path, t]) => [path, t.shape])
        .sort(),
    ).toEqual(buffers.map(({ path, shape }) => [path, shape]).sort());
    expect(model.apply(weights, { x }, { mode: "eval" }).buffers).toEqual({});
  });

  it("in evaluation predicts each example alone", () => {
    const three = numbersOf(model.apply(weights, { x }).prediction);
    const data = numbersOf(x);
    const size = data.length / 3;
    for (let i = 0; i < 3; i++) {
      const one = literal([1, ...model.inputs.x], ...data.slice(i * size, (i + 1) * size));
      numbersOf(model.apply(weights, { x: one }).prediction).forEach((v, j) => {
        expect(v).toBeCloseTo(three[model.outputs * i + j], 12);
      });
    }
  });

  it("refuses inputs of another shape, or none, and unknown activations", () => {
    const bad = expect.objectContaining({ code: "bad-shape", culprit: "x" });
    expect(() => model.apply(weights, { x: input("x", [3, 4, 4]) })).toThrow(bad);
    expect(() => model.apply(weights, {})).toThrow(bad);
    const from = { name: "nowhere", value: x };
    expect(() => model.apply(weights, { x }, { from })).toThrow(
      expect.objectContaining({ code: "unknown-name", culprit: "nowhere" }),
    );
  });
});

describe("models", () => {
  it("mlp by hand", () => {
    const model = mlp([2], 1, [2]);
    const [kernel, bias, head, offset] = model.leaves.map((leaf) => leaf.path);
    const weights = {
      [kernel]: literal([2, 2], 1, 0, 0, -1),
      [bias]: literal([2], 0, 1),
      [head]: literal([1, 2], 2, 3),
      [offset]: literal([1], 0.5),
    };
    const { prediction, activations } = model.apply(weights, { x: literal([1, 2], 4, 5) });
    // relu(4, -5 + 1) = (4, 0); 2 4 + 0.5
    expect(numbersOf(activations["hidden.0"])).toEqual([4, 0]);
    expect(numbersOf(prediction)).toEqual([8.5]);
  });

  it("cnn halves the image at every stage, while there is something to halve", () => {
    const shapes = (side: number) => {
      const model = cnn([1, side, side], 2, { channels: [2, 2, 2] });
      const { activations } = model.apply(starting(model), { x: rows(model, 1) });
      return ["conv.0", "conv.1", "conv.2"].map((name) => activations[name].shape[2]);
    };
    expect(shapes(28)).toEqual([14, 7, 3]);
    expect(shapes(8)).toEqual([4, 2, 2]);
    expect(shapes(3)).toEqual([3, 3, 3]);
  });

  it("resnet halves the image at every group but the first", () => {
    const model = resnet([1, 9, 9], 2, { channels: [2, 3, 4], blocks: 2 });
    const { activations } = model.apply(starting(model), { x: rows(model, 2) });
    expect(Object.entries(activations).map(([name, t]) => [name, ...t.shape.slice(1)])).toEqual([
      ["stem", 2, 9, 9],
      ["block.0.0", 2, 9, 9],
      ["block.0.1", 2, 9, 9],
      ["block.1.0", 3, 5, 5],
      ["block.1.1", 3, 5, 5],
      ["block.2.0", 4, 3, 3],
      ["block.2.1", 4, 3, 3],
      ["features", 4],
    ]);
  });

  it("batch norm's running statistics come to those of the data, and evaluation to training", () => {
    const model = resnet([1, 6, 6], 2, { channels: [2] });
    const x = rows(model, 16);
    let weights = starting(model);
    for (let i = 0; i < 60; i++) {
      const { buffers } = model.apply(weights, { x }, { mode: "train" });
      const paths = Object.keys(buffers);
      const values = valuesOf(Object.values(buffers));
      weights = {
        ...weights,
        ...Object.fromEntries(paths.map((p, j) => [p, literal(buffers[p].shape, ...values[j])])),
      };
    }
    const [train, evaluated] = (["train", "eval"] as const).map((mode) =>
      numbersOf(model.apply(weights, { x }, { mode }).prediction),
    );
    // 0.9^60 < 0.002; the running variance is the unbiased one of 16 x 36 values
    train.forEach((v, i) => {
      expect(Math.abs(v - evaluated[i])).toBeLessThan(0.02);
    });
  });

  it("are pure: applied twice, the same", () => {
    const model = resnet([1, 6, 6], 2, { channels: [2] });
    const weights = starting(model);
    const x = rows(model, 4);
    const twice = [0, 1].map(() => numbersOf(model.apply(weights, { x }, { mode: "train" }).prediction));
    expect(twice[0]).toEqual(twice[1]);
  });

  it("by name", () => {
    for (const name of ["mlp", "cnn", "resnet", "linear"]) {
      const model = models[name](image, 3);
      const x = rows(model, 2);
      const { prediction } = model.apply(model.init(keyOf([1, 2])), { x });
      expect(prediction.shape, name).toEqual(name === "unet" ? [2, 8, 8, 3] : [2, 3]);
    }
  });

  it("of texts by name, which refuse images, and the others texts", () => {
    const ids = constant(
      ndarray(
        "int32",
        [2, 5],
        Int32Array.from({ length: 10 }, (_, i) => i),
      ),
    );
    for (const name of ["transformer", "bag"]) {
      const model = models[name]([5], 3, { task: "classification", vocabulary: 10 });
      const inputs = { ids, mask: fill([2, 5], 1) };
      expect(model.apply(model.init(keyOf([1, 2])), inputs).prediction.shape, name).toEqual([2, 3]);
      expect(() => models[name](image, 3)).toThrow(
        expect.objectContaining({ code: "conflict", culprit: name }),
      );
    }
    const text = { task: "tokens", vocabulary: 10 } as const;
    const model = models.transformer([5], 10, text);
    expect(model.apply(model.init(keyOf([1, 2])), { ids }).prediction.shape).toEqual([2, 5, 10]);
    for (const name of ["mlp", "cnn", "resnet", "linear", "bag"])
      expect(() => models[name]([5], 10, text)).toThrow(expect.objectContaining({ code: "conflict" }));
  });

  it("of images refuse tables", () => {
    expect(() => cnn([5], 3)).toThrow(expect.objectContaining({ code: "bad-shape", culprit: "cnn" }));
    expect(() => resnet([5, 5], 3)).toThrow(/\[channels, height, width\], not \[5,5\]/);
  });

  it("must end in a vector an example", () => {
    expect(() => staged("mine", image, [{ name: "conv", part: conv(2, 3) }])).toThrow(
      /ends in shape \[2,6,6\]/,
    );
  });

  it("of other stages, with activations of their names", () => {
    const model = staged(
      "mine",
      [3],
      [
        { name: "a", part: sequence(linear(4), relu) },
        { name: "b", part: linear(2) },
      ],
    );
    expect(model.places).toEqual(["a"]);
    const shift = (v: Tensor) => add(v, 1);
    const weights = starting(model);
    const x = rows(model, 2);
    const plain = model.apply(weights, { x }).activations.a;
    expect(numbersOf(model.apply(weights, { x }, { layer: shift }).activations.a)).toEqual(
      numbersOf(plain).map((v) => v + 1),
    );
  });
});

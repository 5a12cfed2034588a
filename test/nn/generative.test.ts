import { describe, expect, it } from "vitest";
import { fromNested, type Nested } from "../../src/array/ndarray.ts";
import { asReconstruction, loadDataset } from "../../src/data/index.ts";
import type { Params, Step } from "../../src/kinds/index.ts";
import { convAutoencoder, convVae, type ElboOptions, elbo, unet, upsample, vae } from "../../src/nn/index.ts";
import { squaredError } from "../../src/parts/losses/squaredError.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { constant as steady } from "../../src/parts/schedules/constant.ts";
import { openInline } from "../../src/runtime/index.ts";
import { constant, keyOf, mul, scalar, sum, type Tensor, vjp } from "../../src/tensor/index.ts";
import { planOf, train } from "../../src/training/index.ts";
import { references } from "../methods/small.ts";
import { literal, normals, numbersOf, valuesOf } from "../tensor/numbers.ts";

interface Case {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, Nested>>;
  readonly output: Nested;
  readonly gradients: Readonly<Record<string, Nested>>;
}

const { cases, source } = references<Case>("generative");
const given = (values: Nested): Tensor => constant(fromNested(values));
const flat = (values: Nested): number[] =>
  typeof values === "number" ? [values] : (values as readonly Nested[]).flatMap(flat);

function close(got: readonly number[], expected: Nested, tolerance = 1e-7): void {
  const wanted = flat(expected);
  expect(got.length).toBe(wanted.length);
  got.forEach((v, i) => {
    expect(Math.abs(v - wanted[i]), `entry ${i}`).toBeLessThan(tolerance * Math.max(1, Math.abs(wanted[i])));
  });
}

const named = (start: string) =>
  cases.filter(({ name }) => name.startsWith(start)).map((c) => [c.name, c] as const);

describe(`as in PyTorch (${source.script})`, () => {
  it.each(named("upsample"))("%s", (_, { options, inputs, output, gradients }) => {
    const x = given(inputs.x);
    const built = upsample(options.factor as number)("up", x.shape.slice(1));
    const y = built.apply(x, { weights: {}, mode: "train", buffers: {} });
    expect(y.shape.slice(1)).toEqual(built.shape);
    const [value, gx] = valuesOf([y, ...vjp([sum(mul(y, given(inputs.upstream)))], [scalar(1)], [x])]);
    close(value, output);
    close(gx, gradients.x);
  });

  it.each(named("elbo"))("%s", (_, { options, inputs, output, gradients }) => {
    const [prediction, posterior] = [given(inputs.prediction), given(inputs.posterior)];
    const { losses } = elbo(options as ElboOptions);
    const step = {
      outputs: { prediction, activations: { posterior } },
      batch: { target: given(inputs.target) },
    } as unknown as Step;
    const value = losses?.(step, undefined) as Tensor;
    const [got, gp, gz] = valuesOf([value, ...vjp([sum(value)], [scalar(1)], [prediction, posterior])]);
    close(got, output);
    close(gp, gradients.prediction);
    close(gz, gradients.posterior);
  });

  it.each(named("unet"))("%s", (_, { inputs, output, gradients }) => {
    const x = given(inputs.x);
    const model = unet(x.shape.slice(1), 3, { channels: [2, 3] });
    // by place: in each of seven layers a kernel, a gain and a bias, beside the running statistics; then the head
    const { layers, head } = inputs as unknown as {
      layers: readonly Readonly<Record<string, Nested>>[];
      head: Readonly<Record<string, Nested>>;
    };
    const values = [...layers, head].flatMap(({ kernel, gain, bias }) =>
      gain ? [kernel, gain, bias] : [kernel, bias],
    );
    const trained = model.leaves.filter(({ role }) => role !== "buffer");
    const weights: Params = {
      ...model.init(keyOf([1, 2])),
      ...Object.fromEntries(trained.map(({ path }, i) => [path, given(values[i])])),
    };
    expect(trained.map(({ path }) => weights[path].shape)).toEqual(trained.map(({ shape }) => shape));
    const { prediction } = model.apply(weights, { x }, { mode: "train" });
    expect(prediction.shape).toEqual([2, 5, 4, 3]);
    const pulled = vjp([sum(mul(prediction, given(inputs.upstream)))], [scalar(1)], [x]);
    const [value, gx] = valuesOf([prediction, ...pulled]);
    close(value, output);
    close(gx, gradients.x, 1e-6);
  });
});

describe("a variational autoencoder", () => {
  const model = vae([3], 2, { hidden: [4] });
  const weights = model.init(keyOf([3, 4]));
  const x = constant(normals([5, 3], 1, "x"));
  const codes = (mode: "train" | "eval", key?: readonly [number, number]) =>
    numbersOf(model.apply(weights, { x }, { mode, key: key && keyOf(key) }).activations.code);

  it("draws its code from the key in training, and takes the mean in evaluation", () => {
    expect(codes("train", [1, 1])).toEqual(codes("train", [1, 1]));
    expect(codes("train", [1, 1])).not.toEqual(codes("train", [1, 2]));
    const posterior = numbersOf(model.apply(weights, { x }).activations.posterior);
    const means = posterior.filter((_, i) => i % 4 < 2);
    expect(codes("eval", [1, 1])).toEqual(means);
    expect(codes("train")).toEqual(means);
  });

  it("draws codes of the posterior's mean and spread", () => {
    const many = vae([1], 1, { hidden: [] });
    const [kernel, bias] = many.leaves.map(({ path }) => path);
    const start = { ...many.init(keyOf([1, 1])), [kernel]: literal([2, 1], 0, 0) };
    const own = { ...start, [bias]: literal([2], 3, 2 * Math.log(0.5)) };
    const n = 4000;
    const { activations } = many.apply(
      own,
      { x: constant(normals([n, 1], 1, "x")) },
      { mode: "train", key: keyOf([5, 6]) },
    );
    const drawn = numbersOf(activations.code);
    const mean = drawn.reduce((a, b) => a + b, 0) / n;
    const spread = Math.sqrt(drawn.reduce((a, b) => a + (b - mean) ** 2, 0) / n);
    // four standard errors
    expect(Math.abs(mean - 3)).toBeLessThan((4 * 0.5) / Math.sqrt(n));
    expect(Math.abs(spread - 0.5)).toBeLessThan((4 * 0.5) / Math.sqrt(2 * n));
  });

  it("makes examples of codes alone", () => {
    const value = constant(normals([4, 2], 2, "z"));
    expect(model.apply(weights, {}, { from: { name: "code", value } }).prediction.shape).toEqual([4, 3]);
  });
});

describe("on digits", async () => {
  const digits = await loadDataset("digits");
  const rows = Int32Array.from({ length: 64 }, (_, i) => i);
  const data = asReconstruction(digits.encode(digits.fit(rows), rows));
  const shape = data.inputs.x.shape.slice(1);
  const common = { optimizer: adam(), rate: 0.003, schedule: steady(), loss: squaredError(), epochs: 6 };

  it.each([
    ["a convolutional autoencoder", convAutoencoder(shape, 6, { channels: [4, 6] }), []],
    ["a dense vae", vae(shape, 3, { hidden: [24] }), [{ name: "elbo", method: elbo({ beta: 0.5 }) }]],
    ["a convolutional vae", convVae(shape, 3, { channels: [4] }), [{ name: "elbo", method: elbo() }]],
  ] as const)("%s learns in ONNX Runtime", async (_, model, methods) => {
    const host = openInline();
    const { history } = await train(planOf({ ...common, model, methods }, data), data, 0, host);
    await host.close();
    expect(history.at(-1)?.trainLoss).toBeLessThan(0.95 * history[0].trainLoss);
  });

  it("sides that are odd come back as they were", () => {
    const odd = convAutoencoder([2, 7, 5], 3, { channels: [2, 3, 4] });
    const x = constant(normals([2, 2, 7, 5], 1, "x"));
    const { prediction, activations } = odd.apply(odd.init(keyOf([1, 2])), { x });
    expect(prediction.shape).toEqual([2, 70]);
    expect(activations["encoder.2"].shape).toEqual([2, 4, 1, 1]);
    expect(activations["decoder.2"].shape).toEqual([2, 2, 7, 5]);
  });
});

it("images only", () => {
  const bad = expect.objectContaining({ code: "bad-shape" });
  expect(() => unet([5], 2)).toThrow(bad);
  expect(() => convVae([5], 2)).toThrow(bad);
});

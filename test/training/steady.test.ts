import { describe, expect, test } from "vitest";
import { cnn, languageModel, mlp, nextToken } from "../../src/nn/index.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { openHost } from "../../src/runtime/index.ts";
import { planOf, train } from "../../src/training/index.ts";
import { classes, result, training } from "./setup.ts";

/** Texts whose next id is the id plus one. */
const texts = (() => {
  const [size, tokens, vocabulary] = [64, 8, 12];
  const ids = Int32Array.from({ length: size * tokens }, (_, at) => (3 * Math.floor(at / tokens) + at) % 12);
  return {
    name: "texts",
    task: "tokens" as const,
    size,
    inputs: { ids: { dtype: "int32" as const, shape: [size, tokens], data: ids } },
    target: { dtype: "int32" as const, shape: [size, tokens], data: ids.map((id) => (id + 1) % vocabulary) },
    classes: [],
  };
})();

describe.each([1, 2])(
  "on %i threads the same seed gives the same bits, from process to process",
  (threads) => {
    const wishes = { optimizer: adam(), rate: 0.003, epochs: 2 };
    test.each([
      ["an mlp", classes(120), { ...wishes, model: mlp([4], 3, [300, 200]), batchSize: 60 }],
      ["a cnn", classes(96, [1, 12, 12]), { ...wishes, model: cnn([1, 12, 12], 3), batchSize: 32 }],
      [
        "a transformer, whose embedding rows are named often",
        texts,
        { ...wishes, model: languageModel(12, 8, { width: 16, heads: 2 }), loss: nextToken, batchSize: 32 },
      ],
    ])("%s", async (_, data, wished) => {
      const plan = planOf(training({}, wished), data);
      const once = async () => {
        const host = openHost({ threads });
        const trained = await train(plan, data, 7, host);
        await host.close();
        return result(trained);
      };
      expect(await once()).toEqual(await once());
    });
  },
);

test("ten thousand steps take no more memory than two thousand", async () => {
  const data = classes(120);
  const plan = planOf(training({}, { optimizer: adam(), epochs: 500 }), data);
  const host = openHost();
  const early: number[] = [];
  const late: number[] = [];
  let tensors = 0;
  const looks: Promise<void>[] = [];
  await train(plan, data, 0, host, {
    onEpoch: ({ epoch }) => {
      if (epoch < 100 || epoch % 50 !== 0) return;
      const look = async () => {
        const memory = await host.memory();
        (epoch <= 200 ? early : late).push(memory.resident);
        tensors = Math.max(tensors, memory.tensors);
      };
      looks.push(look());
    },
  });
  await Promise.all(looks);
  const { tensors: left } = await host.memory();
  await host.close();
  expect(plan.stepsPerEpoch * 500).toBe(10_000);
  expect(late.length).toBeGreaterThan(3);
  expect(left).toBe(0);
  expect(tensors).toBeLessThan(60);
  expect(Math.min(...late)).toBeLessThan(Math.max(...early) + 8 * 2 ** 20);
});

import { afterAll, describe, expect, it } from "vitest";
import type { NdArray } from "../../src/array/ndarray.ts";
import type { AnyMethod, Definition, Rehearsal, Step } from "../../src/kinds/index.ts";
import { gradientNorm } from "../../src/methods/data/common/scores.ts";
import { el2nGrand } from "../../src/methods/data/el2nGrand.ts";
import { earlyStopping } from "../../src/methods/regularizers/earlyStopping.ts";
import { mlp } from "../../src/nn/index.ts";
import { cosine } from "../../src/parts/schedules/cosine.ts";
import { openInline } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import {
  add,
  constant,
  matmul,
  mul,
  step as positive,
  softmax,
  sqrt,
  square,
  sub,
  sum,
} from "../../src/tensor/index.ts";
import { lift, planOf, predict, train, trainTogether } from "../../src/training/index.ts";
import { classes, numbersOf, paced, slow, training } from "./setup.ts";

const host = openInline();
afterAll(() => host.close());

const data = classes(14);
const choosing = (examples: (rehearsal: Rehearsal) => Promise<Int32Array>): AnyMethod => ({ examples });
const fixed = (...counts: readonly number[]): AnyMethod => choosing(async () => Int32Array.from(counts));

/** The batches that a run took, one after another. */
async function batchesOf(method: AnyMethod, seed: number): Promise<number[][]> {
  const taken: number[][] = [];
  const watched = paced(host, slow, ({ data: index }) => taken.push(Array.from(index as Int32Array)));
  await train(planOf(training({ method }, { epochs: 6 }), data), data, seed, watched);
  return taken;
}

describe("a method that chooses examples", () => {
  it("has each stand in a pass as often as told, with as many steps as without", async () => {
    const counts = [3, 2, 1, 0, 1, 2, 0, 0, 0, 0, 0, 0, 1, 3];
    const taken = await batchesOf(fixed(...counts), 1);
    const stepsPerEpoch = Math.floor(data.size / 6);
    expect(taken.length).toBe(6 * stepsPerEpoch);
    for (let pass = 0; pass < 6; pass++) {
      // 13 examples, of which a pass of two batches leaves one out
      const seen = new Map<number, number>();
      for (const i of taken.slice(2 * pass, 2 * pass + 2).flat()) seen.set(i, (seen.get(i) ?? 0) + 1);
      const missing = counts.map((count, i) => count - (seen.get(i) ?? 0));
      expect(Math.min(...missing)).toBe(0);
      expect(missing.reduce((a, b) => a + b, 0)).toBe(1);
    }
  });

  it("fills a batch with fewer examples than it holds", async () => {
    const few = Array.from({ length: data.size }, (_, i) => (i === 3 || i === 8 ? 1 : 0));
    const taken = await batchesOf(fixed(...few), 1);
    for (const batch of taken) expect([...batch].sort()).toEqual([3, 3, 3, 8, 8, 8]);
  });

  it("leaves the order as it was where every example stands once", async () => {
    const every = choosing(async ({ data: { size } }) => new Int32Array(size).fill(1));
    expect(await batchesOf(every, 2)).toEqual(await batchesOf({}, 2));
  });

  it("rehearses with network 0 what the run would do, and with others something else", async () => {
    const recorded: NdArray[] = [];
    const quantity = ({ outputs }: Step) => outputs.prediction;
    const rehearsing = choosing(async (rehearsal) => {
      for (const network of [0, 1, 0])
        recorded.push(await (await rehearsal.train(2, network)).examples(quantity, 5));
      return new Int32Array(rehearsal.data.size).fill(1);
    });
    const plan = (method: AnyMethod) => planOf(training({ method }, { schedule: cosine(), epochs: 4 }), data);
    let after: NdArray | undefined;
    const stopping: AnyMethod = {
      between: async (moment, { count }) =>
        moment === "epoch" && count === 4 ? { stop: "half" } : undefined,
    };
    const half = await train(plan(stopping), data, 3, host);
    await train(plan(rehearsing), data, 3, host);
    const again = choosing(async (rehearsal) => {
      after = await (await rehearsal.train(0)).examples(quantity);
      return new Int32Array(rehearsal.data.size).fill(1);
    });
    await train(plan(again), data, 3, host);
    const expected = numbersOf(await predict(host, half.plan, half.values, data));
    const [probabilities] = evaluate([softmax(constant(recorded[0]))]);
    numbersOf(probabilities).forEach((p, i) => {
      expect(p).toBeCloseTo(expected[i], 5);
    });
    expect(recorded[2]).toEqual(recorded[0]);
    expect(recorded[1]).not.toEqual(recorded[0]);
    expect(after).not.toEqual(recorded[0]);
  });

  it("gives each of the runs side by side its own", async () => {
    const random = choosing(async ({ data: { size }, random: stream }) =>
      Int32Array.from({ length: size }, () => stream.integers(3)),
    );
    const plan = planOf(training({ random }), data);
    const runs = [4, 5, 6].map((seed) => ({ data, seed }));
    const together = await trainTogether(plan, runs, host, { atOnce: 3 });
    for (const [i, { seed }] of runs.entries()) {
      const alone = await train(plan, data, seed, host);
      const got = together[i];
      if (got instanceof Error) throw got;
      expect(got.examples).toEqual(alone.examples);
      for (const [path, a] of Object.entries(alone.values))
        numbersOf(a).forEach((v, j) => {
          expect(numbersOf(got.values[path])[j]).toBeCloseTo(v, 4);
        });
    }
  });

  it("says what is wrong with what it was given", async () => {
    const run = (method: AnyMethod) => train(planOf(training({ method }), data), data, 1, host);
    await expect(run(fixed(1, 2))).rejects.toMatchObject({ code: "bad-shape" });
    await expect(run(fixed(...new Array<number>(14).fill(0)))).rejects.toMatchObject({ code: "bad-shape" });
    const two = { first: fixed(1), second: fixed(1) };
    expect(() => planOf(training(two), data)).toThrow(/first and second both fill the slot "examples"/);
  });

  it("combines with early stopping", async () => {
    const method = lift(el2nGrand as Definition, el2nGrand({ networks: 2, epochs: 1, keep: 0.5 }));
    const stopping = earlyStopping({ epochs: 1 });
    const trained = await train(planOf(training({ method, stopping }), data), data, 1, host, {
      validation: data,
    });
    expect(trained.examples?.reduce((a, b) => a + b)).toBe(7);
  });
});

describe("the norm of an example's gradient", () => {
  it("is what the layers' errors and inputs say", async () => {
    const model = mlp([4], 3, [5, 6]);
    /** sum over layers of |error|^2 (|input|^2 + 1), from one pass back for all examples. */
    const byLayers = ({ weights, batch, outputs }: Step) => {
      const [, k2, k3] = model.leaves.flatMap(({ path, role }) => (role === "kernel" ? [weights[path]] : []));
      const [h1, h2] = Object.values(outputs.activations);
      const d3 = sub(softmax(outputs.prediction), batch.target);
      const d2 = mul(matmul(d3, k3), positive(h2));
      const d1 = mul(matmul(d2, k2), positive(h1));
      const size = (x: typeof h1) => sum(square(x), { axes: [-1] });
      const layer = (d: typeof h1, x: typeof h1) => mul(size(d), add(size(x), 1));
      return sqrt(add(add(layer(d3, h2), layer(d2, h1)), layer(d1, batch.inputs.x)));
    };
    const both: NdArray[] = [];
    const method = choosing(async (rehearsal) => {
      const network = await rehearsal.train(1);
      both.push(await network.examples(gradientNorm, 4), await network.examples(byLayers));
      return new Int32Array(rehearsal.data.size).fill(1);
    });
    await train(planOf(training({ method }, { model }), data), data, 1, host);
    const [norms, expected] = both.map(numbersOf);
    expect(norms.length).toBe(data.size);
    norms.forEach((norm, i) => {
      expect(norm).toBeCloseTo(expected[i], 4);
    });
  });
});

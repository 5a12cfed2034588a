import { describe, expect, it } from "vitest";
import { type NdArray, ndarray } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import type { Dataset, Learner, Parts, Protocol, Stage } from "../../src/kinds/index.ts";
import { matrixGrid, transferOf } from "../../src/settings/common/accuracyMatrix.ts";
import { withLabels } from "../../src/settings/common/data.ts";
import { noisyLabelsOf } from "../../src/settings/common/noise.ts";
import { permutations, rotated } from "../../src/settings/common/shifts.ts";
import { continual } from "../../src/settings/continual.ts";
import { domains } from "../../src/settings/domains.ts";
import { fineTuning } from "../../src/settings/fineTuning.ts";
import { groups } from "../../src/settings/groups.ts";
import { labelProportions } from "../../src/settings/labelProportions.ts";
import { noisyLabels } from "../../src/settings/noisyLabels.ts";

/** Dark images [1, 4, 4] of four classes; the pixel of an example's class is set. */
function images(size: number): Dataset {
  const x = new Float32Array(size * 16);
  const labels = Int32Array.from({ length: size }, (_, i) => i % 4);
  labels.forEach((c, i) => {
    x[i * 16 + 10 + c] = 1;
  });
  return {
    name: "pixels",
    task: "classification",
    size,
    inputs: { x: ndarray("float32", [size, 1, 4, 4], x) },
    target: ndarray("int32", [size], labels),
    classes: ["a", "b", "c", "d"],
  };
}

const parts: Parts = { train: images(40), validation: images(20), test: images(20) };

/** One row of probability 1 for each class number. */
const sure = (labels: ArrayLike<number>, k: number): NdArray<"float32"> => {
  const data = new Float32Array(labels.length * k);
  for (let i = 0; i < labels.length; i++) data[i * k + labels[i]] = 1;
  return ndarray("float32", [labels.length, k], data);
};

/** A learner that says what it is told of the rows that it is asked about, knowing the stages so far. */
const saying = (
  say: (data: Dataset, stages: readonly Stage[]) => ArrayLike<number>,
): Learner & { readonly stages: Stage[] } => {
  const stages: Stage[] = [];
  const knowing = (known: readonly Stage[]) => ({
    predict: async (data: Dataset) => sure(say(data, known), data.classes.length),
  });
  return {
    stages,
    async fit(stage) {
      stages.push(stage);
      return knowing([...stages]);
    },
    untrained: async () => knowing([]),
  };
};

const truthOf = ({ target }: Dataset) => target.data as Int32Array;
const run = (protocol: Protocol, learner: Learner, of = parts) => protocol.run(learner, of, 0);

it("an accuracy matrix comes to what the papers' formulas say", () => {
  const matrix = [
    [0.9, 0.2, 0.1],
    [0.6, 0.8, 0.3],
    [0.7, 0.5, 1],
  ];
  const found = transferOf(matrix, [0.5, 0.1, 0.1]);
  expect(found.averageAccuracy).toBeCloseTo((0.7 + 0.5 + 1) / 3);
  expect(found.backwardTransfer).toBeCloseTo((0.7 - 0.9 + (0.5 - 0.8)) / 2);
  expect(found.forwardTransfer).toBeCloseTo((0.2 - 0.1 + (0.3 - 0.1)) / 2);
  expect(found.forgetting).toBeCloseTo((0.9 - 0.7 + (0.8 - 0.5)) / 2);
  expect(found.learningAccuracy).toBeCloseTo((0.9 + 0.8 + 1) / 3);
  expect(found.incrementalAccuracy).toBeCloseTo((0.9 + (0.6 + 0.8) / 2 + (0.7 + 0.5 + 1) / 3) / 3);
  expect(matrixGrid(matrix, ["a", "b", "c"]).values[2][1]).toBe(0.5);
});

describe("continual", () => {
  /** Knows the classes of the last stage only. */
  const forgetful = (data: Dataset, stages: readonly Stage[]) => {
    const last = stages.at(-1);
    const known = last === undefined ? [] : [...new Set(truthOf(last.data))];
    return truthOf(data).map((c) => (known.includes(c) ? c : (known[0] ?? 0)));
  };

  it("scores a learner that forgets every task but the last", async () => {
    const { test, grids } = await run(continual({ tasks: 2 }), saying(forgetful));
    expect(test).toMatchObject({
      averageAccuracy: 0.5,
      forgetting: 1,
      backwardTransfer: -1,
      learningAccuracy: 1,
    });
    expect(grids?.accuracy.values).toEqual([
      [1, 0],
      [0, 1],
    ]);
  });

  it("gives each task its own classes, in an order of the seed, and goes on from stage to stage", async () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 6; seed++) {
      const learner = saying(truthOf);
      await continual({ tasks: 2 }).run(learner, parts, seed);
      const [first, second] = learner.stages.map(({ data }) => [...new Set(truthOf(data))].sort());
      expect([...first, ...second].sort()).toEqual([0, 1, 2, 3]);
      expect(learner.stages.map(({ from }) => from === undefined)).toEqual([true, false]);
      orders.add(first.join());
    }
    expect(orders.size).toBeGreaterThan(1);
  });

  it("tells a task-incremental model which classes are possible", async () => {
    const learner = saying(truthOf);
    await run(continual({ scenario: "task", tasks: 2 }), learner);
    for (const { data, around } of learner.stages) {
      expect(around?.id).toBe("heads");
      const heads = data.inputs.heads.data as Float32Array;
      const own = new Set(truthOf(data));
      expect([...heads.subarray(0, 4)]).toEqual([0, 1, 2, 3].map((c) => (own.has(c) ? 1 : 0)));
    }
  });

  it("shifts inputs or takes the data's own domains where the classes stay", async () => {
    const shifted = saying(truthOf);
    await run(continual({ scenario: "domain", tasks: 3 }), shifted);
    expect(new Set(shifted.stages.map(({ data }) => String(data.inputs.x.data))).size).toBe(3);
    expect(shifted.stages.every(({ data }) => data.size === 40)).toBe(true);
    const domained = (data: Dataset): Dataset => ({
      ...data,
      domain: ndarray(
        "int32",
        [data.size],
        Int32Array.from({ length: data.size }, (_, i) => (i % 5 === 0 ? 7 : 3)),
      ),
    });
    const own = saying(truthOf);
    const each = {
      train: domained(parts.train),
      validation: domained(parts.validation),
      test: domained(parts.test),
    };
    await run(continual({ scenario: "domain" }), own, each);
    expect(own.stages.map(({ data }) => data.size).sort()).toEqual([32, 8].sort());
  });

  it("refuses more tasks than the classes make", async () => {
    await expect(run(continual({ tasks: 5 }), saying(truthOf))).rejects.toMatchObject({ code: "conflict" });
    await expect(run(continual({ scenario: "task", tasks: 3 }), saying(truthOf))).rejects.toThrow(
      /3 tasks of 2/,
    );
  });
});

it("groups: who goes by the patch is right for most training images and wrong for the rare groups", async () => {
  const byPatch = ({ inputs, size }: Dataset) =>
    Int32Array.from({ length: size }, (_, i) => (inputs.x.data as Float32Array)[i * 16]);
  const learner = saying(byPatch);
  const { test, validation, grids } = await run(groups({ agreement: 0.75 }), learner);
  expect(grids?.groups.values[0]).toEqual([1, 0, 0, 1]);
  expect(test).toMatchObject({ worstGroup: 0, groupMean: 0.5, trainWorst: 0, gap: 0 });
  expect(validation.worstGroup).toBe(0);
  const group = learner.stages[0].data.group?.data as Int32Array;
  const common = group.filter((g) => g === 0 || g === 3).length / group.length;
  expect(test.averageAccuracy).toBeCloseTo(common);
  expect(common).toBeGreaterThan(0.5);
});

it("domains: each is left out once, and scored on alone", async () => {
  const learner = saying(truthOf);
  const { test, grids } = await run(domains({ count: 4 }), learner);
  expect(learner.stages).toHaveLength(4);
  for (const { data } of learner.stages) {
    expect(data.size).toBe(30);
    expect(new Set(data.group?.data as Int32Array)).toEqual(new Set([0, 1, 2]));
  }
  expect(test).toEqual({ heldOut: 1, worstDomain: 1, trainedDomains: 1 });
  expect(grids?.domains.columns).toEqual(["0°", "25°", "50°", "75°"]);
});

describe("noisy labels", () => {
  it.each(["symmetric", "pair"] as const)("%s noise makes just so many labels wrong", (noise) => {
    const data = images(400);
    const given = noisyLabelsOf(data, noise, 0.3, stream(1));
    const wrong = [...given.keys()].filter((i) => given[i] !== truthOf(data)[i]);
    expect(wrong).toHaveLength(120);
    const next = wrong.filter((i) => given[i] === (truthOf(data)[i] + 1) % 4).length;
    expect(noise === "pair" ? next === 120 : next < 70).toBe(true);
  });

  it("noise by instance makes about so many wrong, to a class that follows from the input", () => {
    const data = images(2000);
    const given = noisyLabelsOf(data, "instance", 0.3, stream(1));
    const wrong = [...given.keys()].filter((i) => given[i] !== truthOf(data)[i]);
    // 2000 draws at 0.3: three standard deviations are 0.031
    expect(Math.abs(wrong.length / 2000 - 0.3)).toBeLessThan(0.04);
    expect(given.every((c) => c >= 0 && c < 4)).toBe(true);
  });

  it("tells memorizing from seeing through", async () => {
    const parrot = saying((data, [stage]) => truthOf(data.size === 40 ? stage.data : data));
    const memorized = await run(noisyLabels({ share: 0.5 }), parrot);
    expect(memorized.test).toEqual({ accuracy: 1, memorized: 1, recovered: 0, fitted: 1 });
    const wise = await run(noisyLabels({ share: 0.5 }), saying(truthOf));
    expect(wise.test).toEqual({ accuracy: 1, memorized: 0, recovered: 1, fitted: 1 });
  });
});

it("fine-tuning: half of the classes, then the other half from few examples, with and without the first", async () => {
  const learner = saying(truthOf);
  const { test } = await run(fineTuning({ size: 3 }), learner);
  const [before, after, scratch] = learner.stages;
  expect([before, after, scratch].map(({ data }) => data.size)).toEqual([20, 6, 6]);
  expect([before, after, scratch].map(({ from }) => from !== undefined)).toEqual([false, true, false]);
  expect(after.data).toEqual(scratch.data);
  expect(test).toEqual({ accuracy: 1, scratch: 1, gain: 0, kept: 1 });
});

it("label proportions: bags with the shares of their classes; examples are scored one by one", async () => {
  const learner = saying(({ target, size }) =>
    Array.from({ length: size }, (_, i) => {
      const row = (target.data as Float32Array).subarray(4 * i, 4 * i + 4);
      return row.indexOf(Math.max(...row));
    }),
  );
  const { test } = await run(labelProportions({ size: 5 }), learner);
  const [{ data }] = learner.stages;
  expect(data.inputs.x.shape).toEqual([8, 5, 1, 4, 4]);
  const shares = data.target.data as Float32Array;
  for (let bag = 0; bag < 8; bag++) {
    const pixels = [0, 0, 0, 0];
    for (let i = 0; i < 5; i++)
      for (let c = 0; c < 4; c++)
        pixels[c] += (data.inputs.x.data as Float32Array)[(bag * 5 + i) * 16 + 10 + c] / 5;
    pixels.forEach((p, c) => {
      expect(shares[bag * 4 + c]).toBeCloseTo(p);
    });
  }
  expect(test.accuracy).toBe(1);
  const nodes = { node: ndarray("int32", [40], new Int32Array(40)) };
  const ofNodes = { ...parts, train: { ...parts.train, inputs: nodes } };
  await expect(run(labelProportions({ size: 5 }), learner, ofNodes)).rejects.toMatchObject({
    code: "conflict",
  });
});

describe("shifts", () => {
  it("a quarter turn moves every pixel to its place, counter-clockwise", () => {
    const x = ndarray("float32", [1, 1, 2, 2], Float32Array.of(1, 2, 3, 4));
    const turned = [...(rotated(x, 90).data as Float32Array)].map((v) => Math.round(1e6 * v) / 1e6);
    expect(turned).toEqual([2, 4, 1, 3]);
  });

  it("permutations keep all numbers, and the first leaves them in place", () => {
    const data = withLabels(images(3), Int32Array.of(0, 1, 2));
    const [same, other] = permutations(data, 2, stream(0)).map(
      ({ apply }) => apply(data).inputs.x.data as Float32Array,
    );
    expect(same).toEqual(data.inputs.x.data);
    expect(other).not.toEqual(same);
    expect([...other].sort()).toEqual([...same].sort());
  });
});

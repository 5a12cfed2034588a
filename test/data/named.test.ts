import { describe, expect, test } from "vitest";
import { stream } from "../../src/array/random.ts";
import {
  datasets,
  knownNames,
  loadDataset,
  openData,
  split,
  withLabelNoise,
  withNoisyTarget,
} from "../../src/data/index.ts";
import { gaussianClusters, sparseRegression, spirals, toys, twoMoons } from "../../src/data/toy.ts";
import { range, refusal } from "./helpers.ts";

describe("shipped data", () => {
  // Class counts and means as scikit-learn's documentation and data descriptions give them.
  test("digits", async () => {
    const source = await loadDataset("digits");
    expect([source.size, source.classes]).toEqual([1797, [..."0123456789"]]);
    const counts = source.classes.map((_, c) => source.labels!.filter((label) => label === c).length);
    // "178 182 177 183 181 182 181 179 174 180": UCI, optdigits.names, test part.
    expect(counts).toEqual([178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    const learned = source.fit(range(source.size));
    // load_digits().data.mean() is 4.884164579855314.
    expect(learned).toMatchObject({
      kind: "image",
      shape: [1, 8, 8],
      mean: [expect.closeTo(4.884164579855314 / 16, 12)],
    });
  });

  test("breast cancer, wine, diabetes, penguins", async () => {
    const cancer = await loadDataset("breast-cancer");
    // "Class Distribution: 212 - Malignant, 357 - Benign"; mean radius 6.981 to 28.11, mean 14.127.
    expect(cancer.classes).toEqual(["benign", "malignant"]);
    expect(cancer.labels!.filter((label) => label === 1).length).toBe(212);
    const learned = cancer.fit(range(cancer.size));
    expect(learned.kind === "table" && learned.columns[0]).toMatchObject({
      name: "mean_radius",
      mean: expect.closeTo(14.127, 3),
    });

    const wine = await loadDataset("wine");
    // "Class Distribution: class_0 (59), class_1 (71), class_2 (48)".
    expect(wine.classes.map((_, c) => wine.labels!.filter((label) => label === c).length)).toEqual([
      59, 71, 48,
    ]);

    const diabetes = await loadDataset("diabetes");
    expect([diabetes.task, diabetes.size]).toEqual(["regression", 442]);
    // Target 25 to 346, mean 152.133.
    expect(diabetes.fit(range(442)).targetScale[0].mean).toBeCloseTo(152.133, 3);

    const penguins = await loadDataset("penguins");
    // palmerpenguins: 152 Adelie, 68 Chinstrap, 124 Gentoo; sex missing for 11, the measurements for 2.
    expect(penguins.classes.map((_, c) => penguins.labels!.filter((label) => label === c).length)).toEqual([
      152, 68, 124,
    ]);
    expect(penguins.notes.join("\n")).toContain("sex (11)");
    expect(penguins.notes.join("\n")).toContain("body_mass_g (2)");
  });

  test("what is listed is what is read", async () => {
    for (const listing of datasets()) {
      const source = await openData(listing.name);
      const { title, source: from, licence } = listing;
      expect([source.name, source.task, source.size, source.origin]).toEqual([
        listing.name,
        listing.task,
        listing.size,
        { title, source: from, licence },
      ]);
      const { train } = split(source, 0);
      const [x] = Object.values(source.encode(source.fit(train), train).inputs);
      const columns = /^(\d+) (?:columns|characters)$/.exec(listing.input)?.[1];
      if (columns === undefined) expect(x.shape.slice(1).join(" x ")).toBe(listing.input);
      else expect(x.shape[1]).toBeGreaterThanOrEqual(Number(columns));
      expect((x.data as Float32Array).every(Number.isFinite)).toBe(true);
    }
  });

  test("a name that is nearly right", async () => {
    expect((await refusal(() => loadDataset("digitz"))).text).toContain("did you mean digits?");
    expect((await refusal(() => openData("cifar-10"))).text).toContain("did you mean cifar10?");
    const far = await refusal(() => openData("zzzzzzzzzz"));
    expect(far.code).toBe("unknown-name");
    expect(far.text).toContain(knownNames().join(", "));
    expect((await refusal(() => openData("digits", { target: "digit" }))).text).toContain(
      "no use for target",
    );
  });
});

describe("toy problems", () => {
  test("the same seed gives the same problem", async () => {
    for (const [name, make] of toys) {
      const encoded = (seed: number) => {
        const source = make({ n: 60, seed });
        return source.encode(source.fit(range(60)), range(60));
      };
      expect(encoded(1)).toEqual(encoded(1));
      const { inputs, graph } = encoded(1);
      expect([inputs, graph]).not.toEqual([encoded(2).inputs, encoded(2).graph]);
      expect((await openData(name)).name).toBe(name);
      expect((await refusal(() => make({ n: 3 }))).code).toBe("bad-option");
      expect((await refusal(() => make({ noise: -1 }))).code).toBe("bad-option");
    }
  });

  /** The inputs in their own unit. */
  const points = (source: ReturnType<typeof twoMoons>) => {
    const rows = range(source.size);
    const learned = source.fit(rows);
    if (learned.kind !== "table") throw new Error("toys are tables");
    const scales = learned.columns.map((c) => (c.kind === "number" ? c : { mean: 0, spread: 1 }));
    const { x } = source.encode(learned, rows).inputs;
    return [...rows].map((row) =>
      scales.map((s, j) => (x.data[row * scales.length + j] as number) * s.spread + s.mean),
    );
  };

  test("moons and spirals lie where their formulas say", () => {
    const moons = twoMoons({ n: 100, noise: 0 });
    points(moons).forEach(([x, y], row) => {
      const upper = moons.labels![row] === 0;
      // Both are half circles of radius 1: about (0, 0) from above, about (1, 1/2) from below.
      expect(upper ? Math.hypot(x, y) : Math.hypot(x - 1, y - 0.5)).toBeCloseTo(1, 5);
      expect(upper ? y >= -1e-6 : y <= 0.5 + 1e-6).toBe(true);
    });
    const arms = spirals({ n: 90, noise: 0, arms: 3, turns: 1 });
    expect(arms.classes).toEqual(["0", "1", "2"]);
    points(arms).forEach(([x, y], row) => {
      const turn = Math.atan2(y, x) / (2 * Math.PI) - Math.hypot(x, y) - arms.labels![row] / 3;
      expect(Math.abs(turn - Math.round(turn))).toBeLessThan(1e-4);
    });
  });

  test("clusters have the spread that was asked for", () => {
    const source = gaussianClusters({ n: 3000, noise: 0.5, clusters: 3 });
    const all = points(source);
    for (const label of [0, 1, 2]) {
      const own = all.filter((_, row) => source.labels![row] === label);
      const mean = own.reduce((sum, [x]) => sum + x, 0) / own.length;
      const variance = own.reduce((sum, [x]) => sum + (x - mean) ** 2, 0) / own.length;
      // Standard error of the variance: 0.25 sqrt(2 / 1000) = 0.011.
      expect(Math.abs(variance - 0.25)).toBeLessThan(0.05);
    }
  });

  test("the sparse regression is the sum its notes give", () => {
    const source = sparseRegression({ n: 40, noise: 0, features: 6, informative: 2 });
    const weights = [...source.notes[0].matchAll(/x\d+ \((-?[\d.]+)\)/g)].map((match) => Number(match[1]));
    expect(weights).toHaveLength(2);
    points(source).forEach((x, row) => {
      expect(source.values![row]).toBeCloseTo(weights[0] * x[0] + weights[1] * x[1], 1);
    });
  });
});

describe("label noise", () => {
  const labels = Int32Array.from(range(1000), (i) => i % 4);

  test("changes just the share asked for, always to another class, each as often", () => {
    const noisy = withLabelNoise(labels, 0.3, 4, stream(1));
    const changed = [...range(1000)].filter((row) => noisy[row] !== labels[row]);
    expect(changed).toHaveLength(300);
    const shifts = [1, 2, 3].map(
      (by) => changed.filter((row) => (noisy[row] - labels[row] + 4) % 4 === by).length,
    );
    // Binomial, n = 300, p = 1/3: standard deviation 8.2.
    for (const count of shifts) expect(Math.abs(count - 100)).toBeLessThan(35);
    expect(withLabelNoise(labels, 0.3, 4, stream(1))).toEqual(noisy);
    expect(withLabelNoise(labels, 0, 4, stream(1))).toEqual(labels);
    expect([...withLabelNoise(Int32Array.of(0, 1), 1, 2, stream(1))]).toEqual([1, 0]);
  });

  test("of a data set, and what it refuses", async () => {
    const source = twoMoons({ n: 100 });
    const data = source.encode(source.fit(range(100)), range(100));
    const noisy = withNoisyTarget(data, 0.2, stream(3));
    expect(noisy.inputs).toBe(data.inputs);
    expect([...range(100)].filter((i) => noisy.target.data[i] !== data.target.data[i])).toHaveLength(20);
    const numbers = sparseRegression({ n: 20 });
    const regression = numbers.encode(numbers.fit(range(20)), range(20));
    expect((await refusal(() => withNoisyTarget(regression, 0.2, stream(3)))).code).toBe("conflict");
    expect((await refusal(() => withLabelNoise(labels, 1.2, 4, stream(1)))).code).toBe("bad-option");
  });
});

import { describe, expect, test } from "vitest";
import { ndarray } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import { metricsFor } from "../../src/compare/catalogue.ts";
import { isSpoilable } from "../../src/compare/measure/corruptions.ts";
import type { Setting, Trial } from "../../src/compare/results.ts";
import { studyCorruptions } from "../../src/compare/study/corruptions.ts";
import { checkForeign, foreignTo } from "../../src/compare/study/foreign.ts";
import { severities } from "../../src/compare/study/levels.ts";
import { detectionOf, spearman, widthCalibrationError } from "../../src/compare/study/metrics.ts";
import { withRelativeCorruption } from "../../src/compare/study/relative.ts";
import { arraySource, loadDataset, type Source } from "../../src/data/index.ts";

const rowsOf = (source: Source, n = source.size) => Int32Array.from({ length: n }, (_, i) => i);

async function encoded(name: string, n: number) {
  const source = await loadDataset(name);
  const pre = source.fit(rowsOf(source));
  if (!isSpoilable(pre)) throw new Error("a table or images");
  return { source, pre, data: source.encode(pre, rowsOf(source, n)) };
}

describe("telling foreign data", () => {
  test("by hand", () => {
    // of eight pairs one is the wrong way round; 0.6 keeps all four inside, and one of two outside
    expect(detectionOf([0.9, 0.6, 0.8, 0.7], [0.5, 0.65])).toEqual({
      auroc: 7 / 8,
      falsePositives: 1 / 2,
      // at 0.7: three of four, and both
      accuracy: (3 / 4 + 1) / 2,
    });
  });

  test("equal scores tell nothing", () => {
    expect(detectionOf([1, 1, 1], [1, 1])).toEqual({ auroc: 0.5, falsePositives: 1, accuracy: 0.5 });
    expect(detectionOf([], [1])).toBeUndefined();
  });

  test("95 % of the inside rows are kept, not more than need be", () => {
    const inside = Array.from({ length: 20 }, (_, i) => i + 1);
    // 19 of 20 lie at 2 or above
    expect(detectionOf(inside, [1.5, 2.5])?.falsePositives).toBe(1 / 2);
  });
});

test("calibration error over bins of equal width, by hand", () => {
  const p = [0.9, 0.9, 0.6, 0.55];
  const probabilities = ndarray("float64", [4, 2], Float64Array.from(p.flatMap((v) => [v, 1 - v])));
  // ten bins: (0.8, 0.9] holds one right and one wrong, (0.5, 0.6] a right one and a wrong one
  const expected = (Math.abs(1 - 1.8) + Math.abs(1 - 1.15)) / 4;
  expect(widthCalibrationError(probabilities, [0, 1, 0, 1], 10)).toBeCloseTo(expected, 12);
});

test("rank correlation, by hand", () => {
  expect(spearman([1, 5, 3], [10, 30, 20])).toBeCloseTo(1, 12);
  expect(spearman([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1, 12);
  // ranks 0.5, 0.5, 2 and 0, 1, 2: 1.5 / sqrt(1.5 2)
  expect(spearman([1, 1, 2], [1, 2, 3])).toBeCloseTo(1.5 / Math.sqrt(3), 12);
  expect(spearman([1, 1], [1, 2])).toBeNaN();
});

describe.each(["digits", "penguins", "diabetes"])("corruptions of %s", async (name) => {
  const { pre, data } = await encoded(name, 60);
  const x = data.inputs.x.data as Float32Array;
  const kinds = studyCorruptions(pre);

  test.each(kinds.map((kind) => [kind.kind, kind] as const))(
    "%s goes further with severity, and is the same for the same seed",
    (kind, { apply, strengths }) => {
      expect(strengths).toEqual(severities);
      const at = (severity: number) => apply(x, severity, stream(1).split(kind));
      const distance = (severity: number) =>
        at(severity).reduce((sum, v, i) => sum + Math.abs(v - x[i]), 0) / x.length;
      const far = severities.map(distance);
      expect(far[0]).toBeGreaterThan(0);
      for (let i = 1; i < far.length; i++) expect(far[i]).toBeGreaterThanOrEqual(0.98 * far[i - 1]);
      expect(far[4]).toBeGreaterThan(far[0]);
      expect(at(3)).toEqual(at(3));
      expect(at(3).every(Number.isFinite)).toBe(true);
    },
  );

  test("there are as many as are told of", () => {
    expect(kinds).toHaveLength(pre.kind === "image" ? 8 : 4);
    expect(new Set(kinds.map(({ kind }) => kind)).size).toBe(kinds.length);
  });
});

describe("foreign data", () => {
  test("of tables: values of no row, categories that are categories", async () => {
    const { pre, data } = await encoded("penguins", 50);
    const foreign = foreignTo(data, pre, stream(1));
    expect(Object.keys(foreign)).toEqual(["random values", "shuffled columns"]);
    if (pre.kind !== "table") throw new Error("a table");
    const { data: x, shape } = foreign["random values"].inputs.x;
    for (const { kind, at, width } of pre.columns)
      if (kind === "category")
        for (let row = 0; row < 50; row++) {
          const levels = (x as Float32Array).subarray(row * shape[1] + at, row * shape[1] + at + width);
          expect(levels.reduce((a, b) => a + b, 0)).toBe(1);
        }
  });

  test("of images: another set comes as its pixels would, resized and grey", async () => {
    const { source, pre, data } = await encoded("digits", 30);
    const [n, side] = [12, 16];
    // four quarters of one level each, in three channels of which two are half as bright
    const pixels = Float32Array.from({ length: n * 3 * side * side }, (_, at) => {
      const [y, x] = [Math.floor(at / side) % side, at % side];
      const c = Math.floor(at / side ** 2) % 3;
      return ((y < 8 ? 0 : 0.5) + (x < 8 ? 0 : 0.25)) * (c === 0 ? 1 : 0.5);
    });
    const labels = ndarray(
      "int32",
      [n],
      Int32Array.from({ length: n }, (_, i) => i % 2),
    );
    const other = arraySource(ndarray("float32", [n, 3, side, side], pixels), labels, {
      path: "other",
      row: String,
    });
    checkForeign(source, other);
    const foreign = foreignTo(data, pre, stream(1), other);
    expect(Object.keys(foreign)[0]).toBe("other");
    const { x } = foreign.other.inputs;
    expect(x.shape).toEqual([n, 1, 8, 8]);
    if (pre.kind !== "image") throw new Error("images");
    const shown = Array.from(x.data as Float32Array, (v) => v * pre.spread[0] + pre.mean[0]);
    [0, 0.25, 0.5, 0.75].forEach((level, quarter) => {
      const at = (quarter >> 1) * 4 * 8 + (quarter & 1) * 4;
      expect(shown[at]).toBeCloseTo((level * 2) / 3, 5);
      expect(shown[at + 3 * 8 + 3]).toBeCloseTo((level * 2) / 3, 5);
    });
  });

  test("a table is refused where images are asked for", async () => {
    const [digits, penguins] = await Promise.all([loadDataset("digits"), loadDataset("penguins")]);
    const refused = expect.objectContaining({ code: "conflict", culprit: "penguins" });
    expect(() => checkForeign(digits, penguins)).toThrow(refused);
    expect(() => checkForeign(penguins, penguins)).toThrow(refused);
  });
});

test("corruption error relative to plain training, by hand", () => {
  const trial = (candidate: string, noise: readonly number[], blur: readonly number[]) =>
    ({
      candidate,
      seed: 0,
      status: "done",
      test: { accuracy: 0.9 },
      robustness: [
        ...noise.map((score, i) => ({ kind: "noise", strength: i, score })),
        ...blur.map((score, i) => ({ kind: "blur", strength: i, score })),
        { kind: "FGSM", strength: 1, score: 0 },
      ],
    }) as unknown as Trial;
  const setting = {
    data: { task: "classification" },
    candidates: [
      { name: "none", model: "cnn", methods: [] },
      { name: "a", model: "cnn", methods: [{ id: "a", options: {} }] },
    ],
  } as unknown as Setting;
  const made = withRelativeCorruption(
    [trial("none", [1, 0.8, 0.6], [1, 0.5, 0.5]), trial("a", [1, 0.9, 0.8], [1, 0.5, 0.25])],
    setting,
  );
  // noise (0.1 + 0.2) / (0.2 + 0.4), blur (0.5 + 0.75) / (0.5 + 0.5)
  expect(made[1].test.relativeCorruption).toBeCloseTo((0.5 + 1.25) / 2, 12);
  expect(made[0].test).toEqual({ accuracy: 0.9, relativeCorruption: 1 });
});

test("its metrics are beside the usual ones, each once", () => {
  for (const task of ["classification", "regression"] as const) {
    const names = metricsFor(task, { kind: "noise" }).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain("relativeCorruption");
    expect(metricsFor(task).map(({ name }) => name)).not.toContain("relativeCorruption");
  }
});

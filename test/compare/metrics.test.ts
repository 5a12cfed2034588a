import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromNested, type Nested, ndarray, toNested } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import {
  accuracy,
  applyTemperature,
  auroc,
  balancedAccuracy,
  brier,
  calibration,
  confusionMatrix,
  energyScore,
  fitTemperature,
  inOwnUnits,
  intervalCoverage,
  logProbabilities,
  macroF1,
  mae,
  maximumSoftmax,
  meanIou,
  negativeLogLikelihood,
  outsideAuroc,
  r2,
  rankAuroc,
  rmse,
} from "../../src/compare/metrics.ts";

/** Written by references/make/metrics_sklearn.py. */
const reference = JSON.parse(
  readFileSync(new URL("../references/metrics_sklearn.json", import.meta.url), "utf8"),
);

interface Classification extends Readonly<Record<Scalar, number>> {
  readonly labels: number[];
  readonly logits: number[][];
  readonly probabilities: number[][];
  readonly confusionMatrix: number[][];
  readonly energy: number[];
  readonly bins: { readonly confidence: number; readonly accuracy: number; readonly count: number }[];
}

const scalars = { accuracy, balancedAccuracy, macroF1, auroc, negativeLogLikelihood, brier };
type Scalar = keyof typeof scalars | "temperature" | "scaledLikelihood";

const array = (values: Nested) => fromNested(values, "float64");

describe.each(reference.classification as Classification[])(
  "classification as scikit-learn has it, case %#",
  (expected) => {
    const { labels } = expected;
    const logits = array(expected.logits);
    const probabilities = array(expected.probabilities);

    test.each(Object.entries(scalars))("%s", (name, metric) => {
      expect(metric(probabilities, labels)).toBeCloseTo(expected[name as Scalar], 12);
    });

    test("confusion matrix", () => {
      expect(toNested(confusionMatrix(probabilities, labels))).toEqual(expected.confusionMatrix);
    });

    test("softmax and energy", () => {
      applyTemperature(logits, 1).data.forEach((p, i) => {
        expect(p).toBeCloseTo(probabilities.data[i], 14);
      });
      energyScore(logits).forEach((energy, i) => {
        expect(energy).toBeCloseTo(expected.energy[i], 12);
      });
    });

    test("bins of equal mass", () => {
      const { bins, error } = calibration(probabilities, labels);
      expect(bins.map(({ count }) => count)).toEqual(expected.bins.map(({ count }) => count));
      bins.forEach((bin, b) => {
        expect(bin.confidence).toBeCloseTo(expected.bins[b].confidence, 12);
        expect(bin.accuracy).toBeCloseTo(expected.bins[b].accuracy, 12);
      });
      let gap = 0;
      for (const bin of expected.bins)
        gap += (bin.count / labels.length) * Math.abs(bin.accuracy - bin.confidence);
      expect(error).toBeCloseTo(gap, 12);
    });

    test("temperature", () => {
      const temperature = fitTemperature(logits, labels);
      expect(temperature).toBeCloseTo(expected.temperature, 6);
      const scaled = negativeLogLikelihood(applyTemperature(logits, temperature), labels);
      expect(scaled).toBeCloseTo(expected.scaledLikelihood, 12);
    });
  },
);

/** Logits [n, k] with |z| <= 6, so that no probability reaches the clipping, and labels. */
const scored = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 2, max: 4 })).chain(([n, k]) =>
  fc.record({
    logits: fc.array(fc.integer({ min: -6000, max: 6000 }), { minLength: n * k, maxLength: n * k }).map((z) =>
      ndarray(
        "float64",
        [n, k],
        Float64Array.from(z, (v) => v / 1000),
      ),
    ),
    labels: fc.array(fc.integer({ min: 0, max: k - 1 }), { minLength: n, maxLength: n }),
  }),
);

describe("AUROC", () => {
  test("of scores inside and outside, with ties, as scikit-learn has it", () => {
    const { inside, outside, auroc: area } = reference.ranking;
    expect(outsideAuroc(inside, outside)).toBeCloseTo(area, 14);
  });

  test("is undefined where a class is absent", () => {
    expect(rankAuroc([1, 2], () => true)).toBeUndefined();
    expect(outsideAuroc([1, 2], [])).toBeUndefined();
    expect(auroc(array([[0.2, 0.3, 0.5]]), [2])).toBeUndefined();
  });

  const levels = fc.array(fc.tuple(fc.integer({ min: -20, max: 20 }), fc.boolean()), { minLength: 2 });
  test("does not change under an increasing map, and turns to 1 - a under a decreasing one", () => {
    fc.assert(
      fc.property(levels, (rows) => {
        const of = (map: (s: number) => number) =>
          rankAuroc(
            rows.map(([s]) => map(s)),
            (i) => rows[i][1],
          );
        const area = of((s) => s);
        expect(of((s) => Math.exp(s / 7) - 4)).toBe(area);
        if (area !== undefined) expect(of((s) => -(s ** 3))).toBeCloseTo(1 - area, 12);
      }),
    );
  });

  test("is the share of pairs in the right order", () => {
    fc.assert(
      fc.property(levels, (rows) => {
        const [positives, negatives] = [true, false].map((side) => rows.filter(([, b]) => b === side));
        const pairs = positives.flatMap(([p]) => negatives.map(([q]) => (p > q ? 1 : p === q ? 0.5 : 0)));
        const area = rankAuroc(
          rows.map(([s]) => s),
          (i) => rows[i][1],
        );
        if (pairs.length === 0) expect(area).toBeUndefined();
        else expect(area).toBeCloseTo(pairs.reduce((sum: number, pair) => sum + pair, 0) / pairs.length, 12);
      }),
    );
  });
});

describe("calibration", () => {
  test("errs little where classes are drawn from the probabilities, much where these are sharpened", () => {
    const draws = stream(4);
    const n = 6000;
    const logits = ndarray("float64", [n, 3], draws.normal([n, 3]).data);
    const p = applyTemperature(logits, 1);
    const labels = Array.from({ length: n }, (_, i) => {
      const u = draws.uniform();
      return u < p.data[3 * i] ? 0 : u < p.data[3 * i] + p.data[3 * i + 1] ? 1 : 2;
    });
    // Of 15 bins of 400 rows, each gap has a standard error of at most sqrt(1/4 / 400) = 0.025.
    expect(calibration(p, labels).error).toBeLessThan(0.025);
    const sharp = ndarray(
      "float64",
      [n, 3],
      logits.data.map((z) => 3 * z),
    );
    expect(calibration(applyTemperature(sharp, 1), labels).error).toBeGreaterThan(0.15);
    expect(fitTemperature(sharp, labels)).toBeGreaterThan(2.8);
    expect(fitTemperature(sharp, labels)).toBeLessThan(3.2);
  });

  test("does not depend on the order of rows, and its bins hold all of them", () => {
    fc.assert(
      fc.property(scored, fc.integer({ min: 1, max: 20 }), ({ logits, labels }, bins) => {
        const rounded = ndarray("float64", logits.shape, logits.data.map(Math.round));
        const p = applyTemperature(rounded, 1);
        const { error, bins: made } = calibration(p, labels, bins);
        const [n, k] = p.shape;
        const turned = Float64Array.from(
          p.data,
          (_, at) => p.data[(n - 1 - Math.floor(at / k)) * k + (at % k)],
        );
        const again = calibration(ndarray("float64", [n, k], turned), [...labels].reverse(), bins);
        expect(again.error).toBeCloseTo(error, 12);
        expect(made.reduce((sum, { count }) => sum + count, 0)).toBe(n);
        expect(made.length).toBeLessThanOrEqual(bins);
        for (const { low, high, confidence, count } of made) {
          expect(count).toBeGreaterThan(0);
          expect(confidence).toBeGreaterThanOrEqual(low - 1e-12);
          expect(confidence).toBeLessThanOrEqual(high + 1e-12);
        }
      }),
    );
  });
});

describe("temperature scaling", () => {
  test("never makes the likelihood of its own rows worse, nor changes a predicted class", () => {
    fc.assert(
      fc.property(scored, ({ logits, labels }) => {
        const scaled = applyTemperature(logits, fitTemperature(logits, labels));
        const [before, after] = [applyTemperature(logits, 1), scaled].map((p) =>
          negativeLogLikelihood(p, labels),
        );
        expect(after).toBeLessThanOrEqual(before + 1e-9);
        expect(accuracy(scaled, labels)).toBe(accuracy(logits, labels));
      }),
    );
  });

  test("stays in its bounds where all rows are right or all wrong, and at 1 where nothing is known", () => {
    const logits = array([
      [2, 0],
      [0, 3],
    ]);
    expect(fitTemperature(logits, [0, 1])).toBe(0.05);
    expect(fitTemperature(logits, [1, 0])).toBe(20);
    expect(fitTemperature(array([[1, 1]]), [0])).toBe(1);
  });

  test("takes logarithms of probabilities", () => {
    const log = logProbabilities(array([[1, 0]]));
    expect(Array.from(log.data)).toEqual([0, Math.log(1e-12)]);
    const p = applyTemperature(logProbabilities(array([[0.9, 0.1]])), 0.5);
    expect(p.data[0]).toBeCloseTo(0.81 / (0.81 + 0.01), 14);
  });
});

describe("clipping and absent classes", () => {
  test("a true class of probability 0 costs -log 1e-12", () => {
    expect(negativeLogLikelihood(array([[1, 0]]), [1])).toBeCloseTo(12 * Math.log(10), 12);
  });

  test("Brier score runs from 0 to 2", () => {
    expect(brier(array([[1, 0]]), [0])).toBe(0);
    expect(brier(array([[1, 0]]), [1])).toBe(2);
  });

  test("balanced accuracy and F1 by hand, a class absent", () => {
    // Truth 0, 0, 0, 1; predicted 0, 0, 1, 1; the third class is nowhere.
    const p = array([
      [1, 0, 0],
      [1, 0, 0],
      [0, 1, 0],
      [0, 1, 0],
    ]);
    expect(balancedAccuracy(p, [0, 0, 0, 1])).toBeCloseTo((2 / 3 + 1) / 2, 14);
    expect(macroF1(p, [0, 0, 0, 1])).toBeCloseTo((4 / 5 + 2 / 3) / 2, 14);
  });
});

describe("regression", () => {
  const truth = array(reference.regression.truth);
  const prediction = array(reference.regression.prediction);

  test.each(Object.entries({ rmse, mae, r2 }))("%s as scikit-learn has it", (name, metric) => {
    expect(metric(prediction, truth)).toBeCloseTo(reference.regression[name], 12);
  });

  test("r2 leaves out outputs that do not vary", () => {
    expect(r2(array([[1], [2]]), array([[3], [3]]))).toBeUndefined();
    const mixed = [
      [0, 3],
      [2, 3],
    ];
    expect(
      r2(
        array([
          [1, 0],
          [1, 0],
        ]),
        array(mixed),
      ),
    ).toBe(0);
  });

  test("units and coverage", () => {
    const scale = [
      { mean: 10, spread: 2 },
      { mean: 0, spread: 3 },
    ];
    expect(
      toNested(
        inOwnUnits(
          array([
            [1, -1],
            [0, 2],
          ]),
          scale,
        ),
      ),
    ).toEqual([
      [12, -3],
      [10, 6],
    ]);
    expect(
      intervalCoverage(array([[0], [0], [0]]), array([[1], [1], [1]]), array([[1], [2], [0.5]])),
    ).toBeCloseTo(2 / 3, 14);
  });
});

describe("refusals", () => {
  const refused = (code: string) => expect.objectContaining({ name: "OckhamError", code });
  test.each([
    ["labels too few", () => accuracy(array([[1, 0]]), []), "bad-shape"],
    ["no rows", () => accuracy(ndarray("float64", [0, 2], new Float64Array()), []), "bad-shape"],
    ["a class nobody knows", () => accuracy(array([[1, 0]]), [2]), "bad-data"],
    ["NaN", () => accuracy(array([[1, Number.NaN]]), [0]), "bad-data"],
    ["logits as probabilities", () => brier(array([[3, -1]]), [0]), "bad-data"],
    ["a negative number of bins", () => calibration(array([[1, 0]]), [0], -1), "bad-option"],
    ["a temperature of 0", () => applyTemperature(array([[1, 0]]), 0), "bad-option"],
    ["shapes that differ", () => rmse(array([[1, 0]]), array([[1]])), "bad-shape"],
    ["a NaN score", () => outsideAuroc([Number.NaN], [1]), "bad-data"],
    ["one scale for two outputs", () => inOwnUnits(array([[1, 2]]), [{ mean: 0, spread: 1 }]), "bad-shape"],
  ])("%s", (_, run, code) => {
    expect(run).toThrow(refused(code));
  });
});

test("maximum softmax", () => {
  expect(
    Array.from(
      maximumSoftmax(
        array([
          [0.2, 0.8],
          [0.5, 0.5],
        ]),
      ),
    ),
  ).toEqual([0.8, 0.5]);
});

test("mean IoU by hand", () => {
  const scores = ndarray("float64", [5, 3], Float64Array.from([1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0]));
  // class 0: hit 1, true 1, named 2; class 1: hits 3, true 4, named 3; class 2 is nowhere
  expect(meanIou(scores, [0, 1, 1, 1, 1])).toBeCloseTo((1 / 2 + 3 / 4) / 2, 12);
});

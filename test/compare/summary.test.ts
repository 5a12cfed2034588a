import { describe, expect, test } from "vitest";
import { metricsFor } from "../../src/compare/catalogue.ts";
import type { Candidate, Difference, Outcome, Setting, StepTime, Trial } from "../../src/compare/results.ts";
import { summarize } from "../../src/compare/summary.ts";
import { sample } from "./sample.ts";

/** Test score, or test and validation score, or why it failed: by seed. */
type Score = number | readonly [test: number, validation: number] | string;

const metrics = metricsFor("classification");

function trial(candidate: string, seed: number, score: Score, metric: string, gradientsPerStep = 1): Trial {
  const rest = {
    curve: [],
    robustness: [],
    spectra: [],
    steps: 1,
    epochs: 1,
    parameters: 1,
    seconds: 1,
    gradientsPerStep,
  };
  if (typeof score === "string")
    return { candidate, seed, status: "failed", error: score, validation: {}, test: {}, ...rest };
  const [onTest, onValidation] = typeof score === "number" ? [score, score] : score;
  const scores = { validation: { [metric]: onValidation }, test: { [metric]: onTest } };
  return { candidate, seed, status: "done", ...scores, ...rest };
}

interface Case {
  readonly scores: Readonly<Record<string, readonly Score[]>>;
  readonly references?: Readonly<Record<string, readonly Score[]>>;
  readonly seeds?: number;
  readonly gradients?: Readonly<Record<string, number>>;
  readonly times?: readonly StepTime[];
  readonly metric?: string;
}

/** "none" is the baseline of the one model "net". */
function outcome({
  scores,
  references = {},
  seeds,
  gradients = {},
  times = [],
  metric = "accuracy",
}: Case): Outcome {
  const candidates = Object.keys(scores).map(
    (name): Candidate => ({
      name,
      model: "net",
      methods: name === "none" ? [] : [{ id: name, options: {} }],
    }),
  );
  const most = seeds ?? Math.max(...Object.values(scores).map((each) => each.length));
  const base = sample({ models: ["net"], seeds: most, effects: [] }).setting;
  const setting: Setting = {
    ...base,
    candidates,
    score: metric,
    split: { ...base.split, train: 100, test: 50 },
  };
  const trials = (from: Case["scores"]) =>
    Object.entries(from).flatMap(([name, own]) =>
      own.map((score, seed) => trial(name, seed, score, metric, gradients[name])),
    );
  const all = metric === "rmse" ? metricsFor("regression") : metrics;
  return summarize(setting, all, trials(scores), trials(references), times);
}

function difference({ differences }: Outcome, candidate: string): Difference {
  return differences.find((each) => each.candidate === candidate) as Difference;
}

describe("differences", () => {
  // Differences a: .02 .03 .04 and b: .10 .11 .12, both with s^2 = 1e-4. Corrected variance of the mean with 100
  // training and 50 test rows: (1/3 + 50/100) 1e-4 = 8.3333e-5, so se = 0.00912871. The 0.975 quantile of t with 2
  // degrees of freedom is 4.302653 (NIST e-Handbook, 1.3.6.7.2: 4.303); 4.302653 se = 0.0392777.
  // With 2 degrees of freedom p = 1 - t / sqrt(t^2 + 2): a: t^2 = 10.8, p = 0.081440; b: t^2 = 145.2, p = 0.0068168.
  const result = outcome({
    scores: { none: [0.8, 0.7, 0.75], a: [0.82, 0.73, 0.79], b: [0.9, 0.81, 0.87] },
  });

  test("are paired by seed, with the corrected interval", () => {
    const a = difference(result, "a");
    expect(a.mean).toBeCloseTo(0.03, 12);
    expect(a.low).toBeCloseTo(0.03 - 0.0392777, 6);
    expect(a.high).toBeCloseTo(0.03 + 0.0392777, 6);
    expect(a.p).toBeCloseTo(0.08144, 5);
  });

  test("are corrected by Holm over the methods: the smaller p doubles, the larger stays", () => {
    expect(difference(result, "b").adjusted).toBeCloseTo(2 * 0.0068168, 6);
    expect(difference(result, "a").adjusted).toBeCloseTo(0.08144, 5);
    expect(difference(result, "b").says).toBe("better");
    expect(difference(result, "a").says).toBe("cannot tell");
  });

  test("a metric where lower is better turns the verdict, not the sign", () => {
    const scores = { none: [0.8, 0.7, 0.75], b: [0.7, 0.59, 0.63] };
    const errors = outcome({ metric: "rmse", scores });
    expect(difference(errors, "b").mean).toBeCloseTo(-0.11, 12);
    expect(difference(errors, "b").says).toBe("better");
    expect(errors.winner).toBe("b");
    expect(difference(outcome({ scores }), "b").says).toBe("worse");
  });

  test("one seed has no interval, and the words say so", () => {
    const one = outcome({ scores: { none: [0.8], a: [0.9] } });
    expect(difference(one, "a")).toMatchObject({ low: Number.NaN, p: Number.NaN, says: "cannot tell" });
    expect(one.words.join(" ")).toMatch(/one seed no interval can be given/i);
    expect(one.words.join(" ")).toContain("may be luck");
    expect(one.words.join(" ")).not.toMatch(/clearly/i);
  });

  test("the same on every seed leaves no interval to show", () => {
    const { words } = outcome({ scores: { none: [0.5, 0.75, 0.625], a: [0.625, 0.875, 0.75] } });
    expect(words[0]).toContain("(+12.5\u00a0points) may be luck");
  });

  test("a model without a baseline has none", () => {
    expect(outcome({ scores: { a: [0.8, 0.9], b: [0.7, 0.8] } }).differences).toEqual([]);
  });
});

describe("rows", () => {
  test("average the finished seeds: mean, standard error, count", () => {
    // Of .7 .8 .9: mean .8, s = .1, error .1 / sqrt(3) = 0.0577350.
    const { rows } = outcome({ scores: { none: [0.7, 0.8, 0.9] } });
    expect(rows[0]).toMatchObject({ kind: "baseline", methods: "none", model: "net", failures: 0 });
    expect(rows[0].metrics.accuracy.mean).toBeCloseTo(0.8, 12);
    expect(rows[0].metrics.accuracy.error).toBeCloseTo(0.057735, 6);
    expect(rows[0].metrics.accuracy.n).toBe(3);
    expect(rows[0].metrics.brier).toBeUndefined();
  });

  test("hold price and reference lines", () => {
    const time = { candidate: "sam", milliseconds: 6, ratio: 2 };
    const { rows } = outcome({
      scores: { none: [0.7, 0.8], sam: [0.8, 0.8] },
      gradients: { sam: 2 },
      times: [time],
      references: { ridge: [0.6, 0.7] },
    });
    expect(rows.map(({ candidate, kind }) => [candidate, kind])).toEqual([
      ["none", "baseline"],
      ["sam", "candidate"],
      ["ridge", "reference"],
    ]);
    expect(rows[1]).toMatchObject({ gradientsPerStep: 2, stepTime: time });
    expect(rows[1].metrics.stepTime.mean).toBe(2);
    expect(rows[2].stepTime).toBeUndefined();
  });
});

describe("the winner", () => {
  test("is named by validation score, with its test score beside it", () => {
    const result = outcome({
      scores: {
        none: [
          [0.9, 0.7],
          [0.9, 0.7],
        ],
        a: [
          [0.6, 0.8],
          [0.62, 0.82],
        ],
      },
    });
    expect(result.winner).toBe("a");
    expect(result.words[0]).toContain("81.0\u00a0% accuracy"); // (.80 + .82) / 2
    expect(result.words[0]).toContain("61.0\u00a0%"); // (.60 + .62) / 2
  });

  test("among equals is the cheaper one: fewer gradients, then less time, then fewer methods", () => {
    const scores = { none: [0.5, 0.5], b: [0.9, 0.9], a: [0.9, 0.9] };
    expect(outcome({ scores, gradients: { b: 2, a: 1 } }).winner).toBe("a");
    const slow = { candidate: "b", milliseconds: 9, ratio: 3 };
    const fast = { candidate: "a", milliseconds: 3, ratio: 1 };
    expect(outcome({ scores, times: [slow, fast] }).winner).toBe("a");
    expect(outcome({ scores: { a: [0.9, 0.9], none: [0.9, 0.9] } }).winner).toBe("none");
  });

  test("of an unfinished comparison is named on the seeds all share", () => {
    const result = outcome({ seeds: 3, scores: { none: [0.6, 0.9, 0.9], a: [0.7] } });
    expect(result.winner).toBe("a");
    expect(result.words.join(" ")).toContain("4 of 6 trials");
  });

  test("is nobody where all failed", () => {
    const result = outcome({ scores: { none: ["broken", "broken"], a: ["broken", "broken"] } });
    expect(result.winner).toBeUndefined();
    expect(result.words[0]).toMatch(/every candidate failed/i);
    expect(result.words.join(" ")).toContain("broken");
  });
});

describe("failures", () => {
  const result = outcome({
    scores: {
      none: [0.8, 0.7, 0.75, 0.7],
      a: [0.9, 0.81, 0.87, "the loss is not finite"],
      b: [0.79, 0.71, 0.74, 0.72],
    },
  });

  test("are counted and told, with the reason", () => {
    expect(result.rows.map(({ failures }) => failures)).toEqual([0, 1, 0]);
    const words = result.words.find((text) => text.includes("failed"));
    expect(words).toContain("1 of 4 seeds a failed (the loss is not finite)");
    expect(words).toContain("flatter");
  });

  test("keep a candidate from winning and from being called better", () => {
    expect(difference(result, "a").adjusted).toBeLessThan(0.05);
    expect(difference(result, "a").says).toBe("cannot tell");
    expect(result.winner).toBe("b");
  });

  test("do not keep it from being called worse", () => {
    const worse = outcome({ scores: { none: [0.9, 0.81, 0.87, 0.9], a: [0.8, 0.7, 0.75, "broken"] } });
    expect(difference(worse, "a").says).toBe("worse");
  });

  test("of the baseline leave its seeds out and are told", () => {
    const late = outcome({ scores: { none: ["broken", 0.7, 0.75, 0.7], a: [0.9, 0.81, 0.85, 0.83] } });
    // .11 .10 .13 on the seeds both have.
    expect(difference(late, "a").mean).toBeCloseTo(0.34 / 3, 12);
    expect(difference(late, "a").says).toBe("better");
    expect(late.words.join(" ")).toContain("1 of 4 seeds plain training failed (broken)");
  });
});

describe("words", () => {
  const scores = { none: [0.7, 0.71, 0.72], a: [0.8, 0.81, 0.82] };
  const about = (line: readonly number[]) =>
    outcome({ scores, references: { "nearest-neighbours": line } }).words.find((text) =>
      text.includes("nearest"),
    );

  test("say whether a network is called for at all", () => {
    expect(about([0.5, 0.52, 0.51])).toMatch(/^A network pays off here.* nearest neighbours/);
    expect(about([0.9, 0.92, 0.91])).toMatch(/^A network is not called for here/);
    expect(about([0.7, 0.91, 0.8])).toMatch(/not clear/);
  });

  test("name effect, interval and price of what helped, and what hurt, and what cannot be told", () => {
    const { words } = sample({ models: ["cnn"] }).outcome;
    const text = words.join("\n");
    expect(words[0]).toMatch(/mixup\+sam did best on validation data/);
    expect(words[0]).toMatch(/points better than plain training \(95 % interval [\d.]+ to [\d.]+\)/);
    expect(words[0]).toContain("2 gradients and 2× the time a step");
    expect(text).toMatch(/also clearly better than plain training: sam by/i);
    expect(text).toMatch(/clearly worse than plain training: l1 by/i);
    expect(text).toMatch(/from 10 seeds one cannot tell whether .*weight-decay/i);
    expect(text).toMatch(/mixup\+sam clearly changed .*accuracy under corruption/);
    expect(text).toMatch(/2 of 10 seeds weight-noise failed/);
    expect(words.at(-1)).toContain("10 seeds");
  });

  test("name the model where there are several", () => {
    const { words } = sample({ models: ["cnn", "mlp"] }).outcome;
    expect(words[0]).toContain("mixup+sam (cnn)");
    expect(words.some((text) => text.startsWith("mlp: "))).toBe(true);
  });

  test("say that plain training won", () => {
    const { words, winner } = outcome({ scores: { none: [0.8, 0.81], a: [0.7, 0.72] } });
    expect(winner).toBe("none");
    expect(words[0]).toContain("no method was picked over it");
  });
});

describe("the catalogue", () => {
  test.each(["classification", "regression", "segmentation", "tokens", "none"] as const)("of %s", (task) => {
    const all = metricsFor(task);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    for (const { doc, title } of all) {
      expect(doc).toMatch(/^[A-Z].*\.$/);
      expect(title).not.toBe("");
    }
  });

  test("knows which way is up", () => {
    const better = (task: "classification" | "regression", name: string) =>
      metricsFor(task).find((metric) => metric.name === name)?.better;
    expect(better("classification", "corruption")).toBe("higher");
    expect(better("regression", "corruption")).toBe("lower");
    expect(better("regression", "r2")).toBe("higher");
    expect(better("classification", "calibrationError")).toBe("lower");
  });
});

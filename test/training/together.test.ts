import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OckhamError } from "../../src/error.ts";
import type { AnyMethod, Dataset, Definition } from "../../src/kinds/index.ts";
import { psKd } from "../../src/methods/compression/psKd.ts";
import { sam } from "../../src/methods/optimizers/sam.ts";
import { dropout } from "../../src/methods/regularizers/dropout.ts";
import { earlyStopping } from "../../src/methods/regularizers/earlyStopping.ts";
import { weightDecay } from "../../src/methods/regularizers/weightDecay.ts";
import { cnn, mlp, resnet } from "../../src/nn/index.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { l2 } from "../../src/parts/penalties/l2.ts";
import { cosine } from "../../src/parts/schedules/cosine.ts";
import { mixup } from "../../src/parts/transforms/mixup.ts";
import { openInline } from "../../src/runtime/index.ts";
import { exp, input, mul, scalar, square, sub, sum } from "../../src/tensor/index.ts";
import {
  evenly,
  lift,
  type Plan,
  type PlanRun,
  planOf,
  runsAtOnce,
  type Trained,
  train,
  trainTogether,
} from "../../src/training/index.ts";
import { classes, numbersOf, paced, quick, regression, result, slow, training, values } from "./setup.ts";

const host = openInline();
const folder = mkdtempSync(join(tmpdir(), "ockham-together-"));
afterAll(async () => {
  await host.close();
  rmSync(folder, { recursive: true });
});

/** Draws the weights back to where they began. */
const homing: AnyMethod = {
  penalty: ({ params, anchor }) => mul(0.1, sum(square(sub(params["head.kernel"], anchor["head.kernel"])))),
};

/** Ridge whose strength is learned beside the weights. */
const learned: AnyMethod = {
  params: () => ({
    leaves: [{ path: "log strength", layer: "", role: "extra", outAxis: null, shape: [] }],
    values: { "log strength": scalar(-3) },
  }),
  penalty: ({ params }) => {
    const size = sum(square(params["head.kernel"]));
    return sub(mul(exp(params["log strength"]), size), mul(0.1, params["log strength"]));
  },
};

/** Changes its state on the host at the start and after every epoch, from what it was. */
const counting: AnyMethod = {
  state: (params) => ({ first: mul(params["head.bias"], 0) }),
  penalty: ({ params }, { first }) => mul(0.01, sum(mul(params["head.bias"], first))),
  between: async (moment, { state, data }) => {
    if (moment === "end") return undefined;
    const more = moment === "start" ? 100 : Number(data.inputs.x.data[0]);
    return {
      state: {
        first: { ...state.first, data: Float32Array.from(state.first.data as Float32Array, (v) => v + more) },
      },
    };
  },
};

const image = [1, 6, 6];
const plans: Readonly<Record<string, () => { readonly plan: Plan; readonly shape?: readonly number[] }>> = {
  "plain training": () => ({ plan: planOf(training({}), classes(26)) }),
  "dropout+mixup, adam, cosine": () => ({
    plan: planOf(
      training(
        { dropout: dropout({ probability: 0.4 }), mixup: lift(mixup as Definition, mixup()) },
        { optimizer: adam(), schedule: cosine(), rate: 0.01 },
      ),
      classes(26),
    ),
  }),
  "sam+weight-decay": () => ({
    plan: planOf(training({ sam: sam(), "weight-decay": weightDecay() }), classes(26)),
  }),
  "ps-kd, whose memory has a row an example": () => ({
    plan: planOf(training({ "ps-kd": psKd() }), classes(26)),
  }),
  "a learned strength": () => ({ plan: planOf(training({ learned }), classes(26)) }),
  "a method with the anchor": () => ({ plan: planOf(training({ homing }), classes(26)) }),
  "a method with state on the host": () => ({ plan: planOf(training({ counting }), classes(26)) }),
  "a cnn, dropout": () => ({
    plan: planOf(
      training({ dropout: dropout() }, { model: cnn(image, 3, { channels: [4, 8], dense: 6 }) }),
      classes(26, image),
    ),
    shape: image,
  }),
  "batch norm, sam": () => ({
    plan: planOf(
      training({ sam: sam() }, { model: resnet(image, 3, { channels: [2, 4] }) }),
      classes(26, image),
    ),
    shape: image,
  }),
};

/** Runs that differ in seed, data and validation data. */
const seeds = (shape?: readonly number[]): PlanRun[] =>
  [3, 4, 5].map((seed) => ({
    seed,
    data: classes(26, shape, seed),
    validation: classes(12, shape, 10 + seed),
  }));

const trainedOf = (outcomes: readonly (Trained | OckhamError)[]): Trained[] =>
  outcomes.map((outcome) => {
    if (outcome instanceof OckhamError) throw outcome;
    return outcome;
  });

/** Equal to within rounding, carried on from step to step. */
function close(got: Trained, wanted: Trained, tolerance = 2e-5): void {
  expect(Object.keys(got.values).sort()).toEqual(Object.keys(wanted.values).sort());
  for (const [path, a] of Object.entries(wanted.values)) {
    expect(got.values[path].shape, path).toEqual(a.shape);
    const own = numbersOf(got.values[path]);
    numbersOf(a).forEach((v, i) => {
      expect(Math.abs(own[i] - v), `${path}[${i}]: ${own[i]} for ${v}`).toBeLessThan(
        tolerance * Math.max(1, Math.abs(v)),
      );
    });
  }
  expect([got.steps, got.stopped]).toEqual([wanted.steps, wanted.stopped]);
  expect(got.history.length).toBe(wanted.history.length);
  wanted.history.forEach(({ trainLoss, validationLoss = 0, validationScore = 0 }, i) => {
    const line = got.history[i];
    expect(line.trainLoss).toBeCloseTo(trainLoss, 4);
    expect(line.validationLoss ?? 0).toBeCloseTo(validationLoss, 4);
    expect(line.validationScore ?? 0).toBeCloseTo(validationScore, 6);
  });
}

const together = async (plan: Plan, runs: readonly PlanRun[], options = {}) =>
  trainedOf(await trainTogether(plan, runs, host, { atOnce: runs.length, ...options }));

const oneByOne = async (plan: Plan, runs: readonly PlanRun[]) =>
  Promise.all(runs.map(({ data, seed, ...options }) => train(plan, data, seed, host, options)));

describe("runs side by side end as they would alone", () => {
  it.each(Object.entries(plans))("%s", async (_, make) => {
    const { plan, shape } = make();
    const runs = seeds(shape);
    const all = await together(plan, runs);
    for (const [i, wanted] of (await oneByOne(plan, runs)).entries()) close(all[i], wanted);
  });

  it("to the same bits, where the graph adds in the same order", async () => {
    const data = classes(64);
    const plan = planOf(
      training(
        { dropout: dropout(), "weight-decay": weightDecay() },
        { model: mlp([4], 3, [32, 16]), optimizer: adam(), rate: 0.01, batchSize: 16, epochs: 10 },
      ),
      data,
    );
    const runs = [1, 2, 3, 4].map((seed) => ({ seed, data }));
    const all = await together(plan, runs);
    for (const [i, wanted] of (await oneByOne(plan, runs)).entries())
      expect(result(all[i]).arrays).toEqual(result(wanted).arrays);
  });

  it("of regression, without validation data", async () => {
    const plan = planOf(regression({}, { epochs: 5 }), values(30));
    const runs = [1, 2, 3].map((seed) => ({ seed, data: values(30, seed) }));
    const all = await together(plan, runs);
    for (const [i, wanted] of (await oneByOne(plan, runs)).entries()) close(all[i], wanted);
  });

  it("in groups, whatever their size, and in the order they were given", async () => {
    const plan = planOf(training({}), classes(26));
    const runs = seeds().map((run, i) => (i === 1 ? { ...run, validation: classes(9) } : run));
    const wanted = await oneByOne(plan, runs);
    for (const atOnce of [1, 2, 3, undefined]) {
      const all = trainedOf(await trainTogether(plan, runs, host, { atOnce }));
      wanted.forEach((one, i) => {
        close(all[i], one);
      });
    }
  });

  it("however steps are grouped, to the same bits", async () => {
    const plan = planOf(training({ dropout: dropout() }), classes(26));
    const runs = seeds();
    const [whole, step] = await Promise.all(
      [quick, slow].map(async (pace) =>
        trainedOf(await trainTogether(plan, runs, paced(host, pace), { atOnce: 3 })),
      ),
    );
    expect(step.map(result)).toEqual(whole.map(result));
  });

  it("and each tells of its epochs", async () => {
    const plan = planOf(training({}), classes(26));
    const told: string[] = [];
    const runs = seeds().map((run) => ({
      ...run,
      onEpoch: ({ epoch }: { epoch: number }, of: number) => void told.push(`${run.seed}: ${epoch}/${of}`),
    }));
    await together(plan, runs);
    expect(told.filter((line) => line.startsWith("4"))).toEqual(["4: 1/3", "4: 2/3", "4: 3/3"]);
    expect(told.length).toBe(9);
  });
});

describe("hyperparameters", () => {
  const data = classes(26);
  const validation = classes(12, [4], 9);
  const [strength, rate] = [input("strength", []), input("rate", [])];
  const plan = planOf(
    training({ l2: lift(l2 as Definition, l2({ strength })) }, { rate, hyperparameters: { strength, rate } }),
    data,
  );
  const settings = [
    { strength: 0.1, rate: 0.1 },
    { strength: 0.1, rate: 0.02 },
    { strength: 0.5, rate: 0.1 },
  ];
  const numbers = ({ strength, rate }: (typeof settings)[number]) =>
    planOf(training({ l2: lift(l2 as Definition, l2({ strength })) }, { rate }), data);

  it("stand for numbers, alone and side by side, on one seed and on several", async () => {
    for (const own of [3, undefined]) {
      const runs = settings.map((hyperparameters, i) => ({
        data,
        validation,
        seed: own ?? i,
        hyperparameters,
      }));
      const all = await together(plan, runs);
      const alone = await oneByOne(plan, runs);
      for (const [i, run] of runs.entries()) {
        close(all[i], alone[i]);
        expect(numbersOf(all[i].values["hyperparameters/strength"])).toEqual([
          Math.fround(run.hyperparameters.strength),
        ]);
        const { "hyperparameters/strength": _, "hyperparameters/rate": __, ...rest } = all[i].values;
        close(
          { ...all[i], values: rest },
          await train(numbers(run.hyperparameters), data, run.seed, host, { validation }),
        );
      }
    }
  });

  it("must be given, and known", async () => {
    const run = (hyperparameters: Record<string, number>) => train(plan, data, 1, host, { hyperparameters });
    await expect(run({ strength: 1 })).rejects.toMatchObject({ code: "bad-option", culprit: "rate" });
    await expect(run({ strength: 1, rate: 1, rates: 1 })).rejects.toMatchObject({
      code: "unknown-name",
      culprit: "rates",
      hint: 'did you mean "rate"?',
    });
  });

  it("may be what initial values depend on", async () => {
    const scale = input("scale", []);
    const method: AnyMethod = {
      params: (base) => ({ leaves: [], values: { "head.kernel": mul(scale, base["head.kernel"]) } }),
    };
    const scaled = planOf(training({ method }, { hyperparameters: { scale } }), data);
    const runs = [0.5, 2].map((value) => ({ data, seed: 1, hyperparameters: { scale: value } }));
    const all = await together(scaled, runs);
    for (const [i, wanted] of (await oneByOne(scaled, runs)).entries()) close(all[i], wanted);
    expect(all[0].values["params/head.kernel"]).not.toEqual(all[1].values["params/head.kernel"]);
  });
});

describe("a run that diverges", () => {
  const data = classes(26);
  const rate = input("rate", []);
  const plan = planOf(training({}, { rate, hyperparameters: { rate }, epochs: 5 }), data);
  const runs = [0.1, 1e30, 0.05].map((value) => ({ data, seed: 3, hyperparameters: { rate: value } }));

  it("ends with its own error, and leaves the others alone", async () => {
    const wanted = await train(plan, data, 3, host, { hyperparameters: { rate: 1e30 } }).catch((e) => e);
    for (const pace of [quick, slow]) {
      const all = await trainTogether(plan, runs, paced(host, pace), { atOnce: 3 });
      expect(all[1]).toMatchObject({ code: "diverged", message: wanted.message, hint: wanted.hint });
      const [first, , last] = runs;
      const alone = await oneByOne(plan, [first, last]);
      close(all[0] as Trained, alone[0]);
      close(all[2] as Trained, alone[1]);
    }
  });

  it.each([
    ["a cnn", cnn(image, 3, { channels: [4, 8], dense: 6 })],
    ["batch norm", resnet(image, 3, { channels: [2, 4] })],
  ])("in %s, too", async (_, model) => {
    const images = classes(26, image);
    const deep = planOf(training({}, { model, rate, hyperparameters: { rate }, epochs: 5 }), images);
    const own = runs.map((run, seed) => ({ ...run, seed, data: images, validation: classes(12, image, 5) }));
    const all = await trainTogether(deep, own, host, { atOnce: 3 });
    expect(all[1]).toMatchObject({ code: "diverged" });
    const alone = await oneByOne(deep, [own[0], own[2]]);
    close(all[0] as Trained, alone[0]);
    close(all[2] as Trained, alone[1]);
  });

  it("with debug names the operation", async () => {
    const [, error] = await trainTogether(plan, runs, host, { atOnce: 3, debug: true });
    expect((error as OckhamError).message).toMatch(/came from \w+ \[/);
  });

  it("does not keep the graph running when all have", async () => {
    let calls = 0;
    const counted = paced(host, slow, () => calls++);
    const bad = [1e30, 1e31, 1e32].map((value) => ({ data, seed: 3, hyperparameters: { rate: value } }));
    const all = await trainTogether(plan, bad, counted, { atOnce: 3 });
    for (const outcome of all) expect(outcome).toMatchObject({ code: "diverged" });
    expect(calls).toBeLessThan(plan.epochs * plan.stepsPerEpoch);
  });
});

/** Runs that early stopping ends after different epochs; one lasts to the end. */
function stopping() {
  const data = classes(26);
  const rate = input("rate", []);
  const plan = planOf(
    training(
      { "early-stopping": earlyStopping({ epochs: 2 }) },
      { rate, hyperparameters: { rate }, epochs: 12 },
    ),
    data,
  );
  const rates = [3, 0.3, 0.001, 1e30];
  const runs: PlanRun[] = rates.map((value, i) => ({
    data,
    seed: i,
    validation: classes(12, [4], 5),
    hyperparameters: { rate: value },
  }));
  return { plan, runs };
}

describe("a run that a method stops", () => {
  it("keeps the values of its end while the others go on", async () => {
    const { plan, runs } = stopping();
    const all = await trainTogether(plan, runs, host, { atOnce: runs.length });
    const sound = runs.slice(0, 3);
    const lengths = new Set<number>();
    for (const [i, wanted] of (await oneByOne(plan, sound)).entries()) {
      close(all[i] as Trained, wanted);
      lengths.add(wanted.history.length);
    }
    expect(lengths.size).toBeGreaterThan(1);
    expect(all[3]).toBeInstanceOf(OckhamError);
  });
});

const shapes = (all: readonly (Trained | OckhamError)[]) =>
  all.map((one) => (one instanceof OckhamError ? one.message : result(one)));

const scenes: Readonly<Record<string, () => { plan: Plan; runs: readonly PlanRun[] }>> = {
  "seeds of a method with state on the host, and the anchor": () => ({
    plan: planOf(training({ counting, homing }), classes(26)),
    runs: seeds(),
  }),
  "runs that end early": stopping,
};

describe.each(Object.entries(scenes))("a group that is interrupted: %s", (name, make) => {
  const { plan, runs } = make();
  const checkpoint = join(folder, `${name.replace(/\W/g, "-")}.npz`);
  const options = { atOnce: runs.length, checkpoint };
  let unbroken: unknown;
  beforeAll(async () => {
    unbroken = shapes(await trainTogether(plan, runs, paced(host, quick), { atOnce: runs.length }));
  });

  it("killed at any save, however often, goes on as if unbroken", async () => {
    let kills = 0;
    for (;;) {
      let calls = 0;
      const deadly = paced(host, slow, () => {
        if (++calls === 4) throw new Error("killed");
      });
      const ended = await trainTogether(plan, runs, deadly, { ...options, every: 0 }).catch((e: Error) => e);
      if (!(ended instanceof Error)) {
        expect(shapes(ended)).toEqual(unbroken);
        break;
      }
      expect(ended.message).toBe("killed");
      kills++;
    }
    expect(kills).toBeGreaterThan(1);
    expect(shapes(await trainTogether(plan, runs, host, { ...options, every: 1e9 }))).toEqual(unbroken);
  });

  it("stopped by a signal in the middle of an epoch, too", async () => {
    rmSync(checkpoint, { force: true });
    const controller = new AbortController();
    let calls = 0;
    const on = paced(host, slow, () => {
      if (++calls === plan.stepsPerEpoch + 2) controller.abort();
    });
    const stopped = trainTogether(plan, runs, on, { ...options, every: 1e9, signal: controller.signal });
    await expect(stopped).rejects.toMatchObject({ code: "interrupted" });
    expect(shapes(await trainTogether(plan, runs, paced(host, quick), options))).toEqual(unbroken);
  });

  it("refuses the checkpoint of other runs", async () => {
    const other = runs.map((run, i) => (i === 1 ? { ...run, seed: 99 } : run));
    for (const list of [other, runs.slice(1), [...runs].reverse()])
      await expect(
        trainTogether(plan, list, host, { ...options, atOnce: list.length }),
      ).rejects.toMatchObject({ code: "conflict", culprit: checkpoint });
  });
});

describe("groups", () => {
  it("of data of different shapes are refused", async () => {
    const plan = planOf(training({}), classes(26));
    const runs = [26, 27, 26].map((size, i) => ({ data: classes(size), seed: i }));
    await expect(trainTogether(plan, runs, host, { atOnce: 3 })).rejects.toMatchObject({
      code: "bad-shape",
      culprit: "data/x",
    });
  });

  const plain = (model: Plan["recipe"]["about"]["model"], data: Dataset, batchSize = 32) =>
    planOf(training({}, { model, optimizer: adam(), batchSize }), data);

  it("are as large as pays: small steps side by side, large ones one by one", () => {
    const small = plain(mlp([4], 3, [64]), classes(64));
    expect(runsAtOnce(small, 10)).toBe(10);
    expect(runsAtOnce(small, 100)).toBe(16);
    expect(runsAtOnce(small, 2)).toBe(1);
    const large = plain(mlp([784], 3, [256, 256]), classes(128, [784]), 128);
    expect(runsAtOnce(large, 10)).toBe(1);
  });

  it("hold no more data of their own than there is room for", () => {
    const plan = plain(mlp([4], 3, [64]), classes(64));
    expect(runsAtOnce(plan, 10, 2 ** 26)).toBe(4);
    expect(runsAtOnce(plan, 10, 2 ** 27)).toBe(1);
  });

  it("are of even size", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 40 }), fc.integer({ min: 1, max: 9 }), (list, most) => {
        const groups = evenly(list, most);
        expect(groups.flat()).toEqual(list);
        const sizes = groups.map(({ length }) => length);
        expect(groups.length).toBe(Math.ceil(list.length / most));
        for (const length of sizes) expect(Math.abs(length - list.length / groups.length)).toBeLessThan(1);
      }),
    );
  });
});

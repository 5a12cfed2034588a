import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { experiments } from "../../experiments/registry.ts";
import type { NdArray } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import { OckhamError } from "../../src/error.ts";
import type { Dataset, Definition, Loss, Model, Optimizer } from "../../src/kinds/index.ts";
import { cnn, mlp, recurrentModel, resnet } from "../../src/nn/index.ts";
import { crossEntropy } from "../../src/parts/losses/crossEntropy.ts";
import { squaredError } from "../../src/parts/losses/squaredError.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { constant } from "../../src/parts/schedules/constant.ts";
import { openInline } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tensor/evaluate.ts";
import { fill, input, type Tensor, vjp } from "../../src/tensor/index.ts";
import {
  feedsOf,
  lift,
  type Plan,
  planOf,
  runKey,
  train,
  trainable,
  trains,
  trainTogether,
} from "../../src/training/index.ts";
import { members } from "../members.ts";

const all = await members();
const trained = all.filter(({ definition }) => trains(definition.kind));
const host = openInline();

const image = [1, 6, 6];
const rows = 8;
const random = stream(5);
const draw = (name: string, shape: readonly number[]): NdArray => ({
  dtype: "float32",
  shape,
  data: Float32Array.from(random.split(name).normal(shape.reduce((a, b) => a * b, 1)).data as Float64Array),
});
const classified: Dataset = {
  name: "random images",
  task: "classification",
  size: rows,
  inputs: { x: draw("x", [rows, ...image]) },
  target: { dtype: "int32", shape: [rows], data: Int32Array.from({ length: rows }, (_, i) => i % 3) },
  classes: ["a", "b", "c"],
  group: { dtype: "int32", shape: [rows], data: Int32Array.from({ length: rows }, (_, i) => i % 2) },
};
const measured: Dataset = { ...classified, task: "regression", target: draw("y", [rows, 2]), classes: [] };

function plan(
  definition: Definition,
  options: Readonly<Record<string, unknown>> = {},
  hyperparameters: Readonly<Record<string, Tensor>> = {},
): Plan {
  const asLoss = definition.kind === "loss" ? (definition() as Loss) : undefined;
  const data = asLoss === undefined || asLoss.tasks.includes("classification") ? classified : measured;
  const outputs = data === classified ? 3 : 2;
  const make = (model: Model) =>
    planOf(
      {
        model,
        methods: [{ name: definition.id, method: lift(definition, definition(options as never)) }],
        optimizer: sgd() as Optimizer,
        schedule: constant(),
        loss: (data === classified ? crossEntropy() : squaredError()) as Loss,
        rate: 0.05,
        batchSize: rows,
        epochs: 4,
        hyperparameters,
      },
      data,
    );
  const models = [
    () => mlp(image, outputs, [7, 5]),
    () => cnn(image, outputs, { channels: [4, 8], dense: 6 }),
    () => resnet(image, outputs, { channels: [3, 4] }),
    () => recurrentModel(image, outputs, { units: 5 }),
  ];
  // the first that has what the member needs
  for (const model of models)
    try {
      return make(model());
    } catch (error) {
      if (model === models.at(-1) || !(error instanceof OckhamError && error.code === "conflict"))
        throw error;
    }
  throw new Error("no model");
}

const dataOf = (p: Plan): Dataset => (p.shape.task === "classification" ? classified : measured);

describe.each(all)("$definition.id", ({ definition, file, name }) => {
  const { options } = definition;

  it("has a docstring, a summary, an example and a card that is complete", () => {
    const text = readFileSync(new URL(`../../src/${file}`, import.meta.url), "utf8");
    const docstring = text.match(
      new RegExp(`/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\s*export const ${name}\\b`),
    )?.[1];
    expect(docstring?.trim().length ?? 0, "docstring").toBeGreaterThan(60);
    expect(definition.summary.length).toBeGreaterThan(10);
    expect(definition.examples.length, "examples").toBeGreaterThan(0);
    for (const { source } of definition.examples) expect(source.length).toBeGreaterThan(3);
    if (definition.paper !== undefined) expect(definition.paper.title.length).toBeGreaterThan(3);
  });

  it("has an experiment, or says why not", () => {
    const excused = definition.exempt.experiment !== undefined;
    expect(definition.id in experiments, definition.exempt.experiment).toBe(!excused);
  });

  it("refuses unknown options and values out of range, naming the option", () => {
    expect(() => definition({ nonsense: 1 } as never)).toThrow(/nonsense/);
    for (const [option, { default: initial, valid }] of Object.entries(options)) {
      expect(valid(initial), `default of ${option}`).toBe(true);
      for (const value of [Number.NaN, Number.NEGATIVE_INFINITY, -1e9, {}, null, "?!"])
        if (typeof value !== typeof initial || !valid(value as never)) {
          if (value === null || (typeof value === "string" && typeof initial === "string" && valid(value)))
            continue;
          if (typeof value === "object" && options[option].traced) continue;
          expect(() => definition({ [option]: value } as never), `${option} = ${value}`).toThrow(option);
        }
      for (const value of options[option].grid)
        expect(valid(value), `${option}: ${value} of its grid`).toBe(true);
    }
  });
});

describe.each(trained)("$definition.id in training", ({ definition }) => {
  it("computes two steps in ONNX Runtime as in the reference evaluator", async () => {
    const p = plan(definition);
    const fed = await start(p);
    const index: NdArray = { dtype: "int32", shape: [2, rows], data: Int32Array.from([...order, ...order]) };
    const real = (await host.run(await host.load(p.steps), { ...fed, index })).outputs as Arrays;
    const paths = Object.keys(p.traced.state);
    let state: Arrays = {};
    const losses: number[] = [];
    for (let step = 0; step < 2; step++) {
      const feeds = feedsFor(p, { ...fed, ...state });
      const results = evaluate([...paths.map((path) => p.traced.state[path]), p.traced.loss], feeds);
      state = Object.fromEntries(paths.map((path, i) => [path, results[i]]));
      losses.push(Number(results[paths.length].data[0]));
    }
    close(real.loss, { dtype: "float32", shape: [2], data: Float32Array.from(losses) }, "loss");
    for (const path of paths) close(real[path], state[path], path);
  });

  it("runs side by side, with its numbers as hyperparameters, as it runs alone with numbers", async () => {
    const numeric = Object.entries(definition.options).filter(([, { traced }]) => traced);
    const symbols = Object.fromEntries(numeric.map(([name]) => [name, input(name, [])]));
    const shared = plan(definition, symbols, symbols);
    const data = dataOf(shared);
    const runs = [0, 1, 2].map((seed) => ({
      data,
      validation: data,
      seed,
      hyperparameters: Object.fromEntries(
        numeric.map(([name, { default: usual, grid }]) => [name, Number(grid[seed % grid.length] ?? usual)]),
      ),
    }));
    const together = await trainTogether(shared, runs, host, { atOnce: runs.length });
    for (const [i, { seed, hyperparameters }] of runs.entries()) {
      const alone = await train(plan(definition, hyperparameters), data, seed, host, {
        validation: data,
      }).catch((e: Error) => e);
      const got = together[i];
      if (alone instanceof Error || got instanceof Error)
        expect((got as Error).message).toBe((alone as Error).message);
      else for (const [path, a] of Object.entries(alone.values)) close(got.values[path], a, path);
    }
  });

  const excused = definition.exempt["finite differences"];
  it(`has an objective whose gradient ${excused === undefined ? "agrees" : "need not agree"} with finite differences`, async () => {
    const p = plan(definition);
    const feeds = feedsFor(p, await start(p));
    const paths = trainable(p.leaves, p.recipe.methods).map((leaf) => `params/${leaf.path}`);
    const wrt = paths.map((path) => p.traced.inputs[path]);
    // initial biases are zero, where a unit without inputs sits on the kink of relu
    wrt.forEach((t, i) => {
      const { shape, data } = feeds.get(t) as NdArray;
      const noise = draw(`noise ${i}`, shape).data as Float32Array;
      feeds.set(t, {
        dtype: "float32",
        shape,
        data: Float32Array.from(data as Float32Array, (v, j) => v + 0.03 * noise[j]),
      });
    });
    const directions = wrt.map(({ shape }, i) => draw(`direction ${i}`, shape).data as Float32Array);
    const { objective } = p.traced;
    const gradients = evaluate(vjp([objective], [fill([], 1)], wrt), feeds, { float64: true });
    const analytic = gradients
      .flatMap(({ data }, i) => Array.from(data as Float64Array, (v, j) => v * directions[i][j]))
      .reduce((a, b) => a + b, 0);
    const at = (h: number): number => {
      const moved = new Map(feeds);
      wrt.forEach((t, i) => {
        const { shape, data } = feeds.get(t) as NdArray;
        const shifted = Float64Array.from(data as Float32Array, (v, j) => v + h * directions[i][j]);
        moved.set(t, { dtype: "float64", shape, data: shifted });
      });
      return Number(evaluate([objective], moved, { float64: true })[0].data[0]);
    };
    const numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
    const agrees = Math.abs(analytic - numeric) < 2e-5 * Math.max(1, Math.abs(numeric));
    expect(agrees, `${analytic} and ${numeric}; ${excused}`).toBe(excused === undefined);
  });
});

const choosing = trained.filter(({ definition }) => lift(definition, definition()).examples !== undefined);

describe.each(choosing)("$definition.id, which chooses examples", ({ definition }) => {
  it("says of each how often it stands in the data, from the seed alone", async () => {
    const p = plan(definition);
    const run = () => train(p, dataOf(p), 5, host, { validation: dataOf(p) });
    const [one, same] = [await run(), await run()];
    expect(same).toEqual({ ...one, seconds: same.seconds });
    expect(one.examples).toHaveLength(rows);
    for (const count of one.examples as Int32Array) expect(count).toBeGreaterThanOrEqual(0);
  });
});

type Arrays = Readonly<Record<string, NdArray>>;

const order = Array.from({ length: rows }, (_, i) => i);

/** Everything a plan's first step is fed, the batch apart. */
async function start(p: Plan): Promise<Arrays> {
  const key: NdArray = { dtype: "uint32", shape: [2], data: Uint32Array.from(runKey(3)) };
  const initial = (await host.run(await host.load(p.initial), { key })).outputs as Arrays;
  const anchors = Object.fromEntries(Object.entries(initial).map(([path, a]) => [`anchor/${path}`, a]));
  return { ...initial, ...anchors, ...feedsOf(dataOf(p)), key };
}

function feedsFor(p: Plan, arrays: Arrays): Map<Tensor, NdArray> {
  const all: Arrays = { ...arrays, index: { dtype: "int32", shape: [rows], data: Int32Array.from(order) } };
  return new Map(Object.entries(p.traced.inputs).map(([path, t]) => [t, all[path]]));
}

function close(a: NdArray, b: NdArray, what: string): void {
  const [x, y] = [a.data as Float32Array, b.data as Float32Array];
  expect(x.length, what).toBe(y.length);
  for (let i = 0; i < x.length; i++) {
    if (Object.is(x[i], y[i])) continue;
    expect(Math.abs(x[i] - y[i]), `${what}[${i}]: ${x[i]} and ${y[i]}`).toBeLessThan(
      2e-4 * Math.max(1, Math.abs(y[i])),
    );
  }
}

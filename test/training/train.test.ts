import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { NdArray } from "../../src/array/ndarray.ts";
import type { AnyMethod, Dataset, Definition, Model } from "../../src/kinds/index.ts";
import { sam } from "../../src/methods/optimizers/sam.ts";
import { dropout } from "../../src/methods/regularizers/dropout.ts";
import { earlyStopping } from "../../src/methods/regularizers/earlyStopping.ts";
import { cnn, mlp, resnet } from "../../src/nn/index.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { mixup } from "../../src/parts/transforms/mixup.ts";
import { type Host, openHost, openInline } from "../../src/runtime/index.ts";
import { add, cast, div, exp, log, mul, scalar, sqrt, sub, sum, zerosLike } from "../../src/tensor/index.ts";
import { lift, type Plan, planOf, predict, type TrainOptions, train } from "../../src/training/index.ts";
import { classes, numbersOf, paced, quick, regression, result, slow, training, values } from "./setup.ts";

const host = openInline();
afterAll(() => host.close());
afterEach(async () => {
  // what a run put there is given back, however it ended
  expect((await host.memory()).tensors).toBe(0);
});

const table = classes(26);
const run = (plan: Plan, seed = 3, on: Host = host, options: TrainOptions = {}, data: Dataset = table) =>
  train(plan, data, seed, on, options);

const random = {
  dropout: dropout({ probability: 0.4 }),
  mixup: lift(mixup as Definition, mixup()),
  sam: sam(),
};

describe("determinism", () => {
  const images = classes(26, [1, 6, 6]);
  const plans: readonly (readonly [string, Plan, Dataset])[] = [
    ["an mlp", planOf(training(random, { optimizer: adam(), rate: 0.01 }), table), table],
    [
      "a cnn",
      planOf(training(random, { model: cnn([1, 6, 6], 3, { channels: [2, 3], dense: 4 }) }), images),
      images,
    ],
    ["a resnet", planOf(training({}, { model: resnet([1, 6, 6], 3, { channels: [2, 3] }) }), images), images],
  ];

  it.each(plans)(
    "%s: the same seed gives the same bits, however steps are grouped",
    async (_, plan, data) => {
      const options = { validation: data };
      const [first, again, single, grouped] = await Promise.all([
        run(plan, 3, host, options, data),
        run(plan, 3, host, options, data),
        run(plan, 3, paced(host, slow), options, data),
        run(plan, 3, paced(host, quick), options, data),
      ]);
      for (const other of [again, single, grouped]) expect(result(other)).toEqual(result(first));
      expect(result(await run(plan, 4, host, options, data))).not.toEqual(result(first));
    },
  );

  it("with two threads, and in a process of its own, too", async () => {
    const [, plan, data] = plans[1];
    const here = result(await run(plan, 3, host, {}, data));
    const two = openInline({ threads: 2 });
    expect(result(await run(plan, 3, two, {}, data))).toEqual(here);
    await two.close();
    const apart = openHost();
    expect(result(await run(plan, 3, apart, {}, data))).toEqual(here);
    await apart.close();
  });

  it("tracing again gives the same graph", () => {
    const make = () => planOf(training(random), table);
    expect(Buffer.from(make().steps.bytes).equals(Buffer.from(make().steps.bytes))).toBe(true);
  });

  it("every epoch sees each example once, in an order of its own", async () => {
    const seen: number[][] = [];
    const watched = paced(host, slow, (index) => seen.push(numbersOf(index)));
    const exact = classes(24);
    await run(planOf(training({}), exact), 3, watched, {}, exact);
    const orders = [0, 1, 2].map((epoch) => seen.slice(4 * epoch, 4 * epoch + 4).flat());
    for (const order of orders)
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 24 }, (_, i) => i));
    expect(new Set(orders.map((order) => order.join())).size).toBe(3);
  });
});

describe("training", () => {
  it("learns classes and values", async () => {
    const clouds = classes(240);
    const validation = classes(120, [4], 9);
    const plan = planOf(training({}, { epochs: 10, rate: 0.03 }), clouds);
    const learned = await run(plan, 3, host, { validation }, clouds);
    expect(learned.history.length).toBe(10);
    expect(learned.history[9].trainLoss).toBeLessThan(0.7 * learned.history[0].trainLoss);
    // the best possible is about 0.87; by chance it would be 0.33
    expect(learned.history[9].validationScore).toBeGreaterThan(0.7);
    const surface = values(200);
    const fitting = planOf(regression({}, { epochs: 30, rate: 0.05 }), surface);
    const fitted = await run(fitting, 3, host, { validation: values(50, 7) }, surface);
    expect(fitted.history[29].validationScore).toBeGreaterThan(0.7);
  });

  it("notes what the predictions say", async () => {
    const validation = classes(31, [4], 9);
    const {
      plan,
      values: trained,
      history,
    } = await run(planOf(training({}), table), 3, host, { validation });
    const prediction = await predict(host, plan, trained, validation);
    expect(prediction.shape).toEqual([31, 3]);
    let right = 0;
    let loss = 0;
    for (let i = 0; i < 31; i++) {
      const row = numbersOf(prediction).slice(3 * i, 3 * i + 3);
      expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      const label = validation.target.data[i] as number;
      if (row.every((p) => p <= row[label])) right++;
      loss -= Math.log(row[label]) / 31;
    }
    expect(history[2].validationScore).toBeCloseTo(right / 31, 12);
    expect(history[2].validationLoss).toBeCloseTo(loss, 5);
  });

  it("leaves out what does not fill a batch, and takes all where the batch is larger than the data", () => {
    expect(planOf(training({}), table)).toMatchObject({ stepsPerEpoch: 4, batchSize: 6 });
    expect(planOf(training({}, { batchSize: 100 }), table)).toMatchObject({
      stepsPerEpoch: 1,
      batchSize: 26,
    });
  });

  it("weighs losses by the examples' weights", async () => {
    const weight: NdArray = { dtype: "float32", shape: [26], data: new Float32Array(26).fill(2) };
    const doubled = { ...table, weight };
    const plain = await run(planOf(training({}, { rate: 0.2 }), table));
    const heavy = await run(planOf(training({}, { rate: 0.1 }), doubled), 3, host, {}, doubled);
    expect(heavy.history[0].trainLoss).toBeGreaterThan(1.5 * plain.history[0].trainLoss);
    const path = "params/head.kernel";
    numbersOf(heavy.values[path]).forEach((v, i) => {
      expect(v).toBeCloseTo(numbersOf(plain.values[path])[i], 4);
    });
  });

  it("refuses a loss for another task", () => {
    expect(() => planOf(regression({}), table)).toThrow(
      expect.objectContaining({ code: "conflict", culprit: "loss" }),
    );
  });

  it("stops when its time is up", async () => {
    const { stopped, history } = await run(planOf(training({}, { epochs: 1000 }), table), 3, host, {
      seconds: 0,
    });
    expect(stopped).toBe("its time was up");
    expect(history.length).toBe(1);
  });
});

describe("interruption", () => {
  it("by a signal given before, and while it runs", async () => {
    const plan = planOf(training({}, { epochs: 1e5 }), table);
    const signal = AbortSignal.abort();
    await expect(run(plan, 3, host, { signal })).rejects.toMatchObject({
      code: "interrupted",
      culprit: "training",
    });
    const controller = new AbortController();
    const started = performance.now();
    setTimeout(() => controller.abort(), 30);
    await expect(run(plan, 3, host, { signal: controller.signal })).rejects.toMatchObject({
      code: "interrupted",
    });
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it("by what a hook or a listener throws", async () => {
    const onEpoch = () => {
      throw new Error("listener");
    };
    await expect(run(planOf(training({}), table), 3, host, { onEpoch })).rejects.toThrow("listener");
    const method: AnyMethod = {
      between: async (moment) => {
        if (moment === "epoch") throw new Error("hook");
        return undefined;
      },
    };
    await expect(run(planOf(training({ method }), table))).rejects.toThrow("hook");
  });

  it("by a host that fails", async () => {
    let calls = 0;
    const failing = paced(host, slow, () => {
      if (++calls === 3) throw new Error("host");
    });
    await expect(run(planOf(training({}), table), 3, failing)).rejects.toThrow("host");
    const full: Host = {
      ...host,
      put: async (array) => {
        if (++calls === 5) throw new Error("full");
        return host.put(array);
      },
    };
    await expect(run(planOf(training({}), table), 3, full)).rejects.toThrow("full");
  });
});

/** Adds to the loss what becomes infinite at a step. */
const bursting = (at: number): AnyMethod => ({
  penalty: ({ count, params }) => {
    const room = sub(at, count);
    return mul(0, add(sum(params["head.bias"]), log(room))); // @burst
  },
  losses: ({ loss, outputs, batch, count }) => {
    const factor = sqrt(sub(at, count)); // @root
    return mul(loss(outputs.prediction, batch.target), div(factor, factor));
  },
});

describe("divergence", () => {
  it("names the methods and the step", async () => {
    for (const host of [paced(shared(), slow), paced(shared(), quick)]) {
      const plan = planOf(training({ burst: bursting(5.5), other: {} }), table);
      await expect(run(plan, 3, host)).rejects.toMatchObject({
        code: "diverged",
        culprit: "burst+other",
        message: expect.stringMatching(/^burst\+other: the loss stopped .* at step 7$/),
      });
    }
  });

  it("and with debug the operation and its line", async () => {
    for (const host of [paced(shared(), slow), paced(shared(), quick)]) {
      const plan = planOf(training({ burst: bursting(5.5) }), table);
      await expect(run(plan, 3, host, { debug: true })).rejects.toThrow(
        /at step 7; the first number that is not finite came from (log|sqrt) \[\] at .*train\.test\.ts:\d+:\d+/,
      );
    }
  });

  it("of plain training, by a large rate", async () => {
    const plan = planOf(training({}, { rate: 1e30, epochs: 5 }), table);
    const error = await run(plan, 3, host, { debug: true }).catch((e: Error) => e);
    expect(error).toMatchObject({ code: "diverged", culprit: "plain training" });
    expect((error as Error).message).toMatch(/came from \w+ \[/);
  });

  it("that no loss shows, since it happens in the last step", async () => {
    const last: AnyMethod = {
      after: (updated, { count }) => {
        const huge = exp(mul(1000, cast(sub(count, 10.5), "float32")));
        const path = "head.bias";
        return [{ ...updated, [path]: add(updated[path], mul(huge, huge)) }, undefined];
      },
    };
    const plan = planOf(training({ last }), table);
    await expect(run(plan)).rejects.toMatchObject({
      code: "diverged",
      culprit: "last",
      message: expect.stringMatching(/head\.bias .* at step 12, the last/),
    });
  });

  it("of data that are no numbers", async () => {
    const spoiled = classes(26);
    (spoiled.inputs.x.data as Float32Array)[7] = Number.NaN;
    await expect(run(planOf(training({}), spoiled), 3, host, { debug: true }, spoiled)).rejects.toMatchObject(
      {
        code: "diverged",
        message: expect.stringMatching(/at step \d; .* came from input \[26,4\]/),
      },
    );
  });
});

describe("early stopping", () => {
  /** The validation loss falls to the third epoch and rises after. */
  const path = "head.bias";
  const told: AnyMethod = {
    after: (updated, { count, about }) => {
      const epoch = div(add(count, 1), about.stepsPerEpoch);
      const bias = add(zerosLike(updated[path]), epoch);
      return [{ ...updated, [path]: bias }, undefined];
    },
    losses: ({ outputs, mode, params, loss, batch }) => {
      const value = loss(outputs.prediction, batch.target);
      if (mode === "train") return value;
      const off = sub(div(sum(params[path]), 3), 3);
      return add(mul(value, 0), mul(off, off));
    },
  };

  it("stops and goes back to the best epoch", async () => {
    const plan = planOf(
      training({ told, "early-stopping": earlyStopping({ epochs: 2 }) }, { epochs: 9 }),
      table,
    );
    const ended = await run(plan, 3, host, { validation: classes(9) });
    expect(ended.stopped).toBe("early-stopping: no lower validation loss in 2 epochs");
    expect(ended.history.length).toBe(5);
    expect(ended.steps).toBe(20);
    expect(numbersOf(ended.values[`params/${path}`])).toEqual([3, 3, 3]);
    const short = await run(planOf(training({ told }, { epochs: 3 }), table));
    for (const name of ["params/hidden.0.0.kernel", "params/head.kernel"])
      expect(ended.values[name]).toEqual(short.values[name]);
  });

  it("needs validation data", async () => {
    const plan = planOf(training({ "early-stopping": earlyStopping() }), table);
    await expect(run(plan)).rejects.toMatchObject({ code: "conflict", culprit: "early-stopping" });
  });
});

/** A host for tests that shadow the name. */
const shared = (): Host => host;

describe("between", () => {
  it("names a method that changes what is not there", async () => {
    const method: AnyMethod = { between: async () => ({ params: { nowhere: numbers(1) } }) };
    await expect(run(planOf(training({ method }), table))).rejects.toMatchObject({
      code: "unknown-name",
      culprit: "nowhere",
      message: expect.stringContaining("method"),
    });
  });

  it("is called at the start, after every epoch and at the end, and sees what it may", async () => {
    const moments: string[] = [];
    const quantity = () => scalar(4);
    const method: AnyMethod = {
      state: () => ({ a: scalar(1), "b/c": scalar(2) }),
      between: async (moment, { count, params, state, about, evaluate, data, validation }) => {
        moments.push(`${moment} ${count}`);
        expect(Object.keys(params).sort()).toEqual(about.model.leaves.map((leaf) => leaf.path).sort());
        expect(Object.keys(state).sort()).toEqual(["a", "b/c"]);
        expect(await evaluate(quantity)).toBe(4);
        expect(data).toBe(table);
        expect(validation).toBeUndefined();
        return { state: { a: numbers(state.a.data[0] as number, 10) } };
      },
    };
    const { values: ended } = await run(planOf(training({ method }), table));
    expect(moments).toEqual(["start 0", "epoch 4", "epoch 8", "epoch 12", "end 12"]);
    expect(numbersOf(ended["methods/0/a"])).toEqual([51]);
    expect(numbersOf(ended["methods/0/b/c"])).toEqual([2]);
  });

  it("may end the run, with its reason", async () => {
    const method: AnyMethod = {
      between: async (moment) => (moment === "start" ? { stop: "enough" } : undefined),
    };
    const ended = await run(planOf(training({ method }), table));
    expect(ended).toMatchObject({ stopped: "method: enough", steps: 0, history: [] });
  });
});

const numbers = (value: number, more = 0): NdArray => ({
  dtype: "float32",
  shape: [],
  data: Float32Array.of(value + more),
});

describe("models and data that do not fit", () => {
  it.each<[string, Model]>([
    ["another number of features", mlp([5], 3, [4])],
    ["another number of classes", mlp([4], 4, [4])],
  ])("%s is an error with the shapes", (_, model) => {
    expect(() => planOf(training({}, { model }), table)).toThrow(
      expect.objectContaining({ code: "bad-shape" }),
    );
  });
});

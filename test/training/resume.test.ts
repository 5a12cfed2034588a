import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromNested } from "../../src/array/ndarray.ts";
import { writeNpz } from "../../src/array/npz.ts";
import type { AnyMethod, Dataset, Definition } from "../../src/kinds/index.ts";
import { psKd } from "../../src/methods/compression/psKd.ts";
import { sam } from "../../src/methods/optimizers/sam.ts";
import { dropout } from "../../src/methods/regularizers/dropout.ts";
import { earlyStopping } from "../../src/methods/regularizers/earlyStopping.ts";
import { mlp, resnet } from "../../src/nn/index.ts";
import { squaredError } from "../../src/parts/losses/squaredError.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { cosine } from "../../src/parts/schedules/cosine.ts";
import { mixup } from "../../src/parts/transforms/mixup.ts";
import { type Host, openInline } from "../../src/runtime/index.ts";
import { mul, square, sub, sum } from "../../src/tensor/index.ts";
import { lift, type Plan, planOf, type Trained, type TrainOptions, train } from "../../src/training/index.ts";
import { classes, paced, quick, result, slow, training } from "./setup.ts";

const host = openInline();
const folder = mkdtempSync(join(tmpdir(), "ockham-resume-"));
afterAll(async () => {
  await host.close();
  rmSync(folder, { recursive: true });
});

/** Draws the weights back to where they began. */
const homing: AnyMethod = {
  penalty: ({ params, anchor }) => {
    const path = "head.kernel";
    return mul(0.1, sum(square(sub(params[path], anchor[path]))));
  },
};

/** Changes its state on the host at the start and after every epoch, from what it was. */
const counting: AnyMethod = {
  state: (params) => ({ first: mul(params["head.bias"], 0) }),
  penalty: ({ params }, { first }) => mul(0.01, sum(mul(params["head.bias"], first))),
  between: async (moment, { state }) => {
    if (moment === "end") return undefined;
    const data = Float32Array.from(
      state.first.data as Float32Array,
      (v) => v + (moment === "start" ? 100 : 1),
    );
    return { state: { first: { ...state.first, data } } };
  },
};

/** Leaves out some examples and repeats others. */
const choosing: AnyMethod = {
  examples: async ({ data, random }) => Int32Array.from({ length: data.size }, () => random.integers(3)),
};

interface Scenario {
  readonly plan: Plan;
  readonly data: Dataset;
  readonly validation?: Dataset;
}

const epochs = 4;
const table = classes(26);
const scenario = (methods: Readonly<Record<string, AnyMethod>>, wishes = {}, data = table): Scenario => ({
  plan: planOf(training(methods, { epochs, ...wishes }), data),
  data,
  validation: classes(12, data.inputs.x.shape.slice(1), 5),
});

const scenarios: Readonly<Record<string, () => Scenario>> = {
  "plain training": () => scenario({}),
  "dropout+mixup, adam, cosine": () =>
    scenario(
      { dropout: dropout({ probability: 0.4 }), mixup: lift(mixup as Definition, mixup()) },
      { optimizer: adam(), schedule: cosine(), rate: 0.01 },
    ),
  "ps-kd": () => scenario({ "ps-kd": psKd() }),
  "early-stopping that stops": () =>
    scenario({ "early-stopping": earlyStopping({ epochs: 1 }) }, { rate: 3 }),
  "early-stopping that does not": () => scenario({ "early-stopping": earlyStopping({ epochs: 9 }) }),
  "sam, batch norm": () =>
    scenario({ sam: sam() }, { model: resnet([1, 4, 4], 3, { channels: [2] }) }, classes(26, [1, 4, 4])),
  "a method with the anchor": () => scenario({ homing }),
  "a method with state on the host": () => scenario({ counting }),
  "a method that chooses examples": () => scenario({ choosing }),
};

/** Trains until the signal, which `stop` is given, is used; what was begun is in the checkpoint. */
async function interruptedRun(
  { plan, data, validation }: Scenario,
  on: Host,
  options: TrainOptions,
  stop: (abort: () => void) => Host | undefined,
): Promise<void> {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const run = train(plan, data, 3, stop(abort) ?? on, { ...options, validation, signal: controller.signal });
  await expect(run).rejects.toMatchObject({ code: "interrupted" });
}

describe.each(Object.entries(scenarios))("%s", (name, make) => {
  let scene: Scenario;
  let unbroken: Trained;
  const checkpoint = join(folder, `${name.replace(/\W/g, "-")}.npz`);
  const resumed = (pace = quick) =>
    train(scene.plan, scene.data, 3, paced(host, pace), {
      checkpoint,
      every: 1e9,
      validation: scene.validation,
    });

  beforeAll(async () => {
    scene = make();
    unbroken = await train(scene.plan, scene.data, 3, paced(host, quick), { validation: scene.validation });
    if (name === "early-stopping that stops") expect(unbroken.stopped).toMatch(/no lower validation loss/);
  });

  it("stopped after any epoch and resumed ends as if unbroken", async () => {
    for (let epoch = 1; epoch < unbroken.history.length; epoch++) {
      rmSync(checkpoint, { force: true });
      const controller = new AbortController();
      const broken = train(scene.plan, scene.data, 3, paced(host, quick), {
        checkpoint,
        validation: scene.validation,
        signal: controller.signal,
        onEpoch: (line) => {
          if (line.epoch === epoch) controller.abort();
        },
      });
      await expect(broken).rejects.toMatchObject({ code: "interrupted" });
      expect(result(await resumed(slow)), `after epoch ${epoch}`).toEqual(result(unbroken));
    }
  });

  it("stopped in the middle of an epoch, and before the first step, too", async () => {
    const steps = scene.plan.stepsPerEpoch;
    for (const at of [0, 1, steps + 2]) {
      rmSync(checkpoint, { force: true });
      let runs = 0;
      await interruptedRun(scene, host, { checkpoint, every: 1e9 }, (abort) => {
        if (at === 0) abort();
        return paced(host, slow, () => {
          if (++runs === at) abort();
        });
      });
      expect(result(await resumed()), `after step ${at}`).toEqual(result(unbroken));
    }
  });

  it("killed at any save, however often it is killed, too", async () => {
    rmSync(checkpoint, { force: true });
    let kills = 0;
    for (;;) {
      let runs = 0;
      const deadly = paced(host, slow, () => {
        if (++runs === 4) throw new Error("killed");
      });
      const options = { checkpoint, every: 0, validation: scene.validation };
      const ended = await train(scene.plan, scene.data, 3, deadly, options).catch((error: Error) => error);
      if (!(ended instanceof Error)) {
        expect(result(ended)).toEqual(result(unbroken));
        break;
      }
      expect(ended.message).toBe("killed");
      kills++;
    }
    expect(kills).toBeGreaterThan(1);
    // what the last save left is the whole run: going on from it changes nothing
    expect(result(await resumed())).toEqual(result(unbroken));
  });
});

describe("checkpoints", () => {
  const scene = scenario({});
  const path = join(folder, "one.npz");
  const run = (options: TrainOptions, { plan, data } = scene, seed = 3) =>
    train(plan, data, seed, host, { every: 0, ...options });

  beforeAll(async () => {
    await run({ checkpoint: path, identity: "mine" });
  });

  it("keeps the seconds spent, and leaves no other file", async () => {
    const { seconds } = await run({ checkpoint: path, identity: "mine" });
    expect(seconds).toBeGreaterThan(0);
    expect(readdirSync(folder).filter((file) => file.includes("part"))).toEqual([]);
  });

  it("begins afresh where there is none", async () => {
    const fresh = await run({ checkpoint: join(folder, "none.npz"), identity: "mine" });
    expect(fresh.steps).toBe(epochs * scene.plan.stepsPerEpoch);
  });

  const other = scenario({}, { model: mlp([4], 3, [6]) });
  it.each<[string, TrainOptions, Scenario, number]>([
    ["of another name", { identity: "other" }, scene, 3],
    ["of another seed", { identity: "mine" }, scene, 4],
    ["of another model", { identity: "mine" }, other, 3],
    ["of other data", { identity: "mine" }, { ...scene, data: { ...table, name: "other" } }, 3],
    ["with another rate", { identity: "mine" }, scenario({}, { rate: 0.2 }), 3],
  ])("refuses one %s", async (_, options, scenery, seed) => {
    await expect(run({ checkpoint: path, ...options }, scenery, seed)).rejects.toMatchObject({
      code: "conflict",
      culprit: path,
    });
  });

  it.each<[string, (whole: Buffer) => Uint8Array]>([
    ["cut off", (whole) => whole.subarray(0, whole.length / 2)],
    ["empty", () => Buffer.alloc(0)],
    ["with a changed byte", (whole) => Buffer.from(whole).fill(0x55, 200, 201)],
    ["of something else", () => Buffer.from("not a checkpoint")],
    ["of other arrays", () => writeNpz({ a: fromNested([1, 2]) })],
    [
      "without a readable header",
      () => writeNpz({ "checkpoint.json": { dtype: "uint8", shape: [2], data: Uint8Array.of(123, 123) } }),
    ],
  ])("refuses a file %s, and leaves it as it is", async (_, spoil) => {
    const spoiled = join(folder, "spoiled.npz");
    const bytes = spoil(readFileSync(path));
    writeFileSync(spoiled, bytes);
    await expect(run({ checkpoint: spoiled, identity: "mine" })).rejects.toMatchObject({
      code: "bad-file",
    });
    expect(readFileSync(spoiled).equals(bytes)).toBe(true);
  });

  it("says so when it cannot be read or written", async () => {
    await expect(run({ checkpoint: folder })).rejects.toMatchObject({ code: "bad-file", culprit: folder });
    const nowhere = join(folder, "no", "such", "folder.npz");
    await expect(run({ checkpoint: nowhere })).rejects.toMatchObject({
      code: "cannot-write",
      culprit: nowhere,
    });
  });

  it("holds scores that are not finite", async () => {
    // R squared over targets that are all the same is minus infinity
    const flat: Dataset = {
      ...table,
      task: "regression",
      classes: [],
      target: { dtype: "float32", shape: [26, 1], data: new Float32Array(26).fill(0.5) },
    };
    const plan = planOf(training({}, { model: mlp([4], 1, [3]), loss: squaredError(), epochs: 2 }), flat);
    const options = { checkpoint: join(folder, "flat.npz"), validation: flat, every: 0 };
    const first = await train(plan, flat, 3, host, options);
    expect(first.history.map((line) => line.validationScore)).toEqual([-Infinity, -Infinity]);
    expect((await train(plan, flat, 3, host, options)).history).toEqual(first.history);
  });

  it("leaves nothing with the host, whatever happens", async () => {
    expect((await host.memory()).tensors).toBe(0);
  });
});

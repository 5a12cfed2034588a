import { afterAll, describe, expect, it } from "vitest";
import type { Change, Run, Step } from "../../src/kinds/index.ts";
import { mlp } from "../../src/nn/index.ts";
import { openInline } from "../../src/runtime/index.ts";
import { learnerOf, rehearsalOf, type Way } from "../../src/settings/common/learner.ts";
import { multiHead, withHeads } from "../../src/settings/common/multiHead.ts";
import { add, scalar } from "../../src/tensor/index.ts";
import { beginning, planOf, train } from "../../src/training/index.ts";
import { classes, training } from "../training/setup.ts";

const host = openInline();
afterAll(() => host.close());

/** Counts its steps twice: one count goes over to the next stage, the other begins anew. */
const counting = {
  state: () => ({ kept: scalar(0), fresh: scalar(0) }),
  carries: (path: string) => path === "kept",
  after: (updated: Step["params"], _: Step, { kept, fresh }: Record<string, ReturnType<typeof scalar>>) =>
    [updated, { kept: add(kept, 1), fresh: add(fresh, 1) }] as const,
};

describe("stages of training", () => {
  const data = classes(18);
  const plan = planOf(training({ counting }), data);

  it("go on from the weights and what methods carry; the rest begins anew", async () => {
    const first = await train(plan, data, 0, host);
    const start = await beginning(host, plan, { data, seed: 0, from: first.values });
    for (const [path, value] of Object.entries(first.values))
      if (path.startsWith("params/")) expect(start[path]).toEqual(value);
    expect(start["methods/0/kept"].data[0]).toBe(9);
    expect(start["methods/0/fresh"].data[0]).toBe(0);
    expect(start.count.data[0]).toBe(0);
    const second = await train(plan, data, 0, host, { from: first.values });
    expect(second.values["methods/0/kept"].data[0]).toBe(18);
    expect(second.values["methods/0/fresh"].data[0]).toBe(9);
  });

  it("leave out weights of another shape", async () => {
    const wide = planOf(training({}, { model: mlp([4], 3, [7]) }), data);
    const narrow = planOf(training({}, { model: mlp([4], 3, [5]) }), data);
    const { values } = await train(wide, data, 0, host);
    const start = await beginning(host, narrow, { data, seed: 0, from: values });
    const bare = await beginning(host, narrow, { data, seed: 0 });
    const head = "params/head.bias" in bare ? "params/head.bias" : undefined;
    for (const [path, value] of Object.entries(bare))
      if (path !== head) expect(start[path], path).toEqual(value);
    if (head !== undefined) expect(start[head]).toEqual(values[head]);
  });
});

it("averages arrays by example over rows that fill no whole number of batches", async () => {
  const data = classes(50);
  const found: number[][] = [];
  const looking = {
    async between(moment: string, run: Run): Promise<Change | undefined> {
      if (moment !== "end") return undefined;
      const { x } = await run.average(({ batch }) => ({ x: batch.inputs.x }));
      found.push([...(x.data as Float32Array)]);
      return undefined;
    },
  };
  await train(planOf(training({ looking }), data), data, 0, host);
  const x = data.inputs.x.data as Float32Array;
  for (let j = 0; j < 4; j++) {
    let sum = 0;
    for (let i = 0; i < 50; i++) sum += x[4 * i + j];
    expect(found[0][j]).toBeCloseTo(sum / 50, 5);
  }
});

describe("a learner", () => {
  const way = (): Way => ({ id: "plain", plans: new Map(), training: async () => training({}) });

  it("learns stage after stage, counts epochs through, and shares plans of equal shapes", async () => {
    const plain = way();
    const learner = learnerOf(plain, host, { seed: 0 });
    const data = classes(18);
    const first = await learner.fit({ data });
    const second = await learner.fit({ data, from: first });
    expect(learner.past.history.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(learner.past.steps).toBe(18);
    expect(plain.plans.size).toBe(1);
    expect((await second.predict(data)).data).not.toEqual((await first.predict(data)).data);
    const again = await learnerOf(way(), host, { seed: 0 }).fit({ data });
    expect((await again.predict(data)).data).toEqual((await first.predict(data)).data);
  });

  it("gives classes that are out of the question no probability", async () => {
    const data = withHeads(classes(18), [0, 2]);
    const fitted = await learnerOf(way(), host, { seed: 0 }).fit({ data, around: multiHead });
    const { data: said } = await fitted.predict(data);
    for (let i = 0; i < 18; i++) {
      expect(said[3 * i + 1]).toBe(0);
      expect(said[3 * i] + said[3 * i + 2]).toBeCloseTo(1);
    }
  });

  it("is rehearsed without training: the plans are there, and every class is as likely", async () => {
    const plain = way();
    const learner = rehearsalOf(plain);
    const data = classes(18);
    const fitted = await learner.fit({ data, length: 2 });
    expect(learner.past.epochs).toBe(6);
    expect(learner.past.plans).toHaveLength(1);
    expect([...(await fitted.predict(data)).data].every((p) => Math.abs(p - 1 / 3) < 1e-6)).toBe(true);
  });
});

import type { NdArray } from "../../src/array/ndarray.ts";
import { type Dataset, type Host, openHost, planOf, stream, train } from "../../src/browser.ts";
import { crossEntropy } from "../../src/parts/losses/crossEntropy.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { constant } from "../../src/parts/schedules/constant.ts";
import type { Plan } from "../../src/training/index.ts";
import { runKey } from "../../src/training/index.ts";
import { type Contender, dataOf, type Running, rate, type Start, type Work } from "./work.ts";

const seed = 0;

const planFor = (work: Work, data: Dataset, epochs: number): Plan =>
  planOf(
    {
      model: work.model(),
      optimizer: adam(),
      schedule: constant(),
      loss: crossEntropy(),
      rate,
      batchSize: work.batch,
      epochs,
    },
    data,
  );

const key: NdArray = { dtype: "uint32", shape: [2], data: Uint32Array.from(runKey(seed)) };

/** Ockham's initial values and first batches, for the peers to start from. */
export async function startOf(work: Work): Promise<Start> {
  const data = dataOf(work);
  const plan = planFor(work, data, 1);
  const host = openHost();
  const { outputs } = await host.run(await host.load(plan.initial), { key });
  await host.close();
  const params = Object.entries(outputs).flatMap(([path, value]) =>
    path.startsWith("params/") ? [[path.slice("params/".length), value as NdArray]] : [],
  );
  const order = stream(runKey(seed)).split("order").split(0).permutation(data.size);
  const { x } = data.inputs;
  const width = x.data.length / data.size;
  const batches = Array.from({ length: Math.floor(data.size / work.batch) }, (_, b) => {
    const rows = order.subarray(b * work.batch, (b + 1) * work.batch);
    const part = new Float32Array(work.batch * width);
    rows.forEach((row, i) => {
      part.set((x.data as Float32Array).subarray(row * width, (row + 1) * width), i * width);
    });
    return { x: part, labels: Int32Array.from(rows, (row) => (data.target.data as Int32Array)[row]) };
  });
  return { work, params: Object.fromEntries(params), batches };
}

/** A host that notes the loss of every step. */
const noting = (host: Host, losses: number[]): Host => ({
  ...host,
  run: async (...request) => {
    const run = await host.run(...request);
    const { loss } = run.outputs;
    if (loss !== undefined && "data" in loss) losses.push(...Array.from(loss.data as Float32Array));
    return run;
  },
});

/** Trains as a person would: whole epochs, in a worker. */
export function ockham(threads: number, version: string): Contender {
  return {
    name: "Ockham",
    version,
    async prepare({ work }): Promise<Running> {
      const data = dataOf(work);
      const host = openHost({ threads });
      await host.ready();
      const epochs = async (count: number) => {
        const ends: number[] = [];
        await train(planFor(work, data, count), data, seed, host, {
          onEpoch: () => ends.push(performance.now()),
        });
        return ends;
      };
      /** Seconds an epoch. */
      let length: number | undefined;
      return {
        losses: async (steps) => {
          const losses: number[] = [];
          await train(planFor(work, data, 1), data, seed, noting(host, losses));
          return losses.slice(0, steps);
        },
        speed: async (seconds) => {
          // the first epoch brings data and state to the worker
          const expected: number = length ?? (await epochs(2).then(([a, b]) => (b - a) / 1000));
          const count = Math.max(1, Math.round(seconds / expected));
          const ends = await epochs(1 + count);
          const each = (ends[count] - ends[0]) / 1000 / count;
          length = each;
          return data.size / work.batch / each;
        },
        close: () => host.close(),
      };
    },
  };
}

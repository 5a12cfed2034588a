import {
  csvSource,
  type Host,
  mlp,
  planOf,
  predict,
  split,
  type TrainOptions,
  train,
} from "../../src/browser.ts";
import { crossEntropy } from "../../src/parts/losses/crossEntropy.ts";
import { adam } from "../../src/parts/optimizers/adam.ts";
import { constant } from "../../src/parts/schedules/constant.ts";

export interface Learned {
  readonly losses: readonly number[];
  readonly accuracy: number;
}

/** A host that notes the loss of every step. */
function noting(host: Host, losses: number[]): Host {
  return {
    ...host,
    run: async (...request) => {
      const run = await host.run(...request);
      const { loss } = run.outputs;
      if (loss !== undefined && "data" in loss) losses.push(...Array.from(loss.data as Float32Array));
      return run;
    },
  };
}

/** Learns the digits from their table, given as CSV; the same on Node and in a page. */
export async function learnDigits(
  text: string,
  host: Host,
  { epochs = 4, ...options }: TrainOptions & { readonly epochs?: number } = {},
): Promise<Learned> {
  const source = csvSource(text, { target: "digit", task: "classification", name: "digits" });
  const rows = split(source, 0, { train: 800, validation: 100 });
  const learned = source.fit(rows.train);
  const [data, test] = [source.encode(learned, rows.train), source.encode(learned, rows.test)];
  const width = data.inputs.x.shape[1];
  const plan = planOf(
    {
      model: mlp([width], 10, [64]),
      methods: [],
      optimizer: adam(),
      schedule: constant(),
      loss: crossEntropy(),
      epochs,
      batchSize: 32,
    },
    data,
  );
  const losses: number[] = [];
  const trained = await train(plan, data, 0, noting(host, losses), options);
  const probabilities = await predict(host, plan, trained.values, test);
  return { losses, accuracy: accuracyOf(probabilities.data as Float32Array, test.target.data as Int32Array) };
}

function accuracyOf(probabilities: Float32Array, labels: Int32Array): number {
  const classes = probabilities.length / labels.length;
  let right = 0;
  labels.forEach((label, row) => {
    const own = probabilities.subarray(row * classes, (row + 1) * classes);
    if (own.indexOf(Math.max(...own)) === label) right++;
  });
  return right / labels.length;
}

import { Worker } from "node:worker_threads";
import { type NdArray, rows, sizeOf } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import { type Dataset, type Estimator, exampleShape } from "../kinds/index.ts";
import { calibrated, scoresOf } from "./measure/scores.ts";
import type { Prepared } from "./prepare.ts";
import type { Trial } from "./results.ts";
import { first } from "./rows.ts";

/** Numbers that a reference line learns from at most: beyond, it gets the first training rows only, and its name says so. */
const mostNumbers = 2_000_000;

/** The training rows a reference line gets. */
export function referenceRows(train: Dataset): Dataset {
  const width = train.vocabulary ?? sizeOf(exampleShape(train));
  return inNumbers(first(train, Math.max(500, Math.floor(mostNumbers / width))));
}

/**
 * Examples as numbers. Texts: the logarithm of 1 + how often each id stands in them, padding left out. Nodes: their
 * features, without the edges. Pairs: |u - v| and u v for the numbers u and v of their sides.
 */
function inNumbers(data: Dataset): Dataset {
  const { vocabulary, size, graph } = data;
  if (data.paired) return compared(data);
  if (graph !== undefined)
    return { ...data, inputs: { x: rows(graph.features, data.inputs.node.data as Int32Array) } };
  if (vocabulary === undefined) return data;
  const { ids, mask } = data.inputs;
  const tokens = ids.shape[1];
  const x = new Float32Array(size * vocabulary);
  (ids.data as Int32Array).forEach((id, at) => {
    if (mask === undefined || (mask.data as Float32Array)[at] > 0)
      x[Math.floor(at / tokens) * vocabulary + id]++;
  });
  return { ...data, inputs: { x: { dtype: "float32", shape: [size, vocabulary], data: x.map(Math.log1p) } } };
}

/** Pairs as numbers, by those of their things. */
function compared({ paired, ...data }: Dataset): Dataset {
  const apart = Object.entries(data.inputs).map(
    ([
      name,
      {
        shape: [n, , ...shape],
        ...a
      },
    ]): [string, NdArray] => [name, { ...a, shape: [2 * n, ...shape] } as NdArray],
  );
  const singles = inNumbers({ ...data, size: 2 * data.size, inputs: Object.fromEntries(apart) });
  const numbers = singles.inputs.x.data as Float32Array;
  const width = numbers.length / (2 * data.size);
  const x = new Float32Array(numbers.length);
  for (let row = 0; row < data.size; row++)
    for (let j = 0; j < width; j++) {
      const [u, v] = [numbers[2 * row * width + j], numbers[(2 * row + 1) * width + j]];
      x[2 * row * width + j] = Math.abs(u - v);
      x[(2 * row + 1) * width + j] = u * v;
    }
  return { ...data, inputs: { x: { dtype: "float32", shape: [data.size, 2 * width], data: x } } };
}

/** "logistic", or "logistic (2551 rows)" where it does not get all training rows. */
export function referenceName(id: string, train: Dataset): string {
  const { size } = referenceRows(train);
  return size < train.size ? `${id} (${size} rows)` : id;
}

/** An estimator fitted on the training rows of a split, and its scores. */
export function runReference(name: string, estimator: Estimator, prepared: Prepared, seed: number): Trial {
  const start = performance.now();
  const { train, validation, test, preprocessing: pre } = prepared;
  const fitted = estimator.fit(referenceRows(train), seed);
  const [onValidation, onTest] = [validation, test].map((data) => fitted.predict(inNumbers(data)));
  const calibration =
    test.task === "classification" ? calibrated(onValidation, validation, onTest, test) : undefined;
  return {
    candidate: name,
    seed,
    status: "done",
    validation: scoresOf(onValidation, validation, pre),
    test: { ...scoresOf(onTest, test, pre), ...calibration?.scores },
    curve: [],
    robustness: [],
    spectra: [],
    gradientsPerStep: 0,
    steps: 0,
    epochs: 0,
    parameters: 0,
    seconds: (performance.now() - start) / 1000,
  };
}

/** What the thread of a reference line is given. */
export interface ReferenceJob {
  readonly id: string;
  readonly name: string;
  readonly prepared: Prepared;
  readonly seed: number;
}

const self = import.meta.url;

function start(job: ReferenceJob): Worker {
  if (!self.endsWith(".ts")) return new Worker(new URL("./referenceWorker.js", self), { workerData: job });
  const loader = `import(${JSON.stringify(import.meta.resolve("tsx/esm/api"))}).then(({ register }) => {
    register();
    return import(${JSON.stringify(new URL("./referenceWorker.ts", self).href)});
  })`;
  return new Worker(loader, { workerData: job, eval: true });
}

/** Runs a reference line on a thread of its own, so that progress and Ctrl-C stay alive. Throws `interrupted`. */
export function referenceTrial(job: ReferenceJob, signal?: AbortSignal): Promise<Trial> {
  const worker = start(job);
  return new Promise((resolve, reject) => {
    const stop = () => {
      reject(new OckhamError("interrupted", job.name, `${job.name} was stopped`, "run it again"));
      void worker.terminate();
    };
    signal?.addEventListener("abort", stop, { once: true });
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) => {
      signal?.removeEventListener("abort", stop);
      reject(
        new OckhamError(
          "runtime",
          job.name,
          `the thread of ${job.name} ended (exit code ${code})`,
          "use less data",
        ),
      );
    });
  });
}

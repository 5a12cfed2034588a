import { type NdArray, sizeOf } from "../../src/array/ndarray.ts";
import { type Stream, stream } from "../../src/array/random.ts";
import type { Dataset, Leaf, Loss, Model } from "../../src/kinds/index.ts";
import { cnn, languageModel, mlp, nextToken, resnet } from "../../src/nn/index.ts";
import { crossEntropy } from "../../src/parts/losses/crossEntropy.ts";
import { squaredError } from "../../src/parts/losses/squaredError.ts";
import type { Network, Workload } from "./workloads.ts";

export type Arrays = Readonly<Record<string, NdArray>>;

export function modelOf(network: Network): Model {
  switch (network.kind) {
    case "mlp":
      return mlp(network.shape, network.outputs, network.hidden);
    case "cnn":
      return cnn(network.shape, network.outputs, network);
    case "resnet":
      return resnet(network.shape, network.outputs, network);
    case "transformer":
      return languageModel(network.vocabulary, network.tokens, network);
  }
}

/** The dense weights that LoRA changes: all but the head's. */
export const isAdapted = (leaf: Leaf): boolean =>
  leaf.role === "kernel" && leaf.shape.length === 2 && leaf.head !== true;

/** Paths of the two factors of a weight's change, up [out, rank] times down [rank, in]. */
export const factorsOf = ({ path }: Leaf) => ({ down: `lora/${path}/down`, up: `lora/${path}/up` });

type Task = "classification" | "regression" | "tokens";

export const taskOf = ({ network }: Workload): Task =>
  network.kind === "transformer" ? "tokens" : network.outputs === 1 ? "regression" : "classification";

export const lossOf = (workload: Workload): Loss =>
  ({ classification: crossEntropy(), regression: squaredError(), tokens: nextToken })[taskOf(workload)];

const floats = (shape: readonly number[], value: (i: number) => number): NdArray<"float32"> => ({
  dtype: "float32",
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => value(i)),
});

const whole = (shape: readonly number[], value: (i: number) => number): NdArray<"int32"> => ({
  dtype: "int32",
  shape,
  data: Int32Array.from({ length: sizeOf(shape) }, (_, i) => value(i)),
});

/** Texts in which each id is the one before it and a little more. */
function texts(size: number, tokens: number, vocabulary: number, numbers: Stream): Arrays {
  const ids = whole([size, tokens + 1], () => 0).data;
  for (let at = 0; at < ids.length; at++)
    ids[at] =
      at % (tokens + 1) === 0
        ? numbers.integers(vocabulary)
        : (ids[at - 1] + 1 + numbers.integers(3)) % vocabulary;
  const from = (shift: number) =>
    whole([size, tokens], (i) => ids[Math.floor(i / tokens) * (tokens + 1) + (i % tokens) + shift]);
  return { x: from(0), y: from(1) };
}

/** Made-up examples with noise, which cannot be learned by heart within a turn: `x` and `y`, the batches one after another. */
export function examplesOf({
  network,
  batch,
  batches,
}: Pick<Workload, "network" | "batch" | "batches">): Arrays {
  const size = batch * batches;
  const numbers = stream(1).split("bench");
  if (network.kind === "transformer") return texts(size, network.tokens, network.vocabulary, numbers);
  const x = floats([size, ...network.shape], () => numbers.normal());
  const width = sizeOf(network.shape);
  const row = (i: number) => x.data.subarray(i * width, (i + 1) * width);
  if (network.outputs === 1) {
    const surface = ([a, b]: Float32Array) => Math.sin(2 * a) + 0.5 * a * b + 0.1 * numbers.normal();
    return { x, y: floats([size, 1], (i) => surface(row(i))) };
  }
  if (network.outputs === 2) {
    const side = (values: Float32Array) => values.reduce((a, b) => a + b, 0) + 4 * numbers.normal() > 0;
    return { x, y: whole([size], (i) => (side(row(i)) ? 1 : 0)) };
  }
  return { x, y: whole([size], () => numbers.integers(network.outputs)) };
}

/** The examples as a data set for our model. */
export function dataOf(workload: Workload, { x, y }: Arrays): Dataset {
  const { network } = workload;
  const task = taskOf(workload);
  const names = Array.from({ length: task === "classification" ? outputsOf(network) : 0 }, (_, i) => `${i}`);
  const inputs: Arrays = task === "tokens" ? { ids: x } : { x };
  return { name: workload.id, task, size: x.shape[0], inputs, target: y, classes: names };
}

const outputsOf = (network: Network): number =>
  network.kind === "transformer" ? network.vocabulary : network.outputs;

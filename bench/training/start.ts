import type { Words } from "../../src/array/hash.ts";
import { type NdArray, sizeOf } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import { lower } from "../../src/onnx/index.ts";
import { openInline } from "../../src/runtime/index.ts";
import { fold, input } from "../../src/tensor/index.ts";
import { runKey } from "../../src/training/index.ts";
import { type Arrays, examplesOf, factorsOf, isAdapted, modelOf } from "./problem.ts";
import type { Workload } from "./workloads.ts";

export const keyArray = (words: Words): NdArray => ({
  dtype: "uint32",
  shape: [2],
  data: Uint32Array.from(words),
});

/** Initial weights of a workload's model as training draws them, in the model's order and without buffers, one record a seed. */
async function weightsOf({ network, seeds = 1 }: Workload): Promise<Arrays[]> {
  const model = modelOf(network);
  const key = input("key", [2], "uint32");
  const graph = lower({ inputs: { key }, outputs: { ...model.init(fold({ tensor: key }, "model")) } });
  const host = openInline();
  const result: Arrays[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    const { outputs } = await host.run(await host.load(graph), { key: keyArray(runKey(seed)) });
    const paths = model.leaves.filter(({ role }) => role !== "buffer").map(({ path }) => path);
    result.push(Object.fromEntries(paths.map((path) => [path, outputs[path] as NdArray])));
  }
  await host.close();
  return result;
}

/** Arrays of one shape along a new leading axis. */
export const stacked = (parts: readonly NdArray[]): NdArray => {
  const width = sizeOf(parts[0].shape);
  const data = new Float32Array(width * parts.length);
  parts.forEach((part, i) => {
    data.set(part.data as Float32Array, i * width);
  });
  return { dtype: "float32", shape: [parts.length, ...parts[0].shape], data };
};

const normal = (name: string, shape: readonly number[], deviation: number): NdArray => ({
  dtype: "float32",
  shape,
  data: Float32Array.from(stream(2).split(name).normal(sizeOf(shape)).data, (value) => deviation * value),
});

/** What LoRA trains: `down` normal with variance 1 / in, `up` small (it is zero when a person begins, and then moves). */
const loraFactors = ({ network, rank = 0 }: Workload): Arrays =>
  Object.fromEntries(
    modelOf(network)
      .leaves.filter(isAdapted)
      .flatMap((leaf) => {
        const { down, up } = factorsOf(leaf);
        const [out, inputs] = leaf.shape;
        return [
          [down, normal(down, [rank, inputs], Math.sqrt(1 / inputs))],
          [up, normal(up, [out, rank], 0.01)],
        ] as const;
      }),
  );

/**
 * All that every contestant of a workload starts from: `data/x`, `data/y`, `params/...` in the model's order (with
 * several seeds, along a leading axis), `lora/...` factors, `direction/...` for Hessian-vector products.
 */
export async function startOf(workload: Workload): Promise<Arrays> {
  const { x, y } = examplesOf(workload);
  const weights = await weightsOf(workload);
  const paths = Object.keys(weights[0]);
  const value = (path: string) =>
    workload.step === "seeds" ? stacked(weights.map((seed) => seed[path])) : weights[0][path];
  const directions = workload.step === "hvp" ? paths : [];
  return {
    "data/x": x,
    "data/y": y,
    ...Object.fromEntries(paths.map((path) => [`params/${path}`, value(path)])),
    ...(workload.step === "lora" ? loraFactors(workload) : {}),
    ...Object.fromEntries(
      directions.map((path) => [`direction/${path}`, normal(path, weights[0][path].shape, 0.01)]),
    ),
  };
}

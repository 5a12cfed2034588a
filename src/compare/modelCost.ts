import { sizeOf } from "../array/ndarray.ts";
import { type ModelValue, openModel } from "../runtime/index.ts";
import type { Portable } from "./exported.ts";
import { median } from "./statistics.ts";

/** What an exported model costs to keep and to run. */
export interface ModelCost {
  /** Size of the file. */
  readonly bytes: number;
  /** Milliseconds for one row on one thread, median. */
  readonly latency: number;
}

const warmup = 10;
const leastRuns = 30;
const mostRuns = 1000;
/** Milliseconds of measuring, unless `leastRuns` take longer. */
const patience = 60;

/** Size and latency of an exported model. To be called while nothing else runs. */
export async function modelCost(bytes: Uint8Array, preprocessing: Portable): Promise<ModelCost> {
  const model = await openModel(bytes);
  try {
    const row = typicalRow(preprocessing);
    const feeds = Object.fromEntries(model.inputs.map((name, i) => [name, row[i]]));
    for (let run = 0; run < warmup; run++) await model.run(feeds);
    const times: number[] = [];
    for (let spent = 0; times.length < leastRuns || (spent < patience && times.length < mostRuns); ) {
      const { milliseconds } = await model.run(feeds);
      times.push(milliseconds);
      spent += milliseconds;
    }
    return { bytes: bytes.length, latency: median(times) };
  } finally {
    await model.close();
  }
}

/** A row of means and first levels, an image of means, a text of the first id, or the first node. */
function typicalRow(preprocessing: Portable): ModelValue[] {
  if (preprocessing.kind === "table")
    return preprocessing.columns.map((column) =>
      column.kind === "number"
        ? { dtype: "float32", shape: [1, 1], data: Float32Array.of(column.mean) }
        : { dtype: "string", shape: [1, 1], data: [column.levels[0]] },
    );
  if (preprocessing.kind === "text") {
    const shape = [1, preprocessing.tokens];
    const ids = { dtype: "int32", shape, data: new Int32Array(preprocessing.tokens) } as const;
    return [ids, { dtype: "float32", shape, data: new Float32Array(preprocessing.tokens).fill(1) }];
  }
  if (preprocessing.kind === "graph") return [{ dtype: "int32", shape: [1], data: Int32Array.of(0) }];
  const { shape, mean } = preprocessing;
  const area = sizeOf(shape.slice(1));
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => mean[Math.floor(i / area)]);
  return [{ dtype: "float32", shape: [1, ...shape], data }];
}

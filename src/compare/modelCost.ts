import { sizeOf } from "../array/ndarray.ts";
import type { Column, Preprocessing } from "../kinds/index.ts";
import { type ModelValue, openModel } from "../runtime/index.ts";
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
export async function modelCost(bytes: Uint8Array, preprocessing: Preprocessing): Promise<ModelCost> {
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

/** A row of means and first levels, an image of means, a text of the first id, or the first node; such steps, and two of them as a pair. */
function typicalRow(preprocessing: Preprocessing): ModelValue[] {
  switch (preprocessing.kind) {
    case "table":
      return preprocessing.columns.map((column) => typicalCells(column, 1));
    case "sequence": {
      const { of, steps } = preprocessing;
      return [...of.columns.map((column) => typicalCells(column, steps)), ones(steps)];
    }
    case "pair": {
      const thing = typicalRow(preprocessing.of);
      return [...thing, ...thing];
    }
    case "text": {
      const { tokens } = preprocessing;
      return [{ dtype: "int32", shape: [1, tokens], data: new Int32Array(tokens) }, ones(tokens)];
    }
    case "graph":
      return [{ dtype: "int32", shape: [1], data: Int32Array.of(0) }];
    case "image": {
      const { shape, mean } = preprocessing;
      const area = sizeOf(shape.slice(1));
      const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => mean[Math.floor(i / area)]);
      return [{ dtype: "float32", shape: [1, ...shape], data }];
    }
  }
}

const ones = (n: number): ModelValue => ({
  dtype: "float32",
  shape: [1, n],
  data: new Float32Array(n).fill(1),
});

const typicalCells = (column: Column, n: number): ModelValue =>
  column.kind === "number"
    ? { dtype: "float32", shape: [1, n], data: new Float32Array(n).fill(column.mean) }
    : { dtype: "string", shape: [1, n], data: new Array<string>(n).fill(column.levels[0]) };

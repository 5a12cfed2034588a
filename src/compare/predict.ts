import { stat } from "node:fs/promises";
import { join, relative } from "node:path";
import type { NdArray } from "../array/ndarray.ts";
import { decodeImages } from "../data/decode.ts";
import { listFolder, readBytes } from "../data/files.ts";
import { isImagePath } from "../data/images.ts";
import { readFeatures } from "../data/index.ts";
import { badFile } from "../data/names.ts";
import { isTablePath, readRaw } from "../data/raw.ts";
import { columnOf, textsOf } from "../data/rawTable.ts";
import { encodeTexts, type TextPreprocessing } from "../data/text/index.ts";
import { textsFrom } from "../data/text/read.ts";
import { OckhamError } from "../error.ts";
import type { Column, Preprocessing } from "../kinds/index.ts";
import { type ModelValue, openModel } from "../runtime/index.ts";
import { type Continuations, continueTexts } from "./continue.ts";
import { type ExportedModel, type Portable, readExported } from "./exported.ts";
import { writeWhole } from "./store.ts";

type TablePreprocessing = Preprocessing & { kind: "table" };
type ImagePreprocessing = Preprocessing & { kind: "image" };
type GraphPreprocessing = Preprocessing & { kind: "graph" };

/** What a model says of new rows, in their order. */
export type Predictions =
  | {
      readonly task: "classification";
      readonly target: string;
      readonly classes: readonly string[];
      readonly labels: readonly string[];
      /** By row and class. */
      readonly probabilities: readonly (readonly number[])[];
      /** Names of the image files, where the rows are images. */
      readonly files?: readonly string[];
    }
  | {
      readonly task: "regression";
      readonly target: string;
      /** By row and output, in the target's own unit. */
      readonly values: readonly (readonly number[])[];
      readonly files?: readonly string[];
    }
  | Continuations;

async function readTextRows(path: string, pre: TextPreprocessing): Promise<Raw> {
  const { texts, files } = await textsFrom(path, pre.column);
  return {
    rows: texts.length,
    ...(files && { files }),
    feeds: async (from, to) => {
      const { ids, mask } = encodeTexts(pre, texts.slice(from, to));
      return [ids, mask] as ModelValue[];
    },
  };
}

export interface PredictOptions {
  /** A CSV file to write the predictions to. */
  readonly out?: string;
  /** Texts that mean "missing" in a table, besides the empty cell; by default NA, N/A, NaN, null and ?. */
  readonly missing?: readonly string[];
}

/** Raw inputs of some rows, in the order of the model's inputs. */
interface Raw {
  readonly rows: number;
  readonly files?: readonly string[];
  feeds(from: number, to: number): Promise<ModelValue[]>;
}

/** Rows that run at once. */
const tableRows = 4096;
const imageRows = 64;

/**
 * Predictions of an exported model for the rows of a table (CSV, TSV, Parquet, JSON, NDJSON, or .gz of one; it needs the
 * columns the model was trained on and may have more), for a PNG or JPEG image, or for all of them in a folder and the
 * folders in it. Images are scaled to the model's size. A model of texts takes a .txt file, a folder of them, or a table
 * with the column of texts; one that continues texts says how well it does, and how it would go on. A model of a graph
 * takes a table with the names of nodes.
 *
 * Throws `bad-file` for a model or data that is missing or not whole, `unknown-name` for a missing column (names the
 * nearest), `bad-data` for a text among numbers, `conflict` for images given to a model of tables or the other way
 * round, `cannot-write`.
 */
export async function predictFile(
  modelPath: string,
  dataPath: string,
  options: PredictOptions = {},
): Promise<Predictions> {
  const bytes = await readBytes(modelPath);
  const exported = readExported(bytes, modelPath);
  const predictions = await predicted(bytes, exported, modelPath, dataPath, options);
  if (options.out !== undefined) await writeWhole(options.out, predictionsCsv(predictions));
  return predictions;
}

async function predicted(
  bytes: Uint8Array,
  exported: ExportedModel,
  modelPath: string,
  dataPath: string,
  options: PredictOptions,
): Promise<Predictions> {
  const { preprocessing, task } = exported;
  if (preprocessing.kind === "text" && task === "tokens")
    return continueTexts(bytes, exported, preprocessing, modelPath, dataPath);
  return predictRows(bytes, exported, await readRows(dataPath, preprocessing, options), modelPath);
}

async function predictRows(
  bytes: Uint8Array,
  exported: ExportedModel,
  { rows, files, feeds }: Raw,
  path: string,
): Promise<Predictions> {
  const { task, inputs, outputs, preprocessing } = exported;
  const { target, classes } = preprocessing;
  const step = preprocessing.kind === "table" ? tableRows : imageRows;
  const numbers: number[][] = [];
  const labels: string[] = [];
  const model = await openModel(bytes, { name: path });
  try {
    for (let from = 0; from < rows; from += step) {
      const values = await feeds(from, Math.min(rows, from + step));
      const given = Object.fromEntries(inputs.map((name, i) => [name, values[i]]));
      const results = (await model.run(given)).outputs;
      numbers.push(...rowsOf(results[outputs[0]] as NdArray));
      if (task === "classification") labels.push(...(results[outputs[1]].data as string[]));
    }
  } finally {
    await model.close();
  }
  const named = files === undefined ? {} : { files };
  return task === "classification"
    ? { task, target, classes, labels, probabilities: numbers, ...named }
    : { task: "regression", target, values: numbers, ...named };
}

function rowsOf({ shape: [n, width], data }: NdArray): number[][] {
  const values = data as Float32Array;
  return Array.from({ length: n }, (_, i) => Array.from(values.subarray(i * width, (i + 1) * width)));
}

async function readRows(path: string, preprocessing: Portable, options: PredictOptions): Promise<Raw> {
  const folder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
  if (preprocessing.kind === "text") return readTextRows(path, preprocessing);
  if (preprocessing.kind === "graph") return readNodeRows(path, preprocessing);
  const images = folder || isImagePath(path);
  if (preprocessing.kind === "table" && images)
    throw mismatch(
      path,
      `${path} ${folder ? "is a folder" : "is an image"}, the model takes a table`,
      "a table",
    );
  if (preprocessing.kind === "image" && !images && isTablePath(path))
    throw mismatch(path, `${path} is a table, the model takes images`, "an image or a folder of images");
  return preprocessing.kind === "table"
    ? readTableRows(path, preprocessing, options)
    : readImageRows(path, preprocessing, folder);
}

const mismatch = (path: string, problem: string, wanted: string) =>
  new OckhamError("conflict", path, problem, `give ${wanted}`);

async function readTableRows(path: string, pre: TablePreprocessing, options: PredictOptions): Promise<Raw> {
  const columns = pre.columns.map(
    (column): Column =>
      // read by the rules for the model's columns, but not scaled: missing numbers stay NaN
      column.kind === "number" ? { ...column, mean: 0, spread: 1, fill: Number.NaN } : column,
  );
  const reading = options.missing === undefined ? {} : { missing: options.missing };
  const table = await readFeatures(path, { ...pre, columns }, reading);
  return {
    rows: table.shape[0],
    feeds: async (from, to) => columns.map((column) => rawColumn(table, column, from, to)),
  };
}

async function readNodeRows(path: string, { nodes, column }: GraphPreprocessing): Promise<Raw> {
  const table = await readRaw(path);
  const numbers = new Map(nodes.map((name, i) => [name, i]));
  const asked = textsOf(columnOf(table, column, "the names of the nodes")).map((name, row) => {
    const number = numbers.get(name ?? "");
    if (number !== undefined) return number;
    throw new OckhamError(
      "bad-data",
      column,
      `${table.where.row(row)}: ${JSON.stringify(name ?? "")} is no node of the graph that the model has learned`,
      "ask about its nodes; a graph with others needs a model of its own",
    );
  });
  return {
    rows: asked.length,
    feeds: async (from, to) => [
      { dtype: "int32", shape: [to - from], data: Int32Array.from(asked.slice(from, to)) },
    ],
  };
}

/** Some rows of a column: its numbers, or the texts of its levels (empty where none is marked). */
function rawColumn(table: NdArray<"float32">, column: Column, from: number, to: number): ModelValue {
  const width = table.shape[1];
  const shape = [to - from, 1];
  const places = Array.from({ length: to - from }, (_, i) => (from + i) * width + column.at);
  if (column.kind === "number")
    return { dtype: "float32", shape, data: Float32Array.from(places, (at) => table.data[at]) };
  const level = (at: number) => column.levels[table.data.subarray(at, at + column.width).indexOf(1)] ?? "";
  return { dtype: "string", shape, data: places.map(level) };
}

async function readImageRows(path: string, pre: ImagePreprocessing, folder: boolean): Promise<Raw> {
  const paths = folder ? await imagesIn(path) : [path];
  if (paths.length === 0) throw badFile(path, "holds no PNG or JPEG images", "give a folder of images");
  const [channels, height, width] = pre.shape;
  if (channels !== 1 && channels !== 3)
    throw mismatch(
      path,
      `${path} holds images, the model takes ${channels} channels`,
      "arrays of that shape",
    );
  return {
    rows: paths.length,
    files: paths.map((file) => (folder ? relative(path, file) : file)),
    feeds: async (from, to) => {
      const encoded = paths.slice(from, to).map((file) => ({ name: file, from: file }));
      const { data, full } = await decodeImages(encoded, height, width, channels);
      const pixels = Float32Array.from(data, (pixel) => pixel / full);
      return [{ dtype: "float32", shape: [to - from, channels, height, width], data: pixels }];
    },
  };
}

async function imagesIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await listFolder(folder)) {
    if (name.startsWith(".")) continue;
    const path = join(folder, name);
    if ((await stat(path)).isDirectory()) found.push(...(await imagesIn(path)));
    else if (isImagePath(name)) found.push(path);
  }
  return found;
}

/** Texts that were continued as a CSV file. */
function continuationsCsv({ files, texts }: Continuations): string {
  const heads = ["file", "tokens", "loss", "bits a character", "next-token accuracy", "goes on"];
  const lines = texts.map(({ tokens, loss, bitsPerCharacter, nextTokenAccuracy, next }, i) => [
    files[i],
    `${tokens}`,
    ...[loss, bitsPerCharacter, nextTokenAccuracy].map(shown),
    next,
  ]);
  return [heads, ...lines].map((line) => `${line.map(cell).join(",")}\n`).join("");
}

const cell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** As many digits as a float32 holds; nothing where there is no number. */
const shown = (value: number): string => (Number.isNaN(value) ? "" : String(Number(value.toPrecision(7))));

/**
 * Predictions as a CSV file, a line a row; for texts that are continued the scores and how they go on: `label` and one `p(class)` a class, or `value` (`value 1`, `value 2`, ...
 * where there are several); for images `file` first.
 */
export function predictionsCsv(predictions: Predictions): string {
  if (predictions.task === "tokens") return continuationsCsv(predictions);
  const { files } = predictions;
  const numbers = predictions.task === "classification" ? predictions.probabilities : predictions.values;
  const several = (numbers[0]?.length ?? 1) > 1;
  const heads =
    predictions.task === "classification"
      ? ["label", ...predictions.classes.map((name) => `p(${name})`)]
      : (numbers[0] ?? [0]).map((_, i) => (several ? `value ${i + 1}` : "value"));
  const lines = numbers.map((row, i) => [
    ...(files === undefined ? [] : [files[i]]),
    ...(predictions.task === "classification" ? [predictions.labels[i]] : []),
    ...row.map(shown),
  ]);
  const all = [[...(files === undefined ? [] : ["file"]), ...heads], ...lines];
  return all.map((line) => `${line.map(cell).join(",")}\n`).join("");
}

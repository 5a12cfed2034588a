import { stat } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import type { NdArray } from "../array/ndarray.ts";
import { decodeImages, sizesOf } from "../data/decode.ts";
import { encodeClasses } from "../data/encodeClasses.ts";
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
  | {
      readonly task: "segmentation";
      readonly target: string;
      readonly classes: readonly string[];
      /** [height, width] of the masks: the model's. */
      readonly size: readonly [number, number];
      readonly files: readonly string[];
      /** The class number of each pixel, row by row, by file. */
      readonly masks: readonly (readonly number[])[];
      /** The share of the pixels by file and class. */
      readonly shares: readonly (readonly number[])[];
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

type MaskPredictions = Predictions & { readonly task: "segmentation" };

export interface PredictOptions {
  /** A CSV file to write the predictions to; for a class a pixel a folder, for a mask an image, as large as that. */
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
 * takes a table with the names of nodes. Where a class a pixel is predicted, the masks have the model's size, and those
 * that are written that of their images.
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
  if (options.out === undefined) return predictions;
  if (predictions.task === "segmentation") await writeMasks(predictions, dataPath, options.out);
  else await writeWhole(options.out, predictionsCsv(predictions));
  return predictions;
}

/** The masks as images beside each other, by the names of the images; folders in folders as there. */
async function writeMasks(found: MaskPredictions, dataPath: string, out: string): Promise<void> {
  const { classes, size, files, masks } = found;
  const bare = files.map((file) => file.replace(/\.[^./\\]*$/, ""));
  const single = (await stat(dataPath)).isFile();
  for (const [i, file] of files.entries()) {
    const from = single ? file : join(dataPath, file);
    // a.png and a.jpg have masks of their own
    const name = bare.indexOf(bare[i]) === bare.lastIndexOf(bare[i]) ? bare[i] : file;
    const [original] = await sizesOf([{ name: from, from }]);
    const png = await encodeClasses(masks[i], size, classes, original);
    await writeWhole(join(out, `${single ? basename(name) : name}.png`), png);
  }
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
  const raw = await readRows(dataPath, preprocessing, options);
  return task === "segmentation"
    ? predictMasks(bytes, exported, raw, modelPath)
    : predictRows(bytes, exported, raw, modelPath);
}

/** What the model makes of some rows at a time, by output. */
async function* batchesOf(
  bytes: Uint8Array,
  { inputs, preprocessing }: ExportedModel,
  { rows, feeds }: Raw,
  path: string,
): AsyncGenerator<Readonly<Record<string, ModelValue>>> {
  const step = preprocessing.kind === "table" ? tableRows : imageRows;
  const model = await openModel(bytes, { name: path });
  try {
    for (let from = 0; from < rows; from += step) {
      const values = await feeds(from, Math.min(rows, from + step));
      yield (await model.run(Object.fromEntries(inputs.map((name, i) => [name, values[i]])))).outputs;
    }
  } finally {
    await model.close();
  }
}

async function predictMasks(
  bytes: Uint8Array,
  exported: ExportedModel,
  raw: Raw,
  path: string,
): Promise<MaskPredictions> {
  const { preprocessing, outputs } = exported;
  const { target, classes } = preprocessing;
  const masks: number[][] = [];
  let size: readonly [number, number] = [0, 0];
  for await (const results of batchesOf(bytes, exported, raw, path)) {
    const { shape, data } = results[outputs[1]] as NdArray<"int32">;
    size = [shape[1], shape[2]];
    masks.push(...rowsOf({ shape: [shape[0], shape[1] * shape[2]], data }));
  }
  const shares = masks.map((mask) =>
    classes.map((_, number) => mask.filter((one) => one === number).length / mask.length),
  );
  return { task: "segmentation", target, classes, size, files: raw.files ?? [], masks, shares };
}

async function predictRows(
  bytes: Uint8Array,
  exported: ExportedModel,
  raw: Raw,
  path: string,
): Promise<Predictions> {
  const { task, outputs, preprocessing } = exported;
  const { target, classes } = preprocessing;
  const numbers: number[][] = [];
  const labels: string[] = [];
  for await (const results of batchesOf(bytes, exported, raw, path)) {
    numbers.push(...rowsOf(results[outputs[0]] as NdArray<"float32">));
    if (task === "classification") labels.push(...(results[outputs[1]].data as string[]));
  }
  const named = raw.files === undefined ? {} : { files: raw.files };
  return task === "classification"
    ? { task, target, classes, labels, probabilities: numbers, ...named }
    : { task: "regression", target, values: numbers, ...named };
}

function rowsOf({
  shape: [n, width],
  data,
}: Pick<NdArray<"float32" | "int32">, "shape" | "data">): number[][] {
  return Array.from({ length: n }, (_, i) => Array.from(data.subarray(i * width, (i + 1) * width)));
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

const sharesCsv = ({ files, classes, shares }: MaskPredictions): string =>
  [
    ["file", ...classes.map((name) => `share(${name})`)],
    ...shares.map((row, i) => [files[i], ...row.map(shown)]),
  ]
    .map((line) => `${line.map(cell).join(",")}\n`)
    .join("");

const cell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** As many digits as a float32 holds; nothing where there is no number. */
const shown = (value: number): string => (Number.isNaN(value) ? "" : String(Number(value.toPrecision(7))));

/**
 * Predictions as a CSV file, a line a row: `label` and one `p(class)` a class, or `value` (`value 1`, `value 2`, ... where
 * there are several); for images `file` first. For a class a pixel one `share(class)` a class; for texts that are
 * continued the scores and how they go on.
 */
export function predictionsCsv(predictions: Predictions): string {
  if (predictions.task === "tokens") return continuationsCsv(predictions);
  if (predictions.task === "segmentation") return sharesCsv(predictions);
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

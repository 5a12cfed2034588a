import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { NdArray } from "../array/ndarray.ts";
import { sizesOf } from "../data/decode.ts";
import { encodeClasses } from "../data/encodeClasses.ts";
import { readBytes } from "../data/files.ts";
import { type ModelValue, openModel } from "../runtime/index.ts";
import { type Continuations, continueTexts } from "./continue.ts";
import { type ExportedModel, readExported } from "./exported.ts";
import { type RawRows, type RowOptions, readRows } from "./rawRows.ts";
import { writeWhole } from "./store.ts";

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
      /** What the sequences are called, where the rows are steps. */
      readonly sequences?: readonly string[];
    }
  | {
      readonly task: "regression";
      readonly target: string;
      /** By row and output, in the target's own unit. */
      readonly values: readonly (readonly number[])[];
      readonly files?: readonly string[];
      readonly sequences?: readonly string[];
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

type MaskPredictions = Predictions & { readonly task: "segmentation" };

export interface PredictOptions extends RowOptions {
  /** A CSV file to write the predictions to; for a class a pixel a folder, for a mask an image, as large as that. */
  readonly out?: string;
}

/** Rows that run at once. */
const tableRows = 4096;
const imageRows = 64;

/**
 * Predictions of an exported model for the rows of a table (CSV, TSV, Parquet, JSON, NDJSON, or .gz of one; it needs the
 * columns the model was trained on and may have more), for a PNG or JPEG image, or for all of them in a folder and the
 * folders in it. Images are scaled to the model's size. A model of texts takes a .txt file, a folder of them, or a table
 * with the column of texts; one that continues texts says how well it does, and how it would go on. A model of a graph
 * takes a table with the names of nodes, one of sequences a table with a step a row, and one of pairs a table with the
 * columns of both sides, or with the names of two images. Where a class a pixel is predicted, the masks have the model's
 * size, and those that are written that of their images.
 *
 * Throws `bad-file` for a model or data that is missing or not whole, `unknown-name` for a missing column (names the
 * nearest), `bad-data` for a text among numbers, a node that is not in the graph and a sequence longer than those that
 * the model was trained on, `conflict` for images given to a model of tables or the other way round, `bad-option` for
 * `images` where none are pairs, `cannot-write`.
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
  const raw = await readRows(dataPath, exported, options);
  return task === "segmentation"
    ? predictMasks(bytes, exported, raw, modelPath)
    : predictRows(bytes, exported, raw, modelPath);
}

/** What the model makes of some rows at a time, by output. */
async function* batchesOf(
  bytes: Uint8Array,
  { inputs, preprocessing }: ExportedModel,
  { rows, feeds }: RawRows,
  path: string,
): AsyncGenerator<Readonly<Record<string, ModelValue>>> {
  const { kind } = preprocessing.kind === "pair" ? preprocessing.of : preprocessing;
  const step = kind === "table" ? tableRows : imageRows;
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
  raw: RawRows,
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
  raw: RawRows,
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
  const { files, sequences } = raw;
  const named = { ...(files && { files }), ...(sequences && { sequences }) };
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
 * there are several); for images `file` first, for sequences `sequence`. For a class a pixel one `share(class)` a class; for texts that are
 * continued the scores and how they go on.
 */
export function predictionsCsv(predictions: Predictions): string {
  if (predictions.task === "tokens") return continuationsCsv(predictions);
  if (predictions.task === "segmentation") return sharesCsv(predictions);
  const { files, sequences } = predictions;
  const leading = files
    ? { head: "file", cells: files }
    : sequences && { head: "sequence", cells: sequences };
  const numbers = predictions.task === "classification" ? predictions.probabilities : predictions.values;
  const several = (numbers[0]?.length ?? 1) > 1;
  const heads =
    predictions.task === "classification"
      ? ["label", ...predictions.classes.map((name) => `p(${name})`)]
      : (numbers[0] ?? [0]).map((_, i) => (several ? `value ${i + 1}` : "value"));
  const lines = numbers.map((row, i) => [
    ...(leading ? [leading.cells[i]] : []),
    ...(predictions.task === "classification" ? [predictions.labels[i]] : []),
    ...row.map(shown),
  ]);
  const all = [[...(leading ? [leading.head] : []), ...heads], ...lines];
  return all.map((line) => `${line.map(cell).join(",")}\n`).join("");
}

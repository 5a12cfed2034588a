import { stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { NdArray } from "../array/ndarray.ts";
import type { Reading } from "../data/cells.ts";
import { decodeImages } from "../data/decode.ts";
import { listFolder } from "../data/files.ts";
import { isImagePath } from "../data/images.ts";
import { badFile } from "../data/names.ts";
import { imagesOfPairs } from "../data/pairFiles.ts";
import { sidedName, sides } from "../data/pairs.ts";
import { isTablePath, readRaw } from "../data/raw.ts";
import { columnOf, type RawTable, textsOf } from "../data/rawTable.ts";
import { encodeRows } from "../data/rows.ts";
import { inOrder, stepsIn } from "../data/sequences.ts";
import { encodeTexts, type TextPreprocessing } from "../data/text/index.ts";
import { textsFrom } from "../data/text/read.ts";
import { OckhamError } from "../error.ts";
import type { Column, Preprocessing } from "../kinds/index.ts";
import type { ModelValue } from "../runtime/index.ts";
import type { ExportedModel } from "./exported.ts";

type Of<Kind extends Preprocessing["kind"]> = Extract<Preprocessing, { kind: Kind }>;

/** How rows are to be read, where the model cannot tell. */
export interface RowOptions extends Pick<Reading, "missing"> {
  /** The folder with the images that a table of pairs names; the table's own unless told. */
  readonly images?: string;
}

/** Raw inputs of some rows, in the order of the model's inputs. */
export interface RawRows {
  readonly rows: number;
  /** What they are called: files of images and texts, or sequences. */
  readonly files?: readonly string[];
  readonly sequences?: readonly string[];
  feeds(from: number, to: number): Promise<ModelValue[]>;
}

/** The rows of a file or folder, of the same form as the data that a model was trained on. Throws what `predictFile` says of data. */
export async function readRows(
  path: string,
  { preprocessing, inputs }: Pick<ExportedModel, "preprocessing" | "inputs">,
  options: RowOptions,
): Promise<RawRows> {
  const { kind } = preprocessing;
  const ofImages = kind === "pair" && preprocessing.of.kind === "image";
  if (options.images !== undefined && !ofImages)
    throw new OckhamError(
      "bad-option",
      "images",
      `${path} has no use for a folder of images: the model does not take pairs of them`,
      "leave it out",
    );
  if (kind === "text") {
    const { texts, files } = await textsFrom(path, preprocessing.column);
    return { ...textRows(texts, preprocessing), ...(files && { files }) };
  }
  const folder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
  if (kind === "image") return imagesAt(path, preprocessing, folder);
  if (folder || isImagePath(path))
    throw mismatch(path, `${folder ? "is a folder" : "is an image"}, the model takes a table`, "a table");
  const table = await readRaw(path);
  switch (kind) {
    case "table":
      return tableRows(table, preprocessing.columns, options);
    case "graph":
      return nodeRows(table, preprocessing);
    case "sequence":
      return sequenceRows(table, preprocessing, inputs.length > preprocessing.of.columns.length, options);
    case "pair":
      return pairRows(table, preprocessing, options);
  }
}

const mismatch = (path: string, problem: string, wanted: string) =>
  new OckhamError("conflict", path, `${path} ${problem}`, `give ${wanted}`);

function textRows(texts: readonly string[], pre: TextPreprocessing): RawRows {
  return {
    rows: texts.length,
    feeds: async (from, to) => {
      const { ids, mask } = encodeTexts(pre, texts.slice(from, to));
      return [ids, mask] as ModelValue[];
    },
  };
}

/** The cells of some columns, by rows of the table; -1 for none, which is a missing cell. */
type Cells = (rows: Int32Array, shape: readonly number[]) => ModelValue[];

/** Cells read by the rules for the model's columns, but not scaled: missing numbers stay NaN. */
function cellsOf(table: RawTable, learned: readonly Column[], { missing }: RowOptions): Cells {
  const columns = learned.map(
    (column): Column =>
      column.kind === "number" ? { ...column, mean: 0, spread: 1, fill: Number.NaN } : column,
  );
  const read = encodeRows(table, columns, missing === undefined ? {} : { missing });
  return (rows, shape) => columns.map((column) => rawColumn(read, column, rows, shape));
}

/** Numbers, or the texts of levels (empty where none is marked). */
function rawColumn(
  { shape: [, width], data }: NdArray<"float32">,
  { at, ...column }: Column,
  rows: Int32Array,
  shape: readonly number[],
): ModelValue {
  if (column.kind === "number") {
    const numbers = Float32Array.from(rows, (row) => (row < 0 ? Number.NaN : data[row * width + at]));
    return { dtype: "float32", shape, data: numbers };
  }
  const levels = Array.from(rows, (row) => {
    if (row < 0) return "";
    const from = row * width + at;
    return column.levels[data.subarray(from, from + column.width).indexOf(1)] ?? "";
  });
  return { dtype: "string", shape, data: levels };
}

function tableRows(table: RawTable, columns: readonly Column[], options: RowOptions): RawRows {
  const cells = cellsOf(table, columns, options);
  return {
    rows: table.rows,
    feeds: async (from, to) =>
      cells(
        Int32Array.from({ length: to - from }, (_, i) => from + i),
        [to - from, 1],
      ),
  };
}

function nodeRows(table: RawTable, { nodes, column }: Of<"graph">): RawRows {
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

function sequenceRows(table: RawTable, pre: Of<"sequence">, masked: boolean, options: RowOptions): RawRows {
  const { steps, column, time, of } = pre;
  const known = stepsIn(table, column);
  const names = [...known.keys()];
  const sequences = inOrder(table, time, [...known.values()]);
  sequences.forEach((own, i) => {
    checkLength(own, `${table.where.row(known.get(names[i])?.[0] ?? 0)}: sequence ${names[i]}`, pre, masked);
  });
  const cells = cellsOf(table, of.columns, options);
  return {
    rows: sequences.length,
    sequences: names,
    feeds: async (from, to) => {
      const shape = [to - from, steps];
      const rows = new Int32Array((to - from) * steps).fill(-1);
      for (let i = from; i < to; i++) rows.set(sequences[i].subarray(0, steps), (i - from) * steps);
      const mask: ModelValue = {
        dtype: "float32",
        shape,
        data: Float32Array.from(rows, (row) => +(row >= 0)),
      };
      return [...cells(rows, shape), mask];
    },
  };
}

/** Throws `bad-data` for a sequence of a length that training knew nothing of. */
function checkLength(
  { length }: Int32Array,
  sequence: string,
  { steps, cut, column }: Of<"sequence">,
  masked: boolean,
): void {
  const [longer, shorter] = [length > steps && !cut, length < steps && !masked];
  if (!longer && !shorter) return;
  const known = masked ? `at most ${steps}` : `${steps}, all of them,`;
  throw new OckhamError(
    "bad-data",
    column,
    `${sequence} has ${length} steps, and those that the model was trained on had ${known}`,
    longer
      ? "shorten it, or train with --tokens, which cuts sequences there and here"
      : "train on sequences that differ in length",
  );
}

async function pairRows(table: RawTable, { of }: Of<"pair">, options: RowOptions): Promise<RawRows> {
  const [left, right] =
    of.kind === "image" ? await imageSides(table, of, options) : sidesOf(table, of, options);
  return {
    rows: table.rows,
    feeds: async (from, to) => [...(await left.feeds(from, to)), ...(await right.feeds(from, to))],
  };
}

async function imageSides(table: RawTable, of: Of<"image">, { images }: RowOptions): Promise<RawRows[]> {
  const hint =
    images === undefined ? "say where the images are (--images), or put the table beside them" : undefined;
  const paths = await imagesOfPairs(table, images ?? dirname(table.path), hint);
  return paths.map((own) => imageRows(own, of));
}

/** What a table says of either side. */
function sidesOf(table: RawTable, of: Preprocessing, options: RowOptions): RawRows[] {
  const names = table.columns.map(({ name }) => name);
  return sides.map((side) => {
    const named = (base: string) => sidedName(names, side, base) ?? `${side}_${base}`;
    if (of.kind === "table") {
      const columns = of.columns.map((column) => ({ ...column, name: named(column.name) }));
      return tableRows(table, columns, options);
    }
    if (of.kind === "text" && of.column !== undefined) {
      const cells = textsOf(columnOf(table, named(of.column), `the texts of the ${side} side`));
      return textRows(
        cells.map((cell) => cell ?? ""),
        of,
      );
    }
    throw mismatch(
      table.path,
      "is a table, the model takes pairs of something else",
      "what it was trained on",
    );
  });
}

async function imagesAt(path: string, pre: Of<"image">, folder: boolean): Promise<RawRows> {
  if (!folder && !isImagePath(path) && isTablePath(path))
    throw mismatch(path, "is a table, the model takes images", "an image or a folder of images");
  const paths = folder ? await imagesIn(path) : [path];
  if (paths.length === 0) throw badFile(path, "holds no PNG or JPEG images", "give a folder of images");
  const [channels] = pre.shape;
  if (channels !== 1 && channels !== 3)
    throw mismatch(path, `holds images, the model takes ${channels} channels`, "arrays of that shape");
  const files = paths.map((file) => (folder ? relative(path, file) : file));
  return { ...imageRows(paths, pre), files };
}

function imageRows(paths: readonly string[], { shape: [channels, height, width] }: Of<"image">): RawRows {
  return {
    rows: paths.length,
    feeds: async (from, to) => {
      const encoded = paths.slice(from, to).map((file) => ({ name: file, from: file }));
      const { data, full } = await decodeImages(encoded, height, width, channels === 1 ? 1 : 3);
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

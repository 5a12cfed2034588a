import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { nearest, OckhamError } from "../error.ts";
import { readNpyPair, readNpzSource } from "./arrayFiles.ts";
import type { ArrayOptions } from "./arrays.ts";
import { listed } from "./cells.ts";
import type { FetchOptions } from "./fetched.ts";
import { fetchDataset, fetchedDatasets } from "./fetched.ts";
import { checkFile, listFolder } from "./files.ts";
import { readGraph } from "./graphFiles.ts";
import { idxSource } from "./idx.ts";
import { readIdxPart } from "./idxFiles.ts";
import { type ImageOptions, readImages } from "./images.ts";
import { badFile, plainName } from "./names.ts";
import { readPairs } from "./pairFiles.ts";
import { isTablePath } from "./raw.ts";
import { readSequences } from "./sequenceFiles.ts";
import { datasets, type Listing, loadDataset } from "./shipped.ts";
import type { Source } from "./source.ts";
import { readTable, tableColumns } from "./table.ts";
import type { TableOptions } from "./tabular.ts";
import type { Tokenizer, Units } from "./text/index.ts";
import { readTexts } from "./text/read.ts";
import { toys } from "./toy.ts";

export { readNpyPair, readNpzSource } from "./arrayFiles.ts";
export { type ArrayOptions, arraySource, npzSource } from "./arrays.ts";
export { type BagOptions, inBags } from "./bags.ts";
export { encodeColumns, type Feature, tableSource } from "./columns.ts";
export { type CommunityOptions, communities } from "./communities.ts";
export { type CsvOptions, csvSource } from "./csv.ts";
export { cacheFolder } from "./download.ts";
export { type FetchOptions, fetchDataset, fetchedDatasets } from "./fetched.ts";
export { readGraph } from "./graphFiles.ts";
export { type GraphOptions, type Nodes, nodeSource } from "./graphs.ts";
export { type IdxPart, idxPart, idxSource, readIdx } from "./idx.ts";
export { readIdxFile, readIdxPart } from "./idxFiles.ts";
export { type ImageOptions, readImages } from "./images.ts";
export { readMasks } from "./masks.ts";
export { withLabelNoise, withNoisyTarget } from "./noise.ts";
export { readImagePairs, readPairs } from "./pairFiles.ts";
export { type PairOptions, pairSource } from "./pairs.ts";
export { imageSource, type Pixels } from "./pixels.ts";
export { asReconstruction } from "./reconstruction.ts";
export { readFeatures } from "./rows.ts";
export { readSequences } from "./sequenceFiles.ts";
export { type SequenceTableOptions, sequenceSource } from "./sequences.ts";
export { type ShapeOptions, shapes } from "./shapes.ts";
export { datasets, type Listing, loadDataset } from "./shipped.ts";
export type { Description, Origin, Source, Target } from "./source.ts";
export { partSizes, type Split, type SplitOptions, split, splitBy, splitSizes } from "./split.ts";
export { readTable, tableColumns } from "./table.ts";
export type { TableOptions } from "./tabular.ts";
export * from "./text/index.ts";
export { type ReadTextOptions, readTexts } from "./text/read.ts";
export { readTokenizer } from "./text/tokenizerFile.ts";
export { gaussianClusters, sparseRegression, spirals, type ToyOptions, twoMoons } from "./toy.ts";
export { twins } from "./twins.ts";
export { waves } from "./waves.ts";

/** What may be said about data of any kind; what a kind has no use for is refused. */
export interface OpenOptions
  extends Partial<Omit<TableOptions, "origin" | "text" | "texts">>,
    Omit<ImageOptions, "origin">,
    FetchOptions {
  /** Of the toy problems; default 0. */
  readonly seed?: number;
  /** The edges of a graph whose nodes are the rows of the table: another table. */
  readonly edges?: string;
  /** The column with the nodes' names: `id` where there is one, else the first, unless told. */
  readonly id?: string;
  /** The column that says which sequence a row of a table is a step of; true for arrays of sequences. */
  readonly sequence?: string | true;
  /** Rows of a table are pairs: columns left_... and right_... */
  readonly pairs?: boolean;
  /** The column of a table that holds texts; true for plain texts. */
  readonly text?: string | true;
  /** A tokenizer by name (characters, words, bytes), or one of one's own. */
  readonly tokenizer?: Units | Tokenizer;
}

/** Every data set known by name: shipped, fetched, and the toy problems' names. */
export function knownNames(): string[] {
  return [...datasets(), ...fetchedDatasets()].map((one: Listing) => one.name).concat(...toys.keys());
}

/**
 * Data by name or path: a shipped set, a fetched set, a toy problem; a table (.csv, .tsv, .parquet, .json,
 * .ndjson, or .gz of one; needs `target`); .npz, or a folder with x.npy and y.npy; an IDX file of images with
 * the file of its labels beside it; a folder of images; with `text`, a table's column of texts, a .txt file or a folder
 * of them; with `edges`, the nodes of a graph; with `pairs`, rows that are pairs; with `sequence`,
 * rows that are steps of sequences. A name wins over a file that is called the same: write
 * ./digits for the file.
 *
 * Throws `unknown-name` where there is neither such a name nor such a file, with the nearest one;
 * `bad-option` for a table without `target` and for options that this kind of data has no use for.
 */
export async function openData(nameOrPath: string, options: OpenOptions = {}): Promise<Source> {
  const toy = toys.get(nameOrPath);
  if (toy !== undefined) {
    allow(nameOrPath, options, ["seed"]);
    return toy({ seed: options.seed ?? 0 });
  }
  const shipped = datasets().find((one) => one.name === nameOrPath);
  if (shipped !== undefined) {
    allow(nameOrPath, options, shipped.task === "tokens" ? ["text", ...textOptions] : []);
    return loadDataset(nameOrPath, options);
  }
  if (fetchedDatasets().some((one) => one.name === nameOrPath)) {
    const { task } = fetchedDatasets().find((one) => one.name === nameOrPath) as Listing;
    const ofTexts = task === "tokens" ? (["text", ...textOptions] as const) : [];
    allow(nameOrPath, options, ["local", "cache", "signal", ...ofTexts]);
    return fetchDataset(nameOrPath, options);
  }
  const found = await stat(nameOrPath).catch(() => undefined);
  if (found === undefined) throw await unknown(nameOrPath);
  if (options.text === true) {
    allow(nameOrPath, options, ["text", "name", ...textOptions]);
    return readTexts(nameOrPath, options);
  }
  return found.isDirectory() ? openFolder(nameOrPath, options) : openFile(nameOrPath, options);
}

const textOptions = ["tokenizer", "tokens", "vocabulary"] as const;

async function openFolder(folder: string, options: OpenOptions): Promise<Source> {
  const names = await listFolder(folder);
  if (names.includes("x.npy") && names.includes("y.npy")) {
    allow(folder, options, ["name", "task", "sequence"]);
    const own = { name: basename(folder), ...arrayOptions(options) };
    return readNpyPair(join(folder, "x.npy"), join(folder, "y.npy"), own);
  }
  const train = names.find((name) => /^train.*images.*ubyte(\.gz)?$/.test(name));
  if (train !== undefined) return openIdx(join(folder, train), { name: basename(folder), ...options });
  allow(folder, options, ["name", "size", "channels", "target", "task"]);
  return readImages(folder, options);
}

/** Options for arrays. Throws `bad-option` for a column, which they do not have. */
function arrayOptions({ name, task, sequence }: OpenOptions): ArrayOptions {
  if (typeof sequence === "string")
    throw new OckhamError(
      "bad-option",
      "sequence",
      `arrays have no column ${JSON.stringify(sequence)}`,
      "say only that they are sequences: x of shape [n, steps, features]",
    );
  return {
    ...(name !== undefined && { name }),
    ...(task !== undefined && { task }),
    ...(sequence && { sequence }),
  };
}

async function openFile(path: string, options: OpenOptions): Promise<Source> {
  await checkFile(path);
  const name = plainName(path);
  if (name.endsWith(".npz")) {
    allow(path, options, ["name", "task", "sequence"]);
    return readNpzSource(path, arrayOptions(options));
  }
  if (name.endsWith(".npy")) {
    const beside = join(dirname(path), "y.npy");
    if (basename(path) !== "x.npy")
      throw badFile(path, "is one array", "give a folder with x.npy and y.npy, or an .npz");
    allow(path, options, ["name", "task", "sequence"]);
    return readNpyPair(path, beside, arrayOptions(options));
  }
  if (/images.*idx\d-ubyte/.test(name)) return openIdx(path, options);
  if (!isTablePath(path))
    throw badFile(
      path,
      "is of no known kind",
      "give .csv, .tsv, .parquet, .json, .ndjson, .npz, an IDX file of images, or a folder of images",
    );
  allow(path, options, [
    "target",
    "group",
    "domain",
    "time",
    "split",
    "drop",
    "keep",
    "task",
    "test",
    "name",
    "missing",
    "categories",
    "pairs",
    ...(typeof options.sequence === "string" ? (["sequence", "tokens"] as const) : []),
    ...(options.edges === undefined ? [] : (["edges", "id"] as const)),
    ...(options.text === undefined ? [] : (["text", ...textOptions] as const)),
  ]);
  const { target, text, tokenizer, tokens, vocabulary, edges, pairs, sequence, ...rest } = options;
  if (target === undefined) {
    const columns = await tableColumns(path);
    throw new OckhamError(
      "bad-option",
      "target",
      `${path}: say which column to predict`,
      `give target, one of ${listed(columns)}`,
    );
  }
  if (edges !== undefined) {
    for (const name of ["test", "text", "pairs"] as const)
      if (options[name] !== undefined) throw clash(name, "edges", "all nodes are in one table of columns");
    return readGraph(path, edges, { ...rest, target });
  }
  if (typeof sequence === "string") {
    for (const name of ["test", "text", "pairs"] as const)
      if (options[name] !== undefined) throw clash(name, "sequence", "rows are steps");
    return readSequences(path, { ...rest, target, sequence, tokens });
  }
  const read = pairs === true ? readPairs : readTable;
  if (typeof text !== "string") return read(path, { ...rest, target });
  return read(path, { ...rest, target, text, texts: { tokenizer, tokens, vocabulary } });
}

const clash = (name: string, other: string, why: string) =>
  new OckhamError("conflict", name, `${name} and ${other} do not go together: ${why}`, `leave ${name} out`);

/** Images with their labels, and the test images where they lie beside. */
async function openIdx(images: string, options: OpenOptions): Promise<Source> {
  allow(images, options, ["name"]);
  const labelsOf = (path: string) =>
    join(dirname(path), basename(path).replace("images", "labels").replace(/idx\d/, "idx1"));
  const train = await readIdxPart(images, labelsOf(images));
  const testImages = join(dirname(images), basename(images).replace("train", "t10k"));
  const hasTest = testImages !== images && (await stat(testImages).catch(() => undefined)) !== undefined;
  const test = hasTest ? await readIdxPart(testImages, labelsOf(testImages)) : undefined;
  return idxSource(train, test, options);
}

function allow(what: string, options: OpenOptions, known: readonly (keyof OpenOptions)[]): void {
  const given = Object.keys(options) as (keyof OpenOptions)[];
  const extra = given.find((name) => options[name] !== undefined && !known.includes(name));
  if (extra !== undefined)
    throw new OckhamError(
      "bad-option",
      extra,
      `${what} has no use for ${extra}`,
      known.length === 0 ? `leave ${extra} out` : `leave it out; known here: ${known.join(", ")}`,
    );
}

async function unknown(nameOrPath: string): Promise<OckhamError> {
  const files = await readdir(dirname(nameOrPath)).catch(() => []);
  const isPath = /[/\\.]/.test(nameOrPath);
  const near = nearest(basename(nameOrPath), isPath ? files : [...knownNames(), ...files]);
  return new OckhamError(
    isPath ? "bad-file" : "unknown-name",
    nameOrPath,
    `there is no ${isPath ? "file or folder" : "data set or file"} ${nameOrPath}`,
    near === undefined ? `data sets by name: ${knownNames().join(", ")}` : `did you mean ${near}?`,
  );
}

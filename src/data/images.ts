import { stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { OckhamError } from "../error.ts";
import { counted, listed, rowsOf, typed } from "./cells.ts";
import { decodeImages, type Encoded, sizesOf } from "./decode.ts";
import { listFolder } from "./files.ts";
import { badFile } from "./names.ts";
import { imageSource } from "./pixels.ts";
import { readRaw } from "./raw.ts";
import { columnOf, textsOf } from "./rawTable.ts";
import type { ColumnTask, Origin, Source } from "./source.ts";
import { makeTarget } from "./target.ts";

export interface ImageOptions {
  /** Side of square images, or [height, width]; default: the most frequent size, scaled down to at most 64. */
  readonly size?: number | readonly [number, number];
  /** 1 for grey, 3 for colour; default: grey where no image has colour. */
  readonly channels?: 1 | 3;
  /** The column of a labels.csv to predict; default "label". */
  readonly target?: string;
  /** Of a labels.csv, where the column leaves it open. */
  readonly task?: ColumnTask;
  readonly name?: string;
  readonly origin?: Origin;
}

/** One image with what it shows; `test` where it came as a test image. */
export interface LabelledImage extends Encoded {
  readonly label: string;
  readonly test?: boolean;
}

const imageEndings = new Set([".png", ".jpg", ".jpeg"]);
const splitNames = new Set(["train", "training", "test", "testing", "val", "valid", "validation"]);

export const isImagePath = (path: string): boolean => imageEndings.has(extname(path).toLowerCase());

/**
 * A folder of PNG or JPEG images as a source: `class/*`, `train/class/*` with `test/class/*` (then the images
 * under test are its test rows, those under validation are more training rows), or images with a `labels.csv`: the
 * column file names the image, the column label (or `target`) is predicted, as a class or, where it holds numbers that
 * look like no classes, as a number. Anything else in the folder is left out, and said in `notes`.
 *
 * Throws `bad-file` for a folder that is missing or empty and for an image that cannot be decoded whole;
 * `bad-data` for images outside class folders, fewer than two classes, a class with a single image, or a target that
 * cannot be predicted; `unknown-name` for a column that is not there; `conflict` for a target of folders of classes.
 */
export async function readImages(folder: string, options: ImageOptions = {}): Promise<Source> {
  const { images, ignored, tabled } = await findImages(folder, options);
  const notes =
    ignored.length === 0
      ? []
      : [`${counted(ignored.length, "file")} left out, not PNG or JPEG: ${listed(ignored)}.`];
  if (images.length === 0)
    throw badFile(
      folder,
      "holds no PNG or JPEG images",
      "put them into one folder a class, such as cat/1.png",
    );
  return labelledImages(images, folder, { name: basename(folder), ...options }, notes, tabled);
}

/** Labelled images, from files or memory, as a source; `tabled` where the labels are cells of a column. Throws as `readImages`. */
export async function labelledImages(
  images: readonly LabelledImage[],
  where: string,
  options: ImageOptions,
  notes: readonly string[] = [],
  tabled = false,
): Promise<Source> {
  const made = targetOf(images, where, options, tabled);
  const [height, width, sizeNotes] = chosenSize(await sizesOf(images), options.size);
  const pixels = await decodeImages(images, height, width, options.channels);
  const test = Int32Array.from(images.keys()).filter((i) => images[i].test);
  if (test.length === images.length)
    throw new OckhamError(
      "bad-data",
      where,
      `${where} holds test images only`,
      "add training images under train/",
    );
  const description = {
    name: options.name ?? basename(where),
    target: made.target,
    notes: [
      `${images.length} images, ${pixels.shape[0] === 1 ? "grey" : "in colour"}, ${height} x ${width} (height x width).`,
      ...(test.length > 0 ? [`${test.length} of them came as test images.`] : []),
      ...made.notes,
      ...sizeNotes,
      ...notes,
    ],
    ...(options.origin && { origin: options.origin }),
    ...(test.length > 0 && { test }),
  };
  return imageSource(description, pixels);
}

/** Classes by their texts; a column of a table may hold numbers to predict. */
function targetOf(
  images: readonly LabelledImage[],
  where: string,
  { target, task }: ImageOptions,
  tabled: boolean,
): ReturnType<typeof makeTarget> {
  const place = { ...rowsOf(where), row: (row: number) => images[row].name };
  const cells = images.map((image) => image.label);
  const texts = { kind: "text", name: tabled ? (target ?? usualTarget) : "class", cells, notes: [] } as const;
  if (!tabled || task === "classification") return makeTarget(texts, "classification", place);
  const found = makeTarget(typed(texts, place, false, {}), task, place);
  // classes keep the names they are written by: "01" is not "1"
  return found.target.task === "regression" ? found : makeTarget(texts, "classification", place);
}

const usualTarget = "label";
const largest = 64;

/** The size asked for, or the most frequent one (at most 64 a side), with a note where images are resized to it. */
export function chosenSize(
  sizes: readonly (readonly [number, number])[],
  asked: ImageOptions["size"],
): [number, number, string[]] {
  const counts = new Map<string, number>();
  for (const size of sizes) counts.set(size.join(" x "), (counts.get(size.join(" x ")) ?? 0) + 1);
  const usual = [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best))[0];
  const [h, w] = usual.split(" x ").map(Number);
  const scale = Math.min(1, largest / Math.max(h, w));
  const found = [Math.max(1, Math.round(h * scale)), Math.max(1, Math.round(w * scale))];
  const [height, width] = asked === undefined ? found : typeof asked === "number" ? [asked, asked] : asked;
  if (![height, width].every((n) => Number.isInteger(n) && n >= 1 && n <= 1024))
    throw new OckhamError(
      "bad-option",
      "size",
      `size cannot be ${asked}`,
      "give whole numbers from 1 to 1024",
    );
  const resized = sizes.filter((size) => size[0] !== height || size[1] !== width).length;
  const notes =
    resized === 0
      ? []
      : [
          `${counted(resized, "image")} resized to ${height} x ${width}; the most frequent size is ${usual}, ${counts.size === 1 ? "that of all" : `one of ${counts.size}`}.`,
        ];
  return [height, width, notes];
}

interface Found {
  readonly images: LabelledImage[];
  readonly ignored: string[];
  /** Whether the labels come from a table. */
  readonly tabled?: boolean;
}

async function findImages(folder: string, { target, task }: ImageOptions): Promise<Found> {
  const names = (await listFolder(folder)).filter((name) => !name.startsWith("."));
  if (names.length === 0) throw badFile(folder, "is an empty folder", "put images into one folder a class");
  if (names.includes("labels.csv")) return fromLabels(folder, names, target ?? usualTarget);
  if (target !== undefined || task !== undefined)
    throw new OckhamError(
      "conflict",
      target === undefined ? "task" : "target",
      `${folder} has no labels.csv: the folders of its images are their classes`,
      "leave it out, or write a labels.csv with the columns file and what is to be predicted",
    );
  const folders: string[] = [];
  const ignored: string[] = [];
  for (const name of names) ((await isFolder(join(folder, name))) ? folders : ignored).push(name);
  if (folders.length === 0) {
    if (ignored.some(isImagePath))
      throw new OckhamError(
        "bad-data",
        folder,
        `${folder} holds images outside of class folders`,
        "put them into one folder a class, or write a labels.csv with the columns file and label",
      );
    return { images: [], ignored };
  }
  const asSplits = folders.every((name) => splitNames.has(name.toLowerCase()));
  const splits = asSplits ? folders.map((name) => join(folder, name)) : [folder];
  const found: Found = { images: [], ignored: ignored.filter((name) => !isImagePath(name)) };
  for (const part of splits) await fromClasses(part, asSplits && /^test/i.test(basename(part)), found);
  return found;
}

async function fromClasses(folder: string, test: boolean, found: Found): Promise<void> {
  for (const label of await listFolder(folder)) {
    const path = join(folder, label);
    if (label.startsWith(".") || !(await isFolder(path))) continue;
    for (const name of await listFolder(path)) {
      const file = join(path, name);
      if (name.startsWith(".")) continue;
      if (isImagePath(name)) found.images.push({ name: file, from: file, label, test });
      else found.ignored.push(join(label, name));
    }
  }
}

async function fromLabels(folder: string, names: readonly string[], target: string): Promise<Found> {
  const path = join(folder, "labels.csv");
  const table = await readRaw(path);
  const files = textsOf(columnOf(table, "file", "the image's file name"));
  const labels = textsOf(columnOf(table, target, "what is to be predicted of an image"));
  const images = files.map((file, row): LabelledImage => {
    const label = labels[row];
    if (file === null || label === null)
      throw new OckhamError(
        "bad-data",
        path,
        `${table.where.row(row)}: no file or no ${target}`,
        "fill it in",
      );
    return { name: join(folder, file), from: join(folder, file), label };
  });
  const listedFiles = new Set(files);
  const unlisted = names.filter((name) => isImagePath(name) && !listedFiles.has(name));
  return { images, ignored: unlisted.map((name) => `${name} (not in labels.csv)`), tabled: true };
}

const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() ?? false;

import { basename, join } from "node:path";
import { OckhamError } from "../error.ts";
import { counted } from "./cells.ts";
import { decodeImages, sizesOf } from "./decode.ts";
import { listFolder } from "./files.ts";
import { chosenSize, type ImageOptions, isImagePath } from "./images.ts";
import { stem } from "./names.ts";
import { type PairOptions, pairSource, sides, tableOfPairs } from "./pairs.ts";
import { imageSource } from "./pixels.ts";
import { readRaw } from "./raw.ts";
import { columnOf, type RawTable, textsOf } from "./rawTable.ts";
import { noTarget, type Source } from "./source.ts";
import { rolesOf, type TableOptions } from "./tabular.ts";

/** A table of pairs (or .gz of one): see `tableOfPairs`. */
export async function readPairs(path: string, options: PairOptions): Promise<Source> {
  const test = options.test === undefined ? undefined : await readRaw(options.test);
  return tableOfPairs(await readRaw(path), test, options, stem(path));
}

/** The columns of the table say what those of any table may. */
export interface ImagePairOptions
  extends ImageOptions,
    Pick<TableOptions, "group" | "domain" | "time" | "split"> {}

/**
 * Pairs of images as a source: a table with the names of two files of the folder in its columns `left` and `right`, and
 * what is to be predicted of them in `label` (or `target`). Sizes are unified as for `readImages`. A group may be `left`,
 * which keeps the pairs of one image together.
 *
 * Throws what `readTable` throws of the table; `bad-data`, naming its row, for a file that is no image of the folder;
 * `bad-file` for an image that cannot be decoded whole.
 */
export async function readImagePairs(
  folder: string,
  path: string,
  { target = "label", task, group, domain, time, split, ...options }: ImagePairOptions = {},
): Promise<Source> {
  const name = options.name ?? basename(folder);
  const roles = { target, task, group, domain, time, split };
  const { table, rows, description } = rolesOf(await readRaw(path), undefined, roles, name);
  const asked = await imagesOfPairs(table, folder);
  const files = [...new Set(asked.flat())].map((file) => ({ name: file, from: file }));
  const numbers = new Map(files.map(({ name: file }, i) => [file, i]));
  const [height, width, notes] = chosenSize(await sizesOf(files), options.size);
  const pixels = await decodeImages(files, height, width, options.channels);
  const about = [`${counted(files.length, "image")}, ${height} x ${width} (height x width).`, ...notes];
  return pairSource(
    { ...description(about), ...(options.origin && { origin: options.origin }) },
    imageSource({ name, target: noTarget(files.length) }, pixels),
    Int32Array.from({ length: 2 * rows.length }, (_, i) => numbers.get(asked[i % 2][rows[i >> 1]]) as number),
  );
}

/** The paths of the images of the left sides, and of the right ones, by row. Throws `bad-data` for what is no image of the folder. */
export async function imagesOfPairs(
  table: RawTable,
  folder: string,
  hint = "give the name of a file in the folder",
): Promise<string[][]> {
  const there = new Set((await listFolder(folder)).filter(isImagePath));
  return sides.map((side) =>
    textsOf(columnOf(table, side, `the images of the ${side} side`)).map((file, row) => {
      if (file !== null && there.has(file)) return join(folder, file);
      throw new OckhamError(
        "bad-data",
        side,
        `${table.where.row(row)}: column "${side}" holds ${JSON.stringify(file ?? "")}, which is no PNG or JPEG image in ${folder}`,
        hint,
      );
    }),
  );
}

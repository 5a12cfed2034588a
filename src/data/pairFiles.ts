import { basename, join } from "node:path";
import { OckhamError } from "../error.ts";
import { counted } from "./cells.ts";
import { decodeImages, sizesOf } from "./decode.ts";
import { listFolder } from "./files.ts";
import { chosenSize, type ImageOptions, isImagePath } from "./images.ts";
import { stem } from "./names.ts";
import { type PairOptions, pairSource, tableOfPairs } from "./pairs.ts";
import { imageSource } from "./pixels.ts";
import { readRaw } from "./raw.ts";
import { columnOf, textsOf } from "./rawTable.ts";
import { noTarget, type Source } from "./source.ts";
import { rolesOf } from "./tabular.ts";

/** A table of pairs (or .gz of one): see `tableOfPairs`. */
export async function readPairs(path: string, options: PairOptions): Promise<Source> {
  const test = options.test === undefined ? undefined : await readRaw(options.test);
  return tableOfPairs(await readRaw(path), test, options, stem(path));
}

/**
 * Pairs of images as a source: a table with the names of two files of the folder in its columns `left` and `right`, and
 * what is to be predicted of them in `label` (or `target`). Sizes are unified as for `readImages`.
 *
 * Throws what `readTable` throws of the table; `bad-data`, naming its row, for a file that is no image of the folder;
 * `bad-file` for an image that cannot be decoded whole.
 */
export async function readImagePairs(
  folder: string,
  path: string,
  { target = "label", task, ...options }: ImageOptions = {},
): Promise<Source> {
  const there = new Set((await listFolder(folder)).filter(isImagePath));
  const name = options.name ?? basename(folder);
  const { table, rows, description } = rolesOf(await readRaw(path), undefined, { target, task }, name);
  const numbers = new Map<string, number>();
  const sides = ["left", "right"].map((side) => {
    const files = textsOf(columnOf(table, side, `the images of the ${side} side`));
    return files.map((file, row) => {
      if (file === null || !there.has(file))
        throw new OckhamError(
          "bad-data",
          side,
          `${table.where.row(row)}: column "${side}" holds ${JSON.stringify(file ?? "")}, which is no PNG or JPEG image in ${folder}`,
          "give the name of a file in the folder",
        );
      const known = numbers.get(file) ?? numbers.size;
      numbers.set(file, known);
      return known;
    });
  });
  const files = [...numbers.keys()].map((file) => ({ name: join(folder, file), from: join(folder, file) }));
  const [height, width, notes] = chosenSize(await sizesOf(files), options.size);
  const pixels = await decodeImages(files, height, width, options.channels);
  const about = [`${counted(files.length, "image")}, ${height} x ${width} (height x width).`, ...notes];
  return pairSource(
    { ...description(about), ...(options.origin && { origin: options.origin }) },
    imageSource({ name, target: noTarget(files.length) }, pixels),
    Int32Array.from({ length: 2 * rows.length }, (_, i) => sides[i % 2][rows[i >> 1]]),
  );
}

import { basename, extname, join } from "node:path";
import { OckhamError } from "../error.ts";
import { counted } from "./cells.ts";
import { decodeClasses, decodeImages, type Encoded, sizesOf } from "./decode.ts";
import { listFolder } from "./files.ts";
import { chosenSize, type ImageOptions, isImagePath } from "./images.ts";
import { badFile } from "./names.ts";
import { imageSource } from "./pixels.ts";
import type { Source } from "./source.ts";
import { leastRows, mostClasses } from "./target.ts";

const stemOf = (file: string): string => basename(file, extname(file));

/**
 * Images in one folder and their masks in another as a source with a class a pixel. A mask is the image of the same
 * name without ending, or with `_mask` or `-mask` after it, of the same size; each of its colours is a class, grey ones
 * called by their level ("0", "255"), others by their code ("#ff0000"). Sizes are unified as for `readImages`, masks by
 * their nearest pixel.
 *
 * Throws `bad-file` for a folder without images and for an image that cannot be decoded whole; `bad-data` for an image
 * without its mask, a mask of another size, fewer than ten images, and masks of one colour or of more than 20.
 */
export async function readMasks(images: string, masks: string, options: ImageOptions = {}): Promise<Source> {
  const files = (await listFolder(images)).filter(isImagePath);
  if (files.length === 0)
    throw badFile(images, "holds no PNG or JPEG images", "name the folder with the images");
  if (files.length < leastRows)
    throw refused(images, `${counted(files.length, "image")} with a mask`, `give at least ${leastRows}`);
  const found = new Map((await listFolder(masks)).filter(isImagePath).map((file) => [stemOf(file), file]));
  const pairs = files.map((file): readonly [Encoded, Encoded] => {
    const stem = stemOf(file);
    const mask = found.get(stem) ?? found.get(`${stem}_mask`) ?? found.get(`${stem}-mask`);
    if (mask === undefined)
      throw refused(
        join(images, file),
        `no mask called ${stem} in ${masks}`,
        "give every image a mask of its name",
      );
    const of = (folder: string, name: string) => ({ name: join(folder, name), from: join(folder, name) });
    return [of(images, file), of(masks, mask)];
  });
  const [pictures, coloured] = [pairs.map(([image]) => image), pairs.map(([, mask]) => mask)];
  const [sizes, maskSizes] = [await sizesOf(pictures), await sizesOf(coloured)];
  const other = sizes.findIndex((size, i) => size.join() !== maskSizes[i].join());
  if (other >= 0)
    throw refused(
      coloured[other].name,
      `a mask of ${maskSizes[other].join(" x ")} for an image of ${sizes[other].join(" x ")}`,
      "give masks as large as their images",
    );
  const [height, width, notes] = chosenSize(sizes, options.size);
  const pixels = await decodeImages(pictures, height, width, options.channels);
  const { classes, masks: values } = await decodeClasses(coloured, height, width, mostClasses);
  if (classes.length < 2)
    throw refused(masks, `all masks are of one colour, ${classes[0]}`, "give masks that mark something");
  return imageSource(
    {
      name: options.name ?? basename(images),
      target: { task: "segmentation", name: "mask", classes, masks: values, size: [height, width] },
      notes: [
        `${counted(files.length, "image")} with masks, ${height} x ${width} (height x width), ${classes.length} classes.`,
        ...notes,
      ],
      ...(options.origin && { origin: options.origin }),
    },
    pixels,
  );
}

const refused = (place: string, problem: string, hint: string) =>
  new OckhamError("bad-data", place, `${place}: ${problem}`, hint);

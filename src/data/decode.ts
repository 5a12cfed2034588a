import type { Metadata, Sharp } from "sharp";
import { OckhamError } from "../error.ts";
import { checkFile } from "./files.ts";
import { badFile } from "./names.ts";
import type { Pixels } from "./pixels.ts";

/** An image file on disk or in memory, by the name to use in errors. */
export interface Encoded {
  readonly name: string;
  readonly from: string | Uint8Array;
}

const together = 16;
/** Pixels held in memory at once. */
const mostPixels = 2 ** 31 - 1;

/** Height and width of each image as it is to be seen (turned as its EXIF data says). */
export const sizesOf = (images: readonly Encoded[]): Promise<[number, number][]> =>
  inBatches(images, async (image) => {
    const open = await opener();
    const { width, height, orientation }: Metadata = await whole(image, open, (sharp) => sharp.metadata());
    return (orientation ?? 1) >= 5 ? [width, height] : [height, width];
  });

/**
 * The images as bytes [n, channels, height, width], resized where needed (the aspect ratio is not kept),
 * transparent parts on white. Without `channels`: grey where red, green and blue agree to within 2 of 255 in
 * every pixel of every image. Grey from colour is 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601).
 *
 * Throws `bad-file`, naming the image, when it cannot be decoded whole.
 */
export async function decodeImages(
  images: readonly Encoded[],
  height: number,
  width: number,
  channels?: 1 | 3,
): Promise<Pixels> {
  const area = height * width;
  if (images.length * area * 3 > mostPixels)
    throw new OckhamError(
      "bad-data",
      "images",
      `${images.length} images of ${height} x ${width} do not fit into memory`,
      "ask for a smaller size, or fewer images",
    );
  const open = await opener();
  const colour = new Uint8Array(images.length * 3 * area);
  let grey = true;
  await inBatches(images, async (image, i) => {
    const bytes = await whole(image, open, (sharp) => asBytes(sharp, height, width));
    const depth = bytes.length / area;
    const at = i * 3 * area;
    for (let p = 0; p < area; p++) {
      const r = bytes[p * depth];
      const g = depth < 3 ? r : bytes[p * depth + 1];
      const b = depth < 3 ? r : bytes[p * depth + 2];
      colour[at + p] = r;
      colour[at + area + p] = g;
      colour[at + 2 * area + p] = b;
      if (grey && Math.max(r, g, b) - Math.min(r, g, b) > 2) grey = false;
    }
  });
  const kept = channels ?? (grey ? 1 : 3);
  if (kept === 3) return { shape: [3, height, width], data: colour, full: 255 };
  return { shape: [1, height, width], data: greyOf(colour, images.length, area), full: 255 };
}

const asBytes = (sharp: Sharp, height: number, width: number): Promise<Buffer> =>
  sharp
    .rotate()
    .flatten({ background: "white" })
    .toColourspace("srgb")
    .resize(width, height, { fit: "fill" })
    .raw()
    .toBuffer();

/**
 * Masks as class numbers [n, height, width]: every colour is a class, by its name in order (grey ones first, by level).
 * Resized by the nearest pixel. Throws `bad-file` as `decodeImages`, `bad-data` for more than `most` colours.
 */
export async function decodeClasses(
  masks: readonly Encoded[],
  height: number,
  width: number,
  most: number,
): Promise<{ classes: string[]; masks: Int32Array }> {
  const area = height * width;
  const open = await opener();
  const codes = new Int32Array(masks.length * area);
  const seen = new Set<number>();
  await inBatches(masks, async (mask, i) => {
    const bytes = await whole(mask, open, (sharp) =>
      sharp
        .rotate()
        .removeAlpha()
        .toColourspace("srgb")
        .resize(width, height, { fit: "fill", kernel: "nearest" })
        .raw()
        .toBuffer(),
    );
    const depth = bytes.length / area;
    for (let p = 0; p < area; p++) {
      const at = (offset: number) => bytes[p * depth + (depth < 3 ? 0 : offset)];
      const code = (at(0) << 16) | (at(1) << 8) | at(2);
      codes[i * area + p] = code;
      seen.add(code);
    }
    if (seen.size > most)
      throw new OckhamError(
        "bad-data",
        mask.name,
        `${mask.name}: with this mask there are more than ${most} colours, and each is taken as a class`,
        "give masks as PNG with one colour a class, without soft edges",
      );
  });
  const grey = (code: number) => code >> 16 === (code & 255) && ((code >> 8) & 255) === (code & 255);
  const order = [...seen].sort((a, b) => Number(grey(b)) - Number(grey(a)) || a - b);
  const number = new Map(order.map((code, i) => [code, i]));
  return {
    classes: order.map((code) => (grey(code) ? `${code & 255}` : `#${code.toString(16).padStart(6, "0")}`)),
    masks: codes.map((code) => number.get(code) as number),
  };
}

function greyOf(colour: Uint8Array, n: number, area: number): Uint8Array {
  const grey = new Uint8Array(n * area);
  for (let i = 0; i < n; i++)
    for (let p = 0; p < area; p++) {
      const at = i * 3 * area + p;
      grey[i * area + p] = Math.round(
        0.299 * colour[at] + 0.587 * colour[at + area] + 0.114 * colour[at + 2 * area],
      );
    }
  return grey;
}

type Open = (from: string | Uint8Array) => Sharp;

async function opener(): Promise<Open> {
  const { default: sharp } = await import("sharp");
  return (from) => sharp(from, { failOn: "error" });
}

async function whole<T>(image: Encoded, open: Open, use: (sharp: Sharp) => Promise<T>): Promise<T> {
  if (typeof image.from === "string") await checkFile(image.from);
  return use(open(image.from)).catch((cause: Error) => {
    const reason = cause.message.split("\n")[0].slice(0, 200);
    throw badFile(image.name, `is not a whole image (${reason})`, "replace it, or take it out", cause);
  });
}

/** Throws the error of the first item that failed, however the work was interleaved. */
async function inBatches<A, B>(items: readonly A[], use: (item: A, i: number) => Promise<B>): Promise<B[]> {
  const results: B[] = [];
  for (let from = 0; from < items.length; from += together) {
    const batch = items.slice(from, from + together).map((item, i) => use(item, from + i));
    for (const outcome of await Promise.allSettled(batch)) {
      if (outcome.status === "rejected") throw outcome.reason;
      results.push(outcome.value);
    }
  }
  return results;
}

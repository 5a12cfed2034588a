/** Red, green and blue of a class: those that it is named by, as `decodeClasses` does; undefined for other names. */
function colourOf(name: string): readonly number[] | undefined {
  if (/^#[0-9a-f]{6}$/.test(name)) return [1, 3, 5].map((at) => Number.parseInt(name.slice(at, at + 2), 16));
  const level = /^\d{1,3}$/.test(name) ? Number(name) : 256;
  return level < 256 ? [level, level, level] : undefined;
}

/**
 * Class numbers [height, width] as a PNG image of the size that is asked for, by the nearest pixel. Classes have the
 * colours that they are named by (`decodeClasses` reads them back), or, where they have other names, greys from black to
 * white in their order.
 */
export async function encodeClasses(
  numbers: ArrayLike<number>,
  [height, width]: readonly [number, number],
  classes: readonly string[],
  size: readonly [number, number] = [height, width],
): Promise<Uint8Array> {
  const named = classes.map(colourOf);
  const colours = named.map((colour, i) => {
    const grey = Math.round((255 * i) / Math.max(1, classes.length - 1));
    return named.includes(undefined) || colour === undefined ? [grey, grey, grey] : colour;
  });
  const bytes = Uint8Array.from(Array.from(numbers).flatMap((number) => colours[number]));
  const { default: sharp } = await import("sharp");
  const image = sharp(bytes, { raw: { width, height, channels: 3 } });
  return image.resize(size[1], size[0], { fit: "fill", kernel: "nearest" }).png().toBuffer();
}

import { readNpy } from "../array/npy.ts";
import { type ArrayOptions, arraySource, npzSource } from "./arrays.ts";
import { rowsOf } from "./cells.ts";
import { readBytes } from "./files.ts";
import type { Source } from "./source.ts";

/** `x.npy` and `y.npy`. */
export async function readNpyPair(xPath: string, yPath: string, options: ArrayOptions = {}): Promise<Source> {
  const x = readNpy(await readBytes(xPath), xPath);
  const y = readNpy(await readBytes(yPath), yPath);
  return arraySource(x, y, rowsOf(xPath), options);
}

/** A `.npz` file: see `npzSource`. */
export const readNpzSource = async (path: string, options: ArrayOptions = {}): Promise<Source> =>
  npzSource(await readBytes(path), path, options);

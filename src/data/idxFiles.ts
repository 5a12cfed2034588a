import type { NdArray, PlainDType } from "../array/ndarray.ts";
import { readBytes } from "./files.ts";
import { type IdxPart, idxPart, readIdx } from "./idx.ts";

/** An IDX file, or .gz of one. Throws as `readIdx`, and `bad-file` when it cannot be read or unpacked. */
export const readIdxFile = async (path: string): Promise<NdArray<PlainDType>> =>
  readIdx(await readBytes(path), path);

/** Reads a pair of files. Throws as `readIdx`, and `bad-data` when they are not images and their labels. */
export const readIdxPart = async (imagesPath: string, labelsPath: string): Promise<IdxPart> =>
  idxPart(await readIdxFile(imagesPath), await readIdxFile(labelsPath), imagesPath, labelsPath);

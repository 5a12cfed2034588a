import { stem } from "./names.ts";
import { readRaw } from "./raw.ts";
import { type SequenceTableOptions, tableOfSequences } from "./sequences.ts";
import type { Source } from "./source.ts";

/** A table with a step a row: see `tableOfSequences`. */
export const readSequences = async (path: string, options: SequenceTableOptions): Promise<Source> =>
  tableOfSequences(await readRaw(path), options, stem(path));

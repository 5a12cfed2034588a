import { OckhamError } from "../error.ts";

export const badFile = (path: string, problem: string, hint: string, cause?: unknown) =>
  new OckhamError("bad-file", path, `${path} ${problem}`, hint, cause);

const last = (path: string): string => path.split(/[\\/]/).pop() ?? "";

/** `path` without folders and .gz, in lower case, as the file's ending is read from it. */
export const plainName = (path: string): string => last(path).toLowerCase().replace(/\.gz$/, "");

/** The file's name without its endings. */
export const stem = (path: string): string => last(path).replace(/(\.[a-z]\w*)?(\.gz)?$/i, "") || last(path);

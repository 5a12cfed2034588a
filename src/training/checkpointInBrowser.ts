import { OckhamError } from "../error.ts";
import type * as onNode from "./checkpoint.ts";

/** Stands for `checkpoint.ts` in bundles for browsers (package.json, "browser"), which have no files. */
const refused = (path: string): OckhamError =>
  new OckhamError(
    "bad-option",
    "checkpoint",
    `a checkpoint is kept in a file (${path}), and a browser has none`,
    "leave checkpoint out; keep the `values` that training returns by yourself",
  );

export const saveCheckpoint: typeof onNode.saveCheckpoint = async (path) => {
  throw refused(path);
};

export const loadCheckpoint: typeof onNode.loadCheckpoint = async (path) => {
  throw refused(path);
};

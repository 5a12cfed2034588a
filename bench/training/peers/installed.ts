import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { packageFile } from "../../../src/root.ts";

/** A library that is installed apart, without its types. */
// biome-ignore lint/suspicious/noExplicitAny: its types are not at hand when this is checked
export type Untyped = any;

/** Where `npm run bench:peers` puts JavaScript's peers. */
const folder = createRequire(packageFile(".cache/bench/js/package.json"));

export const installed = (name: string): Untyped => folder(name);
export const versionOf = (name: string): string =>
  JSON.parse(readFileSync(packageFile(`.cache/bench/js/node_modules/${name}/package.json`), "utf8")).version;
export const pathOf = (name: string): string => folder.resolve(name);

import { constants, createReadStream, createWriteStream } from "node:fs";
import { access, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip, gunzipSync } from "node:zlib";
import { nearest, type OckhamError } from "../error.ts";
import { badFile } from "./names.ts";

/** Throws `bad-file` unless the path is a file that can be read and is not empty. */
export async function checkFile(path: string): Promise<void> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => cause);
  if (found instanceof Error) throw await absent(path, found);
  if (found.isDirectory()) throw badFile(path, "is a folder, not a file", "name a file inside it");
  if (found.size === 0 && found.isFile()) throw badFile(path, "is empty", "check how it was written");
  await access(path, constants.R_OK).catch((cause) => {
    throw badFile(path, "cannot be read", "check its permissions", cause);
  });
}

/** Throws `bad-file` unless the path is a folder that can be listed; returns the names in it, sorted. */
export async function listFolder(path: string): Promise<string[]> {
  const names = await readdir(path).catch(async (cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOTDIR") throw badFile(path, "is a file, not a folder", "name the folder", cause);
    throw await absent(path, cause);
  });
  return names.sort();
}

/** The whole file, unpacked when its name ends in .gz. Throws `bad-file`: missing, empty, or not whole. */
export async function readBytes(path: string): Promise<Uint8Array> {
  await checkFile(path);
  const bytes = await readFile(path);
  // Plain byte arrays: slices of a Buffer share its memory.
  if (!isGzip(path)) return Uint8Array.from(bytes);
  try {
    return Uint8Array.from(gunzipSync(bytes));
  } catch (cause) {
    throw brokenGzip(path, cause);
  }
}

/** The whole file as text, unpacked when its name ends in .gz. Throws `bad-file` as `readBytes`, and for what is not UTF-8. */
export async function readText(path: string): Promise<string> {
  const bytes = await readBytes(path);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw badFile(path, "is not UTF-8 text", "save it as UTF-8", cause);
  }
}

/**
 * Runs `use` with the path of an unpacked file: the file itself, or for .gz a temporary copy that is removed
 * afterwards. Unpacking checks length and checksum, so a file cut short is refused and not half read.
 */
export async function withUnpacked<T>(path: string, use: (plain: string) => Promise<T>): Promise<T> {
  await checkFile(path);
  if (!isGzip(path)) return use(path);
  const folder = await mkdtemp(join(tmpdir(), "ockham-"));
  try {
    const plain = join(folder, "plain");
    await pipeline(createReadStream(path), createGunzip(), createWriteStream(plain)).catch((cause) => {
      throw brokenGzip(path, cause);
    });
    if ((await stat(plain)).size === 0) throw badFile(path, "is empty", "check how it was written");
    return await use(plain);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const isGzip = (path: string) => /\.gz$/i.test(path);

async function absent(path: string, cause: NodeJS.ErrnoException): Promise<OckhamError> {
  if (cause.code !== "ENOENT" && cause.code !== "ENOTDIR")
    return badFile(path, `cannot be read (${cause.code})`, "check the path and its permissions", cause);
  const beside = await readdir(dirname(path)).catch(() => undefined);
  if (beside === undefined)
    return badFile(path, "does not exist, nor does its folder", `check the path ${dirname(path)}`, cause);
  const near = nearest(basename(path), beside);
  return badFile(path, "does not exist", near ? `did you mean ${near}?` : "check the path", cause);
}

const brokenGzip = (path: string, cause: unknown) =>
  badFile(path, "is not a whole .gz file: it cannot be unpacked", "copy or download it again", cause);

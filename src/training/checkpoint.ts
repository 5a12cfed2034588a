import { readFile, rename, rm, writeFile } from "node:fs/promises";
import type { NdArray } from "../array/ndarray.ts";
import { readNpz, writeNpz } from "../array/npz.ts";
import { type ErrorCode, OckhamError } from "../error.ts";
import type { Epoch } from "./runs.ts";

/** How a run ended: with values, under `ended/<its place>/`, or with an error. */
export type Ended =
  | { readonly steps: number; readonly seconds: number; readonly stopped?: string }
  | { readonly code: ErrorCode; readonly culprit: string; readonly message: string; readonly hint: string };

/** All that is needed to go on as if nothing had happened. */
export interface Checkpoint {
  /** What was being trained; a checkpoint of something else is refused. */
  readonly identity: string;
  /** Epochs done, and steps of the current one. */
  readonly epoch: number;
  readonly done: number;
  /** Seconds spent in training steps. */
  readonly seconds: number;
  /** Of each run that is trained, `total` being the sum of the losses of the current epoch. */
  readonly runs: readonly {
    readonly total: number;
    readonly history: readonly Epoch[];
    readonly ended?: Ended;
  }[];
  /** The state by path, and the initial parameters under `anchor/`. */
  readonly arrays: Readonly<Record<string, NdArray>>;
}

const header = "checkpoint.json";

/** JSON has no infinities and no NaN, which a score may be. */
const named = (_: string, value: unknown): unknown =>
  typeof value === "number" && !Number.isFinite(value) ? { number: String(value) } : value;
const unnamed = (_: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && "number" in value ? Number(value.number) : value;

/** Writes a checkpoint whole or not at all. Throws `cannot-write`. */
export async function saveCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const { arrays, ...rest } = checkpoint;
  const text = new TextEncoder().encode(JSON.stringify(rest, named));
  const bytes = writeNpz({ ...arrays, [header]: { dtype: "uint8", shape: [text.length], data: text } });
  const temporary = `${path}.${process.pid}.part`;
  try {
    await writeFile(temporary, bytes);
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new OckhamError(
      "cannot-write",
      path,
      `the checkpoint ${path} cannot be written: ${(cause as Error).message}`,
      "free some space or choose another folder",
      cause,
    );
  }
}

/** Reads a checkpoint; undefined where there is none. Throws `bad-file` when it is damaged and `conflict` when it belongs to another run. */
export async function loadCheckpoint(path: string, identity: string): Promise<Checkpoint | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new OckhamError(
      "bad-file",
      path,
      `the checkpoint ${path} cannot be read: ${(cause as Error).message}`,
      "check the path and its permissions",
      cause,
    );
  }
  const checkpoint = readCheckpoint(bytes, path);
  if (checkpoint === undefined)
    throw new OckhamError(
      "bad-file",
      path,
      `${path} is no checkpoint of Ockham`,
      "delete it to start afresh",
    );
  if (checkpoint.identity !== identity)
    throw new OckhamError(
      "conflict",
      path,
      `${path} belongs to another run, or to another version of Ockham`,
      "choose another file, or delete it to start afresh",
    );
  return checkpoint;
}

/** A checkpoint from its bytes; undefined for other arrays. Throws `bad-file` for what is no whole NPZ file. */
export function readCheckpoint(bytes: Uint8Array, path: string): Checkpoint | undefined {
  const { [header]: text, ...arrays } = readNpz(bytes, path);
  const rest = text === undefined ? undefined : parsed(text);
  return rest && { ...rest, arrays };
}

function parsed(text: NdArray): Omit<Checkpoint, "arrays"> | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(text.data as Uint8Array), unnamed);
  } catch {
    return undefined;
  }
}

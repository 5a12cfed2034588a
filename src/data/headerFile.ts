import { open } from "node:fs/promises";
import { type Header, headerOf } from "./header.ts";
import { badFile } from "./names.ts";

const headerLimit = 8 * 2 ** 20;

/** Reads the header line of `plain`, an unpacked file: see `headerOf`. Throws `bad-file` for a file that is not UTF-8 text. */
export const readHeader = async (plain: string, path: string, tabbed: boolean): Promise<Header> =>
  headerOf(headText(await firstBytes(plain), path), path, tabbed);

async function firstBytes(plain: string): Promise<Uint8Array> {
  const file = await open(plain);
  try {
    const bytes = new Uint8Array(Math.min(headerLimit, (await file.stat()).size));
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, Math.min(65536, bytes.length - length));
      length += bytesRead;
      // One record is enough; a quote may hold a line break, so go on while quotes are open.
      if (bytesRead === 0 || hasWholeRecord(bytes.subarray(0, length))) break;
    }
    return bytes.subarray(0, length);
  } finally {
    await file.close();
  }
}

function hasWholeRecord(bytes: Uint8Array): boolean {
  let quoted = false;
  for (const byte of bytes) {
    if (byte === 34) quoted = !quoted;
    else if (!quoted && (byte === 10 || byte === 13)) return true;
  }
  return false;
}

function headText(bytes: Uint8Array, path: string): string {
  const wide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (wide) throw badFile(path, "is in UTF-16", "save it as UTF-8");
  if (bytes.includes(0))
    throw badFile(path, "is no text: it holds zero bytes", "give a CSV, Parquet or JSON file");
  return new TextDecoder("utf-8").decode(bytes);
}

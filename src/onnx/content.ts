import type { NdArray } from "../array/ndarray.ts";

export const bytesOf = ({ data }: NdArray): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Two 32-bit hashes of the bytes (multiplicative, with different multipliers). */
function fingerprint(bytes: Uint8Array): string {
  let a = 0x811c9dc5;
  let b = 0x9e3779b9;
  for (let i = 0; i < bytes.length; i++) {
    a = Math.imul(a ^ bytes[i], 0x01000193);
    b = Math.imul(b + bytes[i], 0x85ebca6b) ^ (b >>> 15);
  }
  return `${a >>> 0},${b >>> 0}`;
}

/** Whether two byte arrays of one length are equal. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Finds arrays of equal dtype, shape and bytes: gives each array the number of the first one like it. */
export function contentTable(): (array: NdArray) => number {
  const known = new Map<NdArray, number>();
  const buckets = new Map<string, { readonly array: NdArray; readonly id: number }[]>();
  let count = 0;
  return (array) => {
    const before = known.get(array);
    if (before !== undefined) return before;
    const bytes = bytesOf(array);
    const key = `${array.dtype}[${array.shape}]${fingerprint(bytes)}`;
    const bucket = buckets.get(key) ?? [];
    buckets.set(key, bucket);
    const equal = bucket.find((entry) => sameBytes(bytesOf(entry.array), bytes));
    const id = equal?.id ?? count++;
    if (equal === undefined) bucket.push({ array, id });
    known.set(array, id);
    return id;
  };
}

import { type DType, type NdArray, sizeOf, storage } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import type { Found, Ready } from "./walk.ts";

/** A file made ready, without the numbers that training changes. */
export interface Architecture extends Omit<Ready, "path"> {
  readonly name: string;
  /** Shape of one example; -1 stands for any size. */
  readonly shape: readonly number[];
}

/** What stands in JSON for an array; without numbers for one that training changes. */
interface Written {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly numbers?: string;
}

/** As JSON: what is needed of a network to make it again, beside its weights. */
export function architectureText(
  { path: _, nodes, arrays, ...rest }: Ready,
  needed: readonly number[],
  found: ReadonlyMap<string, Found>,
  about: Pick<Architecture, "name" | "shape">,
): string {
  const kept = needed.map((at) => nodes[at]);
  const read = new Set(kept.flatMap(({ inputs }) => inputs));
  const held = Object.entries(arrays).filter(([name]) => read.has(name));
  const written = held.map(([name, { dtype, shape, data }]) => [
    name,
    found.has(name) ? { dtype, shape } : { dtype, shape, data },
  ]);
  return JSON.stringify({ ...about, ...rest, nodes: kept, arrays: Object.fromEntries(written) }, plain);
}

/** The same again, with zeros for what training changes. Throws `bad-file`, naming `path`, for what is none. */
export function readArchitecture(text: string, path: string): Architecture {
  try {
    return JSON.parse(text, revived) as Architecture;
  } catch (cause) {
    const problem = `${path} is damaged: the network in it cannot be read`;
    throw new OckhamError("bad-file", path, problem, "copy or export it again", cause);
  }
}

/** Numbers as texts where JSON has none for them. */
function plain(_: string, value: unknown): unknown {
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (!isArray(value)) return value;
  const { dtype, shape, data } = value;
  return { dtype, shape, numbers: Array.from(data as ArrayLike<number | bigint>, String).join(" ") };
}

function revived(key: string, value: unknown): unknown {
  if (key === "float" && typeof value === "string") return Number(value);
  if (!isWritten(value)) return value;
  const { dtype, shape, numbers = "" } = value;
  const data = storage(dtype, sizeOf(shape));
  const texts = numbers === "" ? [] : numbers.split(" ");
  texts.forEach((one, i) => {
    (data as unknown as (number | bigint)[])[i] = dtype === "int64" ? BigInt(one) : Number(one);
  });
  return { dtype, shape, data };
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
const isArray = (value: unknown): value is NdArray =>
  isObject(value) && "data" in value && ArrayBuffer.isView(value.data);
const isWritten = (value: unknown): value is Written =>
  isObject(value) && "dtype" in value && typeof value.dtype === "string" && "shape" in value;

import { type NdArray, sameShape, sizeOf, storage } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import { input, type Tensor, vmapTraced } from "../tensor/index.ts";

/** How runs lie side by side in one graph: what they have of their `own` has their axis in front. A lone run has no such axis. */
export interface Layout {
  readonly size: number;
  /** Names of inputs. */
  readonly own: ReadonlySet<string>;
}

export const alone: Layout = { size: 1, own: new Set() };

type Arrays = Readonly<Record<string, NdArray>>;
type Tensors = Readonly<Record<string, Tensor>>;

/** Arrays of so few entries are looked into; larger ones are the same only if they are one and the same. */
const few = 2;

const same = (a: NdArray | undefined, b: NdArray): boolean =>
  a === b ||
  (a !== undefined &&
    sizeOf(a.shape) <= few &&
    a.data.length === b.data.length &&
    a.data.every((v, i) => v === b.data[i]));

/** The names under which runs are not all given the same. */
export const differing = ([first, ...others]: readonly Arrays[]): string[] =>
  Object.keys(first).filter((name) => others.some((arrays) => !same(arrays[name], first[name])));

/** One array from those of all runs. Throws `bad-shape` naming it unless they are of one shape. */
export function gathered(arrays: readonly NdArray[], name: string, { own }: Layout): NdArray {
  const [first] = arrays;
  if (!own.has(name)) return first;
  const n = first.data.length;
  for (const a of arrays)
    if (a === undefined || !sameShape(a.shape, first.shape) || a.dtype !== first.dtype)
      throw new OckhamError(
        "bad-shape",
        name,
        `"${name}" is ${first.dtype}[${first.shape}] in one run and ${a === undefined ? "absent" : `${a.dtype}[${a.shape}]`} in another`,
        "train runs together on data of one shape",
      );
  const data = storage(first.dtype, arrays.length * n) as Float32Array;
  arrays.forEach((a, i) => {
    data.set(a.data as Float32Array, i * n);
  });
  return { dtype: first.dtype, shape: [arrays.length, ...first.shape], data };
}

/** Entry i of the leading axis, copied. */
export function entryOf(array: NdArray, i: number): NdArray {
  const shape = array.shape.slice(1);
  const n = sizeOf(shape);
  return { dtype: array.dtype, shape, data: (array.data as Float32Array).slice(i * n, (i + 1) * n) };
}

/** What arrays of all runs are for one of them. */
export const partsOf = (arrays: Arrays, i: number, { own }: Layout): Record<string, NdArray> =>
  Object.fromEntries(Object.entries(arrays).map(([name, a]) => [name, own.has(name) ? entryOf(a, i) : a]));

/** A traced graph for runs side by side. All results get their axis. */
export function sideBySide(
  inputs: Tensors,
  outputs: Tensors,
  { size, own }: Layout,
): { readonly inputs: Tensors; readonly outputs: Tensors } {
  if (size === 1) return { inputs, outputs };
  const members = new Map<Tensor, Tensor>();
  const wide = Object.entries(inputs).map(([name, t]) => {
    if (!own.has(name)) return [name, t];
    const all = input(name, [size, ...t.shape], t.dtype);
    members.set(t, all);
    return [name, all];
  });
  const results = vmapTraced(Object.values(outputs), members);
  return {
    inputs: Object.fromEntries(wide),
    outputs: Object.fromEntries(Object.keys(outputs).map((name, i) => [name, results[i]])),
  };
}

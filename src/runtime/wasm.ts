import type * as Ort from "onnxruntime-common";
import { type DType, sizeOf } from "../array/ndarray.ts";
import { power } from "../tensor/evaluate/elementwise.ts";
import type { Layout, Port } from "../wasm/index.ts";

/** What runs a program: a session of ONNX Runtime, or a program of our own. */
export interface Session {
  run(feeds: Readonly<Record<string, Ort.Tensor>>): Promise<Readonly<Record<string, Ort.Tensor>>>;
  release(): Promise<void>;
}

/** What a program exports. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly refused: { value: number };
  prepare(): void;
  step(index: number, steps: number): void;
}

/** The part of WebAssembly's JavaScript interface that is used here; the libraries of types have it for browsers only. */
interface WebAssemblyApi {
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(module: object, imports: object): Promise<{ readonly exports: object }>;
  readonly Module: { customSections(module: object, name: string): ArrayBuffer[] };
}

const { WebAssembly: api } = globalThis as unknown as { readonly WebAssembly: WebAssemblyApi };

const magic = [0x00, 0x61, 0x73, 0x6d];

/** Whether bytes are a WebAssembly module, and no ONNX file. */
export const isWasm = (bytes: Uint8Array): boolean => magic.every((byte, i) => bytes[i] === byte);

const page = 65536;

/** A program compiled by the room `wasm`. It is run in the calling thread. */
export async function openProgram(bytes: Uint8Array, ort: Pick<typeof Ort, "Tensor">): Promise<Session> {
  const module = await api.compile(bytes);
  const [notes] = api.Module.customSections(module, "ockham");
  const layout = JSON.parse(new TextDecoder().decode(notes)) as Layout;
  const math = { sin: Math.sin, cos: Math.cos, atan: Math.atan, power };
  const instance = await api.instantiate(module, { math });
  const program = instance.exports as Exports;
  /** What stands at each fixed input, so that what has not changed is not copied again. */
  const standing = new Map<string, Ort.Tensor>();

  const offsets = layout.slices.map((_, i) => layout.slices.slice(0, i).reduce((a, b) => a + b, 0));
  const total = layout.slices.reduce((a, b) => a + b, 0);
  const addressOf = ({ place }: Port, steps: number): number =>
    "address" in place ? place.address : layout.end + steps * offsets[place.slice];
  const shapeOf = ({ place, shape }: Port, steps: number) => ("address" in place ? shape : [steps, ...shape]);
  const view = ({ dtype, shape }: Pick<Port, "dtype" | "shape">, address: number) =>
    heldAt(program.memory.buffer, dtype, sizeOf(shape), address);

  const changing = new Set(
    layout.outputs.flatMap(({ place }) => ("address" in place ? [place.address] : [])),
  );

  return {
    run: async (feeds) => {
      const scanned = layout.inputs.find(({ place }) => "slice" in place);
      const steps = layout.length ?? feeds[(scanned as Port).name].dims[0];
      const bytes = layout.end + steps * total + layout.margin;
      const missing = Math.ceil((bytes - program.memory.buffer.byteLength) / page);
      if (missing > 0) program.memory.grow(missing);
      for (const port of layout.inputs) {
        const tensor = feeds[port.name];
        const fixed = "address" in port.place && !changing.has(port.place.address);
        if (fixed && standing.get(port.name) === tensor) continue;
        const shape = shapeOf(port, steps);
        view({ dtype: port.dtype, shape }, addressOf(port, steps)).set(toMemory(port.dtype, tensor.data));
        if (fixed) standing.set(port.name, tensor);
      }
      program.refused.value = 0;
      try {
        program.prepare();
        for (let step = 0; step < steps; step++) program.step(step, steps);
      } catch (error) {
        throw refused(program, layout, error as Error);
      }
      return Object.fromEntries(
        layout.outputs.map((port) => {
          const shape = shapeOf(port, steps);
          const data = fromMemory(port.dtype, view({ dtype: port.dtype, shape }, addressOf(port, steps)));
          return [port.name, new ort.Tensor(port.dtype as "float32", data as Float32Array, shape)];
        }),
      );
    },
    release: async () => standing.clear(),
  };
}

/** The entries of an array in memory; truth values are four bytes there, with all bits set or none. */
const heldAt = (memory: ArrayBuffer, dtype: DType, count: number, address: number): Words =>
  dtype === "float32"
    ? new Float32Array(memory, address, count)
    : dtype === "uint32"
      ? new Uint32Array(memory, address, count)
      : new Int32Array(memory, address, count);

type Words = Float32Array | Int32Array | Uint32Array;

/** Entries as they are held in memory. */
const toMemory = (dtype: DType, data: Ort.Tensor["data"]): ArrayLike<number> =>
  dtype === "bool" ? Int32Array.from(data as Uint8Array, (x) => (x === 0 ? 0 : -1)) : (data as Float32Array);

const fromMemory = (dtype: DType, words: Words): Words | Uint8Array =>
  dtype === "bool" ? Uint8Array.from(words, (x) => (x === 0 ? 0 : 1)) : words.slice();

/** A trap stands for an index without a row: whose it was is in a global. */
function refused(program: Exports, { refusals }: Layout, error: Error): Error {
  const number = program.refused.value;
  if (number === 0) return error;
  return new Error(`${refusals[number - 1]}: an index is out of bounds`, { cause: error });
}

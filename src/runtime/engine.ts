import type * as Ort from "onnxruntime-common";
import { bytesPerElement, type DType, type NdArray } from "../array/ndarray.ts";
import { isWasm, openProgram, type Session } from "./wasm.ts";

/** What computes: the processor, a GPU by CUDA, or a GPU by WebGPU. */
export type Device = "cpu" | "cuda" | "webgpu";

/** Names a tensor that stays with the engine. */
export type HandleId = number;

export type Fed = { readonly handle: HandleId } | { readonly array: NdArray };

/** A run, with inputs and outputs by their names in the ONNX graph. */
export interface RunRequest {
  readonly program: string;
  readonly feeds: Readonly<Record<string, Fed>>;
  /** Outputs that stay with the engine, with the ids they get. */
  readonly keep: Readonly<Record<string, HandleId>>;
}

export interface RunResult {
  readonly arrays: Readonly<Record<string, NdArray>>;
  /** Shapes of the outputs that stayed. */
  readonly kept: Readonly<Record<string, readonly number[]>>;
  readonly milliseconds: number;
}

export interface Memory {
  /** Tensors held, and their bytes. */
  readonly tensors: number;
  readonly bytes: number;
  /** Programs loaded. */
  readonly programs: number;
  /** Number of the process, and its bytes; both 0 in a browser, which does not tell. */
  readonly pid: number;
  readonly resident: number;
}

export interface LoadRequest {
  readonly program: string;
  /** An ONNX file, or a WebAssembly module. */
  readonly bytes: Uint8Array;
  /** Dtypes of the outputs, by their names in the ONNX graph. */
  readonly outputs: Readonly<Record<string, DType>>;
}

/** What an engine is asked to do. Plain data, so that it can cross to another process or thread. */
export type Request =
  | { readonly do: "open" }
  | ({ readonly do: "load" } & LoadRequest)
  | { readonly do: "unload"; readonly program: string }
  | { readonly do: "run"; readonly request: RunRequest }
  | { readonly do: "put"; readonly handle: HandleId; readonly array: NdArray }
  | { readonly do: "get"; readonly handle: HandleId }
  | { readonly do: "release"; readonly handles: readonly HandleId[] }
  | { readonly do: "memory" };

/** Sessions and tensors of one process or thread; the only code that talks to ONNX Runtime. */
export type Engine = (request: Request) => Promise<unknown>;

export interface EngineOptions {
  readonly device: Device;
  /** Threads inside one operation. */
  readonly threads: number;
  /** Whether no other engine computes at the same time. */
  readonly alone: boolean;
}

/** ONNX Runtime as a platform has it. */
export interface Backend {
  readonly ort: Pick<typeof Ort, "InferenceSession" | "Tensor">;
  /** The settings measured to be fastest. */
  sessionOptions(program: LoadRequest): Ort.InferenceSession.SessionOptions;
  /** Brings a tensor to where sessions compute, so that it does not have to go there at every run. */
  place?(tensor: Ort.Tensor): Promise<Ort.Tensor>;
  process(): Pick<Memory, "pid" | "resident">;
}

const fatalOnly = 4;

/**
 * Session settings that are the same everywhere. Graphs come optimized: ONNX Runtime would find nothing, and take its
 * time. Without its pattern of a run's memory, steps take as long and up to a sixth less memory.
 */
export const commonOptions: Ort.InferenceSession.SessionOptions = {
  enableMemPattern: false,
  executionMode: "sequential",
  graphOptimizationLevel: "disabled",
  logSeverityLevel: fatalOnly,
};

/**
 * An engine, opened by the first request. It answers one request after another; errors are ONNX Runtime's own, or
 * what `open` throws.
 */
export function createEngine(open: () => Promise<Backend>): Engine {
  const sessions = new Map<string, Session>();
  const tensors = new Map<HandleId, Ort.Tensor>();
  const free = openDrain();
  let opened: Promise<Backend> | undefined;
  return async (request) => {
    opened ??= open();
    const backend = await opened;
    switch (request.do) {
      case "open":
        return undefined;
      case "load":
        sessions.set(request.program, await openSession(backend, request));
        return undefined;
      case "unload":
        await sessions.get(request.program)?.release();
        sessions.delete(request.program);
        return undefined;
      case "run": {
        const session = sessions.get(request.request.program) as Session;
        return run(session, backend, tensors, request.request);
      }
      case "put": {
        const tensor = toTensor(backend, request.array);
        tensors.set(request.handle, (await backend.place?.(tensor)) ?? tensor);
        return undefined;
      }
      case "get":
        return toArray(tensors.get(request.handle) as Ort.Tensor);
      case "release":
        for (const handle of request.handles) {
          const tensor = tensors.get(handle);
          if (tensor !== undefined) free(tensor);
          tensors.delete(handle);
        }
        return undefined;
      case "memory":
        return { ...held(tensors), programs: sessions.size, ...backend.process() } satisfies Memory;
    }
  };
}

async function openSession({ ort, sessionOptions }: Backend, request: LoadRequest): Promise<Session> {
  if (isWasm(request.bytes)) return openProgram(request.bytes, ort);
  const session = await ort.InferenceSession.create(request.bytes, sessionOptions(request));
  return {
    run: (feeds) => session.run(feeds, { logSeverityLevel: fatalOnly }),
    release: () => session.release(),
  };
}

async function run(
  session: Session,
  backend: Backend,
  tensors: Map<HandleId, Ort.Tensor>,
  { feeds, keep }: RunRequest,
): Promise<RunResult> {
  const given: Record<string, Ort.Tensor> = {};
  for (const [name, feed] of Object.entries(feeds))
    given[name] = "handle" in feed ? (tensors.get(feed.handle) as Ort.Tensor) : toTensor(backend, feed.array);
  const start = performance.now();
  const results = await session.run(given);
  const milliseconds = performance.now() - start;
  const arrays: Record<string, NdArray> = {};
  const kept: Record<string, readonly number[]> = {};
  for (const [name, result] of Object.entries(results)) {
    if (name in keep) {
      tensors.set(keep[name], result);
      kept[name] = result.dims;
    } else {
      arrays[name] = await toArray(result);
      result.dispose();
    }
  }
  return { arrays, kept, milliseconds };
}

/**
 * Gives the memory of tensors back at once; the garbage collector would let tens of MiB of them gather first. What is
 * transferred to a closed port is gone. Buffers that hold something else too stay.
 */
function openDrain(): (tensor: Ort.Tensor) => void {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  return (tensor) => {
    const held = inMemory(tensor) ? (tensor.data as Float32Array<ArrayBuffer>) : undefined;
    tensor.dispose();
    if (held !== undefined && held.byteLength === held.buffer.byteLength)
      port1.postMessage(null, [held.buffer]);
  };
}

function held(tensors: ReadonlyMap<HandleId, Ort.Tensor>): Pick<Memory, "tensors" | "bytes"> {
  let bytes = 0;
  for (const { type, size } of tensors.values()) bytes += size * bytesPerElement[type as DType];
  return { tensors: tensors.size, bytes };
}

const inMemory = ({ location }: Ort.Tensor) => location === "cpu" || location === "cpu-pinned";

const toTensor = ({ ort }: Backend, { dtype, shape, data }: NdArray): Ort.Tensor =>
  new ort.Tensor(dtype as "float32", data as Float32Array, shape);

/** Where JavaScript has a Float16Array, ONNX Runtime gives one: we hold the raw bits. */
async function toArray(tensor: Ort.Tensor): Promise<NdArray> {
  const data = inMemory(tensor) ? tensor.data : await tensor.getData();
  const { buffer, byteOffset, length } = data as Uint16Array<ArrayBuffer>;
  return {
    dtype: tensor.type as DType,
    shape: tensor.dims,
    data: tensor.type === "float16" ? new Uint16Array(buffer, byteOffset, length) : (data as Float32Array),
  };
}

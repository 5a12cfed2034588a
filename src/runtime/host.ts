import type { DType, NdArray } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import type { Lowered, Port } from "../onnx/index.ts";
import type { Caller } from "./calls.ts";
import type { Device, Fed, HandleId, Memory, Request, RunRequest, RunResult } from "./engine.ts";

/** A tensor that lives with a host; feed it there, fetch it with `get`, give it back with `release`. */
export interface Handle {
  readonly handle: HandleId;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** A graph loaded into a host, in the form for its threads. */
export interface Program {
  readonly id: string;
  readonly lowered: Lowered;
}

export interface RunOptions {
  /** Outputs that stay with the host and come back as handles. */
  readonly keep?: readonly string[];
}

export interface Run {
  readonly outputs: Readonly<Record<string, NdArray | Handle>>;
  /** Time inside ONNX Runtime. */
  readonly milliseconds: number;
}

/** What a host computes with. */
export interface Setup {
  readonly device: Device;
  /** Threads inside one operation. */
  readonly threads: number;
  /** In words, what was asked for and cannot be had here, such as threads in a page that is not isolated. */
  readonly notes: readonly string[];
}

/**
 * Runs programs and keeps their state. Calls are done in the order they are made. Arrays are copied on their way
 * in and out; handles are not. Every method throws `interrupted` once the host is closed, and `runtime`, naming
 * the operation and the line it comes from where possible, when ONNX Runtime fails, when the device cannot be used, or when the host's worker dies.
 */
export interface Host {
  readonly setup: Setup;
  /** Starts the worker and the device, which else the first call does: for those who want to know at once that all is there. */
  ready(): Promise<void>;
  /** Loads a graph, once for each content. The least recently used ones are put away when there are many. */
  load(lowered: Lowered): Promise<Program>;
  /** Throws `unknown-name`, `bad-shape` or `bad-dtype`, naming the input, when the feeds do not fit. */
  run(
    program: Program,
    feeds: Readonly<Record<string, NdArray | Handle>>,
    options?: RunOptions,
  ): Promise<Run>;
  put(array: NdArray): Promise<Handle>;
  get(handle: Handle): Promise<NdArray>;
  release(...handles: readonly Handle[]): Promise<void>;
  memory(): Promise<Memory>;
  /** Stops at once, even in the middle of a run; what is under way is rejected. */
  close(): Promise<void>;
}

export interface HostOptions {
  /**
   * What computes; the processor ("cpu") unless told. "cuda" on Node, where ONNX Runtime's CUDA libraries are
   * installed; "webgpu" where there is an adapter: in browsers above all.
   */
  readonly device?: Device;
  /** Threads inside one operation; 1 unless told. A browser gives more than one to isolated pages only. */
  readonly threads?: number;
  /** Whether no other host computes at the same time; true unless told. */
  readonly alone?: boolean;
  /**
   * In a browser: the folder, as a URL, that ONNX Runtime's `ort-wasm-*` files are served from; unless told, where
   * the bundler put them, else beside the worker's file.
   */
  readonly wasmPaths?: string;
  /** In a browser: where the worker's file is served, unless the bundler has seen to it, else `worker.js` beside the bundle. */
  readonly workerUrl?: string | URL;
}

/** SHA-256 of the bytes, in base 64. */
export type Digest = (bytes: Uint8Array) => string;

/** Most programs that stay loaded. */
const mostPrograms = 32;

const identities = new WeakMap<Lowered, string>();

/** Programs are known by their content. */
function identityOf(lowered: Lowered, digest: Digest): string {
  const known = identities.get(lowered) ?? digest(lowered.bytes);
  identities.set(lowered, known);
  return known;
}

type Ask = (request: Request, lowered?: Lowered) => Promise<unknown>;

const asking =
  ({ call }: Caller): Ask =>
  async (request, lowered) => {
    try {
      return await call(request);
    } catch (error) {
      throw error instanceof OckhamError ? error : runtimeError(error as Error, lowered);
    }
  };

/** Sees to it that a program is loaded. Calls are done in order, so a run may be asked for before its program is there. */
function loader(ask: Ask): (id: string, lowered: Lowered) => Promise<unknown> {
  /** Least recently used first. */
  const loaded = new Map<string, Promise<unknown>>();
  return (id, lowered) => {
    const loading = loaded.get(id) ?? ask(loadRequest(id, lowered), lowered);
    loaded.delete(id);
    loaded.set(id, loading);
    loading.catch(() => loaded.delete(id));
    if (loaded.size > mostPrograms) {
      const [oldest] = loaded.keys();
      loaded.delete(oldest);
      ask({ do: "unload", program: oldest }).catch(() => undefined);
    }
    return loading;
  };
}

const loadRequest = (program: string, { bytes, outputs }: Lowered): Request => ({
  do: "load",
  program,
  bytes,
  outputs: Object.fromEntries(outputs.map(({ value, dtype }) => [value, dtype])),
});

/** A graph in the form that is fastest on a host. */
function formFor(given: Lowered, { device, threads }: Setup): Lowered {
  const small = device === "cpu" ? given.small?.() : undefined;
  return small ?? (threads > 1 ? given.parallel?.() : undefined) ?? given;
}

/** A host over a way to an engine. */
export function hostOver(caller: Caller, setup: Setup, digest: Digest): Host {
  const ask = asking(caller);
  const ensure = loader(ask);
  const live = new Set<Handle>();
  let next = 0;
  const held = (handle: Handle): HandleId => {
    if (!live.has(handle)) throw unknownHandle();
    return handle.handle;
  };
  return {
    setup,
    ready: async () => {
      await ask({ do: "open" });
    },
    load: async (given) => {
      const lowered = formFor(given, setup);
      const id = identityOf(lowered, digest);
      await ensure(id, lowered);
      return { id, lowered };
    },
    run: async ({ id, lowered }, feeds, { keep = [] } = {}) => {
      const kept = new Map(keep.map((name) => [outputOf(lowered, name).value, next++]));
      const fed = lowered.inputs.map((port) => [port.value, fedTo(port, feeds[port.name], held)]);
      const request: RunRequest = {
        program: id,
        feeds: Object.fromEntries(fed),
        keep: Object.fromEntries(kept),
      };
      const loading = ensure(id, lowered);
      const running = ask({ do: "run", request }, lowered);
      running.catch(() => undefined);
      await loading;
      const result = (await running) as RunResult;
      const outputs = lowered.outputs.map(({ name, value, dtype }): [string, NdArray | Handle] => {
        const handle = kept.get(value);
        if (handle === undefined) return [name, result.arrays[value]];
        const made: Handle = { handle, shape: result.kept[value], dtype };
        live.add(made);
        return [name, made];
      });
      return { outputs: Object.fromEntries(outputs), milliseconds: result.milliseconds };
    },
    put: async (array) => {
      const handle: Handle = { handle: next++, shape: array.shape, dtype: array.dtype };
      await ask({ do: "put", handle: handle.handle, array });
      live.add(handle);
      return handle;
    },
    get: async (handle) => (await ask({ do: "get", handle: held(handle) })) as NdArray,
    release: async (...handles) => {
      const known = handles.filter((handle) => live.delete(handle));
      // calls are done in order, so there is no need to wait for the answer
      if (known.length > 0)
        ask({ do: "release", handles: known.map(({ handle }) => handle) }).catch(() => undefined);
    },
    memory: async () => (await ask({ do: "memory" })) as Memory,
    close: caller.close,
  };
}

/** ONNX Runtime's message, with our operation and the caller's line in front. */
function runtimeError(cause: Error, lowered: Lowered | undefined): OckhamError {
  const found = lowered?.originOf(cause.message);
  const at = found?.line === undefined ? "" : ` at ${found.line}`;
  const memory = /bad_alloc|allocate memory|out of memory/i.test(cause.message);
  return new OckhamError(
    "runtime",
    found === undefined ? "ONNX Runtime" : `${found.op}${at}`,
    `${found === undefined ? "" : `${found.op}${at}: `}ONNX Runtime says: ${cause.message}`,
    memory
      ? "use smaller batches or fewer workers at once"
      : "check the shapes and numbers that reach this operation",
    cause,
  );
}

const unknownHandle = () =>
  new OckhamError(
    "unknown-name",
    "handle",
    "the handle was released, or belongs to another host",
    "use handles with the host that made them, before they are released",
  );

function outputOf(lowered: Lowered, name: string): Port {
  const port = lowered.outputs.find((p) => p.name === name);
  if (port !== undefined) return port;
  throw new OckhamError(
    "unknown-name",
    name,
    `"${name}" is to be kept, but is no output of the program`,
    `its outputs are ${lowered.outputs.map((p) => p.name).join(", ")}`,
  );
}

function fedTo(port: Port, value: NdArray | Handle | undefined, held: (handle: Handle) => HandleId): Fed {
  if (value === undefined)
    throw new OckhamError(
      "unknown-name",
      port.name,
      `nothing was fed for "${port.name}"`,
      "feed every input",
    );
  if (value.dtype !== port.dtype)
    throw new OckhamError(
      "bad-dtype",
      port.name,
      `"${port.name}" takes ${port.dtype}, not ${value.dtype}`,
      "feed the dtype it was traced with",
    );
  const fits =
    value.shape.length === port.shape.length &&
    port.shape.every((n, i) => n === value.shape[i] || (n < 0 && value.shape[i] > 0));
  if (!fits)
    throw new OckhamError(
      "bad-shape",
      port.name,
      `"${port.name}" takes [${port.shape.map((n) => (n < 0 ? "any" : n))}], not [${value.shape}]`,
      "feed the shape it was traced with",
    );
  return "handle" in value ? { handle: held(value) } : { array: value };
}

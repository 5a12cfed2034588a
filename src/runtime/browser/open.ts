import { sha256 } from "@noble/hashes/sha2.js";
import { inlineCaller } from "../calls.ts";
import { createEngine } from "../engine.ts";
import { type Host, type HostOptions, hostOver, type Setup } from "../host.ts";
import { type ModelOptions, modelOver, type OpenModel } from "../model.ts";
import { type Pool, poolOver } from "../pool.ts";
import { type BrowserOptions, browserBackend } from "./backend.ts";
import { workerCaller } from "./caller.ts";
import { scope, type WebWorker } from "./web.ts";

const digest = (bytes: Uint8Array): string => btoa(String.fromCharCode(...sha256(bytes)));

interface Settled {
  readonly options: BrowserOptions;
  readonly setup: Setup;
}

/** What can be had of what is asked for. `most`: threads that this way of opening allows, and why no more. */
function settle(
  { device = "cpu", threads: asked = 1, alone = true, wasmPaths }: HostOptions,
  most: { readonly threads: number; readonly why: string },
): Settled {
  const threads = Math.min(asked, most.threads);
  const notes = threads < asked ? [`one thread, not ${asked}: ${most.why}`] : [];
  const folder = wasmPaths === undefined ? {} : { wasmPaths: absolute(`${wasmPaths}/`.replace(/\/+$/, "/")) };
  return { options: { device, threads, alone, ...folder }, setup: { device, threads, notes } };
}

const absolute = (url: string): string => new URL(url, scope.location?.href).href;

const threadsOfWorkers = () =>
  scope.crossOriginIsolated
    ? { threads: Number.POSITIVE_INFINITY, why: "" }
    : {
        threads: 1,
        why:
          "the page is not cross-origin isolated; serve it with Cross-Origin-Opener-Policy: same-origin and " +
          "Cross-Origin-Embedder-Policy: require-corp",
      };

const threadsOfPages = { threads: 1, why: "a page must not wait for threads; openHost computes in a worker" };

declare const Worker: new (url: string | URL, options: { type: "module" }) => WebWorker;

/** Both are written out in full, since bundlers look for just this form. */
function startWorker({ device, workerUrl }: HostOptions): WebWorker {
  if (workerUrl !== undefined) return new Worker(workerUrl, { type: "module" });
  return device === "webgpu"
    ? new Worker(new URL("./webgpuWorker.js", import.meta.url), { type: "module" })
    : new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
}

/** A host in a worker, so that the page stays smooth. */
export function openHost(options: HostOptions = {}): Host {
  const { options: settled, setup } = settle(options, threadsOfWorkers());
  return hostOver(workerCaller(startWorker(options), settled), setup, digest);
}

/** A host in the calling thread, which stands still while it runs: for small jobs, and inside workers of one's own. */
export function openInline(options: HostOptions = {}): Host {
  const { options: settled, setup } = settle(options, threadsOfPages);
  const engine = createEngine(async () => {
    const ort =
      settled.device === "webgpu"
        ? await import("onnxruntime-web/webgpu")
        : await import("onnxruntime-web/wasm");
    return browserBackend(ort, settled);
  });
  return hostOver(inlineCaller(engine), setup, digest);
}

/** Opens `size` hosts of one thread each (unless told), each when it is first needed. */
export const openPool = (size: number, options?: HostOptions): Pool => poolOver(openHost, size, options);

/**
 * Opens any ONNX file, given as bytes or by its URL, in the calling thread. Throws `bad-file`, naming `name`, when
 * ONNX Runtime cannot load it.
 */
export async function openModel(model: Uint8Array | string, options?: ModelOptions): Promise<OpenModel> {
  const ort = await import("onnxruntime-web/wasm");
  ort.env.wasm.numThreads = 1;
  return modelOver(ort, model, options);
}

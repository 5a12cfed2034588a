import { createHash } from "node:crypto";
import { inlineCaller } from "../calls.ts";
import { createEngine, type EngineOptions } from "../engine.ts";
import { type Host, type HostOptions, hostOver, type Setup } from "../host.ts";
import { type ModelOptions, modelOver, type OpenModel } from "../model.ts";
import { type Pool, poolOver } from "../pool.ts";
import { processCaller } from "./process.ts";

// ONNX Runtime is loaded where it computes: a caller whose hosts are other processes goes without its memory

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("base64");

const complete = ({ device = "cpu", threads = 1, alone = true }: HostOptions): EngineOptions => ({
  device,
  threads,
  alone,
});

const setupOf = ({ device, threads }: EngineOptions): Setup => ({ device, threads, notes: [] });

/** A host in a process of its own, so that the caller stays responsive and survives its crashes. */
export function openHost(options: HostOptions = {}): Host {
  const settings = complete(options);
  return hostOver(processCaller(settings), setupOf(settings), digest);
}

/** A host in the calling thread, which stands still while it runs: for small jobs and tests. */
export function openInline(options: HostOptions = {}): Host {
  const settings = complete(options);
  const engine = createEngine(async () => (await import("./backend.ts")).nodeBackend(settings));
  return hostOver(inlineCaller(engine), setupOf(settings), digest);
}

/** Opens `size` hosts of one thread each (unless told), each when it is first needed. */
export const openPool = (size: number, options?: HostOptions): Pool => poolOver(openHost, size, options);

/** Opens any ONNX file in the calling thread. Throws `bad-file`, naming `name`, when ONNX Runtime cannot load it. */
export const openModel = async (model: Uint8Array | string, options?: ModelOptions): Promise<OpenModel> =>
  modelOver((await import("./backend.ts")).ort, model, options);

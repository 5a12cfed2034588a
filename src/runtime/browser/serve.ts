import type * as Ort from "onnxruntime-common";
import { answering, type Message, type Reply } from "../calls.ts";
import { createEngine, type RunResult } from "../engine.ts";
import { type BrowserOptions, browserBackend } from "./backend.ts";
import { type Port, scope } from "./web.ts";

/**
 * The worker's side in a browser: the first message brings the options, the others are for the engine. ONNX
 * Runtime's threads may start from the same file; they have a name, and are left to it.
 */
export function serve(ort: typeof Ort): void {
  if (scope.name?.startsWith("em-pthread")) return;
  const port = globalThis as unknown as Port;
  port.onmessage = ({ data }) => {
    const engine = createEngine(() => browserBackend(ort, data as BrowserOptions));
    const answer = answering(engine, (reply) => port.postMessage(reply, buffersOf(reply)));
    port.onmessage = (event) => answer(event.data as Message);
  };
}

/** The memory of a run's results, which nobody here needs any more. */
function buffersOf({ value }: Reply): ArrayBuffer[] {
  const { arrays } = (value ?? {}) as Partial<RunResult>;
  return [...new Set(Object.values(arrays ?? {}).map(({ data }) => data.buffer as ArrayBuffer))];
}

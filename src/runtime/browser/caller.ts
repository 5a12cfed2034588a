import type { NdArray } from "../../array/ndarray.ts";
import { type Caller, closed, died, openCalls, type Reply } from "../calls.ts";
import type { Fed, Request } from "../engine.ts";
import type { BrowserOptions } from "./backend.ts";
import type { WebWorker } from "./web.ts";

/** An engine in a worker, so that the page stays smooth; the worker can be stopped in the middle of a run. */
export function workerCaller(worker: WebWorker, options: BrowserOptions): Caller {
  const calls = openCalls();
  worker.onmessage = ({ data }) => calls.settle(data as Reply);
  worker.onerror = (event) => {
    // handled here: it is no error of the page
    event.preventDefault();
    const { message, filename, lineno } = event;
    calls.end(died(message ? `${message}, at ${filename}:${lineno}` : "its file could not be loaded"));
    worker.terminate();
  };
  worker.postMessage(options);
  return {
    call: (request) =>
      calls.call(request, (message) => {
        const { request: detached, buffers } = detach(message.request);
        worker.postMessage({ ...message, request: detached }, buffers);
      }),
    close: async () => {
      calls.end(closed());
      worker.terminate();
    },
  };
}

/** A request with arrays of its own, whose memory can go to the worker without another copy. */
function detach(request: Request): { readonly request: Request; readonly buffers: ArrayBuffer[] } {
  const buffers: ArrayBuffer[] = [];
  const own = <A extends Uint8Array | NdArray["data"]>(data: A): A => {
    const copy = data.slice() as A;
    buffers.push(copy.buffer as ArrayBuffer);
    return copy;
  };
  const array = (a: NdArray): NdArray => ({ ...a, data: own(a.data) });
  const fed = (feed: Fed): Fed => ("array" in feed ? { array: array(feed.array) } : feed);
  switch (request.do) {
    case "put":
      return { request: { ...request, array: array(request.array) }, buffers };
    case "load":
      return { request: { ...request, bytes: own(request.bytes) }, buffers };
    case "run": {
      const feeds = Object.entries(request.request.feeds).map(([name, feed]) => [name, fed(feed)]);
      return {
        request: { ...request, request: { ...request.request, feeds: Object.fromEntries(feeds) } },
        buffers,
      };
    }
    default:
      return { request, buffers };
  }
}

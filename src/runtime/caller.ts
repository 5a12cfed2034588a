import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { OckhamError } from "../error.ts";
import { createEngine, type EngineOptions, type Request } from "./engine.ts";
import type { Message, Reply } from "./worker.ts";

/** A way to an engine. */
export interface Caller {
  /** Rejects with ONNX Runtime's error, or with an OckhamError when the engine is gone. */
  call(request: Request): Promise<unknown>;
  /** Stops the engine at once; what is under way is rejected. */
  close(): Promise<void>;
}

const closed = () =>
  new OckhamError("interrupted", "worker", "the worker was closed", "open another one to go on");

/** An engine in this process, which stands still while it runs. Arrays are copied, as they are on the way to a worker. */
export function inlineCaller(options: EngineOptions): Caller {
  const engine = createEngine(options);
  let open = true;
  let last: Promise<unknown> = Promise.resolve();
  return {
    call: (request) => {
      const answer = last.then(() => {
        if (!open) throw closed();
        return engine(request.do === "put" ? structuredClone(request) : request);
      });
      last = answer.catch(() => undefined);
      return request.do === "get" ? answer.then((value) => structuredClone(value)) : answer;
    },
    close: async () => {
      open = false;
    },
  };
}

const source = import.meta.url.endsWith(".ts");
const workerFile = fileURLToPath(new URL(source ? "./worker.ts" : "./worker.js", import.meta.url));

function start(options: EngineOptions): ChildProcess {
  return fork(workerFile, [JSON.stringify(options)], {
    serialization: "advanced",
    execArgv: source ? ["--import", import.meta.resolve("tsx")] : [],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
}

/** The workers alive: none of them outlives this process. */
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** How much of what a dying worker writes is shown. */
const lastWords = 600;

/** An engine in a process of its own: it can be killed in the middle of a run, and its crash is not ours. */
export function processCaller(options: EngineOptions): Caller {
  const child = start(options);
  alive.add(child);
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let ended: OckhamError | undefined;
  let said = "";
  let count = 0;

  const hold = (on: boolean) => {
    for (const part of [child, child.channel, child.stderr as unknown as ChildProcess])
      if (on) part?.ref();
      else part?.unref();
  };
  const settle = (id: number) => {
    const call = waiting.get(id);
    waiting.delete(id);
    // an answer to what nobody waits for any more must not let the process end while it is being closed
    if (call !== undefined && waiting.size === 0) hold(false);
    return call;
  };
  const end = (error: OckhamError) => {
    ended ??= error;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  const gone = new Promise<void>((resolve) => {
    const dead = (how: string, cause?: unknown) => {
      alive.delete(child);
      end(died(how, said, cause));
      resolve();
    };
    child.on("error", (cause) => dead(cause.message, cause));
    child.on("exit", (code, signal) => dead(signal ?? `exit code ${code}`));
  });

  child.stderr?.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-lastWords);
  });
  child.on("message", ({ id, value, error }: Reply) => {
    const call = settle(id);
    if (error === undefined) call?.resolve(value);
    else call?.reject(new Error(error));
  });
  hold(false);

  return {
    call: (request) =>
      new Promise((resolve, reject) => {
        if (ended !== undefined) return reject(ended);
        const message: Message = { id: count++, request };
        waiting.set(message.id, { resolve, reject });
        hold(true);
        child.send(message, (error) => {
          if (error !== null) settle(message.id)?.reject(ended ?? died(error.message, said, error));
        });
      }),
    close: async () => {
      end(closed());
      // the caller waits for the end, so it must keep the event loop alive
      child.ref();
      child.kill("SIGKILL");
      await gone;
    },
  };
}

const died = (how: string, said: string, cause?: unknown): OckhamError =>
  new OckhamError(
    "runtime",
    "worker",
    `a worker process ended by itself (${how})${said === "" ? "" : `: ${said.trim()}`}`,
    "if it ran out of memory, use smaller batches or fewer workers at once",
    cause,
  );

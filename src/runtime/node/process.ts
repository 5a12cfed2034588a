import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Caller, closed, died, openCalls, type Reply } from "../calls.ts";
import type { EngineOptions } from "../engine.ts";

const source = import.meta.url.endsWith(".ts");
const workerFile = fileURLToPath(new URL(source ? "./worker.ts" : "./worker.js", import.meta.url));

/** The worker's arrays come and go: a small nursery has them collected before they add up (10 MiB less for small models). */
const frugal = ["--max-semi-space-size=1"];

function start(options: EngineOptions): ChildProcess {
  return fork(workerFile, [JSON.stringify(options)], {
    serialization: "advanced",
    execArgv: [...frugal, ...(source ? ["--import", import.meta.resolve("tsx")] : [])],
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
  let said = "";
  const hold = (on: boolean) => {
    for (const part of [child, child.channel, child.stderr as unknown as ChildProcess])
      if (on) part?.ref();
      else part?.unref();
  };
  const calls = openCalls(hold);
  const ending = (how: string, cause?: unknown) => died(said === "" ? how : `${how}: ${said.trim()}`, cause);
  const gone = new Promise<void>((resolve) => {
    const dead = (how: string, cause?: unknown) => {
      alive.delete(child);
      calls.end(ending(how, cause));
      resolve();
    };
    child.on("error", (cause) => dead(cause.message, cause));
    child.on("exit", (code, signal) => dead(signal ?? `exit code ${code}`));
  });

  child.stderr?.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-lastWords);
  });
  child.on("message", (reply: Reply) => calls.settle(reply));
  hold(false);

  return {
    call: (request) =>
      calls.call(request, (message, fail) => {
        child.send(message, (error) => {
          if (error !== null) fail(ending(error.message, error));
        });
      }),
    close: async () => {
      calls.end(closed());
      // the caller waits for the end, so it must keep the event loop alive
      child.ref();
      child.kill("SIGKILL");
      await gone;
    },
  };
}

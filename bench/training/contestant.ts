import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Entrant } from "./entrants.ts";
import type { Job, Turn } from "./peers/serve.ts";
import { peakOf } from "./system.ts";

/** A running contestant. */
export interface Contestant {
  readonly name: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Seconds from the start of the process to the end of the first step. */
  readonly first: number;
  /** Number of its process group. */
  readonly group: number;
  run(steps: number): Promise<Turn>;
  /** Stops and continues all its processes. */
  pause(): void;
  resume(): void;
  /** Largest memory of all its processes so far, in bytes. */
  memory(): number;
  close(): void;
}

/** A contestant that does not take part, with the reason. */
export class Absent extends Error {}

/** Process groups alive: none of them outlives this process. */
const alive = new Set<number>();

function signal(group: number, name: NodeJS.Signals): void {
  try {
    process.kill(-group, name);
  } catch {
    // it is gone already
  }
}

process.on("exit", () => {
  for (const group of alive) signal(group, "SIGKILL");
});

type Line = Readonly<Record<string, unknown>>;

/** Lines of JSON from a child, one after another; what it says beside them when it ends without. */
function linesOf(child: ChildProcess): () => Promise<Line> {
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2000);
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  // a grandchild may hold the stream open
  const gone = new Promise<{ value: undefined; done: true }>((resolve) => {
    child.on("exit", () => setTimeout(resolve, 200, { value: undefined, done: true }));
  });
  return async () => {
    for (;;) {
      const { value, done } = await Promise.race([lines.next(), gone]);
      if (done) throw new Absent(`it ended by itself: ${said.trim().split("\n").slice(-3).join(" / ")}`);
      // libraries write to standard output too
      if (!(value as string).startsWith("{")) continue;
      const line = JSON.parse(value as string) as Line;
      if ("cannot" in line) throw new Absent(String(line.cannot));
      if ("error" in line) throw new Absent(`it failed: ${String(line.error).trim()}`);
      return line;
    }
  };
}

/** Starts a contestant and waits for its first step, for so many seconds at most. Throws `Absent`. */
export async function enter(
  { name, command, variant }: Entrant,
  job: Job,
  patience: number,
): Promise<Contestant> {
  const [program, ...args] = command;
  const start = performance.now();
  const child = spawn(program, [...args, JSON.stringify({ ...job, variant })], {
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, TORCHINDUCTOR_COMPILE_THREADS: "1" },
  });
  const group = child.pid as number;
  alive.add(group);
  child.on("exit", () => signal(group, "SIGKILL"));
  const close = () => {
    signal(group, "SIGKILL");
    alive.delete(group);
  };
  const next = linesOf(child);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    close();
  }, 1000 * patience);
  try {
    const { versions } = await next();
    const first = (performance.now() - start) / 1000;
    return {
      name,
      versions: versions as Record<string, string>,
      first,
      group,
      run: async (steps) => {
        child.stdin?.write(`${JSON.stringify({ run: steps })}\n`);
        return (await next()) as unknown as Turn;
      },
      pause: () => signal(group, "SIGSTOP"),
      resume: () => signal(group, "SIGCONT"),
      memory: () => peakOf(group),
      close,
    };
  } catch (error) {
    close();
    throw late ? new Absent(`too slow: no first step within ${patience} s`) : error;
  } finally {
    clearTimeout(timer);
  }
}

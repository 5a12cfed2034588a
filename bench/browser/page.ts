/** The page of the bench: `window.bench`, driven step by step from outside so that the contenders take turns. */
import { jaxjs } from "./jaxjs.ts";
import { ockham, startOf } from "./ockham.ts";
import { type Backend, tensorflow } from "./tfjs.ts";
import { type Contender, type Running, type Start, type WorkName, workOf } from "./work.ts";

/** What a contender is called from outside. */
export type Name = "ockham" | "jax-js" | `tfjs-${Backend}`;

export interface Versions {
  readonly ockham: string;
  readonly jaxjs: string;
}

/** Steps whose losses are compared, if they do not take longer than so many milliseconds. */
const compared = 20;
const patience = 5000;

let start: Start;
const running = new Map<Name, Running>();

function contender(name: Name, threads: number, versions: Versions): Contender {
  if (name === "ockham") return ockham(threads, versions.ockham);
  if (name === "jax-js") return jaxjs(versions.jaxjs);
  return tensorflow(name.slice("tfjs-".length) as Backend, threads);
}

const bench = {
  async open(work: WorkName) {
    start = await startOf(workOf(work));
  },

  /** Brings a contender up; its first losses, or why it cannot take part. */
  async prepare(name: Name, threads: number, versions: Versions) {
    const made = contender(name, threads, versions);
    try {
      const one = await made.prepare(start);
      running.set(name, one);
      const losses: number[] = [];
      const begun = performance.now();
      // some take seconds a step
      while (losses.length < compared && performance.now() - begun < patience)
        losses.push(...(await one.losses(name === "ockham" ? compared : 1)));
      return { name: made.name, version: made.version, losses };
    } catch (error) {
      return { name: made.name, version: made.version, absent: (error as Error).message.split("\n")[0] };
    }
  },

  speed: (name: Name, seconds: number) => (running.get(name) as Running).speed(seconds),

  async close() {
    for (const one of running.values()) await one.close();
    running.clear();
  },
};

export type Bench = typeof bench;
Object.assign(globalThis, { bench });

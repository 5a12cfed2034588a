import { createInterface } from "node:readline";
import type { Workload } from "../workloads.ts";

/** What a contestant is started with, as its only argument (JSON). */
export interface Job {
  readonly workload: Workload;
  readonly threads: number;
  /** The `.npz` file of initial values and examples. */
  readonly file: string;
  /** Which way of using the library, where it has several. */
  readonly variant?: string;
}

export interface Turn {
  readonly seconds: number;
  /** Losses of the first steps. */
  readonly losses: readonly number[];
}

/** A contestant that is ready; every turn begins at the initial values. */
export interface Racer {
  readonly versions: Readonly<Record<string, string>>;
  /** Runs some steps; losses of all of them. */
  run(steps: number): Promise<{ readonly seconds: number; readonly losses: ArrayLike<number> }>;
  close(): Promise<void>;
}

/** Thrown by a contestant for what it cannot do, with the reason. */
export class Cannot extends Error {}

/** How many losses are told. */
const told = 20;

const say = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

/**
 * Runs a contestant as a child process: one line of JSON for the first step, then one for each line on standard
 * input, `{"run": steps}`, until that ends.
 */
export async function serve(open: (job: Job) => Promise<Racer>): Promise<void> {
  try {
    const racer = await open(JSON.parse(process.argv[2]) as Job);
    const first = await racer.run(1);
    say({ first: first.losses[0], versions: racer.versions });
    for await (const line of createInterface({ input: process.stdin })) {
      const { seconds, losses } = await racer.run(JSON.parse(line).run);
      const length = Math.min(told, losses.length);
      say({ seconds, losses: Array.from({ length }, (_, i) => losses[i]) });
    }
    await racer.close();
    process.exit(0);
  } catch (error) {
    say(error instanceof Cannot ? { cannot: error.message } : { error: String((error as Error).stack) });
    process.exit(1);
  }
}

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeNpz } from "../../src/array/npz.ts";
import { packageFile } from "../../src/root.ts";
import { Absent, type Contestant, enter } from "./contestant.ts";
import { type Entrant, ours } from "./entrants.ts";
import type { Job } from "./peers/serve.ts";
import { startOf } from "./start.ts";
import { ticksOf } from "./system.ts";
import type { Workload } from "./workloads.ts";

export interface RaceOptions {
  readonly threads: number;
  readonly rounds: number;
  /** Seconds that a turn takes, at least one step. */
  readonly turn: number;
  /** Times that a contestant is started anew to see how long that takes. */
  readonly starts: number;
  say(what: string): void;
}

/** A turn: milliseconds a step, and whether other programs left it alone. */
export interface Timed {
  readonly milliseconds: number;
  readonly quiet: boolean;
}

/** What was measured of a contestant. */
export interface Measured {
  readonly name: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Seconds from nothing to the end of the first step, by start. */
  readonly first: readonly number[];
  /** By round. */
  readonly turns: readonly Timed[];
  /** Peak memory in bytes. */
  readonly memory: number;
  readonly losses: readonly number[];
}

export interface Race {
  readonly measured: readonly Measured[];
  /** Why others did not take part, by name. */
  readonly absent: Readonly<Record<string, string>>;
}

const folder = fileURLToPath(packageFile(".cache/bench/"));

/** Starts that take longer than this, in seconds, are not repeated. */
const long = 5;

/** A contestant that takes longer than this for its first step, or for a step, in seconds, is left out. */
const slowest = { first: 180, step: 6 };

async function started(entrant: Entrant, job: Job, starts: number) {
  const first: number[] = [];
  for (;;) {
    const contestant = await enter(entrant, job, slowest.first);
    first.push(contestant.first);
    contestant.pause();
    if (first.length >= starts || contestant.first > long) return { contestant, first };
    contestant.close();
  }
}

/** A turn that others disturb more than this, in cores, is taken again, so often ... */
const disturbance = 0.15;
const retries = 2;
/** ... and for no longer than this in all, in seconds. */
const longest = 2;
/** Rounds go on for so many times as many as were asked for, while there are not as many quiet turns of everybody. */
const more = 2;

interface Lane {
  readonly contestant: Contestant;
  readonly first: readonly number[];
  /** Steps a turn. */
  readonly steps: number;
  readonly losses: readonly number[];
  readonly turns: Timed[];
}

async function turnOf(lane: Lane): Promise<Timed> {
  const { contestant, steps } = lane;
  contestant.resume();
  try {
    let best: { each: number; foreign: number } | undefined;
    for (let attempt = 0; attempt <= retries; attempt++) {
      if (steps > 1) await contestant.run(Math.ceil(steps / 10));
      const [start, before] = [performance.now(), ticksOf(contestant.group)];
      const { seconds } = await contestant.run(steps);
      const after = ticksOf(contestant.group);
      // a tick is 10 ms
      const foreign =
        (after.all - before.all - (after.own - before.own)) / ((performance.now() - start) / 10);
      if (best === undefined || foreign < best.foreign) best = { each: (1000 * seconds) / steps, foreign };
      if (best.foreign < disturbance || seconds * (attempt + 1) > longest) break;
    }
    const { each, foreign } = best as { each: number; foreign: number };
    return { milliseconds: each, quiet: foreign < disturbance };
  } finally {
    contestant.pause();
  }
}

/** Losses that are compared, and seconds that are spent on getting them. */
const compared = { steps: 20, seconds: 5 };

/** Runs the first steps, for their losses, and finds out how many fill a turn. Throws `Absent`. */
async function warmed(contestant: Contestant, turn: number): Promise<Pick<Lane, "steps" | "losses">> {
  contestant.resume();
  const each = Math.min((await contestant.run(1)).seconds, (await contestant.run(1)).seconds);
  if (each > slowest.step) throw new Absent(`too slow: a step took it ${each.toFixed(1)} s`);
  const { losses } = await contestant.run(
    Math.max(2, Math.min(compared.steps, Math.floor(compared.seconds / each))),
  );
  let steps = 1;
  for (;;) {
    const { seconds } = await contestant.run(steps);
    if (seconds > turn / 4) {
      contestant.pause();
      return { losses, steps: Math.max(1, Math.round((steps * turn) / seconds)) };
    }
    steps *= seconds > turn / 40 ? 4 : 16;
  }
}

/**
 * Lets contestants run a workload in turns: all start from the same values and see the same batches; while one
 * runs, the processes of all others stand still.
 */
export async function race(
  workload: Workload,
  entrants: readonly Entrant[],
  { threads, rounds, turn, starts, say }: RaceOptions,
): Promise<Race> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${workload.id}.npz`);
  writeFileSync(file, writeNpz(await startOf(workload)));
  const lanes: Lane[] = [];
  const absent: Record<string, string> = {};
  try {
    for (const entrant of entrants) {
      const excuse = entrant.excuse(workload);
      try {
        if (excuse !== undefined) throw new Absent(excuse);
        say(`${entrant.name} starts`);
        const { contestant, first } = await started(entrant, { workload, threads, file }, starts);
        try {
          lanes.push({ contestant, first, turns: [], ...(await warmed(contestant, turn)) });
        } catch (error) {
          contestant.close();
          throw error;
        }
      } catch (error) {
        if (!(error instanceof Absent) || entrant.name === ours) throw error;
        absent[entrant.name] = error.message;
      }
    }
    const enough = () => lanes.every(({ turns }) => turns.filter(({ quiet }) => quiet).length >= rounds);
    for (let round = 0; round < rounds || (round < more * rounds && !enough()); round++) {
      for (let i = 0; i < lanes.length; i++) {
        const lane = lanes[(round + i) % lanes.length];
        say(`round ${round + 1}: ${lane.contestant.name}`);
        lane.turns.push(await turnOf(lane));
      }
    }
    const measured = lanes.map(({ contestant, first, turns, losses }) => ({
      name: contestant.name,
      versions: contestant.versions,
      first,
      turns,
      memory: contestant.memory(),
      losses,
    }));
    return { measured, absent };
  } finally {
    for (const { contestant } of lanes) contestant.close();
  }
}

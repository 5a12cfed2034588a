import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { OckhamError } from "../../src/error.ts";
import { packageFile } from "../../src/root.ts";
import { ours } from "./entrants.ts";
import type { Profile } from "./profile.ts";
import type { Measured, Race } from "./race.ts";
import { type Machine, machine } from "./system.ts";
import type { Workload } from "./workloads.ts";

/** A median with the smallest and the largest value. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export interface Row {
  readonly name: string;
  /** Milliseconds a step. */
  readonly milliseconds: Spread;
  /** Our time over its time, round by round. */
  readonly ratio: Spread;
  /** Rounds behind the ratio in which no other program used the processor; 0 if it is from disturbed ones. */
  readonly quiet: number;
  /** Seconds from nothing to the end of the first step. */
  readonly first: number;
  /** Peak memory in MiB. */
  readonly memory: number;
  /** Largest relative difference of its first losses to ours. */
  readonly difference: number;
}

/** One workload at one number of threads. */
export interface Entry {
  readonly workload: string;
  readonly title: string;
  readonly threads: number;
  readonly date: string;
  readonly target: number;
  readonly aim: number;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: number;
  /** Ours first. */
  readonly rows: readonly Row[];
  /** Who did not take part, and why. */
  readonly absent: Readonly<Record<string, string>>;
  /** Where our time goes inside ONNX Runtime: milliseconds a step by operator, the largest first. */
  readonly operators?: Readonly<Record<string, number>>;
}

const rounded = (value: number): number => Number(value.toPrecision(4));

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
  return {
    median: rounded(middle),
    low: rounded(sorted[0]),
    high: rounded(sorted[sorted.length - 1]),
  };
}

const differenceOf = (own: readonly number[], its: readonly number[]): number =>
  Math.max(...own.slice(0, its.length).map((loss, i) => Math.abs(its[i] - loss) / Math.abs(loss)));

/** Fewer quiet rounds than this say less than all rounds. */
const fewest = 5;

function rowOf(own: Measured, it: Measured): Row {
  const pairs = own.turns.map((turn, round) => [turn, it.turns[round]] as const);
  const quiet = pairs.filter((turns) => turns.every((turn) => turn.quiet));
  const used = quiet.length >= fewest ? quiet : pairs;
  return {
    name: it.name,
    milliseconds: spreadOf(used.map(([, turn]) => turn.milliseconds)),
    ratio: spreadOf(used.map(([mine, its]) => mine.milliseconds / its.milliseconds)),
    quiet: used === quiet ? quiet.length : 0,
    first: spreadOf(it.first).median,
    memory: Math.round(it.memory / 2 ** 20),
    difference: Number(differenceOf(own.losses, it.losses).toPrecision(2)),
  };
}

const read = (path: string) => JSON.parse(readFileSync(packageFile(path), "utf8"));

function ourVersions(): Record<string, string> {
  let commit = "";
  try {
    commit = ` (${execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8", stdio: "pipe" }).trim()})`;
  } catch {
    // not a git checkout
  }
  return {
    ockham: `${read("package.json").version}${commit}`,
    "onnxruntime-node": read("node_modules/onnxruntime-node/package.json").version,
  };
}

export function entryOf(workload: Workload, threads: number, { measured, absent }: Race): Entry {
  const own = measured.find(({ name }) => name === ours) as Measured;
  const { id, title, target, aim } = workload;
  return {
    workload: id,
    title,
    threads,
    date: new Date().toISOString().slice(0, 16),
    target,
    aim,
    machine: machine(),
    versions: Object.assign({}, ...measured.map(({ versions }) => versions), ourVersions()),
    rounds: own.turns.length,
    rows: [own, ...measured.filter((it) => it !== own)].map((it) => rowOf(own, it)),
    absent,
  };
}

const folder = packageFile("bench/results/");
const file = new URL("training.json", folder);

/** All that is kept, in the order of the workloads. Throws `bad-file` for a file that is broken, so that nothing is lost. */
export function keptEntries(): Entry[] {
  if (!existsSync(file)) return [];
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Entry[];
  } catch (cause) {
    const path = fileURLToPath(file);
    throw new OckhamError("bad-file", path, `${path} is no JSON`, "mend it, or take it away", cause);
  }
}

/** Writes a file whole, or not at all. */
function write(to: URL, text: string): void {
  const part = new URL(`${to.href}.part`);
  writeFileSync(part, text);
  renameSync(part, to);
}

/** How many operators are kept. */
const largest = 8;

export const withProfile = (entry: Entry, { operators }: Profile): Entry => ({
  ...entry,
  operators: Object.fromEntries(
    operators.slice(0, largest).map(({ key, milliseconds }) => [key, rounded(milliseconds)]),
  ),
});

/** Keeps an entry in place of the one for the same workload and threads. */
export function keep(
  entry: Entry,
  order: readonly string[],
  table: (entries: readonly Entry[]) => string,
): void {
  const others = keptEntries().filter((e) => e.workload !== entry.workload || e.threads !== entry.threads);
  const place = (e: Entry) => 100 * order.indexOf(e.workload) + e.threads;
  const entries = [...others, entry].sort((a, b) => place(a) - place(b));
  mkdirSync(folder, { recursive: true });
  write(file, `${JSON.stringify(entries, null, 1)}\n`);
  write(new URL("training.md", folder), table(entries));
}

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { packageFile } from "../../src/root.ts";
import { entrants, ours } from "./entrants.ts";
import { profileOf, profileText } from "./profile.ts";
import { race } from "./race.ts";
import { entryOf, keep, keptEntries, withProfile } from "./results.ts";
import { detail, page } from "./table.ts";
import { type Workload, workloads } from "./workloads.ts";

const usage = `npm run bench -- [workload ...] [options]

  --threads 1,2   threads of each contestant
  --rounds 15     turns of each
  --peers a,b     only these peers: ${entrants
    .map(({ name }) => name)
    .filter((name) => name !== ours)
    .join(", ")}
  --quick         3 short rounds, nothing is kept
  --resume        goes on with a bench that was stopped
  --profile       only ours: where a step spends its time, by operator and by node

workloads: ${[...workloads.keys()].join(", ")}
`;

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

const { values: options, positionals } = (() => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        threads: { type: "string", default: "1,2" },
        rounds: { type: "string", default: "15" },
        peers: { type: "string" },
        quick: { type: "boolean", default: false },
        resume: { type: "boolean", default: false },
        profile: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    return fail(`${(error as Error).message}\n\n${usage}`);
  }
})();

/** The names in a list; all of them must be known. */
function known(names: readonly string[], all: readonly string[], what: string): readonly string[] {
  const strange = names.find((name) => !all.includes(name));
  return strange === undefined
    ? names
    : fail(`there is no ${what} "${strange}"; there are ${all.join(", ")}`);
}

const whole = (text: string): number => {
  const value = Number(text);
  return Number.isInteger(value) && value > 0 ? value : fail(`"${text}" is no whole number above 0`);
};

/** What a bench that was stopped has done already. */
const unfinished = packageFile(".cache/bench/unfinished.json");

function doneBefore(): string[] {
  if (!options.resume) return [];
  try {
    return JSON.parse(readFileSync(unfinished, "utf8")) as string[];
  } catch {
    return [];
  }
}

const progress = (what: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`);
};

async function measure(workload: Workload, threads: number, peers: readonly string[]): Promise<void> {
  const raced = await race(
    workload,
    entrants.filter(({ name }) => name === ours || peers.includes(name)),
    {
      threads,
      rounds: options.quick ? 3 : whole(options.rounds),
      turn: options.quick ? 0.1 : 0.3,
      starts: options.quick ? 1 : 3,
      say: (what) => progress(`${workload.id}, threads: ${threads}, ${what}`),
    },
  );
  const entry = entryOf(workload, threads, raced);
  const kept = options.quick ? entry : withProfile(entry, await profileOf(workload, threads));
  progress("");
  console.log(detail(kept));
  if (!options.quick) keep(kept, [...workloads.keys()], page);
}

/** Prints a profile, and notes it beside what was measured. */
async function inspect(workload: Workload, threads: number): Promise<void> {
  const profile = await profileOf(workload, threads);
  console.log(profileText(workload, threads, profile));
  const entry = keptEntries().find((e) => e.workload === workload.id && e.threads === threads);
  if (entry !== undefined) keep(withProfile(entry, profile), [...workloads.keys()], page);
}

async function main(): Promise<number> {
  const ids = known(
    positionals.length > 0 ? positionals : [...workloads.keys()],
    [...workloads.keys()],
    "workload",
  );
  const threads = options.threads.split(",").map(whole);
  const names = entrants.map(({ name }) => name);
  const peers = options.peers === undefined ? names : known(options.peers.split(","), names, "peer");
  const done = doneBefore();
  let failed = 0;
  mkdirSync(packageFile(".cache/bench/"), { recursive: true });
  for (const id of ids)
    for (const count of threads) {
      const name = `${id}@${count}`;
      const workload = workloads.get(id) as Workload;
      if (!options.profile && done.includes(name)) continue;
      try {
        if (options.profile) {
          await inspect(workload, count);
          continue;
        }
        await measure(workload, count, peers);
        done.push(name);
        writeFileSync(unfinished, JSON.stringify(done));
      } catch (error) {
        failed++;
        progress("");
        process.stderr.write(`${name} failed: ${(error as Error).message}\n`);
      }
    }
  if (failed === 0 && !options.profile) rmSync(unfinished, { force: true });
  return failed === 0 ? 0 : 1;
}

process.on("SIGINT", () => process.exit(130));
process.on("SIGTERM", () => process.exit(130));

if (options.help) console.log(usage);
else process.exit(await main());

import { parseArgs } from "node:util";
import { entrants, ours } from "./entrants.ts";
import { race } from "./race.ts";
import { workloads } from "./workloads.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: "string", default: "1,2" },
    rounds: { type: "string", default: "15" },
    peers: { type: "string" },
    quick: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
  },
});

const median = (list: readonly number[]) => [...list].sort((a, b) => a - b)[list.length >> 1];

const progress = (what: string) => process.stderr.write(`\r\x1b[K${what}`);
process.on("SIGINT", () => process.exit(130));

const ids = positionals.length > 0 ? positionals : [...workloads.keys()];
for (const id of ids) {
  const workload = workloads.get(id);
  if (workload === undefined)
    throw new Error(`no workload "${id}"; there are ${[...workloads.keys()].join(", ")}`);
  for (const threads of values.threads.split(",").map(Number)) {
    if (values.profile) {
      const { profile } = await import("./profile.ts");
      console.log(await profile(workload, threads));
      continue;
    }
    const wanted = values.peers?.split(",");
    const chosen = entrants.filter(({ name }) => name === ours || (wanted?.includes(name) ?? true));
    const result = await race(workload, chosen, {
      threads,
      rounds: values.quick ? 3 : Number(values.rounds),
      turn: values.quick ? 0.1 : 0.3,
      starts: 1,
      say: (what) => progress(`${id}, ${threads} threads: ${what}`),
    });
    progress("");
    const own = result.measured[0];
    console.log(`${id}, ${threads} threads; disturbed ${result.disturbed.toFixed(2)}`);
    for (const m of result.measured) {
      const ratio = median(own.milliseconds.map((t, i) => t / m.milliseconds[i]));
      console.log(
        `  ${m.name.padEnd(20)} ${median(m.milliseconds).toFixed(3)} ms  ours/it ${ratio.toFixed(2)}  first ${m.first[0].toFixed(2)} s  ${(m.memory / 2 ** 20).toFixed(0)} MiB  losses ${m.losses.slice(0, 3)} .. ${m.losses.at(-1)}`,
      );
    }
    for (const [name, why] of Object.entries(result.absent)) console.log(`  ${name}: ${why}`);
  }
}
process.exit(0);

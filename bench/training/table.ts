import type { Entry, Row, Spread } from "./results.ts";
import { firstStepGoal, memoryGoal } from "./workloads.ts";

/** Losses that differ by more than this, relatively, are not those of the same training. */
const tolerance = 1e-3;

const number = (value: number): string =>
  value >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();

const spread = ({ median, low, high }: Spread): string =>
  `${number(median)} (${number(low)}–${number(high)})`;

/** Whether a value is low enough: for the target, and for the aim. */
const verdict = (value: number, target: number, aim: number): string =>
  value <= aim ? "aim reached" : value <= target ? "target reached" : "**not reached**";

const peersOf = ({ rows }: Entry): readonly Row[] => rows.slice(1);

const least = (rows: readonly Row[], of: (row: Row) => number): Row | undefined =>
  rows.reduce<Row | undefined>(
    (best, row) => (best === undefined || of(row) < of(best) ? row : best),
    undefined,
  );

/** The fastest peer beside us: ratios within rounds are steadier than times over all of them. */
const bestOf = (entry: Entry): Row | undefined => least(peersOf(entry), ({ ratio }) => -ratio.median);

const differing = (entry: Entry): readonly Row[] =>
  peersOf(entry).filter(({ difference }) => !(difference <= tolerance));

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

function summary(entries: readonly Entry[]): string {
  const rows = entries.map((entry) => {
    const own = entry.rows[0];
    const best = bestOf(entry);
    const lean = least(peersOf(entry), ({ memory }) => memory);
    const share = lean === undefined ? Number.NaN : own.memory / lean.memory;
    const goal = entry.threads === 2;
    return [
      entry.workload,
      String(entry.threads),
      number(own.milliseconds.median),
      best === undefined ? "none" : `${best.name}, ${number(best.milliseconds.median)}`,
      best === undefined ? "" : spread(best.ratio),
      goal ? `${entry.target}, ${entry.aim}` : "",
      goal && best !== undefined ? verdict(best.ratio.median, entry.target, entry.aim) : "",
      `${number(own.first)} s, ${verdict(own.first, firstStepGoal.target, firstStepGoal.aim)}`,
      lean === undefined
        ? ""
        : `${number(share)} of ${lean.name}'s, ${verdict(share, memoryGoal.target, memoryGoal.aim)}`,
      `${best === undefined || best.quiet > 0 ? "yes" : "**no**"}${differing(entry).length > 0 ? "; **LOSSES DIFFER**" : ""}`,
    ];
  });
  return table(
    [
      "workload",
      "threads",
      "ms a step",
      "best peer, ms",
      "ratio (range)",
      "target, aim",
      "verdict",
      "first step",
      "peak memory",
      "quiet",
    ],
    rows,
  );
}

const inside = (operators: Readonly<Record<string, number>>): string => {
  const parts = Object.entries(operators).map(([name, time]) => `${name} ${number(time)}`);
  return `Ours, ms a step by operator, profiled alone: ${parts.join(", ")}.`;
};

/** One workload at one number of threads, by contestant. */
export function detail(entry: Entry): string {
  const rows = entry.rows.map((row) => [
    row.name,
    spread(row.milliseconds),
    number(1000 / row.milliseconds.median),
    row === entry.rows[0] ? "" : spread(row.ratio),
    row.quiet > 0 ? String(row.quiet) : "**none**",
    number(row.first),
    String(row.memory),
    row === entry.rows[0]
      ? ""
      : row.difference <= tolerance
        ? row.difference.toExponential(0)
        : `**${row.difference} LOSSES DIFFER**`,
  ]);
  const absent = Object.entries(entry.absent).map(([name, why]) => `- ${name}: ${why.split("\n")[0]}`);
  return [
    `### ${entry.workload}, ${entry.threads} thread${entry.threads === 1 ? "" : "s"}: ${entry.title}`,
    "",
    table(
      [
        "",
        "ms a step (range)",
        "steps a second",
        "ours / its",
        "quiet rounds",
        "first step, s",
        "peak memory, MiB",
        "losses differ by",
      ],
      rows,
    ),
    ...(absent.length > 0 ? ["", "Not there:", "", ...absent] : []),
    ...(entry.operators === undefined ? [] : ["", inside(entry.operators)]),
    "",
    `${entry.date}, ${entry.machine.cpu}, ${entry.machine.cores} cores, ${entry.machine.memory}, ${entry.machine.platform}; ` +
      `${entry.rounds} rounds; ` +
      Object.entries(entry.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(", "),
    "",
  ].join("\n");
}

/** Everything as a page. */
export const page = (entries: readonly Entry[]): string =>
  [
    "# Training speed",
    "",
    "Written by `npm run bench`; bench/README.md says how it measures. Ratios are our time over the best peer's, round by round: below 1 we are faster. The best is the one whose ratio is highest. In brackets: the smallest and the largest of all rounds. Goals are for 2 threads. A round is quiet for two contestants when other programs used less than 0.15 cores in both turns; where there are at least five quiet rounds, only these count, else all do, and such numbers are worth little.",
    "",
    summary(entries),
    "",
    ...entries.map(detail),
  ].join("\n");

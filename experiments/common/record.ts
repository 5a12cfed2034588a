import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Environment } from "../../src/compare/results.ts";
import { environmentOf, versionOf } from "../../src/compare/setting.ts";
import { writeWhole } from "../../src/compare/store.ts";
import type { Experiment, ExperimentTools, Report, Scale, Verdict } from "../../src/kinds/index.ts";

type Cell = number | readonly number[] | null;

/** Reports that agree in all their words: the words once, and each number as a list, one entry a report. */
export interface Group {
  readonly of: Readonly<Record<string, string>>;
  readonly numbers: Readonly<Record<string, readonly Cell[]>>;
}

/** One run of an experiment with everything its verdict follows from. */
export interface Result {
  readonly id: string;
  readonly paper?: string;
  readonly scale: Scale;
  readonly claim: string;
  readonly setting: string;
  readonly verdict: Verdict;
  readonly version: string;
  readonly hardware: Omit<Environment, "ockham" | "date">;
  readonly date: string;
  readonly seconds: number;
  readonly reports: readonly Group[];
}

/** Digits that are kept of every number; the verdict is made from the rounded ones, so that it can be made again. */
const digits = 6;
const rounded = (value: number): number => Number(value.toPrecision(digits));

/** Numbers of at most six digits, and those that are not finite left out. */
export function tidy<T extends Report>(report: T): T {
  const kept = Object.entries(report).filter(
    ([, value]) => typeof value !== "number" || Number.isFinite(value),
  );
  const cell = (value: Report[string]): Report[string] =>
    typeof value === "string" ? value : typeof value === "number" ? rounded(value) : value.map(rounded);
  return Object.fromEntries(kept.map(([name, value]) => [name, cell(value)])) as T;
}

const wordsOf = (report: Report): Record<string, string> =>
  Object.fromEntries(
    Object.entries(report).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );

/** Reports as groups; what a report lacks is null. */
function grouped(reports: readonly Report[]): Group[] {
  const groups = new Map<string, Report[]>();
  for (const report of reports) {
    const key = JSON.stringify(wordsOf(report));
    groups.set(key, [...(groups.get(key) ?? []), report]);
  }
  return [...groups.values()].map((members) => {
    const of = wordsOf(members[0]);
    const names = [...new Set(members.flatMap((report) => Object.keys(report)))].filter((n) => !(n in of));
    const column = (name: string) => members.map((report) => (report[name] ?? null) as Cell);
    return { of, numbers: Object.fromEntries(names.map((name) => [name, column(name)])) };
  });
}

/** The reports of a result, one a run. */
export const reportsOf = ({ reports }: Pick<Result, "reports">): Report[] =>
  reports.flatMap(({ of, numbers }) => {
    const length = Math.max(0, ...Object.values(numbers).map((column) => column.length));
    return Array.from({ length }, (_, i) => {
      const known = Object.entries(numbers).filter(([, column]) => column[i] !== null);
      return { ...of, ...Object.fromEntries(known.map(([name, column]) => [name, column[i] as number])) };
    });
  });

/** Runs an experiment and judges it. Throws `interrupted` when the signal fires, and what the data and methods object to. */
export async function reproduce(
  experiment: Experiment,
  scale: Scale,
  tools: ExperimentTools,
): Promise<Result> {
  const { id, paper, claim, setting } = experiment;
  const begun = performance.now();
  const groups = grouped((await experiment.run(scale, tools)).map(tidy));
  const seconds = Math.round((performance.now() - begun) / 100) / 10;
  const { ockham: _, date, ...hardware } = environmentOf(availableParallelism(), new Date(), tools.device);
  return {
    id,
    ...(paper === undefined ? {} : { paper }),
    scale,
    claim,
    setting,
    verdict: tidyVerdict(experiment.judge(reportsOf({ reports: groups }))),
    version: versionOf(),
    hardware,
    date,
    seconds,
    reports: groups,
  };
}

const tidyVerdict = ({ numbers, ...verdict }: Verdict): Verdict => ({
  ...verdict,
  numbers: tidy(numbers),
});

const scales: readonly Scale[] = ["smoke", "quick", "full"];

/**
 * Writes `folder/<id>.json`, whole or not at all, unless a result of a larger scale is there: then its scale comes
 * back as `larger`. Throws `cannot-write`.
 */
export async function saveResult(
  folder: string,
  result: Result,
): Promise<{ readonly path: string; readonly larger?: Scale }> {
  const path = join(folder, `${result.id}.json`);
  const before = await scaleIn(path);
  if (before !== undefined && scales.indexOf(before) > scales.indexOf(result.scale))
    return { path, larger: before };
  await writeWhole(path, textOf(result));
  return { path };
}

/** The scale of a kept result; undefined where there is none that can be read. */
async function scaleIn(path: string): Promise<Scale | undefined> {
  try {
    return (JSON.parse(await readFile(path, "utf8")) as Partial<Result>).scale;
  } catch {
    return undefined;
  }
}

/** One line for each list of numbers, so that the file can be read. */
function textOf(result: Result): string {
  const lists: string[] = [];
  const marked = JSON.stringify(
    result,
    (_, value) => {
      if (
        !Array.isArray(value) ||
        value.some((one) => typeof one === "object" && one !== null && !Array.isArray(one))
      )
        return value;
      lists.push(JSON.stringify(value));
      return `\u0000${lists.length - 1}`;
    },
    1,
  );
  return `${marked.replace(/"\\u0000(\d+)"/g, (_, i) => lists[Number(i)])}\n`;
}

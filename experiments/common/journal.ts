import { mkdirSync } from "node:fs";
import { appendFile, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { versionOf } from "../../src/compare/setting.ts";
import { OckhamError } from "../../src/error.ts";
import type { Experiment, Journal, Report, Scale } from "../../src/kinds/index.ts";
import { tidy } from "./record.ts";

/** A journal in a file. */
export interface JournalFile extends Journal {
  /** Reports that an earlier run left. */
  readonly found: number;
  /** Once the result is kept. */
  remove(): Promise<void>;
}

interface Line {
  readonly key: string;
  readonly report: Report;
}

/**
 * The journal of an experiment's run, in `folder`: one line a report, so that a killed run loses only what it was
 * measuring. `resume` goes on with what a run of the same version and setting left; else it begins anew.
 * Throws `cannot-write`.
 */
export async function openJournal(
  folder: string,
  { id, setting }: Experiment,
  scale: Scale,
  resume: boolean,
): Promise<JournalFile> {
  const path = join(folder, `${id}.${scale}.unfinished.jsonl`);
  const head = JSON.stringify({ id, scale, setting, version: versionOf() });
  const known = resume ? await linesOf(path, head) : undefined;
  if (known === undefined)
    await writing(path, async () => {
      mkdirSync(dirname(path), { recursive: true });
      await rm(path, { force: true });
      await appendFile(path, `${head}\n`);
    });
  const reports = new Map((known ?? []).map(({ key, report }) => [key, report]));
  let studies = 0;
  return {
    found: reports.size,
    study: () => studies++,
    get: (key) => reports.get(key),
    async add(key, report) {
      // begins with a line break, so that a torn line before it spoils nothing
      await writing(path, () =>
        appendFile(path, `\n${JSON.stringify({ key, report: tidy(report) } satisfies Line)}\n`),
      );
    },
    remove: () => rm(path, { force: true }),
  };
}

/** The whole lines of a journal; undefined where there is none, or one of something else. */
async function linesOf(path: string, head: string): Promise<Line[] | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch {
    return undefined;
  }
  const [first, ...rest] = text.split("\n");
  if (first !== head) return undefined;
  return rest.flatMap((line) => {
    try {
      return line === "" ? [] : [JSON.parse(line) as Line];
    } catch {
      return [];
    }
  });
}

async function writing(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    const why = (error as Error).message;
    throw new OckhamError(
      "cannot-write",
      path,
      `the journal cannot be written: ${why}`,
      "see to space and rights, or choose another folder with --out",
      error,
    );
  }
}

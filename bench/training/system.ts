import { readdirSync, readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";

/** A file of the operating system; empty where there is none. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

interface Process {
  readonly pid: string;
  /** Processor time in ticks. */
  readonly ticks: number;
}

/** The processes of a group (Linux). */
function processesOf(group: number): Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      // the name, in parentheses, may hold anything
      const fields = read(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ") ?? [];
      return Number(fields[2]) === group ? [{ pid, ticks: Number(fields[11]) + Number(fields[12]) }] : [];
    });
}

/** The largest resident memory that the processes of a group have had, together, in bytes (Linux). */
export const peakOf = (group: number): number =>
  processesOf(group)
    .map(({ pid }) => Number(/VmHWM:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024)
    .reduce((a, b) => a + b, 0);

/** Processor time in ticks that a group has used, and that all have. */
export function ticksOf(group: number): { readonly own: number; readonly all: number } {
  const [, ...times] = (read("/proc/stat").split("\n")[0] ?? "").split(/\s+/).map(Number);
  const busy = times.filter((_, i) => i !== 3 && i !== 4 && i < 8).reduce((a, b) => a + b, 0);
  return { own: processesOf(group).reduce((sum, { ticks }) => sum + ticks, 0), all: busy };
}

/** What the numbers were measured on. */
export const machine = () => ({
  cpu: cpus()[0].model.trim(),
  cores: cpus().length,
  memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
  platform: `${process.platform} ${process.arch}`,
});
export type Machine = ReturnType<typeof machine>;

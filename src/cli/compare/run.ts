import { availableParallelism } from "node:os";
import {
  type CompareOptions,
  type CompareRequest,
  type Comparison,
  compare,
  type ExportedWinner,
  exportWinner,
  type Listener,
  type Setting,
  settingOf,
  writeWhole,
} from "../../compare/index.ts";
import { csvOf, jsonOf } from "../../compare/tables.ts";
import { OckhamError } from "../../error.ts";
import type { Device } from "../../runtime/index.ts";
import { deviceOf } from "../device.ts";
import { exits, tell } from "../failure.ts";
import { painter, takesColour, write } from "../terminal.ts";
import { quoted } from "../text.ts";
import { checkFolder, checkWritable } from "../writable.ts";
import type { CompareFlags } from "./flags.ts";
import { type Place, parent, placeFor } from "./folder.ts";
import { interruptible } from "./interrupt.ts";
import { wholeOf } from "./numbers.ts";
import type { Written } from "./outputs.ts";
import { ownError } from "./own.ts";
import { requestOf } from "./request.ts";
import { type View, viewFor } from "./view.ts";

/** What is asked for, checked, with the folder it goes to. */
interface Asked {
  readonly request: CompareRequest;
  readonly setting: Setting;
  readonly place: Place;
  readonly workers: number;
  readonly device: Device;
}

/** `ockham compare`: asks, runs, writes, shows. */
export async function runCompare(flags: CompareFlags): Promise<void> {
  const style = { json: flags.json ?? false, debug: flags.debug ?? false };
  const kept = { folder: "", done: 0 };
  let view: View | undefined;
  const interruption = interruptible(() => {
    view?.close();
    return tell(stoppedAt(kept), style);
  });
  const { signal } = interruption;
  try {
    const asked = await ask(flags, signal);
    view = viewFor(process.stderr, flags.quiet ?? false)(asked.setting, asked.workers);
    for (const line of opening(asked, flags)) view.note(line);
    kept.folder = asked.place.folder;
    const on = counting(view.listener, kept);
    const { folder, resume } = asked.place;
    const { workers, device } = asked;
    const options = { out: folder, resume, workers, device, signal, debug: style.debug, on };
    const comparison = await compare(asked.request, options);
    view.close();
    await conclude(asked, comparison, flags, signal);
  } catch (error) {
    view?.close();
    throw signal.aborted ? stoppedAt(kept) : ownError(error, flags.method ?? []);
  } finally {
    interruption.release();
  }
}

async function ask(flags: CompareFlags, signal: AbortSignal): Promise<Asked> {
  const device = deviceOf(flags.device);
  const usual = device === "cpu" ? availableParallelism() : 1;
  const workers = flags.workers === undefined ? usual : wholeOf("--workers", flags.workers);
  for (const path of [flags.csv, flags.export]) if (typeof path === "string") await checkWritable(path);
  await checkFolder(flags.out ?? parent);
  const request = await requestOf(flags, signal);
  const setting = await settingFor(request);
  return {
    request,
    setting,
    workers,
    device,
    place: await placeFor(flags.out, flags.resume ?? false, setting),
  };
}

/** A listener that also keeps count of the trials that are done. */
function counting(listener: Listener, kept: { done: number }): Listener {
  return {
    ...listener,
    planned(total, done) {
      kept.done = done;
      listener.planned?.(total, done);
    },
    finished(trial, done, total) {
      kept.done = done;
      listener.finished?.(trial, done, total);
    },
  };
}

/** The setting; errors about the split are said in terms of flags. */
async function settingFor(request: CompareRequest): Promise<Setting> {
  try {
    return await settingOf(request);
  } catch (error) {
    const part = error instanceof OckhamError && error.code === "bad-option" ? error.culprit : "";
    if (!["train", "validation", "test", "split"].includes(part)) throw error;
    const { message, hint } = error as OckhamError;
    const flag = part === "split" ? "--train-size" : `--${part}-size`;
    const sizes = "--train-size, --validation-size and --test-size say how many rows each part gets";
    throw new OckhamError("bad-option", flag, message, `${hint}: ${sizes}`, error);
  }
}

/** What a person should know before it runs: how their file was read, and where results go. */
function opening(
  { setting: { data }, place: { folder, resume, note } }: Asked,
  flags: CompareFlags,
): string[] {
  const muted = painter(takesColour(process.stderr));
  const own = flags.data !== undefined || flags.images !== undefined;
  const shown = own ? data.notes.slice(0, 8) : [];
  const more =
    own && data.notes.length > shown.length
      ? [`and ${data.notes.length - shown.length} more in the report`]
      : [];
  const begins = note === undefined && resume ? `resuming ${folder}` : `results go to ${folder}`;
  return [...shown, ...more, ...(note === undefined ? [] : [note]), begins].map((line) =>
    muted(line, "muted"),
  );
}

function stoppedAt({ folder, done }: { readonly folder: string; readonly done: number }): OckhamError {
  if (folder === "")
    return new OckhamError("interrupted", "compare", "stopped before anything was written", "");
  const trials = `${done} finished trial${done === 1 ? "" : "s"}`;
  const given = process.argv.slice(2).filter((word) => word !== "--resume");
  const out = given.some((word) => word === "--out" || word === "-o" || word.startsWith("--out="));
  const name = process.env.npm_command === "exec" ? ["npx", "ockham"] : ["ockham"];
  const command = [...name, ...given, ...(out ? [] : ["--out", folder]), "--resume"].map(quoted).join(" ");
  return new OckhamError(
    "interrupted",
    folder,
    `stopped: ${trials} kept in ${folder}`,
    `go on with: ${command}`,
  );
}

/** Writes everything, then shows it. */
async function conclude(
  { request, device, place: { folder } }: Asked,
  comparison: Comparison,
  flags: CompareFlags,
  signal: AbortSignal,
): Promise<void> {
  const { summaryText, writeOutputs } = await import("./outputs.ts");
  const written = await writeOutputs(folder, comparison);
  if (typeof flags.csv === "string") await writeWhole(flags.csv, csvOf(comparison));
  const exported =
    flags.export === undefined ? undefined : await exporting(request, comparison, flags, { signal, device });
  const summary = summaryText(comparison, process.stdout);
  await show(comparison, summary, filesText(written, flags, exported), flags);
  if (comparison.trials.every((trial) => trial.status === "failed")) process.exitCode = exits.failure;
}

async function exporting(
  request: CompareRequest,
  comparison: Comparison,
  { export: path = "", quiet }: CompareFlags,
  options: Pick<CompareOptions, "signal" | "device">,
): Promise<ExportedWinner> {
  if (!quiet) process.stderr.write(`training ${comparison.outcome.winner} once more to export it\n`);
  return exportWinner(request, comparison, path, options);
}

async function show(
  comparison: Comparison,
  summary: string,
  files: string,
  flags: CompareFlags,
): Promise<void> {
  if (flags.json) await write(process.stdout, jsonOf(comparison));
  else if (flags.csv === true) await write(process.stdout, csvOf(comparison));
  else await write(process.stdout, `${summary}\n${files}`);
  if ((flags.json || flags.csv === true) && !flags.quiet) await write(process.stderr, files);
}

function filesText(
  { report, json, csv }: Written,
  flags: CompareFlags,
  exported: ExportedWinner | undefined,
): string {
  const paint = painter(takesColour(flags.json || flags.csv === true ? process.stderr : process.stdout));
  const own = typeof flags.csv === "string" ? `, ${flags.csv}` : "";
  const model =
    exported === undefined
      ? ""
      : `${paint("model", "bold")}   ${exported.path} (${exported.candidate}, seed ${exported.seed}); ` +
        `use it with: ockham predict ${quoted(exported.path)} FILE\n`;
  return `${paint("report", "bold")}  ${report}\n${paint("data", "bold")}    ${json}, ${csv}${own}\n${model}`;
}

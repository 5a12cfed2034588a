import { join } from "node:path";
import { Command } from "commander";
import type { Result } from "../../experiments/common/record.ts";
import { nearest, OckhamError } from "../error.ts";
import type { Experiment, Scale, Verdict } from "../kinds/index.ts";
import type { Device } from "../runtime/index.ts";
import { interruptible } from "./compare/interrupt.ts";
import { deviceHelp, deviceOf } from "./device.ts";
import { tell } from "./failure.ts";
import { type Paint, painter, redraws, takesColour, widthOf, write } from "./terminal.ts";
import { cutTo, wrapped } from "./text.ts";

interface ReproduceFlags {
  readonly scale?: string;
  readonly smoke?: boolean;
  readonly full?: boolean;
  readonly all?: boolean;
  readonly resume?: boolean;
  readonly out?: string;
  readonly device?: string;
  readonly json?: boolean;
  readonly debug?: boolean;
}

const scales: readonly Scale[] = ["smoke", "quick", "full"];

/** Where results are kept unless told. */
const folder = join("experiments", "results");

const examples = `
Examples:
  ockham reproduce mixup
  ockham reproduce mixup --scale full
  ockham reproduce --all --scale smoke`;

export const reproduceCommand = (): Command =>
  new Command("reproduce")
    .summary("try a paper's claim again")
    .description(
      "Runs the experiment of a paper; prints its claim, the numbers measured here, and the verdict.",
    )
    .argument("[ids...]", 'experiments, called like their methods; "ockham methods NAME" says which have one')
    .option(
      "--scale <scale>",
      "quick (at most a minute; the default), full (what the claim asks for) or smoke (that it runs)",
    )
    .option("--smoke", "the same as --scale smoke")
    .option("--full", "the same as --scale full")
    .option("--all", "all experiments")
    .option("--resume", "go on with a run that was stopped")
    .option("-o, --out <folder>", "where results go", folder)
    .option("--device <device>", deviceHelp)
    .option("--json", "results as JSON on standard output")
    .option("--debug", "where an error comes from")
    .addHelpText("after", examples)
    .action(reproduce);

async function reproduce(ids: readonly string[], flags: ReproduceFlags): Promise<void> {
  const scale = scaleOf(flags);
  const device = deviceOf(flags.device);
  const { experiments } = await import("../../experiments/registry.ts");
  const chosen = chosenOf(ids, flags, Object.keys(experiments));
  const stopped = new OckhamError(
    "interrupted",
    "reproduce",
    "stopped; what is done is kept",
    "go on with --resume",
  );
  const style = { json: flags.json ?? false, debug: flags.debug ?? false };
  const interruption = interruptible(() => tell(stopped, style));
  const results: Result[] = [];
  try {
    for (const id of chosen) {
      const experiment = await experiments[id]();
      const { result, kept } = await run(experiment, scale, device, flags, interruption.signal);
      results.push(result);
      if (!flags.json) await write(process.stdout, `${resultText(result)}${kept}\n\n`);
    }
  } catch (error) {
    throw interruption.signal.aborted ? stopped : error;
  } finally {
    interruption.release();
  }
  if (flags.json)
    await write(process.stdout, `${JSON.stringify(ids.length === 1 ? results[0] : results, null, 2)}\n`);
}

function scaleOf({ scale: named, smoke, full }: ReproduceFlags): Scale {
  const given = [named, smoke ? "smoke" : undefined, full ? "full" : undefined].filter(
    (one) => one !== undefined,
  );
  const [text = "quick"] = given;
  if (new Set(given).size > 1)
    throw new OckhamError("conflict", "--scale", `${given.join(" and ")} are two scales`, "give one");
  const scale = scales.find((one) => one === text);
  if (scale !== undefined) return scale;
  throw new OckhamError(
    "bad-option",
    "--scale",
    `--scale is "${text}", but must be ${scales.join(", ")}`,
    "quick is a good start",
  );
}

function chosenOf(
  ids: readonly string[],
  { all }: ReproduceFlags,
  known: readonly string[],
): readonly string[] {
  if (all && ids.length > 0)
    throw new OckhamError(
      "conflict",
      "--all",
      "--all leaves no choice of experiments",
      "give names, or --all",
    );
  if (all) return known;
  if (ids.length === 0)
    throw new OckhamError(
      "bad-option",
      "reproduce",
      "say which experiment to run",
      known.length === 0 ? "there are none yet" : `there are ${known.join(", ")}`,
    );
  for (const id of ids) {
    if (known.includes(id)) continue;
    const near = nearest(id, known);
    const list = known.length === 0 ? "there are none yet" : `there are ${known.join(", ")}`;
    throw new OckhamError(
      "unknown-name",
      id,
      `there is no experiment "${id}"`,
      near === undefined ? list : `did you mean "${near}"?`,
    );
  }
  return ids;
}

async function run(
  experiment: Experiment,
  scale: Scale,
  device: Device,
  { out = folder, resume = false }: ReproduceFlags,
  signal: AbortSignal,
): Promise<{ result: Result; kept: string }> {
  const { reproduce: recorded } = await import("../../experiments/common/record.ts");
  const { openJournal } = await import("../../experiments/common/journal.ts");
  const live = redraws(process.stderr);
  const progress = (done: number, of: number, what = "") => {
    const text = `${experiment.id}: ${done} of ${of}${what === "" ? "" : `, ${what}`}`;
    if (live) process.stderr.write(`\r\u001b[K${cutTo(text, widthOf(process.stderr) - 1)}`);
  };
  const journal = scale === "smoke" ? undefined : await openJournal(out, experiment, scale, resume);
  try {
    const result = await recorded(experiment, scale, { signal, device, progress, journal });
    if (signal.aborted) throw new OckhamError("interrupted", experiment.id, "stopped", "");
    const kept = await keep(result, out);
    await journal?.remove();
    return { result, kept };
  } finally {
    if (live) process.stderr.write("\r\u001b[K");
  }
}

/** Writes the result, unless one of a larger scale is there; says which. */
async function keep(result: Result, out: string): Promise<string> {
  const { saveResult } = await import("../../experiments/common/record.ts");
  const { path, larger } = await saveResult(out, result);
  return larger === undefined ? `kept in ${path}` : `not kept: ${path} holds a result of scale ${larger}`;
}

const tones = { holds: "green", fails: "red", partly: "cyan", "cannot tell": "muted" } as const;

function resultText({ id, claim, setting, scale, verdict, seconds }: Result): string {
  const paint = painter(takesColour(process.stdout));
  const width = Math.min(100, widthOf(process.stdout));
  const part = (name: string, text: string) =>
    `${paint(name, "bold")}\n${wrapped(text, width - 2).replace(/^/gm, "  ")}\n`;
  const names = Object.keys(verdict.numbers);
  const longest = Math.max(0, ...names.map((name) => name.length));
  const numbers = names.map((name) => `${name.padEnd(longest)}  ${shown(verdict.numbers[name])}`);
  return [
    `${paint(id, "bold")}  ${paint(`scale ${scale}, ${seconds.toFixed(1)} s`, "muted")}\n`,
    part("claim", claim),
    part("setting", setting),
    ...(numbers.length === 0 ? [] : [`${paint("numbers", "bold")}\n  ${numbers.join("\n  ")}\n`]),
    `${paint("verdict", "bold")}\n${verdictText(verdict, width, paint)}\n`,
  ].join("\n");
}

function verdictText({ says, why }: Verdict, width: number, paint: Paint): string {
  const text = wrapped(`${says}: ${why}`, width - 2).replace(/^/gm, "  ");
  return text.replace(says, paint(says, tones[says]));
}

const shown = (value: number): string => (Number.isInteger(value) ? String(value) : value.toPrecision(4));

import { type Listener, metricsOf, type Setting, type Trial } from "../../compare/index.ts";
import type { Task } from "../../kinds/index.ts";
import { type Paint, painter, redraws, takesColour, widthOf } from "../terminal.ts";
import { clock, cutTo, roughly } from "../text.ts";
import { follow, newProgress, type Progress, type Running, secondsLeft } from "./progress.ts";

/** What a person sees while a comparison runs. */
export interface View {
  readonly listener: Listener;
  /** A line that stays. */
  note(text: string): void;
  /** Ends it; what was drawn is taken away. */
  close(): void;
}

const now = (): number => performance.now() / 1000;

/** A view for a stream: redrawn on a terminal, else a line now and then. */
export function viewFor(
  stream: NodeJS.WriteStream,
  quiet: boolean,
): (setting: Setting, workers: number) => View {
  if (quiet) return () => ({ listener: {}, note: () => undefined, close: () => undefined });
  return (setting, workers) =>
    redraws(stream) ? liveView(stream, setting, workers) : plainView(stream, setting, workers);
}

/** A trial that failed, in a line; undefined for one that did not. */
function failureOf({ status, candidate, seed, error }: Trial): string | undefined {
  return status === "failed" ? `${candidate}, seed ${seed}: failed: ${error}` : undefined;
}

const pace = 100;

function liveView(stream: NodeJS.WriteStream, setting: Setting, workers: number): View {
  const progress = newProgress(now());
  const listener = follow(progress, setting.score, now);
  const paint = painter(takesColour(stream));
  let drawn = 0;
  const clear = () => (drawn === 0 ? "" : `\r\u001b[${drawn}A\u001b[J`);
  const draw = (above = "") => {
    const size = [widthOf(stream) - 1, Math.max(3, (stream.rows ?? 24) - 1)] as const;
    const lines = frame(progress, setting, workers, now(), size, paint);
    stream.write(`${clear()}${above}${lines.join("\n")}\n`);
    drawn = lines.length;
  };
  const show = () => stream.write("\u001b[?25h");
  process.once("exit", show);
  stream.write("\u001b[?25l");
  const timer = setInterval(draw, pace, "");
  timer.unref();
  draw();
  const finished: Listener["finished"] = (trial, done, total) => {
    listener.finished(trial, done, total);
    const failure = failureOf(trial);
    if (failure !== undefined) draw(`${paint(failure, "red")}\n`);
  };
  return {
    listener: { ...listener, finished },
    note: (text) => draw(`${text}\n`),
    close() {
      clearInterval(timer);
      process.removeListener("exit", show);
      stream.write(clear());
      show();
      drawn = 0;
    },
  };
}

const phases: Readonly<Record<Progress["phase"], string>> = {
  preparing: "preparing",
  timing: "timing a step of each candidate, one after the other",
  training: "training",
  references: "reference lines without a network",
  summary: "summing up",
};

/** Lines of one picture: head, bar, what runs, and how the candidates stand where there is room. */
export function frame(
  progress: Progress,
  setting: Setting,
  workers: number,
  at: number,
  [width, height]: readonly [number, number],
  paint: Paint,
): string[] {
  const { candidates, seeds, data } = setting;
  const what = `${data.name}: ${candidates.length} candidates, ${seeds.length} seed${seeds.length === 1 ? "" : "s"}`;
  const gone = clock(at - progress.begun);
  const head = cutTo(what, width - gone.length - 2);
  const first = paint(head, "bold") + " ".repeat(Math.max(1, width - head.length - gone.length)) + gone;
  if (progress.phase !== "training") return [first, cutTo(phaseLine(progress), width)];
  const left = secondsLeft(progress, setting, workers, at);
  const words = `${progress.done} of ${progress.total} trials${left === undefined ? "" : `, about ${roughly(left)} left`}`;
  const bar = drawnBar(progress.done / Math.max(1, progress.total), Math.min(40, width - words.length - 2));
  const name = Math.min(36, Math.max(...candidates.map((candidate) => candidate.name.length)));
  const running = [...progress.running.values()].sort((a, b) => a.slot - b.slot);
  const lines = [
    first,
    `${paint(bar, "cyan")}${bar === "" ? "" : "  "}${cutTo(words, width)}`,
    ...running.map((one) => cutTo(runningLine(one, name, setting), width)),
  ];
  const standings = standingLines(progress, setting, name, width).map((line) => paint(line, "muted"));
  return lines.length + standings.length > height ? lines.slice(0, height) : [...lines, ...standings];
}

/** Mean validation score of each candidate over the seeds that ended, side by side where they fit. */
function standingLines({ scores }: Progress, setting: Setting, name: number, width: number): string[] {
  if (scores.size === 0) return [];
  const cells = setting.candidates.map((candidate) => {
    const own = scores.get(candidate.name) ?? [];
    const mean = own.reduce((a, b) => a + b, 0) / own.length;
    const shown = own.length === 0 ? "" : `${scoreText(mean, setting).padStart(7)}  ${own.length}`;
    return `  ${cutTo(candidate.name, name).padEnd(name)}  ${shown}`;
  });
  const wide = name + 15;
  const columns = Math.max(1, Math.min(3, Math.floor(width / wide)));
  const rows = Math.ceil(cells.length / columns);
  const title = cutTo(`so far: mean ${setting.score} on validation, seeds`, width);
  return [
    "",
    title,
    ...Array.from({ length: rows }, (_, row) =>
      Array.from({ length: columns }, (_, column) => (cells[column * rows + row] ?? "").padEnd(wide))
        .join("")
        .trimEnd(),
    ),
  ];
}

/** A score as the metric is printed; shares as percent. */
function scoreText(value: number, setting: Setting): string {
  const metric = metricsOf(setting).find(({ name }) => name === setting.score);
  return metric?.format === "percent" ? `${(100 * value).toFixed(1)} %` : value.toPrecision(3);
}

function phaseLine({ phase, detail }: Progress): string {
  const share = detail.match(/^(\d+)\/(\d+)$/);
  const after = share === null ? detail : `${share[1]} of ${share[2]}`;
  return after === "" ? phases[phase] : `${phases[phase]}: ${after}`;
}

function runningLine(running: Running, name: number, setting: Setting): string {
  const { candidate, seed, score } = running;
  const parts = [`  ${cutTo(candidate, name).padEnd(name)}`, `seed ${seed}`, stageOf(running, setting)];
  if (score !== undefined) parts.push(scoreWords(score, setting));
  return parts.join("   ");
}

/** What a trial is at; measuring follows the last epoch, unless other options are tried next. */
function stageOf({ epoch, of }: Running, { tune, epochs }: Setting): string {
  const digits = String(of || epochs).length;
  const width = `epoch ${epochs} of ${epochs}`.length;
  if (of === 0) return "starting".padEnd(width);
  if (epoch === of && tune < 2) return "measuring".padEnd(width);
  return `epoch ${String(epoch).padStart(digits)} of ${of}`.padEnd(width);
}

const scoreWords = (score: number, { data }: Setting): string =>
  data.task === "regression"
    ? `R² ${score.toFixed(3)} on validation`
    : `${(100 * score).toFixed(1)} %${unitOf[data.task] ?? ""} on validation`;

/** What a share of right answers is counted in, where it is not examples. */
const unitOf: Readonly<Partial<Record<Task, string>>> = {
  tokens: " of next tokens",
  segmentation: " of pixels",
};

const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** A share as a bar of so many characters. */
function drawnBar(share: number, width: number): string {
  if (width < 5) return "";
  const filled = Math.round(Math.min(1, share) * width * 8);
  const full = "█".repeat(filled >> 3) + eighths[filled & 7];
  return full + "░".repeat(width - full.length);
}

/** Seconds between two lines where nothing can be redrawn. */
const quietFor = 10;

function plainView(stream: NodeJS.WriteStream, setting: Setting, workers: number): View {
  const progress = newProgress(now());
  const listener = follow(progress, setting.score, now);
  let said = now();
  const say = (text: string) => {
    said = now();
    stream.write(`${text}\n`);
  };
  let phase = "";
  return {
    listener: {
      ...listener,
      planned(total, done) {
        listener.planned(total, done);
        if (done > 0) say(`${done} of ${total} trials were done before`);
      },
      phase(next, detail) {
        listener.phase(next, detail);
        if (next !== phase) say(phases[next]);
        phase = next;
      },
      finished(trial, done, total) {
        listener.finished(trial, done, total);
        const failure = failureOf(trial);
        if (failure !== undefined) say(failure);
        if (done < total && now() - said < quietFor) return;
        const left = done === total ? undefined : secondsLeft(progress, setting, workers, now());
        say(`${done} of ${total} trials${left === undefined ? "" : `, about ${roughly(left)} left`}`);
      },
    },
    note: say,
    close: () => undefined,
  };
}

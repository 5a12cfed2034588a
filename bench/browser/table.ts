import type { WorkName } from "./work.ts";

/** One model at one number of threads. */
export interface Row {
  readonly work: WorkName;
  readonly threads: number;
  /** Steps a second, medians over the rounds. */
  readonly speeds: Readonly<Record<string, number>>;
  /** The largest relative difference of a peer's first losses to Ockham's. */
  readonly lossesOff: Readonly<Record<string, number>>;
  /** Who cannot train this, and why. */
  readonly absent: Readonly<Record<string, string>>;
}

export interface Result {
  readonly rows: readonly Row[];
  readonly versions: Readonly<Record<string, string>>;
  readonly hardware: string;
  readonly date: string;
}

/** Twice the better peer is the aim. */
export const aim = 2;

const own = "Ockham";

/** Ockham's speed over that of the fastest peer. */
export function ratioOf({ speeds }: Row): number {
  const theirs = Object.entries(speeds).flatMap(([name, speed]) => (name === own ? [] : speed));
  return speeds[own] / Math.max(...theirs);
}

const shown = (speed: number | undefined): string =>
  speed === undefined ? "-" : speed >= 100 ? speed.toFixed(0) : speed.toPrecision(3);

/** The rows as a table, with what is needed to read it when the whole result is given. */
export function markdown(rows: readonly Row[], result?: Omit<Result, "rows">): string {
  const names = [
    ...new Set(rows.flatMap(({ speeds, absent }) => [...Object.keys(speeds), ...Object.keys(absent)])),
  ];
  const head = ["model", "threads", ...names, "Ockham over the best peer", "losses differ by"];
  const lines = rows.map((row) => {
    const ratio = ratioOf(row);
    const off = Math.max(...Object.values(row.lossesOff));
    const cells = names.map((name) => shown(row.speeds[name]));
    return [
      row.work,
      row.threads,
      ...cells,
      `${ratio.toFixed(2)}${ratio >= aim ? "" : " (below the aim)"}`,
      off.toExponential(1),
    ];
  });
  const table = [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  const why = [
    ...new Set(
      rows.flatMap(({ absent }) => Object.entries(absent).map(([name, text]) => `${name}: ${text}`)),
    ),
  ];
  const absent = why.length === 0 ? "" : `\n\nAbsent:\n\n${why.map((text) => `- ${text}`).join("\n")}`;
  if (result === undefined) return `${table}${absent}\n`;
  const versions = Object.entries(result.versions).map(([name, version]) => `${name} ${version}`);
  return `# Training in a page

Steps a second, Adam, medians over interleaved rounds in one page; from the same initial values on the same batches, the
first losses compared. The aim is ${aim} times the better peer. ${versions.join(", ")}; ${result.hardware}; ${result.date.slice(0, 10)}.
One command makes this: \`npm run bench:browser\`.

${table}${absent}

What bounds the wide MLP, by ONNX Runtime's profile of its step on one thread: 61 to 68 % of it are matrix products, about
30 % the elementwise operations of Adam. onnxruntime-web's kernels are built without relaxed SIMD (no fused multiply-add
in its WebAssembly); jax-js generates its own with it. Two threads slow a step of the small MLP: its operations are too
short to share.
`;
}

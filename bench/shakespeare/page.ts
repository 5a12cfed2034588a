import type { Setting } from "./setting.ts";

/** One training run: mean loss over each epoch's steps, and on the held-out text after it, in nats; seconds of steps. */
export interface Run {
  readonly curve: readonly { readonly train: number; readonly held: number }[];
  readonly seconds: number;
}

export interface Result {
  readonly setting: Setting & {
    readonly vocabulary: number;
    readonly steps: number;
    readonly windows: number;
    readonly heldWindows: number;
  };
  readonly environment: Readonly<Record<string, string | number>>;
  readonly seeds: readonly { readonly seed: number; readonly ockham: Run; readonly torch: Run }[];
}

const lossOf = ({ curve }: Run): number => curve[curve.length - 1].held;
const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** The share by which the loss there differs from ours. */
const apart = ({ ockham, torch }: Result["seeds"][number]): number => lossOf(ockham) / lossOf(torch) - 1;

/** The result as a page of Markdown. */
export function pageOf({ setting: s, environment, seeds }: Result): string {
  const rows = seeds.map(({ seed, ockham, torch }) =>
    [
      seed,
      lossOf(ockham).toFixed(4),
      lossOf(torch).toFixed(4),
      percent(apart({ seed, ockham, torch })),
      ockham.curve[ockham.curve.length - 1].train.toFixed(4),
      torch.curve[torch.curve.length - 1].train.toFixed(4),
    ].join(" | "),
  );
  const own = mean(seeds.map(({ ockham }) => lossOf(ockham)));
  const peer = mean(seeds.map(({ torch }) => lossOf(torch)));
  const furthest = Math.max(...seeds.map((one) => Math.abs(apart(one))));
  return `# A transformer on Shakespeare, here and in PyTorch

Mean loss on the last ${percent(s.held)} of the text, in nats a character, after ${s.steps} steps: **${own.toFixed(4)}** here,
**${peer.toFixed(4)}** in PyTorch, ${percent(own / peer - 1)} apart; of single seeds at most ${percent(furthest)}.
That is ${(own / Math.LN2).toFixed(3)} and ${(peer / Math.LN2).toFixed(3)} bits a character.

| seed | held-out loss, here | PyTorch | apart | training loss of the last epoch, here | PyTorch |
| --- | --- | --- | --- | --- | --- |
${rows.map((row) => `| ${row} |`).join("\n")}

Model: ${s.layers} layers of ${s.width}, ${s.heads} heads, ${s.hidden} hidden units, ${s.vocabulary} ids (characters), windows of ${s.tokens}.
Training: ${s.windows} windows of the first ${percent(1 - s.held)}, batches of ${s.batch}, ${s.epochs} epochs, AdamW at rate ${s.rate} with decay ${s.decay},
warm-up over ${percent(s.warmup)} of the run, then half a cosine to zero. Both start from the same weights, drawn here, and see
the same batches; all else is each library's own. Measured on ${s.heldWindows} windows. Nothing was chosen by the held-out text.

${Object.entries(environment)
  .map(([name, value]) => `${name} ${value}`)
  .join(", ")}.

To make it anew: \`npm run bench:peers && npm run bench:shakespeare\`.
`;
}

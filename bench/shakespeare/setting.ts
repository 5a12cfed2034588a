/** What is trained, for us and for PyTorch. */
export interface Setting {
  readonly tokens: number;
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly hidden: number;
  readonly batch: number;
  readonly epochs: number;
  readonly rate: number;
  /** Share of the run in which the rate rises linearly; then half a cosine down to zero. */
  readonly warmup: number;
  /** Share of a weight that AdamW takes away in a step at rate 1. */
  readonly decay: number;
  /** Share of the text, at its end, that the loss is measured on. */
  readonly held: number;
  readonly threads: number;
}

export const setting: Setting = {
  tokens: 64,
  layers: 2,
  width: 128,
  heads: 4,
  hidden: 512,
  batch: 32,
  epochs: 4,
  rate: 2e-3,
  warmup: 0.05,
  decay: 0.1,
  held: 0.1,
  threads: 2,
};

/** The network of a workload; every contestant builds it from these numbers. */
export type Network =
  | {
      readonly kind: "mlp";
      readonly shape: readonly number[];
      readonly hidden: readonly number[];
      readonly outputs: number;
    }
  | {
      readonly kind: "cnn";
      readonly shape: readonly number[];
      readonly channels: readonly number[];
      readonly dense: number;
      readonly outputs: number;
    }
  | {
      readonly kind: "resnet";
      readonly shape: readonly number[];
      readonly channels: readonly number[];
      readonly blocks: number;
      readonly outputs: number;
    }
  | {
      readonly kind: "transformer";
      readonly vocabulary: number;
      readonly tokens: number;
      readonly layers: number;
      readonly width: number;
      readonly heads: number;
      readonly hidden: number;
    };

/**
 * What one step is.
 * - train: one update of all weights
 * - sam, gam: the same, with the gradient of these methods
 * - lora: one update of factors of rank `rank` on every dense weight but the head, all else frozen
 * - seeds: one update of each of `seeds` models that differ in their initial weights
 * - per-example: the gradient of each example's loss, and its norm
 * - hvp: v <- H v / |H v|, H the Hessian of the batch's loss in all weights
 */
export type StepKind = "train" | "sam" | "gam" | "lora" | "seeds" | "per-example" | "hvp";

export interface Workload {
  readonly id: string;
  readonly title: string;
  readonly network: Network;
  readonly step: StepKind;
  /** Examples a step, and different batches, which are gone through in turn. */
  readonly batch: number;
  readonly batches: number;
  readonly optimizer: "adam" | "adamw" | "sgd";
  readonly rate: number;
  /** Share of a weight that AdamW takes away in a step at rate 1. */
  readonly decay?: number;
  readonly momentum?: number;
  readonly rank?: number;
  readonly seeds?: number;
  /** Ours over the best peer's time at two threads: what it must reach, and what it aims for. */
  readonly target: number;
  readonly aim: number;
}

const mlp: Network = { kind: "mlp", shape: [784], hidden: [256, 256], outputs: 10 };
const small: Network = { kind: "cnn", shape: [1, 28, 28], channels: [16, 32], dense: 64, outputs: 10 };
const wide: Network = { kind: "cnn", shape: [3, 32, 32], channels: [32, 64, 64], dense: 64, outputs: 10 };
const tiny: Network = { kind: "mlp", shape: [2], hidden: [64], outputs: 1 };
const transformer = (layers: number): Network => ({
  kind: "transformer",
  vocabulary: 512,
  tokens: 64,
  layers,
  width: 128,
  heads: 4,
  hidden: 512,
});

const adam = { step: "train", optimizer: "adam", rate: 1e-3 } as const;
const adamw = { step: "train", optimizer: "adamw", rate: 1e-3, decay: 0.01 } as const;
const momentum = { optimizer: "sgd", rate: 0.01, momentum: 0.9 } as const;

const list: readonly Workload[] = [
  {
    id: "mlp",
    title: "MLP 784-256-256-10, batch 128, Adam",
    ...{ network: mlp, batch: 128, batches: 16, ...adam, target: 0.8, aim: 0.6 },
  },
  {
    id: "cnn",
    title: "CNN 1-16-32 on 28x28, batch 128, Adam",
    ...{ network: small, batch: 128, batches: 8, ...adam, target: 1, aim: 0.85 },
  },
  {
    id: "wide-cnn",
    title: "CNN 3-32-64-64 on 32x32, batch 64, Adam",
    ...{ network: wide, batch: 64, batches: 8, ...adam, rate: 3e-4, target: 1.3, aim: 1 },
  },
  {
    id: "resnet18",
    title: "ResNet-18 on 32x32, batch 32, SGD with momentum",
    network: { kind: "resnet", shape: [3, 32, 32], channels: [64, 128, 256, 512], blocks: 2, outputs: 10 },
    ...{ step: "train", batch: 32, batches: 8, ...momentum, rate: 1e-3, target: 1.3, aim: 1 },
  },
  {
    id: "lm2",
    title: "transformer language model, 2 layers of 128, 64 tokens, batch 16, AdamW",
    ...{ network: transformer(2), batch: 16, batches: 8, ...adamw, target: 1, aim: 0.85 },
  },
  {
    id: "lm4",
    title: "transformer language model, 4 layers of 128, 64 tokens, batch 16, AdamW",
    ...{ network: transformer(4), batch: 16, batches: 8, ...adamw, target: 1, aim: 0.85 },
  },
  {
    id: "lora",
    title: "LoRA of rank 8 on the 2-layer language model, batch 16, Adam",
    ...{
      network: transformer(2),
      batch: 16,
      batches: 8,
      ...adam,
      step: "lora",
      rank: 8,
      target: 1,
      aim: 0.8,
    },
  },
  {
    id: "logistic",
    title: "logistic regression, 64 columns, 2 classes, batch 32, Adam",
    network: { kind: "mlp", shape: [64], hidden: [], outputs: 2 },
    ...{ batch: 32, batches: 32, ...adam, target: 0.08, aim: 0.04 },
  },
  {
    id: "tiny",
    title: "MLP 2-64-1, batch 32, Adam",
    ...{ network: tiny, batch: 32, batches: 32, ...adam, target: 0.08, aim: 0.04 },
  },
  {
    id: "seeds",
    title: "ten seeds of the MLP 2-64-1, batch 32, Adam",
    ...{ network: tiny, batch: 32, batches: 32, ...adam, step: "seeds", seeds: 10, target: 0.5, aim: 0.3 },
  },
  {
    id: "sam",
    title: "SAM on the MLP 784-256-256-10, batch 128, SGD with momentum",
    ...{ network: mlp, step: "sam", batch: 128, batches: 16, ...momentum, target: 1, aim: 0.8 },
  },
  {
    id: "gam",
    title: "GAM on the MLP 784-256-256-10, batch 128, SGD with momentum",
    ...{ network: mlp, step: "gam", batch: 128, batches: 16, ...momentum, target: 1, aim: 0.8 },
  },
  {
    id: "per-example",
    title: "norms of the gradients of 64 examples one by one, CNN 1-16-32 on 28x28",
    ...{ network: small, batch: 64, batches: 8, ...adam, step: "per-example", target: 1, aim: 0.7 },
  },
  {
    id: "hvp",
    title: "Hessian-vector product, MLP 784-256-256-10, batch 128",
    ...{ network: mlp, batch: 128, batches: 16, ...adam, step: "hvp", target: 1, aim: 0.9 },
  },
];

/** All that the bench measures, by id, in the order in which it does. */
export const workloads: ReadonlyMap<string, Workload> = new Map(list.map((w) => [w.id, w]));

/** Whether the memory layout of images is a choice. */
export const isConvolutional = ({ network }: Workload): boolean =>
  network.kind === "cnn" || network.kind === "resnet";

/** Ours over the best peer's peak memory; and seconds from the start of the process to the end of the first step. */
export const memoryGoal = { target: 1.5, aim: 1.1 };
export const firstStepGoal = { target: 3, aim: 1 };

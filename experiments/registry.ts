// Written by "npm run registry" from the folders; do not edit.
import type { Experiment } from "../src/kinds/index.ts";

export const experiments: Readonly<Record<string, () => Promise<Experiment>>> = {
  "ps-kd": async () => (await import("./compression/psKd.ts")).psKd,
  adamixup: async () => (await import("./data/adamixup.ts")).adamixup,
  cutout: async () => (await import("./data/cutout.ts")).cutout,
  mixup: async () => (await import("./data/mixup.ts")).mixup,
  logistic: async () => (await import("./estimators/logistic.ts")).logistic,
  "nearest-neighbours": async () => (await import("./estimators/nearestNeighbours.ts")).nearestNeighbours,
  ridge: async () => (await import("./estimators/ridge.ts")).ridge,
  "clip-norm": async () => (await import("./gradients/clipNorm.ts")).clipNorm,
  adam: async () => (await import("./optimizers/adam.ts")).adam,
  amp: async () => (await import("./optimizers/amp.ts")).amp,
  egn: async () => (await import("./optimizers/egn.ts")).egn,
  gam: async () => (await import("./optimizers/gam.ts")).gam,
  lawn: async () => (await import("./optimizers/lawn.ts")).lawn,
  "non-euclidean-trust-region": async () =>
    (await import("./optimizers/nonEuclideanTrustRegion.ts")).nonEuclideanTrustRegion,
  "norm-anthology": async () => (await import("./optimizers/normAnthology.ts")).normAnthology,
  sam: async () => (await import("./optimizers/sam.ts")).sam,
  sgd: async () => (await import("./optimizers/sgd.ts")).sgd,
  "sgd-sai": async () => (await import("./optimizers/sgdSai.ts")).sgdSai,
  "spectral-condition": async () =>
    (await import("./parametrizations/spectralCondition.ts")).spectralCondition,
  "weight-compander": async () => (await import("./parametrizations/weightCompander.ts")).weightCompander,
  "weight-conditioning": async () =>
    (await import("./parametrizations/weightConditioning.ts")).weightConditioning,
  gor: async () => (await import("./penalties/gor.ts")).gor,
  "jacobian-nuclear": async () => (await import("./penalties/jacobianNuclear.ts")).jacobianNuclear,
  l1: async () => (await import("./penalties/l1.ts")).l1,
  l2: async () => (await import("./penalties/l2.ts")).l2,
  "norm-loss": async () => (await import("./penalties/normLoss.ts")).normLoss,
  dropout: async () => (await import("./regularizers/dropout.ts")).dropout,
  "early-stopping": async () => (await import("./regularizers/earlyStopping.ts")).earlyStopping,
  "l1-prox": async () => (await import("./regularizers/l1Prox.ts")).l1Prox,
  "weight-decay": async () => (await import("./regularizers/weightDecay.ts")).weightDecay,
  worst: async () => (await import("./risks/worst.ts")).worst,
  cosine: async () => (await import("./schedules/cosine.ts")).cosine,
  "label-smoothing": async () => (await import("./transforms/labelSmoothing.ts")).labelSmoothing,
};

import type { Model } from "../kinds/index.ts";
import { cnn, mlp, resnet } from "./models.ts";
import { unet } from "./unet.ts";

/** Models by name, for the command line. */
export const models: Readonly<Record<string, (shape: readonly number[], outputs: number) => Model>> = {
  mlp: (shape, outputs) => mlp(shape, outputs),
  cnn: (shape, outputs) => cnn(shape, outputs),
  resnet: (shape, outputs) => resnet(shape, outputs),
  linear: (shape, outputs) => mlp(shape, outputs, []),
  unet: (shape, outputs) => unet(shape, outputs),
};

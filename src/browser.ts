/** The front door in browsers: everything of index.ts that needs neither files nor processes. */
export { fromNested, type NdArray, ndarray, toNested } from "./array/ndarray.ts";
export { type Stream, stream } from "./array/random.ts";
export * from "./data/browser.ts";
export { type ErrorCode, OckhamError } from "./error.ts";
export * from "./kinds/index.ts";
export { cnn, mlp, models, resnet, staged } from "./nn/models.ts";
export { type Entry, registry } from "./registry.ts";
export {
  type Device,
  type Host,
  type HostOptions,
  openHost,
  openInline,
  openModel,
  openPool,
  type Setup,
} from "./runtime/browser.ts";
export * as tensor from "./tensor/index.ts";
export {
  lift,
  type PlanRun,
  planOf,
  predict,
  select,
  type TogetherOptions,
  type Trained,
  type Training,
  type TrainOptions,
  train,
  trainTogether,
} from "./training/index.ts";

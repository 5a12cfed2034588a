/** What both front doors offer: everything that needs neither files nor processes, but the data and the runtime. */
export { fromNested, type NdArray, ndarray, toNested } from "./array/ndarray.ts";
export { type Stream, stream } from "./array/random.ts";
export { type ErrorCode, OckhamError } from "./error.ts";
export * from "./kinds/index.ts";
export { cnn, mlp, resnet, staged } from "./nn/models.ts";
export { models } from "./nn/named.ts";
export { type Entry, registry } from "./registry.ts";
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

/** The front door: comparing, the data, what a definition needs, models, training. Rooms have doors of their own: "ockham/tensor". */
export { fromNested, type NdArray, ndarray, toNested } from "./array/ndarray.ts";
export { type Stream, stream } from "./array/random.ts";
export { exportModel } from "./compare/export.ts";
export {
  type Candidate,
  type Chosen,
  type CompareOptions,
  type CompareRequest,
  type Comparison,
  candidatesFor,
  compare,
  type Difference,
  type ExportedWinner,
  exportWinner,
  type Listener,
  type Metric,
  metricsFor,
  type Outcome,
  parseMethods,
  type Row,
  type Setting,
  settingOf,
  shelf,
  summarize,
  type Trial,
} from "./compare/index.ts";
export { type Predictions, type PredictOptions, predictFile, predictionsCsv } from "./compare/predict.ts";
export { reportHtml } from "./compare/report/page.ts";
export { csvOf, jsonOf, type TableOptions as TableTextOptions, tableText } from "./compare/tables.ts";
export * from "./data/index.ts";
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
} from "./runtime/index.ts";
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

/** The front door: comparing, the data, what a definition needs, models, training. Rooms have doors of their own: "ockham/tensor". */
export { exportModel } from "./compare/export.ts";
export {
  type Beginning,
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
  readBeginning,
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
export * from "./everywhere.ts";
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

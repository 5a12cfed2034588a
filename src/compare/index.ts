export { asBegun, type Beginning, membersOf, readBeginning } from "./begin.ts";
export {
  candidatesFor,
  methodsOf,
  optionsOf,
  parseMethods,
  parseSetting,
  type Shelf,
  shelf,
} from "./candidates.ts";
export { metricsFor, metricsOf } from "./catalogue.ts";
export { type CompareOptions, compare, type Listener, type Phase } from "./compare.ts";
export { exportModel } from "./export.ts";
export { type Exported, type ExportedModel, readExported } from "./exported.ts";
export { type ModelCost, modelCost } from "./modelCost.ts";
export { type Predictions, type PredictOptions, predictFile, predictionsCsv } from "./predict.ts";
export { protocolOf } from "./protocol.ts";
export type * from "./results.ts";
export { type CompareRequest, defaults, environmentOf, settingOf, versionOf } from "./setting.ts";
export { holdsComparison, writeWhole } from "./store.ts";
export { summarize } from "./summary.ts";
export { modelFor } from "./trial.ts";
export { type ExportedWinner, exportWinner } from "./winner.ts";

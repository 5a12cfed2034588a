export type { Layout } from "./layout.ts";
export { lift, trains } from "./lift.ts";
export { feedsOf, lowerSteps, type Plan, planOf, shapeOfData, type Training } from "./plan.ts";
export {
  type Build,
  evaluationKey,
  predict,
  predictionOf,
  probe,
  probeLoop,
  probeRows,
  select,
  tokenOutcome,
  type Values,
} from "./probe.ts";
export { type Epoch, type PlanRun, runKey, type SharedOptions, type Trained } from "./runs.ts";
export { beginning } from "./start.ts";
export { type Named, only, trainable, type View } from "./step.ts";
export { evenly, runsAtOnce, runsInJob, type TogetherOptions, trainTogether } from "./together.ts";
export { type TrainOptions, train } from "./train.ts";

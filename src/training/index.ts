export { lift, trains } from "./lift.ts";
export { type Epoch, type Member, runKey, type SharedOptions, type Trained } from "./members.ts";
export { feedsOf, type Plan, planOf, shapeOfData, type Training } from "./plan.ts";
export {
  type Build,
  evaluationKey,
  predict,
  predictionOf,
  probe,
  probeLoop,
  probeRows,
  select,
  type Values,
} from "./probe.ts";
export { type Named, only, trainable, type View } from "./step.ts";
export { type TrainOptions, train, trainGroup } from "./train.ts";

/** Data in browsers: what needs no files. */
export { type ArrayOptions, arraySource, npzSource } from "./arrays.ts";
export { type BagOptions, inBags } from "./bags.ts";
export { encodeColumns, type Feature, tableSource } from "./columns.ts";
export { type CommunityOptions, communities } from "./communities.ts";
export { type CsvOptions, csvSource } from "./csv.ts";
export { type GraphOptions, type Nodes, nodeSource } from "./graphs.ts";
export { type IdxPart, idxPart, idxSource, readIdx } from "./idx.ts";
export { withLabelNoise, withNoisyTarget } from "./noise.ts";
export { type PairOptions, pairSource } from "./pairs.ts";
export { imageSource, type Pixels } from "./pixels.ts";
export { asReconstruction } from "./reconstruction.ts";
export { type ShapeOptions, shapes } from "./shapes.ts";
export type { Description, Origin, Source, Target } from "./source.ts";
export { partSizes, type Split, type SplitOptions, split } from "./split.ts";
export type { TableOptions } from "./tabular.ts";
export * from "./text/index.ts";
export { gaussianClusters, sparseRegression, spirals, type ToyOptions, twoMoons } from "./toy.ts";
export { twins } from "./twins.ts";

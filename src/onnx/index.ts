export { anyRows } from "./anyRows.ts";
export { distinctNames, type Lowered, type Port } from "./assemble.ts";
export { type LoopSpec, lowerLoop, rewrittenStep } from "./loop.ts";
export { type Fragment, type GraphSpec, lower, lowerFragment } from "./lower.ts";
export * from "./proto.ts";
export { type DeclaredValue, type ModelHead, readHead } from "./read.ts";
export { type ReadAttribute, type ReadGraph, type ReadNode, readGraph } from "./readGraph.ts";
export { readInitializers } from "./readInitializers.ts";

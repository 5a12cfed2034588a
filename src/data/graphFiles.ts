import { type GraphOptions, graphSource } from "./graphs.ts";
import { stem } from "./names.ts";
import { readRaw } from "./raw.ts";
import type { Source } from "./source.ts";

/** Two tables as the nodes and the edges of a graph: see `graphSource`. */
export async function readGraph(nodes: string, edges: string, options: GraphOptions): Promise<Source> {
  return graphSource(await readRaw(nodes), await readRaw(edges), options, stem(nodes));
}

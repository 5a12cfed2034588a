import type { NdArray } from "../array/ndarray.ts";

/** A graph whose nodes are examples: a model of it sees the whole of it, whichever nodes it is asked about. */
export interface Graph {
  /** What is known of each node, float32 [nodes, features]. */
  readonly features: NdArray<"float32">;
  /** The nodes that each edge joins, int32 [edges, 2]; edges have no direction and each stands here once. */
  readonly edges: NdArray<"int32">;
  /** How strong each edge is, float32 [edges], above 0. */
  readonly strengths: NdArray<"float32">;
}

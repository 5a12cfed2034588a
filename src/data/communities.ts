import { ndarray } from "../array/ndarray.ts";
import { nodeSource } from "./graphs.ts";
import type { Source } from "./source.ts";
import { start, type ToyOptions } from "./toyOptions.ts";

export interface CommunityOptions extends ToyOptions {
  /** Edges that a node has on average to nodes of its own community, and to others; default 4 and 1. */
  readonly within?: number;
  readonly between?: number;
}

const classes = ["a", "b", "c"] as const;
const features = 6;

/**
 * A graph of three communities of equal size (a stochastic block model: every two nodes are joined on their own, those
 * of one community more likely) with six features a node: one of each community is 1, the others 0, under normal noise
 * of standard deviation `noise` (default 2), too much to tell communities by one node alone. The community of a node is
 * to be told. Default: 300 nodes.
 */
export function communities({
  n = 300,
  seed = 0,
  noise = 2,
  within = 4,
  between = 1,
}: CommunityOptions = {}): Source {
  const random = start("communities", n, noise, seed);
  const count = classes.length;
  const labels = Int32Array.from({ length: n }, (_, node) => node % count);
  const x = Float32Array.from({ length: n * features }, (_, at) => {
    const mean = at % features === labels[Math.floor(at / features)] ? 1 : 0;
    return mean + noise * random.normal();
  });
  const [own, other] = [within / (n / count), between / (n - n / count)];
  const pairs: number[] = [];
  for (let a = 0; a < n; a++)
    for (let b = a + 1; b < n; b++)
      if (random.uniform() < (labels[a] === labels[b] ? own : other)) pairs.push(a, b);
  const edges = pairs.length / 2;
  return nodeSource(
    {
      name: "communities",
      target: { task: "classification", name: "community", classes, labels },
      notes: [`${n} nodes, ${edges} edges.`],
    },
    { names: Array.from(labels, (_, node) => String(node)), examples: Int32Array.from(labels.keys()) },
    {
      features: ndarray("float32", [n, features], x),
      edges: ndarray("int32", [edges, 2], Int32Array.from(pairs)),
      strengths: ndarray("float32", [edges], new Float32Array(edges).fill(1)),
    },
  );
}

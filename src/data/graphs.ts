import { ndarray } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import type { Graph } from "../kinds/graph.ts";
import { counted, listed, typed } from "./cells.ts";
import { encodeColumns, type Feature, fitColumns } from "./columns.ts";
import { makeFeatures } from "./features.ts";
import { columnOf, decimalComma, type RawTable, textsOf } from "./rawTable.ts";
import { type Description, fitTarget, makeSource, mismatch, type Source } from "./source.ts";
import { rolesOf, type TableOptions } from "./tabular.ts";

/** What is said about the nodes of a graph and their table. */
export interface GraphOptions extends Omit<TableOptions, "test" | "text" | "texts"> {
  /** The column with the nodes' names: `id` where there is one, else the first, unless told. */
  readonly id?: string;
}

/** The nodes of a graph by name, and which of them are examples. */
export interface Nodes {
  readonly names: readonly string[];
  /** The column of the names, "node" unless told. */
  readonly column?: string;
  /** The number of the node that each example is. */
  readonly examples: Int32Array;
}

/**
 * Nodes of one graph to be told apart, or to be predicted a number of, as a source. Encoded: `node` int32 [n], beside
 * the whole graph, which models of every part of the data see; what parts the data is whose targets are known.
 */
export function nodeSource(
  description: Description,
  { names, column = "node", examples }: Nodes,
  graph: Graph,
): Source {
  const { name, target } = description;
  const source = makeSource(
    description,
    examples.length,
    (train) => ({ kind: "graph", nodes: names, column, ...fitTarget(target, train) }),
    (pre, rows) => {
      if (pre.kind !== "graph" || pre.nodes.join("\n") !== names.join("\n"))
        throw mismatch(name, "these are the nodes of another graph");
      const node = Int32Array.from(rows, (row) => examples[row]);
      return { node: ndarray("int32", [rows.length], node) };
    },
  );
  return { ...source, encode: (pre, rows) => ({ ...source.encode(pre, rows), graph }) };
}

/**
 * A table of nodes and a table of edges as a source: a node a row, and in the edges' first two columns the names of the
 * nodes that each joins. A column `weight` of the edges says how strong they are, 1 where there is none. Edges have no
 * direction; of several between two nodes the strongest counts, and those from a node to itself are left out.
 *
 * Features are the other columns of the nodes, as those of any table but learned from all nodes (all are in the graph,
 * whichever targets are known); where all are 0 and 1, each node's are divided by their sum instead, as Kipf and Welling
 * 2017 do; without any, each node is a feature of its own. Nodes without a target are in the graph, but no examples.
 *
 * Throws what `readTable` throws of the nodes; `bad-data`, naming file and row, for a node without a name or with that
 * of another, an edge that names no node or one that is not there, and a weight that is no number above 0.
 */
export function graphSource(nodes: RawTable, edges: RawTable, options: GraphOptions, name: string): Source {
  const column = idColumn(nodes, options);
  const names = namesOf(nodes, column);
  const drop = [...(options.drop ?? []), column];
  const { columns, inputs, rows, description } = rolesOf(nodes, undefined, { ...options, drop }, name);
  const all = Int32Array.from(names.keys());
  const { features, notes } = makeFeatures(
    inputs.map((input) => columns.get(input)!),
    all,
    options.keep ?? [],
  );
  const joined = edgesOf(edges, new Map(names.map((one, i) => [one, i])), nodes.path);
  const encoded = encodeNodes(features, all);
  return nodeSource(
    description([
      ...notes,
      ...encoded.notes,
      ...joined.notes,
      `Nodes are called by ${JSON.stringify(column)}.`,
    ]),
    { names, column, examples: rows },
    { features: encoded.features, edges: joined.edges, strengths: joined.strengths },
  );
}

function idColumn(nodes: RawTable, { id, target }: GraphOptions): string {
  if (id !== undefined) return columnOf(nodes, id, "the names of the nodes").name;
  const named = nodes.columns.find((column) => column.name.toLowerCase() === "id");
  const { name } = named ?? nodes.columns[0];
  if (name !== target) return name;
  throw new OckhamError(
    "conflict",
    name,
    `${nodes.path}: column ${JSON.stringify(name)} is the target and the first, which is taken as the nodes' names`,
    "say which column holds the names (id)",
  );
}

function namesOf(nodes: RawTable, column: string): string[] {
  const seen = new Map<string, number>();
  return textsOf(columnOf(nodes, column, "the names of the nodes")).map((name, row) => {
    const place = nodes.where.row(row);
    if (name === null)
      throw bad(place, column, "the node has no name", `fill in column ${JSON.stringify(column)}`);
    const before = seen.get(name);
    if (before !== undefined)
      throw bad(
        place,
        column,
        `node ${JSON.stringify(name)} was there before, in row ${before + 1}`,
        "give every node one row, or name another column of names (id)",
      );
    seen.set(name, row);
    return name;
  });
}

/** The edges by the nodes' numbers, each once. */
function edgesOf(table: RawTable, numbers: ReadonlyMap<string, number>, nodes: string) {
  const [first, second, ...others] = table.columns;
  if (second === undefined)
    throw bad(
      table.path,
      table.path,
      "edges have one column",
      "give two columns: the nodes that an edge joins",
    );
  const ends = [first, second].map((column) =>
    textsOf(column).map((name, row) => {
      const number = name === null ? undefined : numbers.get(name);
      if (number !== undefined) return number;
      const problem = name === null ? "no node" : `${JSON.stringify(name)}, which is no node of ${nodes}`;
      throw bad(
        table.where.row(row),
        column.name,
        `column ${JSON.stringify(column.name)} holds ${problem}`,
        "give every node of an edge a row of its own among the nodes",
      );
    }),
  );
  const weights = weightsOf(table);
  const strongest = new Map<string, number>();
  let loops = 0;
  ends[0].forEach((from, row) => {
    const to = ends[1][row];
    if (from === to) {
      loops++;
      return;
    }
    const pair = `${Math.min(from, to)} ${Math.max(from, to)}`;
    strongest.set(pair, Math.max(weights[row], strongest.get(pair) ?? 0));
  });
  const repeated = table.rows - loops - strongest.size;
  const unused = others.filter(({ name }) => name.toLowerCase() !== "weight").map(({ name }) => name);
  const pairs = [...strongest.keys()].flatMap((pair) => pair.split(" ").map(Number));
  return {
    edges: ndarray("int32", [strongest.size, 2], Int32Array.from(pairs)),
    strengths: ndarray("float32", [strongest.size], Float32Array.from(strongest.values())),
    notes: [
      ...table.notes,
      `${counted(numbers.size, "node")}, ${counted(strongest.size, "edge")} (${table.path}).`,
      ...(loops > 0 ? [`${counted(loops, "edge")} from a node to itself left out.`] : []),
      ...(repeated > 0 ? [`${counted(repeated, "edge")} between nodes that were joined before.`] : []),
      ...(unused.length > 0 ? [`Columns of the edges that are not used: ${listed(unused)}.`] : []),
    ],
  };
}

function weightsOf(table: RawTable): Float64Array {
  const raw = table.columns.slice(2).find(({ name }) => name.toLowerCase() === "weight");
  if (raw === undefined) return new Float64Array(table.rows).fill(1);
  const column = typed(raw, table.where, decimalComma(table), {});
  const values = column.kind === "text" ? new Float64Array(table.rows).fill(Number.NaN) : column.values;
  const wrong = values.findIndex((value) => !(value > 0));
  if (wrong < 0) return values;
  throw bad(
    table.where.row(wrong),
    raw.name,
    `column ${JSON.stringify(raw.name)} holds ${JSON.stringify(textsOf(raw)[wrong] ?? "")}, which is no number above 0`,
    "give every edge a positive weight, or leave the column out",
  );
}

/** Features of all nodes as numbers. */
function encodeNodes(
  features: readonly Feature[],
  all: Int32Array,
): Pick<Graph, "features"> & { readonly notes: readonly string[] } {
  const marks = features.flatMap((feature) =>
    feature.kind === "number" && feature.values.every((value) => value === 0 || value === 1)
      ? [feature.values]
      : [],
  );
  const columns = fitColumns(features, all);
  if (columns.length === 0)
    return { features: identity(all.length), notes: ["Each node is its own feature."] };
  if (marks.length < features.length) return { features: encodeColumns(columns, features, all), notes: [] };
  const x = new Float32Array(all.length * marks.length);
  for (const node of all) {
    const sum = marks.reduce((total, values) => total + values[node], 0);
    marks.forEach((values, j) => {
      x[node * marks.length + j] = values[node] / Math.max(1, sum);
    });
  }
  return {
    features: ndarray("float32", [all.length, marks.length], x),
    notes: ["All features are 0 or 1: those of a node are divided by their sum."],
  };
}

function identity(n: number) {
  const x = new Float32Array(n * n);
  for (let i = 0; i < n; i++) x[i * n + i] = 1;
  return ndarray("float32", [n, n], x);
}

const bad = (place: string, culprit: string, problem: string, hint: string) =>
  new OckhamError("bad-data", culprit, `${place}: ${problem}`, hint);

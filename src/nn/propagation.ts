import { type NdArray, ndarray } from "../array/ndarray.ts";
import type { Graph } from "../kinds/index.ts";
import { constant, expandDims, gather, matmul, mul, scatterAdd, type Tensor } from "../tensor/index.ts";

/** Entries of a matrix [nodes, nodes] that are not zero. */
export interface Sparse {
  readonly nodes: number;
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  readonly values: Float32Array;
}

/** S = D^-1/2 (A + I) D^-1/2: A the strengths of the edges, both ways, D the row sums of A + I. */
export function normalizedAdjacency({ features, edges, strengths }: Graph): Sparse {
  const [nodes] = features.shape;
  const [count] = edges.shape;
  const degree = new Float64Array(nodes).fill(1);
  edges.data.forEach((node, i) => {
    degree[node] += strengths.data[i >> 1];
  });
  const rows = new Int32Array(2 * count + nodes);
  const columns = new Int32Array(rows.length);
  const values = new Float32Array(rows.length);
  const put = (at: number, row: number, column: number, strength: number) => {
    rows[at] = row;
    columns[at] = column;
    values[at] = strength / Math.sqrt(degree[row] * degree[column]);
  };
  for (let e = 0; e < count; e++) {
    const [a, b] = edges.data.subarray(2 * e, 2 * e + 2);
    put(2 * e, a, b, strengths.data[e]);
    put(2 * e + 1, b, a, strengths.data[e]);
  }
  for (let node = 0; node < nodes; node++) put(2 * count + node, node, node, 1);
  return { nodes, rows, columns, values };
}

/** The product with x [nodes, width]. */
export function product({ nodes, rows, columns, values }: Sparse, x: NdArray<"float32">): NdArray<"float32"> {
  const width = x.shape[1];
  const result = new Float32Array(nodes * width);
  values.forEach((value, i) => {
    for (let j = 0; j < width; j++) result[rows[i] * width + j] += value * x.data[columns[i] * width + j];
  });
  return ndarray("float32", [nodes, width], result);
}

/** Most nodes whose matrix is kept whole: a product is then faster than sums over edges. */
const wholeNodes = 1000;

/** x [nodes, width] -> S x, or the rows of it that `asked` [n] names. */
export type Spread = (x: Tensor, asked?: Tensor) => Tensor;

/** The product in a traced graph: with the whole matrix where `whole`, else by sums over its entries. */
export function spreadOf(sparse: Sparse, whole = sparse.nodes <= wholeNodes): Spread {
  const { nodes, rows, columns, values } = sparse;
  if (whole) {
    const data = new Float32Array(nodes * nodes);
    values.forEach((value, i) => {
      data[rows[i] * nodes + columns[i]] = value;
    });
    const matrix = constant(ndarray("float32", [nodes, nodes], data));
    return (x, asked) => matmul(asked === undefined ? matrix : gather(matrix, asked), x);
  }
  const list = (data: Int32Array) => constant(ndarray("int32", [data.length], data));
  const [to, from] = [list(rows), list(columns)];
  const shares = expandDims(constant(ndarray("float32", [values.length], values)), 1);
  return (x, asked) => {
    const all = scatterAdd(to, mul(gather(x, from), shares), nodes);
    return asked === undefined ? all : gather(all, asked);
  };
}

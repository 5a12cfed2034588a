import { type DType, type NdArray, type PlainDType, sameShape, sizeOf, storage } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import {
  arithmetic,
  cast,
  comparison,
  erf,
  power,
  roundEven,
  settle,
  sigmoid,
  softplus,
  unary,
  where,
  wholePower,
} from "./evaluate/elementwise.ts";
import { foldKey, gather, randomBits, scatterAdd } from "./evaluate/indexing.ts";
import { matmul } from "./evaluate/products.ts";
import { amax, argMax, argTopK, cumsum, logSoftmax, softmax, sum } from "./evaluate/reductions.ts";
import { broadcast, concat, pad, reshape, slice, transpose } from "./evaluate/shaping.ts";
import type { EvaluateRule } from "./evaluate/values.ts";
import {
  argMaxPool,
  conv,
  convKernel,
  convTranspose,
  maxPool,
  sumPool,
  sumUnpool,
} from "./evaluate/windows.ts";
import { type AnyNode, ancestors, lineOf, type Node, nodeOf, type Primitive, type Tensor } from "./graph.ts";
import { givenTo, nodesOf, type Reading, readingsOf, readOf, standInsOf } from "./scan/body.ts";

const same: EvaluateRule<"alias" | "stop" | "custom"> = ([x]) => x;

/** Whose numbers are fed, and what is computed together with what reads it. */
type Apart = "input" | "scan" | "last" | "stacked";

const rules: { readonly [P in Exclude<Primitive, Apart>]: EvaluateRule<P> } = {
  constant: (_, node) => numbersOf(node.attributes.value),
  alias: same,
  stop: same,
  custom: same,
  neg: unary((x) => -x),
  abs: unary(Math.abs),
  sign: unary(Math.sign),
  exp: unary(Math.exp),
  log: unary(Math.log),
  sqrt: unary(Math.sqrt),
  reciprocal: unary((x) => 1 / x),
  floor: unary(Math.floor),
  round: unary(roundEven),
  sin: unary(Math.sin),
  cos: unary(Math.cos),
  atan: unary(Math.atan),
  tanh: unary(Math.tanh),
  sigmoid: unary(sigmoid),
  softplus: unary(softplus),
  erf: unary(erf),
  relu: unary((x) => Math.max(x, 0)),
  step: unary((x) => (x > 0 ? 1 : 0)),
  add: arithmetic((x, y) => x + y),
  sub: arithmetic((x, y) => x - y),
  mul: arithmetic((x, y) => x * y, Math.imul),
  div: arithmetic(
    (x, y) => x / y,
    (x, y) => Math.trunc(x / y),
  ),
  pow: arithmetic(power, wholePower),
  max: arithmetic(Math.max),
  min: arithmetic(Math.min),
  equal: comparison((x, y) => x === y),
  less: comparison((x, y) => x < y),
  lessEqual: comparison((x, y) => x <= y),
  not: unary((x) => 1 - x),
  and: arithmetic((x, y) => x & y),
  or: arithmetic((x, y) => x | y),
  isNaN: unary((x) => (Number.isNaN(x) ? 1 : 0)),
  cast,
  where,
  sum,
  amax,
  argMax,
  cumsum,
  softmax,
  logSoftmax,
  argTopK,
  matmul,
  conv,
  convTranspose,
  convKernel,
  maxPool,
  argMaxPool,
  sumPool,
  sumUnpool,
  gather,
  scatterAdd,
  reshape,
  transpose,
  broadcast,
  slice,
  pad,
  concat,
  randomBits,
  foldKey,
};

export interface EvaluateOptions {
  /** Computes, and returns, float32 in float64, for finite differences; feeds of such inputs may be float64. */
  readonly float64?: boolean;
  /** Sees every value as it is computed, inputs before users. */
  watch?(node: AnyNode, value: NdArray): void;
}

/**
 * The values of `outputs`, computed in plain TypeScript: the reference that every lowering is held against.
 * Each node is computed in float64 and rounded to its dtype, so a float32 sum is rounded once, at its end.
 * The largest of numbers among which there is NaN is NaN, and that is where it stands. Throws `unknown-name` for
 * an input without a feed, `bad-shape` and `bad-dtype` for one that does not fit or for float16 and int64,
 * `runtime` for an index out of range.
 */
export function evaluate(
  outputs: readonly Tensor[],
  feeds: ReadonlyMap<Tensor, NdArray> = new Map(),
  { float64 = false, watch }: EvaluateOptions = {},
): NdArray[] {
  const values: Values = new Map();
  const known = (node: Node<"input">) => fed(node, feeds, computedIn(node, float64));
  const context: Context = { float64, watch, known };
  const plan = planOf(ancestors(outputs), outputs);
  compute(plan, values, context);
  return outputs.map((output) => {
    const node = nodeOf(output);
    return stored(values.get(node) as Float64Array, node.shape, computedIn(node, float64));
  });
}

type Values = Map<AnyNode, Float64Array>;

interface Context {
  readonly float64: boolean;
  readonly watch: EvaluateOptions["watch"];
  /** The numbers of a placeholder. */
  known(node: Node<"input">): Float64Array;
}

/** Nodes to compute, inputs before users. */
interface Plan {
  readonly order: readonly AnyNode[];
  readonly uses: ReadonlyMap<AnyNode, number>;
  readonly scans: ReadonlyMap<AnyNode, Loop>;
}

/** A scan with all that reads it. */
interface Loop {
  readonly readings: readonly Reading[];
  readonly body: Plan;
}

function planOf(order: readonly AnyNode[], wanted: readonly Tensor[]): Plan {
  const readings = readingsOf(order);
  const scans = new Map<AnyNode, Loop>();
  for (const node of order) {
    if (node.op !== "scan") continue;
    const { body } = node.attributes;
    const own = readings.get(node as Node) ?? [];
    const results = [...body.next, ...own.map((reading) => readOf(reading, body))];
    const given = new Set<AnyNode>(standInsOf(body) as AnyNode[]);
    const inner = nodesOf(body, results).filter((n) => !given.has(n));
    scans.set(node, { readings: own, body: planOf(inner, results) });
  }
  return { order, uses: usesOf(order, wanted), scans };
}

/** Computes what has no value yet, and drops what nothing needs any more. */
function compute(plan: Plan, values: Values, context: Context): void {
  const uses = new Map(plan.uses);
  for (const node of plan.order) {
    if (node.op === "scan") runScan(node, plan.scans.get(node) as Loop, values, context);
    else if (!values.has(node)) {
      const raw = node.op === "input" ? context.known(node) : apply(node, values);
      values.set(node, settle(raw, computedIn(node, context.float64)));
    }
    const value = values.get(node);
    if (value !== undefined)
      context.watch?.(node, stored(value, node.shape, computedIn(node, context.float64)));
    for (const input of node.inputs as readonly AnyNode[]) {
      const left = (uses.get(input) as number) - 1;
      uses.set(input, left);
      if (left === 0) values.delete(input);
    }
  }
}

/** Runs the steps of a scan and leaves the values of its readings. */
function runScan(node: Node<"scan">, { readings, body: plan }: Loop, values: Values, context: Context): void {
  const { body, length, reverse } = node.attributes;
  const given = givenTo(node);
  const valuesOf = (nodes: readonly Node[]) => nodes.map((n) => values.get(n as AnyNode) as Float64Array);
  const [scanned, outside] = [valuesOf(given.slices), valuesOf(given.outside)];
  let carry = valuesOf(given.carry);
  for (const reading of readings)
    if (reading.op === "stacked") values.set(reading as AnyNode, new Float64Array(sizeOf(reading.shape)));
  for (let t = 0; t < length; t++) {
    const at = reverse ? length - 1 - t : t;
    const own: Values = new Map();
    const place = (names: readonly Node[], numbers: (i: number) => Float64Array) => {
      names.forEach((name, i) => {
        own.set(name as AnyNode, numbers(i));
      });
    };
    place(body.carry, (i) => carry[i]);
    place(body.slices, (i) => sliceOf(scanned[i], at, length));
    place(body.outside, (i) => outside[i]);
    compute(plan, own, context);
    for (const reading of readings) {
      const value = own.get(readOf(reading, body) as AnyNode) as Float64Array;
      if (reading.op === "last") values.set(reading as AnyNode, value);
      else sliceOf(values.get(reading as AnyNode) as Float64Array, at, length).set(value);
    }
    carry = body.next.map((n) => own.get(n as AnyNode) as Float64Array);
  }
}

const sliceOf = (x: Float64Array, at: number, length: number): Float64Array => {
  const size = x.length / length;
  return x.subarray(at * size, (at + 1) * size);
};

/** How often each node is still needed; outputs are needed to the end. */
function usesOf(order: readonly AnyNode[], outputs: readonly Tensor[]): Map<AnyNode, number> {
  const uses = new Map<AnyNode, number>();
  for (const node of order)
    for (const input of node.inputs as readonly AnyNode[]) uses.set(input, (uses.get(input) ?? 0) + 1);
  for (const output of outputs) uses.set(nodeOf(output), Number.POSITIVE_INFINITY);
  return uses;
}

const apply = (node: AnyNode, values: ReadonlyMap<AnyNode, Float64Array>): Float64Array =>
  (rules[node.op as Exclude<Primitive, Apart>] as EvaluateRule<Primitive>)(
    (node.inputs as readonly AnyNode[]).map((input) => values.get(input) as Float64Array),
    node,
  );

/** The dtype a node is computed in. Throws `bad-dtype` for the two whose storage is not plain numbers. */
function computedIn(node: AnyNode, float64: boolean): PlainDType {
  const { dtype } = node;
  if (dtype === "float16" || dtype === "int64") {
    const line = lineOf(node);
    throw new OckhamError(
      "bad-dtype",
      node.op,
      `${node.op} of ${dtype}, which the reference evaluator does not compute${line === undefined ? "" : `, at ${line}`}`,
      `cast to ${dtype === "float16" ? "float32" : "int32"}`,
    );
  }
  return float64 && dtype === "float32" ? "float64" : dtype;
}

/** A copy in float64. */
const numbersOf = (a: NdArray): Float64Array => new Float64Array(a.data as NdArray<PlainDType>["data"]);

function fed(node: Node<"input">, feeds: ReadonlyMap<Tensor, NdArray>, computed: PlainDType): Float64Array {
  const { name, shape, dtype } = node.attributes;
  const array = feeds.get(node);
  if (array === undefined)
    throw new OckhamError("unknown-name", name, `nothing was fed for "${name}"`, "feed every input");
  if (!sameShape(array.shape, shape)) throw misfit("bad-shape", name, `[${array.shape}]`, `[${shape}]`);
  if (array.dtype !== dtype && array.dtype !== computed) throw misfit("bad-dtype", name, array.dtype, dtype);
  return numbersOf(array);
}

const misfit = (code: "bad-shape" | "bad-dtype", name: string, got: string, wanted: string) =>
  new OckhamError(code, name, `"${name}" was fed ${got}`, `feed ${wanted}`);

function stored(value: Float64Array, shape: readonly number[], dtype: DType): NdArray {
  const data = storage(dtype, value.length) as Float64Array;
  data.set(value);
  return { dtype, shape, data };
}

import { add, mul } from "./elementwise.ts";
import {
  ancestors,
  make,
  type Node,
  type Primitive,
  type Pullback,
  type Tensor,
  type Window,
} from "./graph.ts";
import { gather, scatterAdd } from "./indexing.ts";
import { type Reading, readingsOf, readOf } from "./scan/body.ts";
import { makeScan } from "./scan.ts";
import { broadcast, iota, reshape, transpose } from "./shaping.ts";

/** An input under vmap: its value, and whether the mapped axis leads its shape. */
export interface Batched {
  readonly value: Tensor;
  readonly batched: boolean;
}

/** What each unmapped tensor became, as far as it depends on the members. */
type Known = ReadonlyMap<Tensor, Batched>;

/** The result with the mapped axis leading, from inputs of which at least one is batched. `node` is the unmapped operation. */
type BatchingRule<P extends Primitive> = (
  inputs: readonly Batched[],
  node: Node<P>,
  size: number,
  known: Known,
) => Tensor;

/** The value with the mapped axis, repeated if it had none. */
const spread = ({ value, batched }: Batched, size: number): Tensor =>
  batched ? value : broadcast(value, [size, ...value.shape]);

/** Inserts ones after the mapped axis so that ranks agree and broadcasting lines up. */
function aligned({ value, batched }: Batched, rank: number): Tensor {
  if (!batched) return value;
  const [size, ...shape] = value.shape;
  return reshape(value, [size, ...Array(rank - shape.length).fill(1), ...shape]);
}

/** The same operation, since its attributes count axes from the end. */
const same: BatchingRule<Primitive> = (inputs, node) =>
  make(
    node.op,
    inputs.map((input) => input.value),
    node.attributes,
  );

const broadcasting: BatchingRule<Primitive> = (inputs, node) =>
  make(
    node.op,
    inputs.map((input) => aligned(input, node.shape.length)),
    node.attributes,
  );

function unreachable(_: readonly Batched[], node: Node): never {
  throw new Error(`${node.op} has no inputs to batch`);
}

const geometry = ({ strides, padding, dilation, groups }: Window): Window => ({
  strides,
  padding,
  dilation,
  groups,
});

/** Folds the mapped axis into the batch: [B, n, ...] -> [B n, ...]. */
const intoBatch = (x: Tensor): Tensor => reshape(x, [x.shape[0] * x.shape[1], ...x.shape.slice(2)]);
const outOfBatch = (x: Tensor, size: number): Tensor =>
  reshape(x, [size, x.shape[0] / size, ...x.shape.slice(1)]);

/** Folds the mapped axis into the channels: [B, n, c, ...] -> [n, B c, ...]. */
function intoChannels(x: Tensor): Tensor {
  const [b, n, c, ...spatial] = x.shape;
  const order = [1, 0, ...x.shape.slice(2).map((_, i) => i + 2)];
  return reshape(transpose(x, order), [n, b * c, ...spatial]);
}
function outOfChannels(x: Tensor, size: number): Tensor {
  const [n, bc, ...spatial] = x.shape;
  const split = reshape(x, [n, size, bc / size, ...spatial]);
  return transpose(split, [1, 0, ...split.shape.slice(2).map((_, i) => i + 2)]);
}

/** Convolutions: a batch of data joins the batch; a batch of kernels becomes groups, or more kernels for the same data. */
const convolution: BatchingRule<"conv" | "convTranspose"> = ([x, kernel], node, size) => {
  if (!kernel.batched)
    return outOfBatch(make(node.op, [intoBatch(x.value), kernel.value], node.attributes), size);
  if (!x.batched && node.op === "conv" && node.attributes.groups === 1)
    return outOfChannels(make(node.op, [x.value, intoBatch(kernel.value)], node.attributes), size);
  const grouped = { ...node.attributes, groups: node.attributes.groups * size };
  return outOfChannels(
    make(node.op, [intoChannels(spread(x, size)), intoBatch(kernel.value)], grouped),
    size,
  );
};

const convKernel: BatchingRule<"convKernel"> = ([x, g], node, size) => {
  if (!x.batched && node.attributes.groups === 1)
    return outOfBatch(make("convKernel", [x.value, intoChannels(g.value)], node.attributes), size);
  const grouped = {
    ...geometry(node.attributes),
    size: node.attributes.size,
    groups: node.attributes.groups * size,
  };
  return outOfBatch(
    make("convKernel", [intoChannels(spread(x, size)), intoChannels(spread(g, size))], grouped),
    size,
  );
};

const pooling: BatchingRule<"maxPool" | "argMaxPool" | "sumPool" | "sumUnpool"> = ([x], node, size) =>
  outOfBatch(make(node.op, [intoBatch(x.value)], node.attributes), size);

/** Adds b r to the indices of the b-th member, so that all members share one list of rows. */
function shifted(indices: Tensor, rows: number): Tensor {
  const size = indices.shape[0];
  return add(indices, mul(reshape(iota(size), [size, ...indices.shape.slice(1).map(() => 1)]), rows));
}

const rules: { readonly [P in Primitive]: BatchingRule<P> } = {
  input: unreachable,
  constant: unreachable,
  alias: same,
  stop: same,
  custom: (inputs, node, size, known) => {
    // the rule may use tensors from around it, and those may depend on the members too
    const pullback: Pullback = (gradient, args, result) =>
      batchGraph(
        ([g, r, ...rest]) => node.attributes.pullback(g, rest, r),
        [gradient, result, ...args],
        known,
      );
    return make(
      "custom",
      inputs.map((input) => spread(input, size)),
      { pullback },
    );
  },
  neg: same,
  abs: same,
  sign: same,
  exp: same,
  log: same,
  sqrt: same,
  reciprocal: same,
  floor: same,
  round: same,
  sin: same,
  cos: same,
  atan: same,
  tanh: same,
  sigmoid: same,
  softplus: same,
  erf: same,
  relu: same,
  step: same,
  add: broadcasting,
  sub: broadcasting,
  mul: broadcasting,
  div: broadcasting,
  pow: broadcasting,
  max: broadcasting,
  min: broadcasting,
  equal: broadcasting,
  less: broadcasting,
  lessEqual: broadcasting,
  not: same,
  and: broadcasting,
  or: broadcasting,
  isNaN: same,
  cast: same,
  where: broadcasting,
  sum: same,
  amax: same,
  argMax: same,
  cumsum: same,
  softmax: same,
  logSoftmax: same,
  argTopK: same,
  matmul: broadcasting,
  conv: convolution,
  convTranspose: convolution,
  convKernel,
  maxPool: pooling,
  argMaxPool: pooling,
  sumPool: pooling,
  sumUnpool: pooling,
  gather: ([x, indices], node, size) => {
    if (!x.batched) return gather(x.value, indices.value);
    const all = shifted(spread(indices, size), node.inputs[0].shape[0]);
    return reshape(gather(intoBatch(x.value), all), [size, ...node.shape]);
  },
  scatterAdd: ([indices, values], node, size) => {
    const { rows } = node.attributes;
    const all = shifted(spread(indices, size), rows);
    return reshape(scatterAdd(all, spread(values, size), rows * size), [size, ...node.shape]);
  },
  reshape: ([x], node, size) => reshape(x.value, [size, ...node.attributes.shape]),
  transpose: ([x], node) => transpose(x.value, [0, ...node.attributes.order.map((axis) => axis + 1)]),
  broadcast: ([x], node, size) => broadcast(aligned(x, node.shape.length), [size, ...node.attributes.shape]),
  slice: ([x], node, size) => {
    const { starts, sizes, steps } = node.attributes;
    return make("slice", [x.value], {
      starts: [0, ...starts],
      sizes: [size, ...sizes],
      steps: [1, ...steps],
    });
  },
  pad: ([x], node) => {
    const { low, high, value } = node.attributes;
    return make("pad", [x.value], { low: [0, ...low], high: [0, ...high], value });
  },
  concat: (inputs, node, size) =>
    make(
      "concat",
      inputs.map((input) => spread(input, size)),
      node.attributes,
    ),
  // scans are mapped with all that reads them
  scan: unreachable,
  last: unreachable,
  stacked: unreachable,
  randomBits: same,
  foldKey: ([key, word], node, size) =>
    make("foldKey", [spread(key, size), aligned(word, node.shape.length - 1)], {}),
};

/**
 * `f` for every member of the leading axis of `args`, as one graph. Results of `f` that do not depend on
 * its arguments are repeated; null stays null. `known` is
 * what the same mapping has already made of tensors around `f`.
 */
export function batchGraph(
  f: (args: readonly Tensor[]) => readonly (Tensor | null)[],
  args: readonly Tensor[],
  known: Known = new Map(),
): (Tensor | null)[] {
  const size = args[0].shape[0];
  const members = args.map((x) =>
    make("input", [], { name: "member", shape: x.shape.slice(1), dtype: x.dtype }),
  );
  const results = f(members);
  const values = new Map<Tensor, Batched>(known);
  members.forEach((member, i) => {
    values.set(member, { value: args[i], batched: true });
  });
  return batched(results, values, size);
}

/**
 * What traced `results` are for every member, as one graph: `members` has what becomes of placeholders that differ,
 * with the axis of the members leading. Results that depend on none of them are repeated.
 */
export function vmapTraced(results: readonly Tensor[], members: ReadonlyMap<Tensor, Tensor>): Tensor[] {
  const values = new Map<Tensor, Batched>();
  for (const [member, value] of members) values.set(member, { value, batched: true });
  const [{ shape }] = members.values();
  return batched(results, values, shape[0]) as Tensor[];
}

/** The results with the mapped axis; `values` has what is known already, and is added to. */
function batched(
  results: readonly (Tensor | null)[],
  values: Map<Tensor, Batched>,
  size: number,
): (Tensor | null)[] {
  const batchedOf = (t: Tensor): Batched => values.get(t) ?? { value: t, batched: false };
  const order = ancestors(
    results.filter((t) => t !== null),
    (node) => values.has(node),
  );
  const readings = readingsOf(order);
  for (const node of order) {
    if (values.has(node)) continue;
    const inputs = node.inputs.map(batchedOf);
    if (!inputs.some((input) => input.batched)) continue;
    if (node.op === "scan") {
      batchScan(node, readings.get(node as Node) ?? [], inputs, size, values);
      continue;
    }
    const value = (rules[node.op] as BatchingRule<Primitive>)(inputs, node, size, values);
    values.set(node, { value, batched: true });
  }
  return results.map((t) => (t === null ? null : spread(batchedOf(t), size)));
}

/** A scan over all members at once, whose readings are added to `values`: every carry is taken to differ among them. */
function batchScan(
  loop: Node<"scan">,
  readings: readonly Reading[],
  inputs: readonly Batched[],
  size: number,
  values: Map<Tensor, Batched>,
): void {
  const { body, length, reverse } = loop.attributes;
  const [slices, outside] = [
    inputs.slice(body.carry.length),
    inputs.slice(-body.outside.length || inputs.length),
  ];
  const own = new Map(values);
  const renamed = new Map<Node, Tensor>();
  const mapped = (t: Node) => make("input", [], { name: t.op, shape: [size, ...t.shape], dtype: t.dtype });
  const standIns = (names: readonly Node[], differ: (i: number) => boolean) =>
    names.map((name, i) => {
      const value = differ(i) ? mapped(name) : name;
      own.set(name, { value, batched: differ(i) });
      return value;
    });
  const carry = standIns(body.carry, () => true);
  const taken = standIns(body.slices, (i) => slices[i].batched);
  standIns(body.outside, (i) => outside[i].batched).forEach((name, i) => {
    if (name !== outside[i].value) renamed.set(name, outside[i].value);
  });
  const wanted = readings.map((reading) => readOf(reading, body));
  const all = batched([...body.next, ...wanted], own, size) as Tensor[];
  const [next, results] = [all.slice(0, carry.length), all.slice(carry.length)];
  const made = makeScan(
    { carry, slices: taken, next, results },
    carry.map((_, i) => spread(inputs[i], size)),
    taken.map((_, i) => (slices[i].batched ? exchanged(slices[i].value) : slices[i].value)),
    length,
    reverse,
    renamed,
  );
  readings.forEach((reading, i) => {
    const value =
      reading.op === "last"
        ? make("last", [made], (reading as Node<"last">).attributes)
        : exchanged(make("stacked", [made], { of: results[i] as Node }));
    values.set(reading, { value, batched: true });
  });
  values.set(loop, { value: made, batched: true });
}

/** The first two axes exchanged: of the members and of the steps. */
const exchanged = (x: Tensor): Tensor => transpose(x, [1, 0, ...x.shape.slice(2).map((_, i) => i + 2)]);

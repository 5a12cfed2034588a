import { sizeOf } from "../array/ndarray.ts";
import {
  add,
  asTensor,
  cast,
  cos,
  div,
  equal,
  exp,
  less,
  log,
  mul,
  neg,
  pow,
  sign,
  sin,
  square,
  step,
  sub,
  where,
} from "./elementwise.ts";
import {
  type AnyNode,
  type Attributes,
  literalValue,
  make,
  type Node,
  type Primitive,
  type Tensor,
  type Window,
} from "./graph.ts";
import { gather, scatterAdd } from "./indexing.ts";
import { matmul } from "./products.ts";
import { cumsum, sum } from "./reductions.ts";
import { isFloat } from "./shapes.ts";
import {
  broadcast,
  expandDims,
  flatten,
  flip,
  fromEnd,
  iota,
  pad,
  reshape,
  transpose,
  window,
  zerosLike,
} from "./shaping.ts";

/** The gradients of the inputs (null: none) from the gradient of the result. Written with public operations, so gradients can be differentiated again. */
type GradientRule<P extends Primitive> = (gradient: Tensor, node: Node<P>) => readonly (Tensor | null)[];

/** Sums a gradient over the axes along which an input was broadcast. */
function unbroadcast(g: Tensor, shape: readonly number[]): Tensor {
  const extra = g.shape.length - shape.length;
  const axes = g.shape.flatMap((n, i) => (i < extra || (shape[i - extra] === 1 && n !== 1) ? [i] : []));
  return reshape(axes.length === 0 ? g : sum(g, { axes, keep: true }), shape);
}

const none: GradientRule<Primitive> = (_, node) => node.inputs.map(() => null);

const unary =
  (rule: (g: Tensor, x: Tensor, y: Tensor) => Tensor) =>
  (g: Tensor, node: Node): readonly Tensor[] => [rule(g, node.inputs[0], node)];

const binary =
  (rule: (g: Tensor, a: Tensor, b: Tensor, y: Tensor) => readonly [() => Tensor, () => Tensor]) =>
  (g: Tensor, node: Node): readonly Tensor[] => {
    const [a, b] = node.inputs;
    return rule(g, a, b, node).map((part, i) => unbroadcast(part(), node.inputs[i].shape));
  };

/** 1 where a wins, 0 where b does, one half at ties. */
const winner = (a: Tensor, b: Tensor): Tensor =>
  add(cast(less(b, a), a.dtype), mul(0.5, cast(equal(a, b), a.dtype)));

/** The slope of a^b in a, b a^(b - 1): zero for b = 0 even where a is, at every order. */
function powerSlope(a: Tensor, b: Tensor): Tensor {
  const exponent = literalValue(b);
  if (exponent !== undefined) return exponent === 0 ? zerosLike(a) : mul(exponent, pow(a, exponent - 1));
  const flat = equal(b, 0);
  return where(flat, 0, mul(b, pow(where(flat, 1, a), sub(b, 1))));
}

/** A reduced tensor with its axes back at size 1. */
function kept(y: Tensor, x: Tensor, axes: readonly number[]): Tensor {
  const gone = new Set(axes.map((a) => a + x.shape.length));
  return reshape(
    y,
    x.shape.map((n, i) => (gone.has(i) ? 1 : n)),
  );
}

function matmulGradient(g: Tensor, node: Node<"matmul">): readonly Tensor[] {
  const [a, b] = node.inputs;
  const { transposeA, transposeB } = node.attributes;
  const ga = transposeA
    ? matmul(b, g, { transposeA: transposeB, transposeB: true })
    : matmul(g, b, { transposeB: !transposeB });
  const gb = transposeB
    ? matmul(g, a, { transposeA: true, transposeB: transposeA })
    : matmul(a, g, { transposeA: !transposeA });
  return [unbroadcast(ga, a.shape), unbroadcast(gb, b.shape)];
}

/** x, kernel and output gradient are the three legs of one trilinear form: each operation's gradients are the two others. */
const convLegs = {
  forward: (x: Tensor, k: Tensor, w: Window) => make("conv", [x, k], geometry(w)),
  toInput: (g: Tensor, k: Tensor, w: Window, x: Tensor) =>
    make("convTranspose", [g, k], { ...geometry(w), size: x.shape.slice(2) }),
  toKernel: (x: Tensor, g: Tensor, w: Window, k: Tensor) =>
    make("convKernel", [x, g], { ...geometry(w), size: k.shape.slice(2) }),
};
const geometry = ({ strides, padding, dilation, groups }: Window): Window => ({
  strides,
  padding,
  dilation,
  groups,
});

/** Spreads small numbers over the window that each stands for. */
const unpool = (g: Tensor, pool: Attributes["sumPool"], x: Tensor) =>
  make("sumUnpool", [g], { ...pool, size: x.shape.slice(2) });

const tiles = (pool: Attributes["maxPool"], x: Tensor): boolean =>
  pool.kernel.every(
    (k, i) =>
      pool.strides[i] === k && pool.padding[i][0] + pool.padding[i][1] === 0 && x.shape[i + 2] % k === 0,
  );

/** Flat positions of the maxima in the whole of x. */
function maxPositions(node: Node<"maxPool">): Tensor {
  const [x] = node.inputs;
  const [n, c, ...spatial] = x.shape;
  const starts = mul(reshape(iota(n * c), [n, c, ...spatial.map(() => 1)]), sizeOf(spatial));
  return add(make("argMaxPool", [x], node.attributes), starts);
}

function maxPoolGradient(g: Tensor, node: Node<"maxPool">): readonly Tensor[] {
  const [x] = node.inputs;
  if (tiles(node.attributes, x)) {
    const winners = cast(equal(x, unpool(node, node.attributes, x)), x.dtype);
    const share = div(g, make("sumPool", [winners], node.attributes));
    return [mul(winners, unpool(share, node.attributes, x))];
  }
  const flat = scatterAdd(flatten(maxPositions(node)), flatten(g), sizeOf(x.shape));
  return [reshape(flat, x.shape)];
}

function sliceGradient(g: Tensor, node: Node<"slice">): readonly Tensor[] {
  const [x] = node.inputs;
  const { starts, sizes, steps } = node.attributes;
  const backward = steps.flatMap((s, i) => (s < 0 ? [i] : []));
  let spread = backward.length > 0 ? flip(g, backward) : g;
  const first = starts.map((s, i) => (steps[i] < 0 ? s + (sizes[i] - 1) * steps[i] : s));
  steps.forEach((signed, axis) => {
    const by = Math.abs(signed);
    if (by > 1) spread = withGaps(spread, axis, by);
  });
  const high = x.shape.map((n, i) => n - first[i] - spread.shape[i]);
  return [pad(spread, first, high)];
}

/** Entries of an axis set `by` apart, zeros between. */
function withGaps(x: Tensor, axis: number, by: number): Tensor {
  const wide = expandDims(x, axis + 1);
  const zeros = wide.shape.map(() => 0);
  const padded = pad(
    wide,
    zeros,
    zeros.map((_, i) => (i === axis + 1 ? by - 1 : 0)),
  );
  const joined = reshape(
    padded,
    x.shape.map((n, i) => (i === axis ? n * by : n)),
  );
  return window(
    joined,
    x.shape.map(() => 0),
    x.shape.map((n, i) => (i === axis ? (n - 1) * by + 1 : n)),
  );
}

function concatGradient(g: Tensor, node: Node<"concat">): readonly Tensor[] {
  const axis = fromEnd(node.attributes.axis, g.shape.length) + g.shape.length;
  let start = 0;
  return node.inputs.map((part) => {
    const starts = g.shape.map((_, i) => (i === axis ? start : 0));
    start += part.shape[axis];
    return window(g, starts, part.shape);
  });
}

const rules: { readonly [P in Primitive]: GradientRule<P> } = {
  input: none,
  constant: none,
  alias: (g) => [g],
  stop: none,
  custom: (g, node) => [null, ...node.attributes.pullback(g, node.inputs.slice(1), node.inputs[0])],
  neg: unary((g) => neg(g)),
  abs: unary((g, x) => mul(g, sign(x))),
  sign: none,
  exp: unary((g, _, y) => mul(g, y)),
  log: unary((g, x) => div(g, x)),
  sqrt: unary((g, _, y) => div(mul(g, 0.5), y)),
  reciprocal: unary((g, _, y) => neg(mul(g, square(y)))),
  floor: none,
  round: none,
  sin: unary((g, x) => mul(g, cos(x))),
  cos: unary((g, x) => neg(mul(g, sin(x)))),
  atan: unary((g, x) => div(g, add(1, square(x)))),
  tanh: unary((g, _, y) => mul(g, sub(1, square(y)))),
  sigmoid: unary((g, _, y) => mul(g, mul(y, sub(1, y)))),
  softplus: unary((g, x) => mul(g, make("sigmoid", [x], {}))),
  erf: unary((g, x) => mul(g, mul(2 / Math.sqrt(Math.PI), exp(neg(square(x)))))),
  // from the result, so that what goes in need not be kept
  relu: unary((g, _, y) => mul(g, step(y))),
  step: none,
  add: binary((g) => [() => g, () => g]),
  sub: binary((g) => [() => g, () => neg(g)]),
  mul: binary((g, a, b) => [() => mul(g, b), () => mul(g, a)]),
  div: binary((g, _, b, y) => [() => div(g, b), () => neg(div(mul(g, y), b))]),
  pow: binary((g, a, b, y) => [
    () => mul(g, powerSlope(a, b)),
    () => mul(g, mul(y, where(equal(a, 0), 0, log(where(equal(a, 0), 1, a))))),
  ]),
  max: binary((g, a, b) => [() => mul(g, winner(a, b)), () => mul(g, winner(b, a))]),
  min: binary((g, a, b) => [() => mul(g, winner(b, a)), () => mul(g, winner(a, b))]),
  equal: none,
  less: none,
  lessEqual: none,
  not: none,
  and: none,
  or: none,
  isNaN: none,
  cast: (g, node) => {
    const from = node.inputs[0].dtype;
    return [isFloat(from) && isFloat(node.dtype) ? cast(g, from) : null];
  },
  where: (g, node) => {
    const [condition, yes, no] = node.inputs;
    const zero = asTensor(0, g.dtype);
    return [
      null,
      unbroadcast(where(condition, g, zero), yes.shape),
      unbroadcast(where(condition, zero, g), no.shape),
    ];
  },
  sum: (g, node) => {
    const [x] = node.inputs;
    return [broadcast(kept(g, x, node.attributes.axes), x.shape)];
  },
  amax: (g, node) => {
    const [x] = node.inputs;
    const { axes } = node.attributes;
    const winners = cast(equal(x, kept(node, x, axes)), x.dtype);
    const share = div(winners, sum(winners, { axes, keep: true }));
    return [mul(share, kept(g, x, axes))];
  },
  argMax: none,
  cumsum: (g, node) => {
    const { axis, exclusive, reverse } = node.attributes;
    return [cumsum(g, axis, { exclusive, reverse: !reverse })];
  },
  softmax: unary((g, _, y) => {
    const { axis } = (y as Node<"softmax">).attributes;
    return mul(y, sub(g, sum(mul(g, y), { axes: [axis], keep: true })));
  }),
  logSoftmax: unary((g, _, y) => {
    const { axis } = (y as Node<"logSoftmax">).attributes;
    return sub(g, mul(exp(y), sum(g, { axes: [axis], keep: true })));
  }),
  argTopK: none,
  matmul: matmulGradient,
  conv: (g, node) => {
    const [x, kernel] = node.inputs;
    return [
      convLegs.toInput(g, kernel, node.attributes, x),
      convLegs.toKernel(x, g, node.attributes, kernel),
    ];
  },
  convTranspose: (g, node) => {
    const [up, kernel] = node.inputs;
    return [convLegs.forward(g, kernel, node.attributes), convLegs.toKernel(g, up, node.attributes, kernel)];
  },
  convKernel: (g, node) => {
    const [x, up] = node.inputs;
    return [convLegs.toInput(up, g, node.attributes, x), convLegs.forward(x, g, node.attributes)];
  },
  maxPool: maxPoolGradient,
  argMaxPool: none,
  sumPool: (g, node) => [unpool(g, node.attributes, node.inputs[0])],
  sumUnpool: (g, node) => {
    const { kernel, strides, padding } = node.attributes;
    return [make("sumPool", [g], { kernel, strides, padding })];
  },
  gather: (g, node) => [scatterAdd(node.inputs[1], g, node.inputs[0].shape[0]), null],
  scatterAdd: (g, node) => [null, gather(g, node.inputs[0])],
  reshape: (g, node) => [reshape(g, node.inputs[0].shape)],
  transpose: (g, node) => {
    const inverse = new Array<number>(g.shape.length);
    node.attributes.order.forEach((axis, i) => {
      inverse[axis] = i;
    });
    return [transpose(g, inverse)];
  },
  broadcast: (g, node) => [unbroadcast(g, node.inputs[0].shape)],
  slice: sliceGradient,
  pad: (g, node) => [window(g, node.attributes.low, node.inputs[0].shape)],
  concat: concatGradient,
  // scans are pulled back with all that reads them (scan/gradient.ts)
  scan: none,
  last: none,
  stacked: none,
  randomBits: none,
  foldKey: none,
};

/** The gradients of a node's inputs, given the gradient of the node. */
export const pullBack = (gradient: Tensor, node: AnyNode): readonly (Tensor | null)[] =>
  (rules[node.op] as GradientRule<Primitive>)(gradient, node);

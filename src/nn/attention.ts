import { OckhamError } from "../error.ts";
import {
  add,
  constant,
  fold,
  matmul,
  mul,
  reshape,
  slice,
  softmax,
  sub,
  type Tensor,
  transpose,
} from "../tensor/index.ts";
import { lecunNormal } from "./initializers.ts";
import { linear } from "./layers.ts";
import type { Context, Module, ModuleOf } from "./module.ts";
import { alibiBias, rotary } from "./positions.ts";

export const dense = (out: number): ModuleOf => linear(out, { init: lecunNormal });

/** A score so low that its token gets no share. */
const never = -1e9;

/** What is added to the scores [tokens, tokens]: 0 for what a token may see, and for later tokens a number so low that they get no share. */
const causalMask = (tokens: number) =>
  constant({
    dtype: "float32",
    shape: [tokens, tokens],
    data: Float32Array.from({ length: tokens * tokens }, (_, at) =>
      at % tokens > Math.floor(at / tokens) ? never : 0,
    ),
  });

/** What is added to the scores [n, 1, 1, tokens] for a mask [n, tokens] of 1 for tokens and 0 for padding. */
const paddingMask = (mask: Tensor): Tensor =>
  mul(reshape(sub(1, mask), [mask.shape[0], 1, 1, mask.shape[1]]), never);

export interface AttentionOptions {
  /** Whether a token sees itself and earlier ones only; false unless told. */
  readonly causal?: boolean;
  /** Heads that keys and values have; as many as queries unless told, 1 for multi-query, between for grouped-query. */
  readonly keyValueHeads?: number;
  /** What scores know of places; nothing unless told. */
  readonly positions?: "rotary" | "alibi";
  /** Tokens of another text, [tokens, width], that are attended to in place of the own ones: `context.memory`. */
  readonly memory?: readonly number[];
}

/** Heads of queries and of keys, the coordinates of each, and how keys and values are seen. */
interface Plan extends AttentionOptions {
  readonly heads: number;
  readonly shared: number;
  readonly each: number;
}

/**
 * Multi-head attention over tokens [tokens, width]; Vaswani et al. 2017, section 3.2.
 *
 *   softmax(q k^T / sqrt(width / heads)) v by heads, then a dense layer
 *
 * q, k and v come from one dense layer, whose outputs are in this order, each by heads; with `memory`, q from the
 * tokens, k and v from the memory. With fewer heads of keys and values (Shazeer 2019; Ainslie et al. 2023) neighbouring
 * heads of queries share one. Where the context has a mask, padding gets no share. Throws `bad-shape` when the width
 * does not divide into the heads, or the heads do not divide among those of keys and values; `conflict` for a causal
 * view or positions of a memory.
 */
export const attention =
  (heads: number, options: AttentionOptions = {}): ModuleOf =>
  (name, shape) => {
    const width = shape[1];
    const shared = options.keyValueHeads ?? heads;
    if (width % heads !== 0) throw undivided(name, `a width of ${width}`, heads);
    if (heads % shared !== 0) throw undivided(name, `${heads} heads`, shared);
    const plan: Plan = { ...options, heads, shared, each: width / heads };
    return options.memory === undefined
      ? selfAttention(name, shape, plan)
      : crossAttention(name, shape, plan);
  };

const undivided = (name: string, what: string, heads: number) =>
  new OckhamError(
    "bad-shape",
    name,
    `${what} does not divide into ${heads} heads`,
    "choose another number of heads",
  );

function selfAttention(name: string, shape: readonly number[], plan: Plan): Module {
  const [tokens, width] = shape;
  const { heads, shared, each } = plan;
  const qkv = dense(width + 2 * shared * each)(`${name}.qkv`, shape);
  const out = dense(width)(`${name}.out`, shape);
  return {
    leaves: [...qkv.leaves, ...out.leaves],
    shape,
    init: (key) => ({ ...qkv.init(fold(key, "qkv")), ...out.init(fold(key, "out")) }),
    apply(x, context) {
      const n = x.shape[0];
      const all = qkv.apply(x, context);
      let q: Tensor;
      let k: Tensor;
      let v: Tensor;
      if (shared === heads) {
        const byHeads = transpose(reshape(all, [n, tokens, 3, heads, each]), [2, 0, 3, 1, 4]);
        [q, k, v] = [0, 1, 2].map((i) => reshape(slice(byHeads, 0, i, i + 1), [n, heads, tokens, each]));
      } else {
        q = headsOf(slice(all, 2, 0, width), heads);
        [k, v] = [0, 1].map((i) =>
          headsOf(slice(all, 2, width + i * shared * each, width + (i + 1) * shared * each), shared),
        );
      }
      if (plan.positions === "rotary") [q, k] = [rotary(q), rotary(k)];
      return out.apply(attend(q, k, v, maskOf(plan, tokens, context.mask)), context);
    },
  };
}

function crossAttention(name: string, shape: readonly number[], plan: Plan): Module {
  const { heads, shared, each, memory = [] } = plan;
  if (plan.causal === true || plan.positions !== undefined)
    throw new OckhamError(
      "conflict",
      name,
      `${name} attends to another text, whose places have no order with its own`,
      "leave out causal and positions",
    );
  const width = shape[1];
  const query = dense(width)(`${name}.q`, shape);
  const keyValue = dense(2 * shared * each)(`${name}.kv`, memory);
  const out = dense(width)(`${name}.out`, shape);
  return {
    leaves: [...query.leaves, ...keyValue.leaves, ...out.leaves],
    shape,
    init: (key) => ({
      ...query.init(fold(key, "q")),
      ...keyValue.init(fold(key, "kv")),
      ...out.init(fold(key, "out")),
    }),
    apply(x, context) {
      const { value, mask } = memoryOf(context, name);
      const q = headsOf(query.apply(x, context), heads);
      const both = keyValue.apply(value, context);
      const [k, v] = [0, 1].map((i) =>
        headsOf(slice(both, 2, i * shared * each, (i + 1) * shared * each), shared),
      );
      return out.apply(attend(q, k, v, mask === undefined ? undefined : paddingMask(mask)), context);
    },
  };
}

function memoryOf({ memory }: Context, name: string): NonNullable<Context["memory"]> {
  if (memory !== undefined) return memory;
  throw new OckhamError(
    "bad-shape",
    name,
    `${name} was given no memory to attend to`,
    "put it into the context",
  );
}

/** [n, tokens, heads each] -> [n, heads, tokens, each] */
function headsOf(x: Tensor, heads: number): Tensor {
  const [n, tokens, width] = x.shape;
  return transpose(reshape(x, [n, tokens, heads, width / heads]), [0, 2, 1, 3]);
}

/** All that is added to the scores, or nothing. */
function maskOf({ causal, positions, heads }: Plan, tokens: number, mask?: Tensor): Tensor | undefined {
  const parts = [
    ...(causal === true ? [causalMask(tokens)] : []),
    ...(positions === "alibi" ? [alibiBias(heads, tokens)] : []),
    ...(mask === undefined ? [] : [paddingMask(mask)]),
  ];
  return parts.length === 0 ? undefined : parts.reduce((a, b) => add(a, b));
}

/**
 * softmax(q k^T / sqrt(d) + bias) v for queries [n, heads, tokens, d] and keys and values [n, shared, m, d], heads
 * joined: [n, tokens, heads d]. Heads of queries that share keys stand below each other, so that keys are not copied.
 */
function attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | undefined): Tensor {
  const [n, heads, tokens, each] = q.shape;
  const [, shared, m] = k.shape;
  const grouped = shared !== heads;
  const below = [n, shared, (heads / shared) * tokens];
  const rows = grouped ? reshape(q, [...below, each]) : q;
  const raw = mul(matmul(rows, k, { transposeB: true }), 1 / Math.sqrt(each));
  const scores = grouped ? reshape(raw, [n, heads, tokens, m]) : raw;
  const shares = softmax(bias === undefined ? scores : add(scores, bias));
  const mixed = matmul(grouped ? reshape(shares, [...below, m]) : shares, v);
  const byHeads = grouped ? reshape(mixed, [n, heads, tokens, each]) : mixed;
  return reshape(transpose(byHeads, [0, 2, 1, 3]), [n, tokens, heads * each]);
}

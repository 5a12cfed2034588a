import { OckhamError } from "../error.ts";
import type { Leaf } from "../kinds/index.ts";
import {
  add,
  fill,
  matmul,
  mul,
  relu,
  scan,
  sigmoid,
  slice,
  sub,
  type Tensor,
  tanh,
  transpose,
  uniform,
} from "../tensor/index.ts";
import type { Initializer } from "./initializers.ts";
import { linear } from "./layers.ts";
import type { Stage } from "./models.ts";
import type { ModuleOf } from "./module.ts";

/** Plain units with tanh or relu, gated recurrent units, long short-term memory. */
export type Cell = "tanh" | "relu" | "gru" | "lstm";

/** What a cell remembers: its state [n, units], and for LSTM the memory. */
interface Memory {
  readonly state: Tensor;
  readonly memory?: Tensor;
}

interface CellRule {
  /** Rows of the recurrent matrix a unit. */
  readonly gates: number;
  /** Whether there is a bias on the recurrent part of the candidate. */
  readonly candidateBias?: boolean;
  readonly memory?: boolean;
  /** The next memory, from what the input adds [n, gates units], and the product of the state with the recurrent matrix. */
  next(input: Tensor, recurrent: Tensor, before: Memory, bias?: Tensor): Memory;
}

/** Gate i of several side by side. */
const gate = (x: Tensor, i: number, count: number): Tensor => {
  const units = x.shape[1] / count;
  return slice(x, 1, i * units, (i + 1) * units);
};

const plain = (activation: (x: Tensor) => Tensor): CellRule => ({
  gates: 1,
  next: (input, recurrent) => ({ state: activation(add(recurrent, input)) }),
});

const cells: { readonly [C in Cell]: CellRule } = {
  tanh: plain(tanh),
  relu: plain(relu),
  gru: {
    gates: 3,
    candidateBias: true,
    next(input, recurrent, { state }, bias = fill([1], 0)) {
      const of = (x: Tensor, i: number) => gate(x, i, 3);
      const [reset, update] = [0, 1].map((i) => sigmoid(add(of(input, i), of(recurrent, i))));
      const candidate = tanh(add(of(input, 2), mul(reset, add(of(recurrent, 2), bias))));
      return { state: add(candidate, mul(update, sub(state, candidate))) };
    },
  },
  lstm: {
    gates: 4,
    memory: true,
    next(input, recurrent, { state, memory = state }) {
      const all = add(recurrent, input);
      const [enter, forget, exit] = [0, 1, 3].map((i) => sigmoid(gate(all, i, 4)));
      const kept = add(mul(forget, memory), mul(enter, tanh(gate(all, 2, 4))));
      return { state: mul(exit, tanh(kept)), memory: kept };
    },
  },
};

/** U(-a, a), a = 1 / sqrt(units): PyTorch's initial values of recurrent layers. */
const uniformBy =
  (units: number): Initializer =>
  (key, shape) =>
    mul(sub(uniform(key, shape), 0.5), 2 / Math.sqrt(units));

export interface RecurrentOptions {
  readonly cell?: Cell;
  /** Initial values of the recurrent matrix; U(-a, a) with a = 1 / sqrt(units) unless told. */
  readonly init?: Initializer;
  /** From the last token to the first. */
  readonly reverse?: boolean;
}

/**
 * The recurrent part of a layer: what the input adds at each token, [n, tokens, gates units], to the states
 * [n, tokens, units], from a state of zeros. With a = what the input adds and h = the state before:
 *
 *   tanh, relu   h' = f(a + W h)
 *   gru          r, z = sigmoid(a + W h);  c = tanh(a + r (W h + b));  h' = (1 - z) c + z h
 *   lstm         i, f, o = sigmoid(a + W h);  c' = f c + i tanh(a + W h);  h' = o tanh(c')
 *
 * PyTorch's formulas, with its order of gates in the rows of W [gates units, units] (r, z, c; i, f, candidate, o) and
 * one bias where it has two that are added. Throws `bad-shape`.
 */
export const recurrence =
  (
    units: number,
    { cell = "tanh", init = uniformBy(units), reverse = false }: RecurrentOptions = {},
  ): ModuleOf =>
  (name, shape) => {
    const rule = cells[cell];
    const rows = rule.gates * units;
    if (shape.length !== 2 || shape[1] !== rows)
      throw new OckhamError(
        "bad-shape",
        name,
        `${units} ${cell} units take [tokens, ${rows}], not [${shape}]`,
        "put a linear layer before them",
      );
    const matrix: Leaf = {
      path: `${name}.recurrent`,
      layer: name,
      role: "recurrent",
      outAxis: 0,
      shape: [rows, units],
    };
    const bias: Leaf = { path: `${name}.bias`, layer: name, role: "bias", outAxis: 0, shape: [units] };
    return {
      leaves: rule.candidateBias ? [matrix, bias] : [matrix],
      shape: [shape[0], units],
      init: (key) => ({
        [matrix.path]: init(key, matrix.shape),
        ...(rule.candidateBias ? { [bias.path]: fill([units], 0) } : {}),
      }),
      apply(x, { weights }) {
        const rest = fill([x.shape[0], units], 0);
        const start: Memory = rule.memory ? { state: rest, memory: rest } : { state: rest };
        const step = (before: Memory, input: Tensor) => {
          const recurrent = matmul(before.state, weights[matrix.path], { transposeB: true });
          const after = rule.next(input, recurrent, before, weights[bias.path]);
          return [after, after.state] as const;
        };
        const [, states] = scan(step, start, byToken(x), { reverse });
        return byToken(states);
      },
    };
  };

/** Examples and tokens exchanged. */
const byToken = (x: Tensor): Tensor => transpose(x, [1, 0, 2]);

/** A recurrent layer as two stages: `name.input`, what the input adds at each token, and `name`, the states. */
export const recurrent = (name: string, units: number, options: RecurrentOptions = {}): readonly Stage[] => [
  {
    name: `${name}.input`,
    part: linear(cells[options.cell ?? "tanh"].gates * units, { init: uniformBy(units) }),
  },
  { name, part: recurrence(units, options) },
];

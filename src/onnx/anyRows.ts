import { type DType, type NdArray, sameShape, sizeOf, storage } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import { withInner } from "./assemble.ts";
import { bytesOf, sameBytes } from "./content.ts";
import type { Fragment } from "./lower.ts";
import type { AttributeValues, Initializer, NodeProto } from "./proto.ts";
import { elementTypes, renamedNode } from "./proto.ts";

/** Primes, so that a multiple of the rows is known as one; and more rows than `optimize` computes with while lowering. */
const counts = [8191, 8209] as const;

/** How an entry depends on the number of rows: factor rows^power. */
interface Term {
  readonly factor: number;
  readonly power: 0 | 1 | 2 | -1;
}

/**
 * A graph over any number of rows, from the same graph traced with fixed ones: the two traces differ only in literals
 * (sizes, counts, counters), each of which is replaced by what it is of the rows, read at run time from the first axis
 * of the input `source`. Where a Reshape has one such size, it becomes -1. Such axes of inputs and outputs are -1.
 *
 * Throws `conflict`, naming `what`, when a literal follows the number of rows in no simple way (a multiple, a square, a
 * share, a progression), or the operations themselves differ.
 */
export function anyRows(trace: (rows: number) => Fragment, source: string, what: string): Fragment {
  const [first, second] = counts.map(trace);
  if (skeleton(first) !== skeleton(second))
    throw refusal(what, "its operations depend on how many rows there are");
  const rewriter = openRewriter(source);
  const replaced = new Map<string, string>();
  const kept: Initializer[] = [];
  first.initializers.forEach((initializer, i) => {
    const other = second.initializers[i].value;
    const { name, value } = initializer;
    if (sameArray(value, other)) kept.push(initializer);
    else {
      const made = isTarget(name, first.nodes)
        ? (rewriter.target(value, other) ?? rewriter.literal(value, other))
        : rewriter.literal(value, other);
      if (made === undefined)
        throw refusal(
          what,
          `a literal ${value.dtype}[${value.shape}] of it depends on how many rows there are`,
        );
      replaced.set(name, made);
    }
  });
  const free = (ports: Fragment["inputs"], others: Fragment["inputs"]) =>
    ports.map((port, i) => ({
      ...port,
      shape: port.shape.map((n, axis) => (n === others[i].shape[axis] ? n : -1)),
    }));
  const named = first.nodes.map((node) => renamedNode(node, (name) => replaced.get(name) ?? name));
  return {
    inputs: free(first.inputs, second.inputs),
    outputs: free(first.outputs, second.outputs),
    nodes: [...rewriter.nodes, ...named],
    initializers: [...kept, ...rewriter.initializers],
  };
}

const refusal = (what: string, problem: string) =>
  new OckhamError(
    "conflict",
    what,
    `${what} cannot be exported for any number of rows: ${problem}`,
    "export it without the method that does this",
  );

/** All of a graph but the contents of its literals. */
function skeleton({ nodes, initializers, inputs, outputs }: Fragment): string {
  const plain = (_: string, value: unknown) => (typeof value === "bigint" ? `${value}` : value);
  const literals = initializers.map(({ name, value }) => [name, value.dtype, value.shape.length]);
  const ports = [...inputs, ...outputs].map(({ value, shape }) => [value, shape.length]);
  return JSON.stringify([nodes, literals, ports], plain);
}

function sameArray(a: NdArray, b: NdArray): boolean {
  return sameShape(a.shape, b.shape) && sameBytes(bytesOf(a), bytesOf(b));
}

/** Whether a literal is used only as the shape that a Reshape makes, in which -1 stands for the size that is left. */
function isTarget(name: string, nodes: readonly NodeProto[]): boolean {
  const uses = withInner(nodes).filter(({ inputs }) => inputs.includes(name));
  return uses.every(
    ({ op, inputs, attributes }) =>
      op === "Reshape" && inputs[0] !== name && attributes?.allowzero === undefined,
  );
}

const entriesOf = ({ data }: NdArray): number[] => Array.from(data as Float64Array, Number);

function termOf(a: number, b: number, whole: boolean): Term | undefined {
  if (a === b) return { factor: a, power: 0 };
  for (const power of [1, 2, -1] as const) {
    const [k, l] = [a / counts[0] ** power, b / counts[1] ** power];
    const fits = whole ? k === l && Number.isInteger(k) : Math.abs(k - l) <= 1e-6 * Math.abs(k);
    if (fits) return { factor: k, power };
  }
  return undefined;
}

/** The terms of all entries, or undefined when one of them follows no rule. */
function termsOf(a: readonly number[], b: readonly number[], whole: boolean): Term[] | undefined {
  const terms = a.map((entry, i) => termOf(entry, b[i], whole));
  return terms.every((term) => term !== undefined) ? terms : undefined;
}

interface Progression {
  readonly start: number;
  readonly step: number;
}

/** The start and step of a vector of whole numbers at equal distances. */
function progressionOf({ shape, dtype, data }: NdArray): Progression | undefined {
  if (shape.length !== 1 || shape[0] < 2 || (dtype !== "int32" && dtype !== "float32")) return undefined;
  const entries = data as Float32Array;
  const start = entries[0];
  const step = entries[1] - start;
  const fits = Number.isInteger(start) && entries.every((entry, i) => entry === start + i * step);
  return fits && Number.isInteger(step) && step !== 0 ? { start, step } : undefined;
}

const uniform = (values: ArrayLike<unknown>): boolean => {
  for (let i = 1; i < values.length; i++) if (values[i] !== values[0]) return false;
  return values.length > 0;
};

interface Rewriter {
  readonly nodes: NodeProto[];
  readonly initializers: Initializer[];
  /** A shape in which the one size that depends on the rows is left open, or undefined where there are several. */
  target(a: NdArray, b: NdArray): string | undefined;
  /** What a literal is of the rows; undefined when that is not known. */
  literal(a: NdArray, b: NdArray): string | undefined;
}

function openRewriter(source: string): Rewriter {
  const nodes: NodeProto[] = [];
  const initializers: Initializer[] = [];
  const node = (op: string, inputs: readonly string[], attributes?: AttributeValues): string => {
    const output = `%rows.${nodes.length}`;
    nodes.push({ op, name: `rows_${nodes.length}`, inputs, outputs: [output], attributes });
    return output;
  };
  const constant = (value: NdArray): string => {
    const name = `%rows:${initializers.length}`;
    initializers.push({ name, value });
    return name;
  };
  const cast = (x: string, dtype: DType) =>
    dtype === "int64" ? x : node("Cast", [x], { to: { int: elementTypes[dtype] } });

  let counted: string | undefined;
  /** The number of rows, an int64 scalar. */
  const rows = (): string => {
    counted ??= node("Squeeze", [node("Shape", [source], { start: { int: 0 }, end: { int: 1 } })]);
    return counted;
  };

  /** The sum of terms, entry by entry. */
  const expression = (terms: readonly Term[], shape: readonly number[], dtype: DType): string => {
    const parts = ([0, 1, 2, -1] as const).flatMap((power) => {
      if (!terms.some((term) => term.power === power && term.factor !== 0)) return [];
      const factors = constant(
        arrayOf(
          terms.map((term) => (term.power === power ? term.factor : 0)),
          shape,
          dtype,
        ),
      );
      if (power === 0) return [factors];
      const n = cast(rows(), dtype);
      if (power === -1) return [node("Div", [factors, n])];
      return [node("Mul", [factors, power === 1 ? n : node("Mul", [n, n])])];
    });
    return parts.reduce((sum, part) => node("Add", [sum, part]));
  };

  /** A literal whose shape depends on the rows: a progression, or one number everywhere. */
  const grown = (a: NdArray, b: NdArray): string | undefined => {
    const shape = termsOf(a.shape, b.shape, true);
    if (shape === undefined) return undefined;
    const [one, other] = [progressionOf(a), progressionOf(b)];
    if (one !== undefined && one.start === other?.start && one.step === other.step) {
      const [zero, next] = [0, 1].map((value) => constant(arrayOf([value], [], "int64")));
      const counter = cast(node("Range", [zero, expression(shape, [], "int64"), next]), a.dtype);
      const [step, start] = [one.step, one.start].map((value) => constant(arrayOf([value], [], a.dtype)));
      return node("Add", [node("Mul", [counter, step]), start]);
    }
    if (!uniform(a.data) || !uniform(b.data) || a.data[0] !== b.data[0]) return undefined;
    const value = { dtype: a.dtype, shape: [], data: a.data.slice(0, 1) } as NdArray;
    return node("Expand", [constant(value), expression(shape, [shape.length], "int64")]);
  };

  return {
    nodes,
    initializers,
    target: (a, b) => {
      const [entries, others] = [a, b].map(entriesOf);
      const open = entries.map((entry, i) => entry !== others[i]);
      if (open.filter((yes) => yes).length !== 1 || entries.includes(0)) return undefined;
      return constant(
        arrayOf(
          entries.map((entry, i) => (open[i] ? -1 : entry)),
          a.shape,
          a.dtype,
        ),
      );
    },
    literal: (a, b) => {
      if (!sameShape(a.shape, b.shape)) return grown(a, b);
      if (a.dtype === "float16" || a.dtype === "bool") return undefined;
      const whole = a.dtype !== "float32" && a.dtype !== "float64";
      const terms = termsOf(entriesOf(a), entriesOf(b), whole);
      return terms && expression(terms, a.shape, a.dtype);
    },
  };
}

function arrayOf(values: readonly number[], shape: readonly number[], dtype: DType): NdArray {
  const data = storage(dtype, sizeOf(shape));
  values.forEach((value, i) => {
    (data as unknown as (number | bigint)[])[i] = dtype === "int64" ? BigInt(value) : value;
  });
  return { dtype, shape, data };
}

import { type AnyNode, literalValue } from "../tensor/graph.ts";
import { type Code, get, set, v128 } from "./code.ts";
import { lanesOf, literalLanes } from "./lanes.ts";
import type { Func } from "./module.ts";
import { baseOf, loadLanes, type Pointers, type Walk } from "./nest.ts";

/** A value computed entry by entry from arrays in memory. */
export interface Formula {
  readonly value: AnyNode;
  /** What is computed, inputs before users. */
  readonly nodes: readonly AnyNode[];
  /** What is read. */
  readonly operands: readonly AnyNode[];
}

/** A formula in a loop nest. */
export interface Lanes {
  /** Reads what stays the same along the innermost axis. */
  enter(fn: Func, pointers: Pointers): void;
  /** Four entries, `vectors` times four after where the pointers stand. */
  at(fn: Func, pointers: Pointers, vectors: number): Code;
}

const isFixed = ({ strides }: Walk) => strides.every((stride) => stride === 0);

/**
 * A formula whose operands are walked as told, four entries along the axis `inner` at a time. What is the same
 * everywhere is computed at once: it must be called before the loops.
 */
export function openFormula(
  fn: Func,
  { value, nodes, operands }: Formula,
  walks: readonly Walk[],
  inner: number,
): Lanes {
  const strides = walks.map((walk) => walk.strides[inner] ?? 0);
  const values = new Map<AnyNode, Code>();
  const keep = (to: Func, node: AnyNode, value: Code) => {
    const local = to.local();
    to.emit(set(local, value));
    values.set(node, get(local));
  };
  const codeOf = (node: AnyNode): Code => {
    const known = values.get(node);
    if (known !== undefined) return known;
    return literalLanes(literalValue(node) as number, node.dtype);
  };
  operands.forEach((node, k) => {
    const { place } = walks[k];
    if (isFixed(walks[k])) keep(fn, node, v128.loadSplat(baseOf(place), place.address));
  });
  const known = (node: AnyNode) => values.has(node) || literalValue(node) !== undefined;
  const evaluate = (to: Func, node: AnyNode, alike: boolean) =>
    keep(to, node, lanesOf(node, (node.inputs as readonly AnyNode[]).map(codeOf), to, alike));
  const late: AnyNode[] = [];
  for (const node of nodes) {
    if ((node.inputs as readonly AnyNode[]).every(known)) evaluate(fn, node, true);
    else late.push(node);
  }
  const read = (to: Func, pointers: Pointers, vectors: number, now: (k: number) => boolean) =>
    operands.forEach((node, k) => {
      if (!isFixed(walks[k]) && now(k))
        keep(to, node, loadLanes(to, walks[k].place, strides[k], pointers[k], vectors));
    });
  return {
    enter: (to, pointers) => read(to, pointers, 0, (k) => strides[k] === 0),
    at: (to, pointers, vectors) => {
      read(to, pointers, vectors, (k) => strides[k] !== 0);
      for (const node of late) evaluate(to, node, false);
      return codeOf(value);
    },
  };
}

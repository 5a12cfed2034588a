import { type DType, sizeOf } from "../array/ndarray.ts";
import { type AnyNode, literalValue, make, nodeOf, type Primitive } from "../tensor/graph.ts";
import type { Formula } from "./formula.ts";
import { hasKernel } from "./kernels.ts";
import { isLanewise } from "./lanes.ts";
import { isView, type View, viewOf } from "./views.ts";

/** A step as the compiler takes it. */
export interface Work {
  /** Inputs before users. */
  readonly nodes: readonly AnyNode[];
  readonly carried: readonly { readonly from: AnyNode; readonly to: AnyNode }[];
  readonly scanned: readonly AnyNode[];
  readonly shared: readonly AnyNode[];
  readonly collected: readonly AnyNode[];
}

/** Something that is computed into memory. */
export interface Task {
  readonly node: AnyNode;
  /** The values that it computes on the way: of the node, or of what it reduces. */
  readonly formula: Formula;
  /** The nodes in memory that it reads. */
  readonly reads: readonly AnyNode[];
}

export interface Schedule {
  /** Computed once a run. */
  readonly before: readonly Task[];
  /** Computed in every step, in this order. */
  readonly steps: readonly Task[];
  /** For each carried value the node in memory that it is taken from after the step; itself where it stays. */
  readonly next: readonly AnyNode[];
  /** For each collected value a node in memory. */
  readonly collected: readonly AnyNode[];
  viewOf(node: AnyNode): View;
}

/** Whether a node takes the entries of its input together, which are then computed on the way. */
export const isReduction = ({ op }: AnyNode): boolean => op === "sum" || op === "amax";

/** What is held in four bytes an entry; truth values as all bits or none. */
const dtypes: readonly DType[] = ["float32", "int32", "uint32", "bool"];
const floating: ReadonlySet<Primitive> = new Set<Primitive>(["matmul", "amax", "argMax"]);

const isLeaf = ({ op }: AnyNode) => op === "input" || op === "constant";

/** Whether there is code for a node. */
export function isSupported(node: AnyNode): boolean {
  if (!dtypes.includes(node.dtype) || node.shape.includes(0)) return false;
  if (node.op === "slice" && node.attributes.steps.some((step) => step < 0)) return false;
  if (node.op === "pad" && node.dtype === "bool") return false;
  if (node.op === "pad" && [...node.attributes.low, ...node.attributes.high].some((n) => n < 0)) return false;
  const input = node.inputs[0]?.dtype;
  if (floating.has(node.op) && input !== "float32") return false;
  if (node.op === "argTopK" && input !== "float32" && input !== "int32") return false;
  if ((node.op === "sum" || node.op === "scatterAdd") && node.dtype === "bool") return false;
  return isLeaf(node) || isView(node) || isLanewise(node) || hasKernel(node);
}

/** The same value, in memory of its own. */
const copyOf = (node: AnyNode): AnyNode => nodeOf(make("alias", [node], {}));

const isLiteral = (node: AnyNode) => literalValue(node) !== undefined;

/** Nodes whose values may differ from step to step. */
function varyingOf({ nodes, carried, scanned }: Work): ReadonlySet<AnyNode> {
  const result = new Set([
    ...carried.filter(({ from, to }) => from !== to).map(({ from }) => from),
    ...scanned,
  ]);
  for (const node of nodes)
    if ((node.inputs as readonly AnyNode[]).some((input) => result.has(input))) result.add(node);
  return result;
}

/** Decides what is computed on the way, what goes into memory, and in which order. */
export function scheduleOf(work: Work): Schedule {
  const { nodes, carried } = work;
  const varying = varyingOf(work);
  const users = new Map<AnyNode, Set<AnyNode>>();
  for (const node of nodes)
    for (const input of node.inputs as readonly AnyNode[])
      users.set(input, (users.get(input) ?? new Set()).add(node));
  const results = new Set([...carried.map(({ to }) => to), ...work.collected]);

  const isInline = (node: AnyNode): boolean => {
    if (!isLanewise(node) || results.has(node) || isLiteral(node)) return false;
    const [user, ...more] = users.get(node) ?? [];
    if (user === undefined || more.length > 0 || varying.has(user) !== varying.has(node)) return false;
    if (isReduction(user)) return true;
    return isLanewise(user) && (sizeOf(node.shape) === 1 || node.shape.join() === user.shape.join());
  };
  const inline = new Set(nodes.filter(isInline));
  const stored = new Set<AnyNode>();
  for (const node of nodes) {
    if (inline.has(node)) continue;
    if (!isView(node) || viewOf(node, (n) => stored.has(n)) === null) stored.add(node);
  }
  const view = (node: AnyNode): View => viewOf(node, (n) => stored.has(n)) as View;

  const taskOf = (node: AnyNode): Task => {
    const formula = formulaOf(node, inline);
    const reads = formula.operands.map((operand) => view(operand).base);
    return { node, formula, reads };
  };
  const copies: AnyNode[] = [];
  const copied = (node: AnyNode): AnyNode => {
    const copy = copyOf(node);
    copies.push(copy);
    return copy;
  };
  const taken = new Set<AnyNode>();
  const next = carried.map(({ from, to }) => {
    if (from === to) return from;
    const own = stored.has(to) && !isLeaf(to) && varying.has(to) && !taken.has(to);
    taken.add(to);
    return own ? to : copied(to);
  });
  const collected = work.collected.map(copied);
  for (const copy of copies) stored.add(copy);
  const tasks = [...nodes, ...copies].filter((node) => stored.has(node) && !isLeaf(node)).map(taskOf);
  const always = new Set(copies);
  const isLate = ({ node }: Task) => varying.has(node) || always.has(node);
  return {
    before: tasks.filter((task) => !isLate(task)),
    steps: ordered(tasks.filter(isLate), new Set(next)),
    next,
    collected,
    viewOf: view,
  };
}

/** What is computed for a node, down to what is in memory. */
function formulaOf(node: AnyNode, inline: ReadonlySet<AnyNode>): Formula {
  const nodes: AnyNode[] = [];
  const operands: AnyNode[] = [];
  const visit = (at: AnyNode) => {
    if (nodes.includes(at) || operands.includes(at)) return;
    if (inline.has(at)) {
      (at.inputs as readonly AnyNode[]).forEach(visit);
      nodes.push(at);
    } else if (!isLiteral(at)) operands.push(at);
  };
  (node.inputs as readonly AnyNode[]).forEach(visit);
  if (!isLanewise(node)) return { value: node.inputs[0] as AnyNode, nodes, operands };
  return { value: node, nodes: [...nodes, node], operands };
}

/** Tasks in an order that does `last` ones as late as it can: what they overwrite has been read by then. */
function ordered(tasks: readonly Task[], last: ReadonlySet<AnyNode>): Task[] {
  const done = new Set<AnyNode>();
  const todo = new Set(tasks.map(({ node }) => node));
  const result: Task[] = [];
  let left = [...tasks];
  while (left.length > 0) {
    const ready = (task: Task) => task.reads.every((read) => done.has(read) || !todo.has(read));
    const early = left.filter((task) => !last.has(task.node));
    let moved = false;
    for (const task of early)
      if (ready(task)) {
        result.push(task);
        done.add(task.node);
        moved = true;
      }
    if (!moved) {
      const task = left.find(ready) as Task;
      result.push(task);
      done.add(task.node);
    }
    left = left.filter(({ node }) => !done.has(node));
  }
  return result;
}

import { bytesPerElement, type DType, sizeOf, stridesOf } from "../array/ndarray.ts";
import type { AnyNode, Node } from "../tensor/graph.ts";
import { call, get, i32, setGlobal, types } from "./code.ts";
import { readsOf } from "./formula.ts";
import { hasKernel, laidFor, type WalkOf, writeCopy, writeTask } from "./kernels.ts";
import { imported } from "./lanes.ts";
import { placeAll } from "./memory.ts";
import { encode, type Func, openFunction } from "./module.ts";
import type { Place } from "./nest.ts";
import { type Schedule, scheduleOf, type Task, type Work } from "./schedule.ts";
import { spreadStrides } from "./views.ts";

/** How a program's arrays lie in its memory; goes with it as JSON. */
export interface Layout {
  /** Arrays at fixed addresses, and those of which each step has a slice, which follow each other from `end` on. */
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Bytes of a step's slices, in the order in which they lie. */
  readonly slices: readonly number[];
  /** Steps of a run; the slices that are fed decide unless told. */
  readonly length?: number;
  readonly end: number;
  /** Bytes behind the last array that may be read. */
  readonly margin: number;
  /** What an operation is called that refuses an index, by its number. */
  readonly refusals: readonly string[];
}

export interface Port {
  readonly name: string;
  readonly dtype: DType;
  /** Of one step, where each has a slice. */
  readonly shape: readonly number[];
  /** Where it begins, or which of the slices it is. */
  readonly place: { readonly address: number } | { readonly slice: number };
}

/** Names of the ports of a step, in the order of its nodes. */
export interface Names {
  readonly carried: readonly { readonly from: string; readonly to: string }[];
  readonly scanned: readonly string[];
  readonly shared: readonly string[];
  readonly collected: readonly string[];
}

/** Writes a step as a WebAssembly module; its layout is in the section "ockham". */
export function compile(
  work: Work,
  names: Names,
  labelOf: (node: AnyNode) => string,
  length?: number,
): { readonly bytes: Uint8Array; readonly schedule: Schedule } {
  const schedule = scheduleOf(work);
  const { carried, scanned, shared } = work;
  const constants = work.nodes.filter((node) => node.op === "constant");
  const stepped = new Map([...scanned, ...schedule.collected].map((node, i) => [node, i]));
  const inPlaceOf = inPlace(work, schedule);
  const unplaced: WalkOf = walkOver(schedule, () => ({ address: 0 }));
  const scratch = (task: Task): readonly AnyNode[] => laidFor(task, unplaced);
  const memory = placeAll(
    schedule,
    [...carried.map(({ from }) => from), ...shared, ...constants],
    stepped,
    inPlaceOf,
    scratch,
  );
  const sliceBytes = [...stepped.keys()].map(({ shape }) => 4 * sizeOf(shape));
  const refusals: string[] = [];
  const refusing = stepped.size;
  const walk = walkOver(schedule, memory.placeOf);
  const functions: Func[] = [];
  const add = (name: string, write: (fn: Func) => void): number => {
    const fn = openFunction(name);
    write(fn);
    return imported.length + functions.push(fn) - 1;
  };
  const addTask = (task: Task): number => {
    const label = labelOf(task.node);
    const site = {
      walk,
      out: memory.placeOf(task.node),
      laid: (i: number) => memory.scratchOf(task, i),
      refusal: () => ({ global: refusing, id: refusals.push(label) }),
    };
    return add(label, (fn) => writeTask(fn, task, site));
  };
  const before = schedule.before.map(addTask);
  const steps = schedule.steps.map(addTask);
  carried.forEach(({ from }, i) => {
    const node = schedule.next[i];
    if (node === from || inPlaceOf.has(node)) return;
    const to = { place: memory.placeOf(from), strides: stridesOf(node.shape) };
    steps.push(add(labelOf(node), (fn) => writeCopy(fn, node, walk, to)));
  });
  const prepare = openFunction("prepare");
  for (const index of before) prepare.emit(call(index));
  /** Of the number of the step, and how many there are. */
  const step = openFunction("step", [types.i32, types.i32]);
  let ahead = 0;
  sliceBytes.forEach((bytes, global) => {
    const own = i32.add(i32.const(memory.end), i32.mul(get(1), i32.const(ahead)));
    step.emit(setGlobal(global, i32.add(own, i32.mul(get(0), i32.const(bytes)))));
    ahead += bytes;
  });
  for (const index of steps) step.emit(call(index));
  const exports = { prepare: functions.push(prepare) - 1, step: functions.push(step) - 1 };

  const at = (node: AnyNode): Port["place"] => {
    const slice = stepped.get(node);
    return slice === undefined ? { address: memory.placeOf(node).address } : { slice };
  };
  const port = (name: string, node: AnyNode): Port => ({
    name,
    dtype: node.dtype,
    shape: node.shape,
    place: at(node),
  });
  const layout: Layout = {
    inputs: [
      ...carried.map(({ from }, i) => port(names.carried[i].from, from)),
      ...scanned.map((node, i) => port(names.scanned[i], node)),
      ...shared.map((node, i) => port(names.shared[i], node)),
    ],
    outputs: [
      ...carried.map(({ from }, i) => port(names.carried[i].to, from)),
      ...schedule.collected.map((node, i) => port(names.collected[i], node)),
    ],
    slices: sliceBytes,
    length,
    end: memory.end,
    margin: marginOf(schedule),
    refusals,
  };
  const bytes = encode({
    imports: imported,
    functions,
    globals: stepped.size + 1,
    exports,
    pages: Math.ceil((memory.end + layout.margin) / 65536),
    data: constants.map((node) => ({ address: memory.placeOf(node).address, bytes: held(node) })),
    notes: JSON.stringify(layout),
  });
  return { bytes, schedule };
}

/** A literal as it is held in memory. */
function held(node: AnyNode): Uint8Array {
  const { value } = (node as Node<"constant">).attributes;
  const numbers = value.data as Float32Array;
  if (value.dtype === "bool")
    return new Uint8Array(Int32Array.from(numbers, (x) => (x === 0 ? 0 : -1)).buffer);
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.length * bytesPerElement[value.dtype]);
}

/** The carried values that are computed where they stand: entry by entry, when nobody needs the old ones any more. */
function inPlace({ carried }: Work, { steps, next, viewOf }: Schedule): ReadonlyMap<AnyNode, AnyNode> {
  const result = new Map<AnyNode, AnyNode>();
  carried.forEach(({ from }, i) => {
    const at = steps.findIndex(({ node }) => node === next[i]);
    if (at < 0 || next[i] === from || hasKernel(next[i])) return;
    const later = steps.slice(at + 1).some(({ reads }) => reads.includes(from));
    const { operands, product } = steps[at].formula;
    const own = operands.filter((operand) => viewOf(operand).base === from);
    if (!later && product === undefined && own.every((operand) => operand === from))
      result.set(next[i], from);
  });
  return result;
}

/** Nodes in memory as they are walked. */
const walkOver =
  ({ viewOf }: Schedule, placeOf: (node: AnyNode) => Place): WalkOf =>
  (node, shape) => {
    const { base, offset, strides } = viewOf(node);
    const { global, address } = placeOf(base);
    return {
      place: { global, address: address + 4 * offset },
      strides: spreadStrides(node.shape, strides, shape),
    };
  };

/** Entries are read by fours: up to three steps of the longest stride beyond the last. */
const marginOf = ({ steps, before, viewOf }: Schedule): number => {
  const reads = [...before, ...steps].flatMap(({ formula }) => readsOf(formula));
  const strides = reads.flatMap((read) => viewOf(read).strides);
  return 64 + 16 * strides.reduce((a, b) => Math.max(a, b), 1);
};

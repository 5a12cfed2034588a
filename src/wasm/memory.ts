import { sizeOf } from "../array/ndarray.ts";
import type { AnyNode } from "../tensor/graph.ts";
import type { Place } from "./nest.ts";
import type { Schedule, Task } from "./schedule.ts";

/** Bytes of an array, up to whole vectors. */
export const bytesOf = ({ shape }: { readonly shape: readonly number[] }): number =>
  16 * Math.ceil(sizeOf(shape) / 4);

/** Where everything is. */
export interface Memory {
  placeOf(node: AnyNode): Place;
  /** The i-th array that a task lays out anew before it begins. */
  scratchOf(task: Task, i: number): Place;
  /** Where what differs in size from run to run begins. */
  readonly end: number;
}

/** Addresses 0 to 15 stay free. */
const first = 16;

/** Blocks of memory that are given back and given out again. */
function openBlocks(start: number) {
  let end = start;
  const free: { address: number; bytes: number }[] = [];
  return {
    end: () => end,
    take(bytes: number): number {
      const fitting = free.filter((block) => block.bytes >= bytes).sort((a, b) => a.bytes - b.bytes)[0];
      if (fitting === undefined) {
        const address = end;
        end += bytes;
        return address;
      }
      const { address } = fitting;
      fitting.address += bytes;
      fitting.bytes -= bytes;
      return address;
    },
    give(address: number, bytes: number): void {
      free.push({ address, bytes });
    },
  };
}

/**
 * Gives every array its place: `fixed` ones for good, `shared` nodes that of another, all others from the task that
 * makes them to the last that reads them.
 */
export function placeAll(
  schedule: Schedule,
  fixed: readonly AnyNode[],
  stepped: ReadonlyMap<AnyNode, number>,
  inPlaceOf: ReadonlyMap<AnyNode, AnyNode>,
  scratch: (task: Task) => readonly AnyNode[],
): Memory {
  const places = new Map<AnyNode, Place>();
  const scratches = new Map<Task, Place[]>();
  for (const [node, global] of stepped) places.set(node, { global, address: 0 });
  const blocks = openBlocks(first);
  for (const node of [...fixed, ...schedule.before.map((task) => task.node)])
    places.set(node, { address: blocks.take(bytesOf(node)) });
  const { steps } = schedule;
  const lastUse = new Map<AnyNode, number>();
  steps.forEach((task, i) => {
    lastUse.set(task.node, i);
    for (const read of task.reads) lastUse.set(read, i);
  });
  for (const node of schedule.next) lastUse.set(node, steps.length);
  const ending = new Map<number, AnyNode[]>();
  for (const [node, i] of lastUse) ending.set(i, [...(ending.get(i) ?? []), node]);
  const temporary = new Set(steps.map(({ node }) => node).filter((n) => !places.has(n) && !inPlaceOf.has(n)));
  const all = [...schedule.before, ...steps];
  all.forEach((task, at) => {
    const { node } = task;
    const source = inPlaceOf.get(node);
    if (source !== undefined) places.set(node, places.get(source) as Place);
    else if (!places.has(node)) places.set(node, { address: blocks.take(bytesOf(node)) });
    const own = scratch(task).map((array) => ({
      address: blocks.take(bytesOf(array)),
      bytes: bytesOf(array),
    }));
    scratches.set(task, own);
    for (const { address, bytes } of own) blocks.give(address, bytes);
    for (const dead of ending.get(at - schedule.before.length) ?? [])
      if (temporary.has(dead)) blocks.give((places.get(dead) as Place).address, bytesOf(dead));
  });
  return {
    placeOf: (node) => places.get(node) as Place,
    scratchOf: (task, i) => (scratches.get(task) as Place[])[i],
    end: blocks.end(),
  };
}

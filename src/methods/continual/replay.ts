import { fromNested } from "../../array/ndarray.ts";
import {
  type About,
  type Batch,
  mapParams,
  method,
  type Params,
  type Step,
  whole,
} from "../../kinds/index.ts";
import {
  add,
  amax,
  cast,
  concat,
  constant,
  equal,
  expandDims,
  fill,
  floor,
  fold,
  gather,
  greater,
  iota,
  keyOf,
  less,
  max,
  min,
  mul,
  reshape,
  scalar,
  sub,
  type Tensor,
  uniform,
  where,
} from "../../tensor/index.ts";

interface State {
  /** [size, ...example] by input name, and [size, outputs]. */
  readonly inputs: Params;
  readonly target: Tensor;
  /** Examples that came by. */
  readonly seen: Tensor;
}

/** The slot that each of n examples goes to: the next free one, then a random one of `seen` + its place, which may be none. */
function slotsOf(seen: Tensor, u: Tensor, size: number): Tensor {
  const number = add(seen, iota(u.shape[0], "float32"));
  return where(less(number, size), number, floor(mul(u, add(number, 1))));
}

/** For each slot the last example of the batch that goes there, as its place plus 1; 0 for none. */
function writtenTo(slots: Tensor, size: number): Tensor {
  const n = slots.shape[0];
  const hit = equal(expandDims(iota(size, "float32"), 1), expandDims(slots, 0));
  return amax(where(hit, expandDims(add(iota(n, "float32"), 1), 0), 0), { axes: [1] });
}

/** The rows of the memory, with those of a batch where they were written. */
function refilled(memory: Tensor, rows: Tensor, written: Tensor): Tensor {
  const fresh = gather(cast(rows, "float32"), cast(max(sub(written, 1), 0), "int32"));
  const lead = [memory.shape[0], ...memory.shape.slice(1).map(() => 1)];
  return where(reshape(greater(written, 0), lead), fresh, memory);
}

/** As many rows of the memory as the batch has, below it. */
function withMemory(batch: Batch, { key }: Step, { inputs, target, seen }: State): Batch {
  const n = batch.target.shape[0];
  const size = target.shape[0];
  const filled = min(seen, size);
  const drawn = cast(floor(mul(uniform(fold(key, "draw"), [n]), filled)), "int32");
  const some = greater(filled, 0);
  const weight = batch.weight ?? fill([n], 1);
  // while there is no memory the batch stands alone: the mean is over twice as many rows
  const replayed = mul(fill([n], 1), where(some, 1, 0));
  return {
    inputs: mapParams(batch.inputs, (x, name) => concat([x, cast(gather(inputs[name], drawn), x.dtype)])),
    target: concat([batch.target, gather(target, drawn)]),
    index: concat([batch.index, fill([n], 0, "int32")]),
    weight: concat([mul(weight, where(some, 1, 2)), replayed]),
  };
}

const memory: State = {
  inputs: { x: constant(fromNested([[1], [2]])) },
  target: constant(fromNested([[1], [2]])),
  seen: scalar(2),
};

/**
 * Experience replay: keeps a few examples of all that came by, and learns them again beside every batch.
 *
 *   batch <- batch and as many examples drawn from the memory, all with the same weight
 *   memory <- reservoir: the N-th example to come by (from 0) takes slot N while there is room, then a random one of
 *             N + 1 slots, if the memory of `size` has it
 *
 * So at any time the memory is a uniform sample of what was seen. Against forgetting when tasks come one after the
 * other: the memory goes over from stage to stage. An example counts once, when it comes by in a stage's first epoch.
 * Rows from the memory have no place in the training set (index 0), no group and no domain.
 */
export const replay = method("replay", {
  summary: "learns examples of earlier tasks again, kept by reservoir sampling",
  paper: {
    id: "experience-replay",
    title: "On Tiny Episodic Memories in Continual Learning",
    authors: [
      "Arslan Chaudhry",
      "Marcus Rohrbach",
      "Mohamed Elhoseiny",
      "Thalaiyasingam Ajanthan",
      "Puneet K. Dokania",
      "Philip H. S. Torr",
      "Marc'Aurelio Ranzato",
    ],
    year: 2019,
    arxiv: "1902.10486",
    where: "algorithm 1 and the reservoir of algorithm 2",
    deviations: [
      "the paper makes one pass over the data; with several epochs only the first fills the memory",
    ],
  },
  options: { size: whole(1, 100, "examples in the memory", [50, 100, 200, 500]) },
  examples: [
    {
      value: () => writtenTo(slotsOf(scalar(2), constant(fromNested([0.9, 0.5, 0.1])), 3), 3),
      output: [3, 0, 2],
      source:
        "by hand: example 2 takes the free slot 2; example 3 draws floor(0.5 * 4) = 2 and replaces it; example 4 draws " +
        "floor(0.1 * 5) = 0; so slot 0 has the third of the batch, slot 1 none, slot 2 the second",
      tolerance: 0,
    },
    {
      value: ({ batch }) => {
        const x = constant(fromNested([[5], [6]]));
        const drawn = { inputs: { x }, target: x, index: iota(2) };
        const step = { key: keyOf([1, 2]) } as unknown as Step;
        return (batch as NonNullable<typeof batch>)(drawn, step, { ...memory, seen: scalar(0) })
          .weight as Tensor;
      },
      output: [2, 2, 0, 0],
      source: "by definition: an empty memory leaves the mean over the batch alone",
    },
  ],
  create: ({ size }) => ({
    state: (_, { model }: About): State => ({
      inputs: Object.fromEntries(
        Object.entries(model.inputs).map(([name, shape]) => [name, fill([size, ...shape], 0)]),
      ),
      target: fill([size, model.outputs], 0),
      seen: scalar(0),
    }),
    carries: () => true,
    batch: withMemory,
    after(updated, { drawn, epoch, key }, state: State) {
      const n = drawn.target.shape[0];
      const counts = less(epoch, 1);
      const slots = slotsOf(state.seen, uniform(fold(key, "slots"), [n]), size);
      const written = where(counts, writtenTo(slots, size), 0);
      return [
        updated,
        {
          inputs: mapParams(state.inputs, (rows, name) => refilled(rows, drawn.inputs[name], written)),
          target: refilled(state.target, drawn.target, written),
          seen: add(state.seen, where(counts, n, 0)),
        },
      ];
    },
  }),
});

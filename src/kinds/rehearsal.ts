import type { NdArray } from "../array/ndarray.ts";
import type { Stream } from "../array/random.ts";
import type { Tensor } from "../tensor/index.ts";
import type { Dataset } from "./dataset.ts";
import type { About, Step } from "./step.ts";

/** A network that was trained for a while to see what the data are like. */
export interface Rehearsed {
  /** The method's own state at the end, by path. */
  readonly state: Readonly<Record<string, NdArray>>;
  /**
   * A quantity of every training example, in evaluation mode: [examples, ...], from what `quantity` gives for the rows
   * of a batch, at most `rows` at once (512 unless told). Pass one stable function.
   */
  examples(quantity: (step: Step) => Tensor, rows?: number): Promise<NdArray>;
}

/** What `examples` may see and ask for before the run. */
export interface Rehearsal {
  readonly about: About;
  readonly data: Dataset;
  /** For choices of its own; follows from the run's seed. */
  readonly random: Stream;
  /**
   * The first `epochs` of the run, other methods, schedule and all, on all of the data. Network 0 (unless told) starts
   * and goes as the run will; every other number has initial values, batches and random numbers of its own.
   */
  train(epochs: number, network?: number): Promise<Rehearsed>;
}

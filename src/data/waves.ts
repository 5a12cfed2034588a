import { tableSource } from "./columns.ts";
import { sequenceSource } from "./sequences.ts";
import { noTarget, type Source } from "./source.ts";
import { start, type ToyOptions } from "./toyOptions.ts";

/** By class: values from -1 to 1 at a phase from 0 to 1. */
const shapes: Readonly<Record<string, (phase: number) => number>> = {
  sine: (phase) => Math.sin(2 * Math.PI * phase),
  square: (phase) => (phase < 0.5 ? 1 : -1),
  sawtooth: (phase) => 2 * phase - 1,
};

/**
 * Waves of 16 to 32 steps: sines, squares and sawtooths of period 6 to 12 steps from any phase, under normal noise of
 * standard deviation `noise` (default 0.3). The kind of wave is to be told. Default: 400 sequences.
 */
export function waves({ n = 400, seed = 0, noise = 0.3 }: ToyOptions = {}): Source {
  const random = start("waves", n, noise, seed);
  const classes = Object.keys(shapes);
  const labels = Int32Array.from({ length: n }, (_, row) => row % classes.length);
  const values: number[] = [];
  const rows = Array.from(labels, (label) => {
    const length = 16 + random.integers(17);
    const [period, phase] = [6 + 6 * random.uniform(), random.uniform()];
    return Int32Array.from({ length }, (_, step) => {
      const value = shapes[classes[label]]((phase + step / period) % 1);
      return values.push(value + noise * random.normal()) - 1;
    });
  });
  const steps = tableSource({ name: "waves", target: noTarget(values.length) }, [
    { kind: "number", name: "height", values: Float64Array.from(values) },
  ]);
  const target = { task: "classification", name: "wave", classes, labels } as const;
  return sequenceSource({ name: "waves", target }, steps, rows);
}

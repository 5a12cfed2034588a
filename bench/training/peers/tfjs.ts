import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { readNpz } from "../../../src/array/npz.ts";
import type { Arrays } from "../problem.ts";
import type { Workload } from "../workloads.ts";
import { installed, pathOf } from "./installed.ts";
import { Cannot, type Job, type Racer, serve } from "./serve.ts";
import { lossOf, modelOf, type T, tf } from "./tfjsModels.ts";

const wasm = installed("@tensorflow/tfjs-backend-wasm");

/** Batches as tensors: classes and ids one-hot. */
function batchesOf({ network, batch, batches }: Workload, arrays: Arrays): { x: T; y: T }[] {
  const outputs = network.kind === "transformer" ? network.vocabulary : network.outputs;
  const part = (name: string, at: number): T => {
    const { shape, data, dtype } = arrays[name];
    const width = data.length / shape[0];
    const some = data.slice(at * batch * width, (at + 1) * batch * width);
    if (dtype === "int32") return tf.oneHot(tf.tensor1d(some, "int32"), outputs).toFloat();
    return tf.tensor(some, [batch, ...shape.slice(1)]);
  };
  return Array.from({ length: batches }, (_, at) => ({ x: part("data/x", at), y: part("data/y", at) }));
}

/** Values by the beginning of their names; dense weights, alone or of several seeds, as [in, out]. */
const under = (prefix: string, arrays: Arrays): T[] =>
  Object.entries(arrays).flatMap(([name, { data, shape }]) => {
    if (!name.startsWith(prefix)) return [];
    const value = tf.tensor(data, shape);
    if (!/\.kernel$|\/(down|up)$/.test(name)) return [value];
    const rank = shape.length;
    return [tf.transpose(value, [...shape.keys()].slice(0, -2).concat(rank - 1, rank - 2))];
  });

const optimizerOf = ({ optimizer, rate, momentum }: Workload): T =>
  optimizer === "sgd" ? tf.train.momentum(rate, momentum) : tf.train.adam(rate, 0.9, 0.999, 1e-8);

type Gradients = Readonly<Record<string, T>>;
type Objective = (batch: { x: T; y: T }) => T;

const normOf = (g: Gradients): T => tf.addN(Object.values(g).map((part) => part.square().sum())).sqrt();
const dotOf = (a: Gradients, b: Gradients): T =>
  tf.addN(Object.keys(a).map((name) => a[name].mul(b[name]).sum()));
const combined = (a: T | number, first: Gradients, b: T | number, second: Gradients): Gradients =>
  Object.fromEntries(Object.keys(first).map((name) => [name, first[name].mul(a).add(second[name].mul(b))]));

/** The gradient at other weights, which are put back. */
function gradientsOf(variables: readonly T[], objective: Objective) {
  const at = (batch: { x: T; y: T }) =>
    tf.variableGrads(() => objective(batch), variables) as { value: T; grads: Gradients };
  const elsewhere = (direction: Gradients, radius: number) => {
    const factor = tf.scalar(radius).div(normOf(direction).add(1e-12));
    for (const v of variables) v.assign(v.add(direction[v.name].mul(factor)));
  };
  return { at, elsewhere };
}

type Gradient = (batch: { x: T; y: T }) => { value: T; grads: Gradients };

/** What the optimizer is given. */
function gradientOf({ step }: Workload, variables: readonly T[], objective: Objective): Gradient {
  const { at, elsewhere } = gradientsOf(variables, objective);
  const restoring =
    (inner: (batch: { x: T; y: T }) => { value: T; grads: Gradients }): Gradient =>
    (batch) => {
      const saved = variables.map((v) => v.clone());
      const result = inner(batch);
      variables.forEach((v, i) => {
        v.assign(saved[i]);
      });
      return result;
    };
  if (step === "sam")
    return restoring((batch) => {
      const { value, grads } = at(batch);
      elsewhere(grads, 0.05);
      return { value, grads: at(batch).grads };
    });
  if (step === "gam")
    return restoring((batch) => {
      const saved = variables.map((v) => v.clone());
      const { value, grads: g0 } = at(batch);
      elsewhere(g0, 0.02);
      const g1 = at(batch).grads;
      variables.forEach((v, i) => {
        v.assign(saved[i]);
      });
      elsewhere(combined(1, g1, -1, g0), 0.2);
      const g2 = at(batch).grads;
      elsewhere(g2, 0.02);
      const g3 = at(batch).grads;
      const [later, former] = [combined(0.6, g1, 0.4, g3), combined(1, g0, 0.5, g2)];
      const [lf, ll] = [normOf(former), normOf(later)];
      const share = dotOf(former, later)
        .div(lf.mul(ll).add(1e-12))
        .mul(lf.div(ll.add(1e-12)));
      const across = combined(1, former, share.neg(), later);
      return { value, grads: combined(1, later, -0.03, across) };
    });
  return at;
}

/** Steps of an optimizer on variables that start at some values. */
function training(workload: Workload, start: readonly T[], objective: (values: readonly T[]) => Objective) {
  const { rate, decay = 0 } = workload;
  const variables = start.map((value) => tf.variable(value));
  const gradient = gradientOf(workload, variables, objective(variables));
  let optimizer = optimizerOf(workload);
  return {
    begin() {
      variables.forEach((v, i) => {
        v.assign(start[i]);
      });
      optimizer.dispose();
      optimizer = optimizerOf(workload);
    },
    step: (batch: { x: T; y: T }): T => {
      const { value, grads } = gradient(batch);
      if (decay > 0) for (const v of variables) if (v.shape.length > 1) v.assign(v.mul(1 - rate * decay));
      optimizer.applyGradients(grads);
      return value;
    },
  };
}

function stepsOf(workload: Workload, arrays: Arrays) {
  const start = under("params/", arrays);
  const loss = lossOf(workload);
  if (workload.step === "per-example") throw new Cannot("it has no vmap");
  if (workload.step === "hvp")
    throw new Cannot(
      "its gradients of gradients do not agree with finite differences (4.22, also on its cpu backend)",
    );
  if (workload.step === "seeds") {
    const many = (values: readonly T[]): Objective => {
      const [w1, b1, w2, b2] = values;
      return ({ x, y }) => {
        const all = x.expandDims(0).tile([workload.seeds as number, 1, 1]);
        const hidden = tf.matMul(all, w1).add(b1.expandDims(1)).relu();
        const outputs = tf.matMul(hidden, w2).add(b2.expandDims(1));
        return outputs.sub(y).square().mean([1, 2]).sum();
      };
    };
    const { begin, step } = training(workload, start, many);
    return { begin, step: (batch: { x: T; y: T }) => step(batch).div(workload.seeds) };
  }
  const model = modelOf(workload.network);
  const plain =
    (values: readonly T[]): Objective =>
    ({ x, y }) =>
      loss(model(values, x), y);
  if (workload.step === "lora")
    return training(
      workload,
      under("lora/", arrays),
      (factors) =>
        ({ x, y }) =>
          loss(model(start, x, factors), y),
    );
  return training(workload, start, plain);
}

async function open({ workload, file }: Job): Promise<Racer> {
  wasm.setWasmPaths(`${dirname(pathOf("@tensorflow/tfjs-backend-wasm"))}/`);
  if (!(await tf.setBackend("wasm"))) throw new Cannot("its wasm backend does not start");
  const arrays = readNpz(readFileSync(file), file);
  const batches = batchesOf(workload, arrays);
  const { begin, step } = stepsOf(workload, arrays);
  return {
    versions: { tfjs: tf.version.tfjs, node: process.versions.node },
    close: async () => undefined,
    async run(steps) {
      begin();
      const start = performance.now();
      const kept: T[] = [];
      for (let i = 0; i < steps; i++) kept.push(tf.tidy(() => step(batches[i % batches.length])));
      const seconds = (performance.now() - start) / 1000;
      const losses = kept.map((value) => value.dataSync()[0] as number);
      tf.dispose(kept);
      return { seconds, losses };
    },
  };
}

await serve(open);

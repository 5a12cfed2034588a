import { readFileSync } from "node:fs";
import type { NdArray } from "../../../src/array/ndarray.ts";
import { readNpz } from "../../../src/array/npz.ts";
import type { Arrays } from "../problem.ts";
import type { Workload } from "../workloads.ts";
import { versionOf } from "./installed.ts";
import { type A, dense, jax, lossOf, modelOf, type Values } from "./jaxjsModels.ts";
import { Cannot, type Job, type Racer, serve } from "./serve.ts";

const { numpy: np, nn, tree } = jax;

const under = (prefix: string, arrays: Arrays): A[] =>
  Object.entries(arrays).flatMap(([name, a]) => (name.startsWith(prefix) ? [arrayOf(a)] : []));

const arrayOf = ({ data, shape, dtype }: NdArray, from = 0, count = shape[0]): A => {
  const width = data.length / shape[0];
  const some = data.slice(from * width, (from + count) * width);
  return np
    .array(some, { dtype: dtype === "int32" ? np.int32 : np.float32 })
    .reshape([count, ...shape.slice(1)]);
};

type Objective = (params: Values, x: A, y: A) => A;
type ValueAndGrad = (params: Values, x: A, y: A) => readonly [A, A[]];

const refs = (values: Values): A[] => values.map((v) => v.ref);
const dotOf = (a: Values, b: Values): A =>
  a.map((p, i) => np.sum(p.ref.mul(b[i].ref))).reduce((s, t) => s.add(t));
const normOf = (values: Values): A => np.sqrt(dotOf(values, values));
const scaled = (v: A, by: A | number): A => v.ref.mul(typeof by === "number" ? by : by.ref);
const combined = (a: A | number, first: Values, b: A | number, second: Values): A[] =>
  first.map((p, i) => scaled(p, a).add(scaled(second[i], b)));
const along = (params: Values, direction: Values, radius: number): A[] =>
  combined(1, params, np.array(radius).div(normOf(direction).add(1e-12)), direction);

/** What the optimizer is given. */
function gradientOf({ step }: Workload, objective: Objective): ValueAndGrad {
  const at: ValueAndGrad = (params, x, y) => jax.valueAndGrad(objective)(refs(params), x.ref, y.ref);
  if (step === "sam")
    return (params, x, y) => {
      const [value, g] = at(params, x, y);
      return [value, at(along(params, g, 0.05), x, y)[1]];
    };
  if (step === "gam")
    return (params, x, y) => {
      const [value, g0] = at(params, x, y);
      const [, g1] = at(along(params, g0, 0.02), x, y);
      const raised = along(params, combined(1, g1, -1, g0), 0.2);
      const [, g2] = at(raised, x, y);
      const [, g3] = at(along(raised, g2, 0.02), x, y);
      const [later, former] = [combined(0.6, g1, 0.4, g3), combined(1, g0, 0.5, g2)];
      const [lf, ll] = [normOf(former), normOf(later)];
      const cosine = dotOf(former, later).div(lf.ref.mul(ll.ref).add(1e-12));
      const across = combined(1, former, cosine.mul(lf.div(ll.add(1e-12))).neg(), later);
      return [value, combined(1, later, -0.03, across)];
    };
  return at;
}

interface Steps {
  readonly state: A;
  /** The next state, and the loss. */
  step(state: A, x: A, y: A): readonly [A, A];
}

function training(workload: Workload, start: Values, valueAndGrad: ValueAndGrad): Steps {
  const { optimizer, rate, momentum = 0, decay = 0 } = workload;
  const zeros = () => start.map((v) => np.zeros(v.shape));
  if (optimizer === "sgd")
    return {
      state: [refs(start), zeros()],
      step([params, velocity], x, y) {
        const [value, g] = valueAndGrad(params, x, y);
        const next = combined(momentum, velocity, 1, g);
        return [[combined(1, params, -rate, next), next], value];
      },
    };
  return {
    state: [refs(start), zeros(), zeros(), np.array(0)],
    step([params, first, second, count], x, y) {
      const [value, g] = valueAndGrad(params, x, y);
      const t = count.ref.add(1);
      const m = combined(0.9, first, 0.1, g);
      const v = combined(
        0.999,
        second,
        0.001,
        g.map((part) => np.square(part.ref)),
      );
      const power = (base: number) => np.exp(t.ref.mul(Math.log(base)));
      const length = np.array(rate).div(np.array(1).sub(power(0.9)));
      const scale = np.array(1).div(np.sqrt(np.array(1).sub(power(0.999))));
      const updated = params.map((p: A, i: number) => {
        const kept = p.shape.length > 1 && decay > 0 ? scaled(p, 1 - rate * decay) : p.ref;
        return kept.sub(scaled(m[i], length).div(scaled(np.sqrt(v[i].ref), scale).add(1e-8)));
      });
      return [[updated, m, v, t], value];
    },
  };
}

function stepsOf(workload: Workload, arrays: Arrays): Steps {
  const start = under("params/", arrays);
  const [model, loss] = [modelOf(workload.network), lossOf(workload)];
  const objective: Objective = (params, x, y) => loss(model(params, x), y);
  switch (workload.step) {
    case "lora": {
      const adapted: Objective = (factors, x, y) => loss(model(start, x, factors), y);
      return training(workload, under("lora/", arrays), gradientOf(workload, adapted));
    }
    case "seeds": {
      // batched products: the gradient through its vmap (0.1.25) does not agree with the seeds one by one
      const many = (x: A, w: A, b: A) => dense(x, w).add(np.expandDims(b.ref, 1));
      const total: Objective = ([w1, b1, w2, b2], x, y) => {
        const outputs = many(nn.relu(many(np.expandDims(x.ref, 0), w1, b1)), w2, b2);
        return np.sum(np.mean(np.square(outputs.sub(y.ref)), [1, 2]));
      };
      const steps = training(workload, start, gradientOf(workload, total));
      const seeds = workload.seeds as number;
      return {
        ...steps,
        step: (state, x, y) => {
          const [next, sum] = steps.step(state, x, y);
          return [next, sum.div(seeds)];
        },
      };
    }
    case "per-example": {
      const one = (params: Values, x: A, y: A): A =>
        objective(params, x.ref.reshape([1, ...x.shape]), y.ref.reshape([1]));
      const each = jax.vmap(jax.grad(one), [null, 0, 0]);
      const squares = (g: A): A => np.sum(np.square(g.ref).reshape([g.shape[0], -1]), 1);
      return {
        state: [],
        step: (state, x, y) => {
          const parts: A[] = each(refs(start), x.ref, y.ref).map(squares);
          return [state, np.mean(np.sqrt(parts.reduce((a, b) => a.add(b))))];
        },
      };
    }
    case "hvp":
      return {
        state: under("direction/", arrays),
        step: (v, x, y) => {
          const slope = (params: Values) => jax.grad(objective)(refs(params), x.ref, y.ref);
          const [, hv] = jax.jvp(slope, [refs(start)], [refs(v)]);
          const length = normOf(hv);
          return [hv.map((part: A) => part.ref.div(length.ref)), dotOf(v, hv)];
        },
      };
    default:
      return training(workload, start, gradientOf(workload, objective));
  }
}

async function open({ workload, file }: Job): Promise<Racer> {
  const devices = await jax.init("wasm");
  if (!devices.includes("wasm")) throw new Cannot("its wasm backend does not start");
  jax.defaultDevice("wasm");
  const arrays = readNpz(readFileSync(file), file);
  const { batch, batches } = workload;
  const pick = (name: string, at: number): A => arrayOf(arrays[name], at * batch, batch);
  const data = Array.from({ length: batches }, (_, at) => ({ x: pick("data/x", at), y: pick("data/y", at) }));
  const { state: start, step } = stepsOf(workload, arrays);
  const jitted = jax.jit(step);
  return {
    versions: { "jax-js": versionOf("@jax-js/jax"), node: process.versions.node },
    close: async () => undefined,
    async run(steps) {
      const losses: A[] = [];
      const begun = performance.now();
      let state = tree.ref(start);
      for (let i = 0; i < steps; i++) {
        const { x, y } = data[i % batches];
        const [next, loss] = jitted(state, x.ref, y.ref);
        state = next;
        losses.push(loss);
      }
      await jax.blockUntilReady([state, losses]);
      const seconds = (performance.now() - begun) / 1000;
      tree.dispose(state);
      return { seconds, losses: losses.map((loss) => loss.js() as number) };
    },
  };
}

await serve(open);

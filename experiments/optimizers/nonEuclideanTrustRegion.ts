import { svd } from "../../src/array/linalg.ts";
import { type NdArray, ndarray } from "../../src/array/ndarray.ts";
import { stream } from "../../src/array/random.ts";
import {
  type AnyMethod,
  combined,
  type ExperimentTools,
  experiment,
  mapParams,
  type Optimizer,
  type Params,
  type Report,
  type Scale,
  type Step,
} from "../../src/kinds/index.ts";
import { nonEuclideanTrustRegion as trustRegion } from "../../src/methods/optimizers/nonEuclideanTrustRegion.ts";
import { mlp } from "../../src/nn/index.ts";
import { lowerLoop } from "../../src/onnx/index.ts";
import { dualize } from "../../src/parts/optimizers/common/dual.ts";
import { sgd } from "../../src/parts/optimizers/sgd.ts";
import { constant as constantRate } from "../../src/parts/schedules/constant.ts";
import { add, input, mul, sub, type Tensor, vmap, zerosLike } from "../../src/tensor/index.ts";
import { partsOf } from "../common/data.ts";
import {
  chosen,
  column,
  meanOf,
  mostly,
  paired,
  plainly,
  ratioAtMost,
  those,
  verdictOf,
} from "../common/judge.ts";
import { kernelsOf, lossOn } from "../common/measures.ts";
import { onHosts, trainArms } from "../common/train.ts";
import { rates, use } from "../common/use.ts";

interface Sizes {
  readonly seeds: number;
  readonly steps: number;
  readonly digits: {
    readonly seeds: number;
    readonly epochs: number;
    readonly train: number;
    readonly radii: number;
  };
}

const sizes: Readonly<Record<Scale, Sizes>> = {
  smoke: { seeds: 1, steps: 20, digits: { seeds: 1, epochs: 1, train: 40, radii: 1 } },
  quick: { seeds: 3, steps: 1500, digits: { seeds: 1, epochs: 5, train: 500, radii: 2 } },
  full: { seeds: 10, steps: 1500, digits: { seeds: 5, epochs: 10, train: 1000, radii: 5 } },
};

const side = 20;
const momentum = 0.95;
const radii = [0.2, 0.05, 0.1, 0.35, 0.5];
const decay = 0.1;

/** Orthogonal-SGDM: each gradient is orthogonalized, then averaged. */
const before = (): Optimizer<Params> => ({
  rate: 0.02,
  init: (params) => mapParams(params, zerosLike),
  update(gradients, mean, { params, rate }) {
    const turned = mapParams(
      gradients,
      (g) => dualize(g, g.shape.length > 1 ? "spectral" : "max", "muon").direction,
    );
    const next = combined(momentum, mean, 1 - momentum, turned);
    return [mapParams(next, (m, path) => sub(params[path], mul(rate, m))), next];
  },
});

const after = (options: Parameters<typeof trustRegion>[0] = {}): AnyMethod =>
  trustRegion({ momentum, ...options });

const orders = { after: after().optimizer as Optimizer, before: before() };

/** Steps on |X - T|^2 / 2 from X = 0 for a batch of [radius, T, N0], the gradient disturbed by factor N0. */
function quadratic(optimizer: Optimizer, batch: number, steps: number) {
  const shape = [batch, side, side];
  const [x, m] = [input("x", shape), input("m", shape)];
  const [target, noise, radius] = [input("target", shape), input("noise", shape), input("radius", [batch])];
  const [factor, shrink] = [input("factor", [batch]), input("shrink", [])];
  const step = (at: Tensor, mean: Tensor, to: Tensor, n0: Tensor, r: Tensor, f: Tensor) => {
    const gradient = add(sub(at, to), mul(f, n0));
    const [next, state] = optimizer.update({ x: gradient }, { x: mean }, {
      params: { x: at },
      rate: mul(r, shrink),
    } as unknown as Step);
    return [next.x, (state as Params).x] as const;
  };
  const [nextX, nextM] = vmap(step)(x, m, target, noise, radius, factor);
  return lowerLoop({
    length: steps,
    state: { x: { from: x, to: nextX }, m: { from: m, to: nextM } },
    scanned: { factor, shrink },
    shared: { target, noise, radius },
    collected: {},
  });
}

/** Final nuclear norms of X - T by order, radius and seed: noise is -0.5 N0, and 4.5 N0 one time in ten. */
async function noisy({ seeds, steps }: Sizes, scale: Scale, tools: ExperimentTools): Promise<Report[]> {
  const cases = radii.flatMap((radius) => Array.from({ length: seeds }, (_, seed) => ({ radius, seed })));
  const size = side * side;
  const of = (name: string) =>
    ndarray(
      "float32",
      [cases.length, side, side],
      Float32Array.from(cases.flatMap(({ seed }) => Array.from(stream(seed).split(name).normal(size).data))),
    );
  const draws = cases.map(({ seed }) => stream(seed).split("noise").uniform(steps).data);
  const factors = Array.from({ length: steps }, (_, t) => draws.map((d) => (d[t] < 0.9 ? -0.5 : 4.5)));
  const target = of("target");
  const zero = ndarray("float32", target.shape, new Float32Array(cases.length * size));
  const feeds: Record<string, NdArray> = {
    x: zero,
    m: zero,
    target,
    noise: of("N0"),
    radius: ndarray(
      "float32",
      [cases.length],
      Float32Array.from(cases, ({ radius }) => radius),
    ),
    factor: ndarray("float32", [steps, cases.length], Float32Array.from(factors.flat())),
    shrink: ndarray(
      "float32",
      [steps],
      Float32Array.from({ length: steps }, (_, t) => 1 / Math.sqrt(t + 1)),
    ),
  };
  const found = await onHosts(Object.entries(orders), scale, tools, async ([order, optimizer], host) => {
    const program = await host.load(quadratic(optimizer, cases.length, steps));
    const { outputs } = await host.run(program, feeds);
    const x = (outputs.x as NdArray).data as Float32Array;
    return cases.map(({ radius, seed }, i): Report => {
      const rest = Float64Array.from(
        { length: size },
        (_, at) => x[i * size + at] - target.data[i * size + at],
      );
      const nuclear = svd(ndarray("float64", [side, side], rest)).s.data.reduce((a, b) => a + b, 0);
      return {
        part: "quadratic",
        arm: order,
        variant: `radius ${radius}`,
        seed,
        diverged: 0,
        nuclear,
        validation: -nuclear,
      };
    });
  });
  return found.flat();
}

const ownRates = (count: number, method?: AnyMethod) =>
  rates(
    [0.02, 0.01, 0.005, 0.002, 0.001].slice(0, count),
    method === undefined ? [] : [{ name: "own", method }],
  );

export const nonEuclideanTrustRegion = experiment({
  id: "non-euclidean-trust-region",
  paper: "non-euclidean-trust-region",
  claim:
    "Momentum before orthogonalisation converges under gradient noise, whereas orthogonalising each noisy gradient " +
    "first stalls; weight decay corresponds to a norm constraint and stabilises training.",
  setting:
    "(1) |X - T|^2 / 2 for Gaussian T, 20 x 20, from 0; gradients disturbed by -0.5 N0, one time in ten 4.5 N0, N0 " +
    "fixed and Gaussian; momentum 0.95, radius r / sqrt(step), 1,500 steps, r in 0.05, 0.1, 0.2, 0.35, 0.5, chosen by " +
    "the mean final nuclear norm of X - T; 10 seeds (quick 3). (2) UCI digits, 1,000 images, MLP 64-64-10, batches of " +
    "8, 10 epochs, cosine schedule, five radii from 0.001 to 0.02, 5 seeds (quick: 500 images, 5 epochs, two radii, one seed). (3) The same with " +
    "decay 0.1 and rate 0.02, constant. Holds when the norm of averaging first is at most 0.3 of orthogonalizing first, its training loss at most " +
    "as large in 4 of 5 seeds, and spectral norms with decay at most 1.05 rate / decay.",
  async run(scale, tools) {
    const { digits } = sizes[scale];
    const data = await partsOf("digits", { train: digits.train, validation: 300, test: 497 }, tools.signal);
    const settings = {
      data,
      seeds: digits.seeds,
      epochs: digits.epochs,
      batchSize: 8,
      rate: 0.02,
      optimizer: sgd() as Optimizer,
      model: (shape: readonly number[], outputs: number) => mlp(shape, outputs, [64]),
    };
    const trained = await trainArms(
      {
        ...settings,
        tags: { part: "digits" },
        arms: [
          { name: "after", variants: ownRates(digits.radii, after()) },
          {
            name: "before",
            variants: ownRates(digits.radii).map((variant) => ({ ...variant, optimizer: before() })),
          },
        ],
        measure: async (f) => {
          const trainLoss = await lossOn(f, f.parts.train);
          return { validation: -trainLoss, trainLoss };
        },
      },
      scale,
      tools,
    );
    const decayed = await trainArms(
      {
        ...settings,
        schedule: constantRate(),
        tags: { part: "decay" },
        arms: [
          {
            name: "decay",
            variants: [
              { name: "decay", methods: [use(trustRegion, { momentum, decay, orthogonalization: "cubic" })] },
            ],
          },
        ],
        measure: async (f) => {
          const norms = Object.values(await kernelsOf(f)).map(
            ({ shape, data: w }) =>
              svd(ndarray("float64", shape, Float64Array.from(w as Float32Array))).s.data[0],
          );
          return { largest: Math.max(...norms), trainLoss: await lossOn(f, f.parts.train) };
        },
      },
      scale,
      tools,
    );
    return [...(await noisy(sizes[scale], scale, tools)), ...trained, ...decayed];
  },
  judge(reports) {
    const [a, b] = ["after", "before"].map((arm) => chosen(reports, { part: "quadratic", arm }));
    const [own, other] = ["after", "before"].map((arm) => chosen(reports, { part: "digits", arm }));
    const norms = column(those(reports, { part: "decay" }), "largest");
    const bound = (1.05 * 0.02) / decay;
    const largest = Math.max(...norms);
    return verdictOf(
      [
        ratioAtMost("nuclear norm of averaging first, relative", a, b, "nuclear", 0.3),
        mostly(
          "training loss at most that of orthogonalizing first",
          paired(own, other, "trainLoss").map((d) => d <= 0),
          4 / 5,
        ),
        plainly("largest spectral norm with decay", largest, largest <= bound, `at most ${bound}`),
      ],
      undefined,
      {
        "nuclear norm of averaging first": meanOf(column(a, "nuclear")),
        "nuclear norm of orthogonalizing first": meanOf(column(b, "nuclear")),
        "training loss of averaging first": meanOf(column(own, "trainLoss")),
        "training loss of orthogonalizing first": meanOf(column(other, "trainLoss")),
      },
    );
  },
});

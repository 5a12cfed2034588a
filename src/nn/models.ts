import { OckhamError } from "../error.ts";
import type { Inputs, Model, Outputs } from "../kinds/index.ts";
import { fold, type Tensor } from "../tensor/index.ts";
import { lecunNormal } from "./initializers.ts";
import { batchNorm, conv, flatten, globalAvgPool, linear, maxPool, relu, residual } from "./layers.ts";
import { type Context, type Module, type ModuleOf, sequence } from "./module.ts";

export interface Stage {
  /** Name of the activation it ends in. */
  readonly name: string;
  readonly part: ModuleOf;
}

export interface StagedOptions {
  /** Name of the input; "x" unless told. */
  readonly input?: string;
  /** Leading axes of an example whose entries have a prediction each, such as 1 for tokens; 0 unless told. */
  readonly lead?: number;
  /** Whether there is an input `mask` [n, tokens] beside it, 1 for tokens and 0 for padding; false unless told. */
  readonly masked?: boolean;
}

/** A model of one input as named stages; what a stage computes is a named activation, the last stage's the prediction. */
export function staged(
  name: string,
  shape: readonly number[],
  stages: readonly Stage[],
  { input = "x", lead = 0, masked = false }: StagedOptions = {},
): Model {
  const built: { name: string; module: Module }[] = [];
  for (const stage of stages)
    built.push({ name: stage.name, module: stage.part(stage.name, built.at(-1)?.module.shape ?? shape) });
  const places = built.slice(0, -1).map((stage) => stage.name);
  const outputs = built[built.length - 1].module.shape;
  if (outputs.length !== lead + 1)
    throw new OckhamError(
      "bad-shape",
      name,
      `the model ends in shape [${outputs}]`,
      "end with a linear layer",
    );
  return {
    name,
    leaves: built.flatMap((stage) => stage.module.leaves),
    places,
    inputs: { [input]: shape, ...(masked ? { mask: shape.slice(0, 1) } : {}) },
    outputs: outputs[lead],
    init: (key) => Object.assign({}, ...built.map((stage) => stage.module.init(fold(key, stage.name)))),
    apply(weights, inputs, { mode = "eval", key, from, layer = (x: Tensor) => x } = {}) {
      const first = from === undefined ? 0 : 1 + placeOf(places, from.name);
      const mask = masked ? { mask: inputOf(inputs, "mask", shape.slice(0, 1)) } : {};
      const context: Context = { weights, mode, key, buffers: {}, inputs, ...mask };
      const activations: Record<string, Tensor> = {};
      let value = from === undefined ? inputOf(inputs, input, shape) : from.value;
      for (let i = first; i < built.length; i++) {
        value = built[i].module.apply(value, context);
        if (i === built.length - 1) break;
        value = layer(value, built[i].name);
        activations[built[i].name] = value;
      }
      return { prediction: value, activations, buffers: context.buffers } satisfies Outputs;
    },
  };
}

function placeOf(places: readonly string[], name: string): number {
  const at = places.indexOf(name);
  if (at < 0)
    throw new OckhamError(
      "unknown-name",
      name,
      `the model has no activation "${name}"`,
      `it has ${places.join(", ")}`,
    );
  return at;
}

function inputOf(inputs: Inputs, name: string, shape: readonly number[]): Tensor {
  const x = inputs[name];
  if (x === undefined || x.shape.slice(1).join() !== shape.join())
    throw new OckhamError(
      "bad-shape",
      name,
      `the model takes ${name} [n, ${shape}], not ${x === undefined ? "nothing" : `[${x.shape}]`}`,
      "encode the data for this model",
    );
  return x;
}

function head(outputs: number, flat = true): Stage {
  const last = linear(outputs, { init: lecunNormal, head: true });
  return { name: "head", part: flat ? last : sequence(flatten, last) };
}

/** Fully connected layers with relu: `hidden` units each, then `outputs` values. */
export const mlp = (
  shape: readonly number[],
  outputs: number,
  hidden: readonly number[] = [128, 64],
): Model =>
  staged(`mlp(${hidden.join("-")})`, shape, [
    ...hidden.map((units, i) => ({
      name: `hidden.${i}`,
      part:
        i === 0 && shape.length > 1 ? sequence(flatten, linear(units), relu) : sequence(linear(units), relu),
    })),
    head(outputs, shape.length === 1 || hidden.length > 0),
  ]);

/** 3 x 3 convolutions with relu and 2 x 2 max pooling (while the image is at least 4 wide), one dense layer, then `outputs` values. */
export function cnn(
  shape: readonly number[],
  outputs: number,
  { channels = [16, 32], dense = 64 }: { channels?: readonly number[]; dense?: number } = {},
): Model {
  needsImage("cnn", shape);
  let side = Math.min(...shape.slice(1));
  const stages = channels.map((c, i) => {
    const pool = side >= 4;
    if (pool) side = Math.floor(side / 2);
    // max pooling and relu commute; pooling first leaves relu a quarter of the work
    const tail = pool ? [maxPool(2), relu] : [relu];
    return { name: `conv.${i}`, part: sequence(conv(c, 3, { padding: 1 }), ...tail) };
  });
  const rest = { name: "dense", part: sequence(flatten, linear(dense), relu) };
  return staged(`cnn(${channels.join("-")}-${dense})`, shape, [...stages, rest, head(outputs)]);
}

/** Residual network for small images: a stem, then groups of two-convolution blocks with batch norm, each group after the first halving the image; global mean; `outputs` values. He et al. 2016, section 4.2. */
export function resnet(
  shape: readonly number[],
  outputs: number,
  { channels = [16, 32, 64], blocks = 1 }: { channels?: readonly number[]; blocks?: number } = {},
): Model {
  needsImage("resnet", shape);
  const convolution = (c: number, size: number, stride: number) =>
    conv(c, size, { strides: stride, padding: (size - 1) / 2, bias: false });
  const block = (c: number, stride: number, same: boolean) =>
    sequence(
      residual(
        sequence(convolution(c, 3, stride), batchNorm(), relu, convolution(c, 3, 1), batchNorm()),
        same ? undefined : sequence(convolution(c, 1, stride), batchNorm()),
      ),
      relu,
    );
  const stages: Stage[] = [
    { name: "stem", part: sequence(convolution(channels[0], 3, 1), batchNorm(), relu) },
  ];
  channels.forEach((c, group) => {
    for (let i = 0; i < blocks; i++) {
      const first = i === 0 && group > 0;
      stages.push({ name: `block.${group}.${i}`, part: block(c, first ? 2 : 1, !first) });
    }
  });
  stages.push({ name: "features", part: globalAvgPool }, head(outputs));
  return staged(`resnet(${channels.join("-")}x${blocks})`, shape, stages);
}

/** Throws `bad-shape` for what are no images [channels, height, width]. */
export function needsImage(name: string, shape: readonly number[]): void {
  if (shape.length !== 3)
    throw new OckhamError(
      "bad-shape",
      name,
      `${name} takes images [channels, height, width], not [${shape}]`,
      "use mlp for tables",
    );
}

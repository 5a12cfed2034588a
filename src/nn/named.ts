import { OckhamError } from "../error.ts";
import type { Graph, Model, Task } from "../kinds/index.ts";
import { embedding } from "./embedding.ts";
import { gcn, ofFeatures } from "./graph.ts";
import { lecunNormal } from "./initializers.ts";
import { languageModel } from "./languageModel.ts";
import { linear, relu } from "./layers.ts";
import { cnn, mlp, resnet, staged } from "./models.ts";
import { sequence } from "./module.ts";
import { recurrentEncoder, recurrentLanguageModel, recurrentModel } from "./recurrentModels.ts";
import { encoder, pooled, type SequenceOptions, sequenceEncoder } from "./transformer.ts";
import { unet } from "./unet.ts";

/** What a model is told of data besides the shape of an example. */
export interface DataAbout {
  readonly task: Task;
  /** Of texts: all ids are below this. */
  readonly vocabulary?: number;
  /** Of nodes. */
  readonly graph?: Graph;
  /** Of sequences of numbers: whether a mask tells their lengths. */
  readonly masked?: boolean;
  /** Whether examples are pairs; the shape is then that of one of the two. */
  readonly paired?: boolean;
}

/** A model for examples of a shape (of a node: its features), with so many outputs. */
export type NamedModel = (shape: readonly number[], outputs: number, about?: DataAbout) => Model;

type TextAbout = DataAbout & { readonly vocabulary: number };

const isText = (about: DataAbout | undefined): about is TextAbout => about?.vocabulary !== undefined;

/** The mean of the tokens' vectors, and a dense layer: what words say without their order. */
export const bagOfTokens = (vocabulary: number, tokens: number, outputs: number, width = 64): Model =>
  staged(
    `bag(${width})`,
    [tokens],
    [
      { name: "features", part: sequence(embedding(vocabulary, width), pooled("mean")) },
      { name: "head", part: linear(outputs, { init: lecunNormal, head: true }) },
    ],
    { input: "ids", masked: true },
  );

/** The mean of what a dense layer with relu makes of each step, and a dense layer. */
const bagOfSteps = (shape: readonly number[], outputs: number, { masked }: SequenceOptions): Model =>
  staged(
    "bag(64)",
    shape,
    [
      { name: "features", part: sequence(linear(64), relu, pooled("mean")) },
      { name: "head", part: linear(outputs, { init: lecunNormal, head: true }) },
    ],
    { masked },
  );

const forNumbers =
  (name: string, make: (shape: readonly number[], outputs: number) => Model): NamedModel =>
  (shape, outputs, about) => {
    if (isText(about))
      throw new OckhamError(
        "conflict",
        name,
        `${name} takes tables and images, and these are texts`,
        `take ${about.task === "tokens" ? "transformer, lstm or gru" : "transformer, lstm, gru or bag"}`,
      );
    const model = make(shape, outputs);
    return about?.graph === undefined ? model : ofFeatures(model, about.graph);
  };

/** A model of texts, and of sequences of numbers [steps, features]. */
const inOrder =
  (
    name: string,
    ofText: (text: TextAbout, tokens: number, outputs: number) => Model,
    ofNumbers: (shape: readonly number[], outputs: number, options: SequenceOptions) => Model,
  ): NamedModel =>
  (shape, outputs, about) => {
    if (isText(about)) return ofText(about, shape[0], outputs);
    if (shape.length === 2) return ofNumbers(shape, outputs, { masked: about?.masked });
    throw new OckhamError(
      "conflict",
      name,
      `${name} takes texts and sequences, and these are none`,
      "take mlp or cnn",
    );
  };

const forNodes =
  (name: string, make: (graph: Graph, outputs: number) => Model): NamedModel =>
  (_, outputs, about) => {
    if (about?.graph !== undefined) return make(about.graph, outputs);
    throw new OckhamError(
      "conflict",
      name,
      `${name} takes nodes of a graph, and these are none`,
      `take ${isText(about) ? "transformer" : "mlp or cnn"}`,
    );
  };

const recurrentOf = (cell: "lstm" | "gru") =>
  inOrder(
    cell,
    ({ task, vocabulary }, tokens, outputs) =>
      task === "tokens"
        ? recurrentLanguageModel(vocabulary, tokens, { cell, units: 128 })
        : recurrentEncoder(vocabulary, tokens, outputs, { cell }),
    (shape, outputs, options) => recurrentModel(shape, outputs, { cell, ...options }),
  );

/** Models by name, for the command line. */
export const models: Readonly<Record<string, NamedModel>> = {
  mlp: forNumbers("mlp", (shape, outputs) => mlp(shape, outputs)),
  cnn: forNumbers("cnn", (shape, outputs) => cnn(shape, outputs)),
  resnet: forNumbers("resnet", (shape, outputs) => resnet(shape, outputs)),
  linear: forNumbers("linear", (shape, outputs) => mlp(shape, outputs, [])),
  unet: forNumbers("unet", (shape, outputs) => unet(shape, outputs)),
  transformer: inOrder(
    "transformer",
    ({ task, vocabulary }, tokens, outputs) =>
      task === "tokens"
        ? languageModel(vocabulary, tokens, textSize)
        : encoder(vocabulary, tokens, outputs, textSize),
    (shape, outputs, options) => sequenceEncoder(shape, outputs, { ...textSize, ...options }),
  ),
  lstm: recurrentOf("lstm"),
  gru: recurrentOf("gru"),
  gcn: forNodes("gcn", (graph, outputs) => gcn(graph, outputs)),
  bag: inOrder(
    "bag",
    ({ task, vocabulary }, tokens, outputs) => {
      if (task !== "tokens") return bagOfTokens(vocabulary, tokens, outputs);
      throw new OckhamError(
        "conflict",
        "bag",
        "bag forgets the order of tokens, so it cannot continue a text",
        "take transformer",
      );
    },
    bagOfSteps,
  ),
};

/** Small enough for many seeds on a processor. */
const textSize = { layers: 2, width: 64, heads: 4 };

import type { NdArray } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";
import { hasClasses, type Preprocessing, type Task } from "../kinds/index.ts";
import { contentTable } from "../onnx/content.ts";
import {
  anyRows,
  bodyOf,
  encodeModel,
  type Fragment,
  type GraphProto,
  type Initializer,
  lowerFragment,
  renamedGraph,
  renamedNode,
} from "../onnx/index.ts";
import { freshNames, openScope, type Scope } from "../onnx/scope.ts";
import { ancestors, input, type Tensor } from "../tensor/index.ts";
import { evaluationKey, type Plan, predictionOf, type Trained } from "../training/index.ts";
import { viewFrom } from "../training/step.ts";
import { decodeValues, encodeInputs, nameClasses, numberClasses, probabilitiesOf } from "./encoder.ts";
import { type Exported, inside, metadataOf } from "./exported.ts";
import { ports } from "./ports.ts";
import { versionOf } from "./setting.ts";

const irVersion = 9;
/** The first operator set in which texts can be compared. */
const opset = 19;
/** What one ONNX file can hold. */
const mostBytes = 2 ** 31 - 1;

/**
 * A trained model as one ONNX file that takes raw data and any number of rows n.
 *
 * Inputs: for tables one a column, by its name: numbers float32 [n, 1], NaN where missing; categories string [n, 1], an
 * empty or unknown text where missing. For images `image`, float32 [n, channels, height, width], pixels from 0 to 1. For
 * texts `ids`, int32 [n, tokens], made with the tokenizer that the metadata hold, and, where texts are told apart, `mask`,
 * float32 [n, tokens], 1 for a token and 0 for padding: ONNX has no operators to tokenize with. For nodes of a graph,
 * which the file holds, `node`, int32 [n], their places in the metadata's list. For sequences one a column as for tables,
 * [n, steps], with whatever after a sequence's end, and, where they differ in length, such a `mask` [n, steps]. For pairs
 * what their things have, as `left_...`, then as `right_...`.
 * Outputs: for classification `probabilities` float32 [n, classes] and `label` string [n]; for regression `value`
 * float32 [n, outputs] in the target's own unit; for a class a pixel `probabilities` float32 [n, height, width, classes] and
 * `mask` int32 [n, height, width], the number of the most probable class; for texts that are continued `probabilities` of what comes after each
 * token, float32 [n, tokens, vocabulary]. A prime is added to an output's name that is also a column's.
 * Metadata: what `Exported` lists. Standard operators only, but for batched products with transposes (com.microsoft).
 *
 * Throws `conflict` when the preprocessing is not the model's, or when a prediction needs more than the row's inputs;
 * `cannot-write` when the weights exceed 2 GB.
 */
export function exportModel(
  trained: Pick<Trained, "plan" | "values">,
  preprocessing: Preprocessing,
  { name }: { readonly name: string },
): Uint8Array {
  const { plan } = trained;
  const { task } = plan.shape;
  if (!canExport(task))
    throw new OckhamError(
      "conflict",
      name,
      `${name} cannot be exported: it predicts nothing`,
      "train it on a target",
    );
  checkExport(plan, preprocessing, name);
  const { name: model, architecture } = plan.recipe.about.model;
  const [main] = Object.keys(plan.shape.inputs);
  const prediction = anyRows((rows) => tracePrediction(plan, rows), `data/${main}`, name);
  const graph = assembled(trained, prediction, preprocessing, name);
  const described: Exported = {
    name,
    version: versionOf(),
    task,
    model,
    methods: plan.recipe.methods.map((method) => method.name),
    preprocessing,
    ...(architecture !== undefined && { architecture }),
  };
  const own = graph.nodes.some((node) => node.domain === "com.microsoft");
  return encodeModel({
    irVersion,
    producer: "ockham",
    opsets: { "": opset, ...(own ? { "com.microsoft": 1 } : {}) },
    graph,
    metadata: metadataOf(described),
  });
}

/** The shape of the main input of one example. */
function exampleOf(preprocessing: Preprocessing): readonly number[] {
  switch (preprocessing.kind) {
    case "table":
      return [preprocessing.columns.reduce((sum, column) => sum + column.width, 0)];
    case "image":
      return preprocessing.shape;
    case "text":
      return [preprocessing.tokens];
    case "graph":
      return [];
    case "sequence":
      return [preprocessing.steps, ...exampleOf(preprocessing.of)];
    case "pair":
      return [2, ...exampleOf(preprocessing.of)];
  }
}

/** How many numbers are predicted for one example. */
function numbersOf(preprocessing: Preprocessing, task: Task): number {
  if (task === "tokens" && preprocessing.kind === "text") return preprocessing.tokens;
  return hasClasses(task) ? preprocessing.classes.length : preprocessing.targetScale.length;
}

/** Whether a model for this task can be exported. */
export const canExport = (task: Task): task is Exported["task"] => task !== "none";

/** Throws `conflict` for preprocessing that is not the model's. */
function checkExport({ shape }: Plan, preprocessing: Preprocessing, name: string): void {
  const example = exampleOf(preprocessing);
  const described = numbersOf(preprocessing, shape.task);
  const outputs = hasClasses(shape.task) ? shape.classes : shape.target.shape[0];
  const [main] = Object.values(shape.inputs);
  if (main?.shape.join() !== example.join() || outputs !== described)
    throw new OckhamError(
      "conflict",
      name,
      `${name} takes [${main?.shape}] and gives ${outputs} numbers, the preprocessing makes [${example}] and ${described}`,
      "export it with the preprocessing of the data it was trained on",
    );
}

/** The prediction in evaluation mode; its inputs are the rows `data/x` and the parts of the state it reads, by path. */
function tracePrediction(plan: Plan, rows: number): Fragment {
  const { recipe, shape, state } = plan;
  const view = viewFrom(
    {
      recipe,
      mode: "eval",
      drawn: {
        inputs: Object.fromEntries(
          Object.entries(shape.inputs).map(([name, a]) => [
            name,
            input(`data/${name}`, [rows, ...a.shape], a.dtype),
          ]),
        ),
        target: input("data/target", [rows, plan.recipe.about.model.outputs]),
        index: input("data/index", [rows], "int32"),
      },
      states: state.methods,
      anchor: state.params,
      count: state.count,
      key: { tensor: input("key", [2], "uint32") },
    },
    state.params,
  );
  const prediction = predictionOf(plan, view);
  return lowerFragment({ inputs: placeholdersOf(prediction), outputs: { prediction }, parallel: true });
}

const placeholdersOf = (output: Tensor): Record<string, Tensor> =>
  Object.fromEntries(
    ancestors([output]).flatMap((node) =>
      node.op === "input" ? [[node.attributes.name, node as Tensor]] : [],
    ),
  );

/** Preprocessing, prediction and what is made of it, as one graph. */
function assembled(
  { plan, values }: Pick<Trained, "plan" | "values">,
  prediction: Fragment,
  preprocessing: Preprocessing,
  name: string,
): GraphProto {
  const { task } = plan.shape;
  const { inputs, outputs } = ports(preprocessing, plan.shape);
  const scope = openScope(freshNames(contentTable()), true);
  const encoded = encodeInputs(
    scope.labelled("encode"),
    preprocessing,
    inputs.map((info) => info.name),
    Object.keys(plan.shape.inputs),
  );
  const fed = Object.fromEntries(Object.entries(encoded).map(([input, value]) => [`data/${input}`, value]));
  const weights = embed(scope, prediction, { ...fed, ...placed(values) }, name);
  const result = inside(prediction.outputs[0].value);
  const last = scope.labelled("decode");
  const made: Readonly<Record<string, () => string[]>> = {
    classification: () => [result, nameClasses(last, result, preprocessing.classes)],
    regression: () => [decodeValues(last, result, preprocessing.targetScale)],
    segmentation: () => [result, numberClasses(last, result)],
    tokens: () => [probabilitiesOf(last, result)],
  };
  const results = made[task]();
  results.forEach((value, i) => {
    scope.publish(value, outputs[i].name);
  });
  const { nodes, initializers } = scope.finish();
  return { name: "ockham", nodes, inputs, outputs, initializers: [...initializers, ...weights] };
}

type Source = string | NdArray;

const placed = (values: Trained["values"]): Record<string, Source> => ({ ...values, key: evaluationKey });

/** Appends a graph whose inputs are values of the scope (names) or arrays, which are returned with its literals. */
function embed(
  scope: Scope,
  { inputs, nodes, initializers }: Fragment,
  sources: Readonly<Record<string, Source>>,
  name: string,
): Initializer[] {
  const given = new Map<string, string>();
  const held = initializers.map((literal) => ({ name: inside(literal.name), value: literal.value }));
  for (const port of inputs) {
    const source = sources[port.name];
    if (source === undefined)
      throw new OckhamError(
        "conflict",
        name,
        `${name} cannot be exported: its predictions read "${port.name}", which new rows do not have`,
        "export it without the method that does this",
      );
    if (typeof source === "string") given.set(port.value, source);
    else held.push({ name: inside(port.value), value: source });
  }
  const renamed = (value: string) => (value === "" ? "" : (given.get(value) ?? inside(value)));
  for (const node of nodes) {
    const body = bodyOf(node);
    scope.append(
      renamedNode(node, renamed),
      body && (() => renamedGraph(body, (value) => scope.published(renamed(value)))),
    );
  }
  const bytes = held.reduce((sum, { value }) => sum + value.data.byteLength, 0);
  if (bytes > mostBytes)
    throw new OckhamError(
      "cannot-write",
      name,
      `${name} has ${bytes} bytes of weights, and one ONNX file holds at most ${mostBytes}`,
      "export a smaller model",
    );
  return held;
}

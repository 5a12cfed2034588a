import type * as Ort from "onnxruntime-common";
import type { DType, NdArray } from "../array/ndarray.ts";
import { OckhamError } from "../error.ts";

/** An array of texts, row by row. */
export interface Texts {
  readonly dtype: "string";
  readonly shape: readonly number[];
  readonly data: readonly string[];
}

export type ModelValue = NdArray | Texts;

/** An ONNX file opened in the calling thread, which stands still while it runs. */
export interface OpenModel {
  /** Names, in the file's order. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Throws `runtime` when ONNX Runtime fails, such as for an input that is missing or does not fit. */
  run(feeds: Readonly<Record<string, ModelValue>>): Promise<ModelRun>;
  close(): Promise<void>;
}

export interface ModelRun {
  readonly outputs: Readonly<Record<string, ModelValue>>;
  /** Time inside ONNX Runtime. */
  readonly milliseconds: number;
}

const fatalOnly = 4;

type OrtModule = Pick<typeof Ort, "InferenceSession" | "Tensor">;

export interface ModelOptions {
  /** Threads inside one operation; 1 unless told, and in a browser always. */
  readonly threads?: number;
  /** What to call it in errors; its path unless told. */
  readonly name?: string;
}

/** Opens any ONNX file. Throws `bad-file`, naming `name`, when ONNX Runtime cannot load it. */
export async function modelOver(
  ort: OrtModule,
  model: Uint8Array | string,
  { threads = 1, name = typeof model === "string" ? model : "the model" }: ModelOptions = {},
): Promise<OpenModel> {
  const session = await load(ort, model, threads).catch((cause: Error) => {
    throw new OckhamError(
      "bad-file",
      name,
      `${name} cannot be loaded: ${cause.message}`,
      "check that it is a whole ONNX file, and export it again",
      cause,
    );
  });
  return {
    inputs: session.inputNames,
    outputs: session.outputNames,
    run: async (feeds) => {
      try {
        const given = Object.fromEntries(
          Object.entries(feeds).map(([input, value]) => [input, toTensor(ort, value)]),
        );
        const start = performance.now();
        const results = await session.run(given, { logSeverityLevel: fatalOnly });
        const milliseconds = performance.now() - start;
        const outputs = Object.entries(results).map(([output, tensor]) => [output, fromTensor(tensor)]);
        return { outputs: Object.fromEntries(outputs), milliseconds };
      } catch (cause) {
        throw new OckhamError(
          "runtime",
          name,
          `${name}: ONNX Runtime says: ${(cause as Error).message}`,
          "check the inputs, or use fewer rows at once",
          cause,
        );
      }
    },
    close: () => session.release(),
  };
}

function load(ort: OrtModule, model: Uint8Array | string, threads: number): Promise<Ort.InferenceSession> {
  const options: Ort.InferenceSession.SessionOptions = {
    logSeverityLevel: fatalOnly,
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    extra: { session: { force_spinning_stop: "1" } },
  };
  return typeof model === "string"
    ? ort.InferenceSession.create(model, options)
    : ort.InferenceSession.create(model, options);
}

const toTensor = (ort: OrtModule, value: ModelValue): Ort.Tensor =>
  value.dtype === "string"
    ? new ort.Tensor("string", value.data, value.shape)
    : new ort.Tensor(value.dtype as "float32", value.data as Float32Array, value.shape);

const fromTensor = ({ type, dims, data }: Ort.Tensor): ModelValue =>
  type === "string"
    ? { dtype: "string", shape: dims, data: data as string[] }
    : { dtype: type as DType, shape: dims, data: data as Float32Array };

import type * as Ort from "onnxruntime-common";
import type { DType } from "../../array/ndarray.ts";
import { OckhamError } from "../../error.ts";
import { type Backend, commonOptions, type EngineOptions, type LoadRequest } from "../engine.ts";
import { type GpuDevice, scope } from "./web.ts";

export interface BrowserOptions extends EngineOptions {
  /** The folder of ONNX Runtime's own files, as an absolute URL. */
  readonly wasmPaths?: string;
}

/** Dtypes that WebGPU's kernels take; others stay in main memory. */
const onGpu: ReadonlySet<string> = new Set<DType>(["float32", "float16", "int32", "uint32"]);

/**
 * ONNX Runtime as WebAssembly, in this thread; its threads, if it has several, are shared by all sessions. With
 * WebGPU, tensors that are kept stay in the GPU's memory. Throws `runtime`, naming the device, where it cannot be used.
 */
export async function browserBackend(ort: typeof Ort, options: BrowserOptions): Promise<Backend> {
  const { device, threads, wasmPaths } = options;
  if (device === "cuda")
    throw unusable("cuda", "a browser does not give CUDA to a page", 'use device "webgpu" or "cpu"');
  if (device === "webgpu") await checkAdapter();
  const { wasm } = ort.env;
  wasm.numThreads = threads;
  if (wasmPaths !== undefined) wasm.wasmPaths = wasmPaths;
  const gpu = device === "webgpu";
  return {
    ort,
    sessionOptions: (program) => ({
      ...commonOptions,
      executionProviders: [gpu ? "webgpu" : "wasm"],
      extra: { session: { force_spinning_stop: "1" } },
      ...(gpu && { preferredOutputLocation: locations(program) }),
    }),
    ...(gpu && { place: (tensor) => toGpu(ort, tensor) }),
    process: () => ({ pid: 0, resident: 0 }),
  };
}

const locations = ({ outputs }: LoadRequest): Record<string, "cpu" | "gpu-buffer"> =>
  Object.fromEntries(
    Object.entries(outputs).map(([name, dtype]) => [name, onGpu.has(dtype) ? "gpu-buffer" : "cpu"]),
  );

async function checkAdapter(): Promise<void> {
  const gpu = scope.navigator?.gpu;
  if (gpu === undefined)
    throw unusable(
      "webgpu",
      "this browser, or a page without https, has no WebGPU",
      'use a newer browser, or device "cpu"',
    );
  if ((await gpu.requestAdapter()) === null)
    throw unusable(
      "webgpu",
      "the browser found no adapter",
      'switch on hardware acceleration, or use device "cpu"',
    );
}

const unusable = (device: string, why: string, hint: string): OckhamError =>
  new OckhamError("runtime", device, `device ${device} cannot be used here: ${why}`, hint);

/** STORAGE, COPY_SRC and COPY_DST of WebGPU's buffer usages. */
const usage = 0x80 | 0x04 | 0x08;

/** A copy of a tensor in the GPU's memory. */
async function toGpu(ort: typeof Ort, tensor: Ort.Tensor): Promise<Ort.Tensor> {
  if (!onGpu.has(tensor.type) || tensor.size === 0) return tensor;
  const device = (await ort.env.webgpu.device) as GpuDevice;
  const { buffer, byteOffset, byteLength } = tensor.data as Float32Array<ArrayBuffer>;
  // buffers are written, and bound to kernels, in whole words
  const bytes = new Uint8Array(Math.max(16, Math.ceil(byteLength / 4) * 4));
  bytes.set(new Uint8Array(buffer, byteOffset, byteLength));
  const made = device.createBuffer({ size: bytes.length, usage });
  device.queue.writeBuffer(made, 0, bytes);
  return ort.Tensor.fromGpuBuffer(made as never, {
    dataType: tensor.type as "float32",
    dims: tensor.dims,
    download: async () => tensor.data as never,
    dispose: () => made.destroy(),
  });
}

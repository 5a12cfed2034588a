import ort from "onnxruntime-node";
import { OckhamError } from "../../error.ts";
import { type Backend, commonOptions, type Device, type EngineOptions } from "../engine.ts";

/** For those who load it late: imported dynamically, it has its default export in one place or another, as the loader has it. */
export { ort };

/**
 * ONNX Runtime in this process. Waiting threads never spin after a run.
 *
 * On a GPU every run takes its inputs from main memory and leaves its outputs there, whatever is kept: the binding
 * for Node (1.30) leaves outputs on a device for WebGPU alone, and cannot fetch them from there. What crosses is
 * shared by the steps of a run, so runs of many steps pay little for it.
 *
 * Throws `runtime`, naming the device, where it cannot be used.
 */
export async function nodeBackend({ device, threads, alone }: EngineOptions): Promise<Backend> {
  if (device !== "cpu") await check(device);
  const spinning = alone ? { force_spinning_stop: "1" } : { intra_op: { allow_spinning: "0" } };
  return {
    ort,
    sessionOptions: () => ({
      ...commonOptions,
      executionProviders: [device],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      extra: { session: spinning },
    }),
    process: () => ({ pid: process.pid, resident: process.memoryUsage.rss() }),
  };
}

const hints: Readonly<Record<Exclude<Device, "cpu">, string>> = {
  cuda:
    "it needs Linux on x64, an NVIDIA GPU with its driver, CUDA 12 and cuDNN 9, and ONNX Runtime's CUDA libraries, which " +
    "`ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install` fetches",
  webgpu: "it needs a GPU with a driver for Vulkan, Metal or Direct3D 12",
};

/** Tries the device with the smallest of graphs: ONNX Runtime lists devices that it cannot start. */
async function check(device: Exclude<Device, "cpu">): Promise<void> {
  const [{ lower }, { input, neg }] = await Promise.all([
    import("../../onnx/index.ts"),
    import("../../tensor/index.ts"),
  ]);
  const x = input("x", [1]);
  const { bytes } = lower({ inputs: { x }, outputs: { y: neg(x) } });
  try {
    const options = { ...commonOptions, executionProviders: [device] };
    const session = await ort.InferenceSession.create(bytes, options);
    await session.release();
  } catch (cause) {
    throw unusable(device, (cause as Error).message, cause);
  }
}

const unusable = (device: Exclude<Device, "cpu">, says: string, cause: unknown): OckhamError =>
  new OckhamError(
    "runtime",
    device,
    `device ${device} cannot be used here; ONNX Runtime says: ${says.trim()}`,
    hints[device],
    cause,
  );

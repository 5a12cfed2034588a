import { OckhamError } from "../error.ts";
import type { Device } from "../runtime/index.ts";

/** The devices there are on Node. */
const devices: readonly Device[] = ["cpu", "cuda", "webgpu"];

/** The flag's help, wherever it is taken. */
export const deviceHelp = "cpu, cuda or webgpu (default: cpu)";

/** The device a text stands for; the processor unless told. Throws `bad-option`. */
export function deviceOf(text: string | undefined): Device {
  const device = text === undefined ? "cpu" : devices.find((one) => one === text);
  if (device !== undefined) return device;
  throw new OckhamError(
    "bad-option",
    "--device",
    `--device is "${text}", but must be ${devices.join(", ")}`,
    "leave it out to compute with the processor",
  );
}

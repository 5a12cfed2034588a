/** The few things of a browser that the runtime needs, typed here so that the rest of Ockham is checked without a browser's types. */
export interface Port {
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
}

export interface WebWorker extends Port {
  onerror:
    | ((event: {
        readonly message?: string;
        readonly filename?: string;
        readonly lineno?: number;
        preventDefault(): void;
      }) => void)
    | null;
  terminate(): void;
}

/** A GPU as WebGPU shows it. */
export interface GpuDevice {
  createBuffer(options: { size: number; usage: number }): GpuBuffer;
  readonly queue: {
    writeBuffer(to: GpuBuffer, at: number, data: ArrayBufferView<ArrayBuffer>): void;
  };
}
export interface GpuBuffer {
  destroy(): void;
}

interface Scope {
  readonly crossOriginIsolated?: boolean;
  readonly location?: { readonly href: string };
  readonly name?: string;
  readonly navigator?: { readonly gpu?: { requestAdapter(): Promise<object | null> } };
}

/** The page's or the worker's global object. */
export const scope = globalThis as unknown as Scope;

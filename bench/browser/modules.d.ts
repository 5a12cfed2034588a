/** What the bench uses of its peers, which are no dependencies: they are installed for it alone (peers.ts). */
declare module "@tensorflow/tfjs" {
  export interface Tensor {
    dispose(): void;
    data(): Promise<Float32Array>;
    dataSync(): Float32Array;
    reshape(shape: readonly number[]): Tensor;
    transpose(order?: readonly number[]): Tensor;
    add(other: Tensor): Tensor;
    matMul(other: Tensor): Tensor;
    relu(): Tensor;
    assign(value: Tensor): void;
  }
  export interface Optimizer {
    minimize(loss: () => Tensor, returnCost: boolean, variables?: readonly Tensor[]): Tensor | null;
    dispose(): void;
  }
  export const version_core: string;
  export function setBackend(name: string): Promise<boolean>;
  export function getBackend(): string;
  export function ready(): Promise<void>;
  export function tensor(
    data: Float32Array | Int32Array,
    shape: readonly number[],
    dtype?: "float32" | "int32",
  ): Tensor;
  export function variable(value: Tensor): Tensor;
  export function oneHot(labels: Tensor, classes: number): Tensor;
  export function tidy<T>(job: () => T): T;
  export function customGrad(
    f: (
      a: Tensor,
      b: Tensor,
      save: (kept: Tensor[]) => void,
    ) => { value: Tensor; gradFunc: (gradient: Tensor, saved: Tensor[]) => Tensor[] },
  ): (a: Tensor, b: Tensor) => Tensor;
  export function conv2d(x: Tensor, kernel: Tensor, stride: number, padding: "same" | "valid"): Tensor;
  export function maxPool(x: Tensor, size: number, stride: number, padding: "same" | "valid"): Tensor;
  export const losses: { softmaxCrossEntropy(labels: Tensor, logits: Tensor): Tensor };
  export const train: { adam(rate: number, beta1: number, beta2: number, epsilon: number): Optimizer };
}

declare module "@tensorflow/tfjs-backend-wasm" {
  export function setWasmPaths(folder: string): void;
  export function setThreadsCount(threads: number): void;
}

declare module "@jax-js/jax" {
  export interface Array {
    readonly ref: Array;
    readonly shape: number[];
    dispose(): void;
    data(): Promise<Float32Array>;
    blockUntilReady(): Promise<Array>;
    reshape(shape: readonly number[]): Array;
    transpose(order?: readonly number[]): Array;
    add(other: Array | number): Array;
    sub(other: Array | number): Array;
    mul(other: Array | number): Array;
    div(other: Array | number): Array;
    sum(axis?: number | null): Array;
    neg(): Array;
  }
  export const numpy: {
    array(data: Float32Array | Int32Array | number): Array;
    zerosLike(x: Array): Array;
    matmul(a: Array, b: Array): Array;
    sqrt(x: Array): Array;
    square(x: Array): Array;
    power(x: Array | number, y: Array): Array;
    max(x: Array, axis?: number | readonly number[]): Array;
  };
  export const nn: {
    relu(x: Array): Array;
    logSoftmax(x: Array, axis?: number): Array;
  };
  export const lax: {
    conv(x: Array, kernel: Array, strides: readonly number[], padding: "SAME" | "VALID"): Array;
  };
  export function init(...devices: string[]): Promise<string[]>;
  export function defaultDevice(device: string): string;
  export function jit<F>(job: F): F & { dispose(): void };
  export function valueAndGrad(
    loss: (params: Array[], x: Array, y: Array) => Array,
  ): (params: Array[], x: Array, y: Array) => [Array, Array[]];
}

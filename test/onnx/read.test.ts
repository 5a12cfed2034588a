import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OckhamError } from "../../src/error.ts";
import {
  encodeModel,
  type Initializer,
  type ModelProto,
  readHead,
  readInitializers,
} from "../../src/onnx/index.ts";

const model: ModelProto = {
  irVersion: 9,
  producer: "ockham",
  opsets: { "": 19, "com.microsoft": 1 },
  metadata: { name: "größte", empty: "", long: "x".repeat(300) },
  graph: {
    name: "g",
    nodes: [{ op: "Relu", name: "r", inputs: ["a b"], outputs: ["y"] }],
    initializers: [
      { name: "w", value: { dtype: "float32", shape: [50], data: new Float32Array(50).fill(3) } },
    ],
    inputs: [
      { name: "a b", dtype: "float32", shape: ["n", 3] },
      { name: "sex", dtype: "string", shape: ["n", 1] },
    ],
    outputs: [{ name: "y", dtype: "int64", shape: [] }],
  },
};
const bytes = encodeModel(model);

const failure = (content: Uint8Array): OckhamError | undefined => {
  try {
    readHead(content, "m.onnx");
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(OckhamError);
    return error as OckhamError;
  }
};

describe("the head of an ONNX file", () => {
  test("is what was written", () => {
    expect(readHead(bytes, "m.onnx")).toEqual({
      irVersion: 9,
      producer: "ockham",
      opsets: { "": 19, "com.microsoft": 1 },
      metadata: model.metadata,
      inputs: model.graph.inputs,
      outputs: model.graph.outputs,
    });
  });

  test("is refused where the file ends before its graph and operator sets are whole", () => {
    const graph = encodeModel({ ...model, opsets: {}, metadata: {} }).length;
    for (let length = 0; length <= graph; length++) {
      const error = failure(bytes.subarray(0, length));
      expect(error?.code).toBe("bad-file");
      expect(error?.culprit).toBe("m.onnx");
    }
  });

  test("is never half read: a shorter file is refused or lacks metadata", () => {
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), (length) => {
        const part = bytes.subarray(0, length);
        if (failure(part) !== undefined) return;
        const { metadata } = readHead(part, "m.onnx");
        expect(Object.keys(metadata).length).toBeLessThan(3);
      }),
    );
  });

  test("is refused for files of other kinds", () => {
    const text = new TextEncoder();
    const others = [
      text.encode("species,island\nAdelie,Dream\n"),
      Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
      text.encode('{"model": 1}'),
      new Uint8Array(64),
      Uint8Array.of(8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
    ];
    for (const other of others) expect(failure(other)?.message).toMatch(/m\.onnx is not a whole ONNX model/);
  });

  test("is read or refused, and nothing else, for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (content) => {
        const error = failure(content);
        if (error !== undefined) expect(error.code).toBe("bad-file");
      }),
      { numRuns: 300 },
    );
  });
});

describe("the arrays of an ONNX file", () => {
  /** A field of bytes in a protocol buffer; all lengths here are below 128. */
  const field = (number: number, content: readonly number[]) => [8 * number + 2, content.length, ...content];
  const named = (name: string) => field(8, [...new TextEncoder().encode(name)]);
  const floats = (values: readonly number[]) => [...new Uint8Array(Float32Array.from(values).buffer)];
  const file = (...tensors: readonly number[][]) => {
    const graph = tensors.flatMap((tensor) => field(5, tensor));
    return Uint8Array.from([8, 9, ...field(7, graph), ...field(8, [16, 19])]);
  };

  test("are what was written, of every type", () => {
    const arrays: Initializer[] = [
      { name: "f", value: { dtype: "float32", shape: [2, 1], data: Float32Array.of(1.5, -0) } },
      { name: "d", value: { dtype: "float64", shape: [], data: Float64Array.of(0.1) } },
      { name: "l", value: { dtype: "int64", shape: [2], data: BigInt64Array.of(-1n, 2n ** 40n) } },
      { name: "b", value: { dtype: "bool", shape: [0, 3], data: new Uint8Array() } },
    ];
    const written = encodeModel({ ...model, graph: { ...model.graph, initializers: arrays } });
    const read = readInitializers(written, "m.onnx");
    expect(Object.entries(read)).toEqual(arrays.map(({ name, value }) => [name, value]));
  });

  test("are read as others write them: numbers in fields of their own, packed or one by one", () => {
    // TensorProto of onnx.proto: dims 1, data_type 2, float_data 4, int64_data 7, name 8, double_data 10
    const packed = [8, 2, 16, 1, ...field(4, floats([0.5, -2])), ...named("packed")];
    const single = [8, 2, 16, 1, 37, ...floats([0.5]), 37, ...floats([-2]), ...named("single")];
    const minusOne = [255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
    const whole = [...field(1, [2]), 16, 7, ...field(7, [...minusOne, 172, 2]), ...named("whole")];
    const texts = [8, 1, 16, 8, ...field(6, [65]), ...named("texts")];
    const two = { dtype: "float32", shape: [2], data: Float32Array.of(0.5, -2) };
    expect(readInitializers(file(packed, single, whole, texts), "m.onnx")).toEqual({
      packed: two,
      single: two,
      whole: { dtype: "int64", shape: [2], data: BigInt64Array.of(-1n, 300n) },
    });
  });

  test("are refused where they do not fill their shape or lie in another file", () => {
    const refused = (tensor: readonly number[]) => {
      const read = () => readInitializers(file([...tensor]), "m.onnx");
      expect(read).toThrow(expect.objectContaining({ code: "bad-file", culprit: "m.onnx" }));
      return read;
    };
    const short = [8, 3, 16, 1, ...named("w"), ...field(9, floats([1, 2]))];
    expect(refused(short)).toThrow(/w has 2 numbers, and its shape \[3\] wants 3/);
    const huge = [8, 255, 255, 255, 255, 15, 16, 1, ...named("w"), ...field(9, [])];
    expect(refused(huge)).toThrow(/wants 4294967295/);
    expect(refused([8, 3, 16, 1, ...named("w"), ...field(13, [])])).toThrow(/another file/);
  });
});

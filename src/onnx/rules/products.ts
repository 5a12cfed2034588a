import { type Emitter, type LowerRule, product } from "./rule.ts";

/** A product of two matrices, times alpha, plus a bias that broadcasts to it, under relu if told. */
export const gemmWith = (
  to: Emitter,
  inputs: readonly string[],
  { transposeA, transposeB }: { readonly transposeA: boolean; readonly transposeB: boolean },
  { alpha = 1, relu = false }: { readonly alpha?: number; readonly relu?: boolean } = {},
): string =>
  to.node(relu ? "com.microsoft:FusedGemm" : "Gemm", inputs, {
    transA: { int: transposeA ? 1 : 0 },
    transB: { int: transposeB ? 1 : 0 },
    alpha: { float: alpha },
    ...(relu ? { activation: { string: "Relu" } } : {}),
  });

export const matmul: LowerRule<"matmul"> = (node, inputs, to) => {
  const { transposeA, transposeB } = node.attributes;
  if (node.inputs.every((i) => i.shape.length === 2)) return gemmWith(to, inputs, node.attributes);
  return product(to, inputs[0], inputs[1], { transA: transposeA, transB: transposeB });
};

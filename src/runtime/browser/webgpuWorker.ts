/** The worker that computes with WebGPU: ONNX Runtime's larger build. */
import * as ort from "onnxruntime-web/webgpu";
import { serve } from "./serve.ts";

serve(ort);

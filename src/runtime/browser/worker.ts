/** The worker that computes with WebAssembly. A bundler's entry point where it does not find workers by itself. */
import * as ort from "onnxruntime-web/wasm";
import { serve } from "./serve.ts";

serve(ort);

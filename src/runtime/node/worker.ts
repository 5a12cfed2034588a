import { answering, type Message } from "../calls.ts";
import { createEngine, type EngineOptions } from "../engine.ts";
import { nodeBackend } from "./backend.ts";

const options = JSON.parse(process.argv[2]) as EngineOptions;

// Ctrl-C reaches the whole process group; it is the parent's to handle
process.on("SIGINT", () => undefined);
process.on("disconnect", () => process.exit());

const answer = answering(
  createEngine(() => nodeBackend(options)),
  (reply) => process.send?.(reply),
);
process.on("message", (message: Message) => answer(message));

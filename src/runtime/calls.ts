import { OckhamError } from "../error.ts";
import type { Engine, Request } from "./engine.ts";

/** A way to an engine. */
export interface Caller {
  /** Rejects with ONNX Runtime's error, or with an OckhamError when the engine is gone. */
  call(request: Request): Promise<unknown>;
  /** Stops the engine at once; what is under way is rejected. */
  close(): Promise<void>;
}

/** What is sent to a worker, and what comes back. */
export interface Message {
  readonly id: number;
  readonly request: Request;
}
export interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: Failure;
}

/** An error on its way between two workers. */
interface Failure {
  readonly message: string;
  /** Where it is one of Ockham's own. */
  readonly own?: Pick<OckhamError, "code" | "culprit" | "hint">;
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof OckhamError))
    return { message: error instanceof Error ? error.message : String(error) };
  const { message, code, culprit, hint } = error;
  return { message, own: { code, culprit, hint } };
}

const errorOf = ({ message, own }: Failure): Error =>
  own === undefined ? new Error(message) : new OckhamError(own.code, own.culprit, message, own.hint);

export const closed = () =>
  new OckhamError("interrupted", "worker", "the worker was closed", "open another one to go on");

export const died = (how: string, cause?: unknown): OckhamError =>
  new OckhamError(
    "runtime",
    "worker",
    `a worker ended by itself (${how})`,
    "if it ran out of memory, use smaller batches or fewer workers at once",
    cause,
  );

/** The worker's side: answers messages one after another. */
export function answering(engine: Engine, send: (reply: Reply) => void): (message: Message) => void {
  let last: Promise<unknown> = Promise.resolve();
  return ({ id, request }) => {
    last = last.then(async () => {
      let reply: Reply;
      try {
        reply = { id, value: await engine(request) };
      } catch (error) {
        reply = { id, error: failureOf(error) };
      }
      send(reply);
    });
  };
}

/** The caller's side: the calls that wait for their replies. */
export interface Calls {
  /** Rejects at once when the worker has ended; `send` may fail by calling `fail`. */
  call(request: Request, send: (message: Message, fail: (error: Error) => void) => void): Promise<unknown>;
  settle(reply: Reply): void;
  /** Rejects everything that waits or will come. The first reason holds. */
  end(error: OckhamError): void;
}

/** `waiting` is told whenever the first call begins to wait, and when none is left. */
export function openCalls(waiting: (some: boolean) => void = () => undefined): Calls {
  const pending = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let ended: OckhamError | undefined;
  let count = 0;
  const take = (id: number) => {
    const call = pending.get(id);
    pending.delete(id);
    // an answer that nobody waits for any more must not let the process end while the worker is being closed
    if (call !== undefined && pending.size === 0) waiting(false);
    return call;
  };
  return {
    call: (request, send) =>
      new Promise((resolve, reject) => {
        if (ended !== undefined) return reject(ended);
        const id = count++;
        pending.set(id, { resolve, reject });
        if (pending.size === 1) waiting(true);
        send({ id, request }, (error) => take(id)?.reject(ended ?? error));
      }),
    settle: ({ id, value, error }) => {
      const call = take(id);
      if (error === undefined) call?.resolve(value);
      else call?.reject(errorOf(error));
    },
    end: (error) => {
      ended ??= error;
      for (const { reject } of pending.values()) reject(ended);
      pending.clear();
    },
  };
}

/** An engine in the calling thread, which stands still while it runs. Arrays are copied, as they are on the way to a worker. */
export function inlineCaller(engine: Engine): Caller {
  let open = true;
  let last: Promise<unknown> = Promise.resolve();
  return {
    call: (request) => {
      const answer = last.then(() => {
        if (!open) throw closed();
        return engine(request.do === "put" ? structuredClone(request) : request);
      });
      last = answer.catch(() => undefined);
      return request.do === "get" ? answer.then((value) => structuredClone(value)) : answer;
    },
    close: async () => {
      open = false;
    },
  };
}

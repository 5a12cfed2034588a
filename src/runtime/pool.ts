import { OckhamError } from "../error.ts";
import type { Host, HostOptions } from "./host.ts";

/** Hosts that work side by side, each in a worker of its own. */
export interface Pool {
  readonly size: number;
  /** Gives the job a host that nobody else uses meanwhile; waits for one if need be. A host that died is replaced. */
  use<T>(job: (host: Host) => Promise<T>): Promise<T>;
  /** Closes all hosts at once; jobs under way and waiting are rejected. */
  close(): Promise<void>;
}

/** A pool of `size` hosts, each opened when it is first needed. */
export function poolOver(
  openHost: (options: HostOptions) => Host,
  size: number,
  options: HostOptions = {},
): Pool {
  const settings: HostOptions = { alone: size === 1, ...options };
  const free: (Host | undefined)[] = Array.from({ length: size });
  const busy = new Set<Host>();
  const queue: { take(host: Host): void; refuse(error: Error): void }[] = [];
  let open = true;

  const take = async (): Promise<Host> => {
    if (!open) throw closed();
    if (free.length === 0) return new Promise((resolve, refuse) => queue.push({ take: resolve, refuse }));
    const host = free.pop();
    return host !== undefined && (await isAlive(host)) ? host : openHost(settings);
  };
  const give = (host: Host): void => {
    const next = queue.shift();
    if (next === undefined) free.push(host);
    else isAlive(host).then((alive) => next.take(alive ? host : openHost(settings)));
  };

  return {
    size,
    use: async (job) => {
      const host = await take();
      busy.add(host);
      try {
        return await job(host);
      } finally {
        busy.delete(host);
        if (open) give(host);
      }
    },
    close: async () => {
      open = false;
      for (const { refuse } of queue.splice(0)) refuse(closed());
      const hosts = [...busy, ...free.splice(0)].filter((host) => host !== undefined);
      await Promise.all(hosts.map((host) => host.close()));
    },
  };
}

const isAlive = (host: Host): Promise<boolean> =>
  host.memory().then(
    () => true,
    () => false,
  );

const closed = () => new OckhamError("interrupted", "workers", "the workers were closed", "open them again");

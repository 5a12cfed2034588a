import type { Listener, Phase, Setting } from "../../compare/index.ts";

/** A trial under way. */
export interface Running {
  readonly candidate: string;
  readonly seed: number;
  /** The lowest number that no other running trial has: its line. */
  readonly slot: number;
  readonly begun: number;
  /** Epochs done, of how many, and the last validation score. */
  epoch: number;
  of: number;
  score?: number;
}

/** What is known of a comparison while it runs. Times in seconds of one clock. */
export interface Progress {
  phase: Phase;
  detail: string;
  total: number;
  /** Trials done, and those of them that were there already. */
  done: number;
  before: number;
  readonly begun: number;
  readonly running: Map<string, Running>;
  /** Validation scores of the trials that ended here, by candidate. */
  readonly scores: Map<string, number[]>;
  /** Seconds of the trials that ended here, by candidate. */
  readonly spent: Map<string, number[]>;
}

export const newProgress = (now: number): Progress => ({
  phase: "preparing",
  detail: "",
  total: 0,
  done: 0,
  before: 0,
  begun: now,
  running: new Map(),
  spent: new Map(),
  scores: new Map(),
});

const addTo = (lists: Map<string, number[]>, name: string, value: number): void => {
  lists.set(name, [...(lists.get(name) ?? []), value]);
};

/** Keeps `progress` up to date; `score` is the metric whose validation values are kept. */
export function follow(progress: Progress, score: string, clock: () => number): Required<Listener> {
  const id = (candidate: string, seed: number) => `${candidate}\n${seed}`;
  return {
    phase(phase, detail = "") {
      progress.phase = phase;
      progress.detail = detail;
    },
    planned(total, done) {
      Object.assign(progress, { total, done, before: done });
    },
    started(candidate, seed) {
      const taken = new Set([...progress.running.values()].map(({ slot }) => slot));
      let slot = 0;
      while (taken.has(slot)) slot++;
      progress.running.set(id(candidate, seed), { candidate, seed, slot, begun: clock(), epoch: 0, of: 0 });
    },
    epoch(candidate, seed, { epoch, validationScore }, of) {
      const running = progress.running.get(id(candidate, seed));
      if (running !== undefined) Object.assign(running, { epoch, of, score: validationScore });
    },
    finished(trial, done) {
      const key = id(trial.candidate, trial.seed);
      const running = progress.running.get(key);
      progress.running.delete(key);
      progress.done = done;
      if (running !== undefined) addTo(progress.spent, trial.candidate, clock() - running.begun);
      if (trial.status === "done") addTo(progress.scores, trial.candidate, trial.validation[score]);
    },
  };
}

const median = (values: readonly number[]): number | undefined =>
  values.toSorted((a, b) => a - b)[values.length >> 1];

/**
 * Seconds left, or undefined while too little is known. A candidate's trials are taken to last as long as the median of
 * those that ended; before one has, as long as its first epochs promise, or else as the median of all others.
 */
export function secondsLeft(
  progress: Progress,
  { candidates, seeds, tune }: Pick<Setting, "candidates" | "seeds" | "tune">,
  workers: number,
  now: number,
): number | undefined {
  const running = [...progress.running.values()];
  const expected = new Map<string, number>();
  for (const { candidate, begun, epoch, of } of running)
    if (epoch > 0 && tune < 2) expected.set(candidate, ((now - begun) * of) / epoch);
  for (const [candidate, times] of progress.spent) expected.set(candidate, median(times) as number);
  const usual = median([...expected.values()]);
  if (usual === undefined) return undefined;
  const whole = (candidate: string) => expected.get(candidate) ?? usual;
  const underWay = running.map(({ candidate, begun }) => Math.max(0, whole(candidate) - (now - begun)));
  // trials are done seed by seed, so those from before are spread evenly over the candidates
  const early = progress.before / Math.max(1, candidates.length);
  const waiting = candidates.reduce((sum, { name }) => {
    const begun = running.filter(({ candidate }) => candidate === name).length;
    const ended = progress.spent.get(name)?.length ?? 0;
    return sum + Math.max(0, seeds.length - early - begun - ended) * whole(name);
  }, 0);
  const work = waiting + underWay.reduce((a, b) => a + b, 0);
  // a worker may have several trials under way side by side
  const atOnce = Math.min(Math.max(workers, running.length), progress.total - progress.done);
  return Math.max(work / Math.max(1, atOnce), ...underWay);
}

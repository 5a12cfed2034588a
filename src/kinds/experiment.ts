/** "holds": the claim was seen; "partly": some of it; "fails": it was not seen; "cannot tell": the noise is larger than the effect. */
export interface Verdict {
  readonly says: "holds" | "partly" | "fails" | "cannot tell";
  readonly numbers: Readonly<Record<string, number>>;
  readonly why: string;
}

/** One measured setting of an experiment: plain numbers and words, kept as JSON. */
export type Report = Readonly<Record<string, number | string | readonly number[]>>;

/** smoke: at most a second, checks that it runs; quick: at most a minute; full: what the claim asks for. */
export type Scale = "smoke" | "quick" | "full";

/** What a run that was stopped has measured already. */
export interface Journal {
  /** The number of the study, from 0, in the order in which an experiment begins them. */
  study(): number;
  get(key: string): Report | undefined;
  /** Keeps a report before it comes back. */
  add(key: string, report: Report): Promise<void>;
}

export interface ExperimentTools {
  readonly signal: AbortSignal;
  /** Where it is there, reports are looked up before they are measured, and kept as soon as they are. */
  readonly journal?: Journal;
  /** What trains; the processor unless told. */
  readonly device?: "cpu" | "cuda" | "webgpu";
  progress(done: number, of: number, what?: string): void;
}

/** A paper's claim, how it is tried here, and how the numbers decide. */
export interface Experiment {
  readonly id: string;
  /** The catalogue's id of the paper, where there is one. */
  readonly paper?: string;
  readonly claim: string;
  /** Data, models, arms, seeds and what must hold, in a few sentences. */
  readonly setting: string;
  run(scale: Scale, tools: ExperimentTools): Promise<readonly Report[]>;
  judge(reports: readonly Report[]): Verdict;
}

export const experiment = (definition: Experiment): Experiment => definition;

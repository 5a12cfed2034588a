import { type Axis, extent, inUnit, inWords, linearAxis, logAxis, type Metric, metricTitle } from "./axis.ts";
import { BAND_WORDS, type Band, type Curve, countShortened, crop, meanCurve, type Point } from "./curves.ts";
import { type ChartOptions, chartWidth, type LegendItem, noData, panelWidth, writeFigure } from "./figure.ts";
import { meanMarks } from "./lines.ts";
import { drawPanel, type Mark, type Panel } from "./panel.ts";
import { type Paint, paints } from "./theme.ts";

/** A metric along training: each curve a candidate on one split, a row of values a seed. */
export interface LearningCurves {
  readonly metric: Metric;
  readonly curves: readonly Curve[];
  /** What x counts; `epoch` by default. */
  readonly xLabel?: string;
  /** What the solid curves were measured on; `validation` by default. */
  readonly on?: string;
  /** `standard-error` by default. */
  readonly band?: Band;
  /** `linear` by default; a logarithmic scale leaves out what is not positive. */
  readonly scale?: "linear" | "log";
  /** Leaves a steep first quarter outside a linear y axis, so that the rest can be told apart; true by default. */
  readonly zoom?: boolean;
}

interface Drawn {
  readonly curve: Curve;
  readonly points: readonly Point[];
  readonly paint: Paint;
  readonly train: boolean;
}

/** Up to this many candidates share one panel; more get a panel each, with the baseline behind. */
const TOGETHER = 5;

/**
 * Mean over seeds of a metric by epoch, with a band: validation solid, training dashed. More than five candidates
 * become small multiples on shared scales, each with the baseline's validation curve in grey behind it.
 *
 * Throws `bad-data` for a seed longer than its x.
 */
export function learningCurves(data: LearningCurves, options: ChartOptions = {}): string {
  const title = options.title ?? `Learning curves: ${data.metric.label}`;
  const band = data.band ?? "standard-error";
  const colours = paints(
    data.curves.map((curve) => curve.name),
    options.roster,
  );
  const drawn = data.curves.map((curve) => ({
    curve,
    points: meanCurve(curve, band, (v) => visible(data, inUnit(data.metric, v))),
    paint: colours.get(curve.name) as Paint,
    train: curve.split === "train",
  }));
  if (!drawn.some(({ points }) => points.some((p) => p.count > 0))) return noData(title, options);
  const order = [...colours.keys()].filter((name) => data.curves.some((curve) => curve.name === name));
  const together = order.length <= TOGETHER;
  const width = chartWidth(options);
  const shared = axes(data, drawn, !together);
  return writeFigure({
    title,
    subtitle: options.subtitle,
    summary: summary(data, drawn),
    width,
    legend: legend(data, drawn, order, together, options),
    columns: together ? 1 : columnsFor(order.length, width),
    panels: together
      ? [onePanel(data, drawn, shared, width)]
      : multiples(data, drawn, order, shared, width, options),
    notes: notes(data, band, shared.zoomed),
  });
}

function visible(data: LearningCurves, value: number): number {
  return Number.isFinite(value) && !(data.scale === "log" && value <= 0) ? value : Number.NaN;
}

interface Axes {
  readonly x: Axis;
  readonly y: Axis;
  /** Whether points lie outside y. */
  readonly zoomed: boolean;
}

function axes(data: LearningCurves, drawn: readonly Drawn[], small: boolean): Axes {
  const points = drawn.flatMap((each) => each.points);
  const ticks = small ? 3 : 5;
  const xs = points.map((p) => p.x);
  const whole = xs.every(Number.isInteger);
  const x = linearAxis(xs, { ticks: small ? 3 : 8, nice: false, whole });
  const ends = (some: readonly Point[]): number[] => some.flatMap((p) => [p.low, p.high]);
  if (data.scale === "log") return { x, y: logAxis(ends(points), { ticks }), zoomed: false };
  const core = data.zoom === false ? points : settled(points);
  const zoomed = core.length < points.length;
  return { x, y: linearAxis(ends(core), { ticks }), zoomed };
}

/** The points after the first quarter of x where those span less than 0.6 of all, and there are 8 places on x; else all. */
function settled(points: readonly Point[]): readonly Point[] {
  const [first, last] = extent(points.map((p) => p.x));
  const late = points.filter((p) => p.x >= first + (last - first) / 4);
  const span = (some: readonly Point[]): number => {
    const [low, high] = extent(some.flatMap((p) => [p.low, p.high]));
    return high - low;
  };
  const part = span(late) / span(points);
  return new Set(points.map((p) => p.x)).size >= 8 && part > 0 && part < 0.6 ? late : points;
}

/** Curves cut to a linear y axis. */
function within(drawn: readonly Drawn[], { y, zoomed }: Axes): Drawn[] {
  if (!zoomed) return [...drawn];
  return drawn.map((each) => ({ ...each, points: crop(each.points, y.domain[0], y.domain[1]) }));
}

function marksOf(drawn: readonly Drawn[], { on = "validation" }: LearningCurves): Mark[] {
  const train = drawn.filter((each) => each.train);
  const rest = drawn.filter((each) => !each.train);
  return [...train, ...rest].flatMap(({ points, paint, train: dashed }) =>
    meanMarks(points, paint, {
      dashed,
      band: dashed ? 0.09 : 0.16,
      hover: `${paint.name} (${dashed ? "training" : on})`,
    }),
  );
}

function onePanel(data: LearningCurves, drawn: readonly Drawn[], shared: Axes, width: number): Panel {
  return drawPanel({
    ...shared,
    width: panelWidth(width, 1),
    height: 320,
    marks: marksOf(within(drawn, shared), data),
    xLabel: data.xLabel ?? "epoch",
    yLabel: metricTitle(data.metric),
  });
}

function columnsFor(count: number, width: number): number {
  const most = Math.max(1, Math.floor(width / 170));
  const rows = Math.ceil(count / most);
  return Math.ceil(count / rows);
}

function multiples(
  data: LearningCurves,
  drawn: readonly Drawn[],
  order: readonly string[],
  shared: Axes,
  width: number,
  options: ChartOptions,
): Panel[] {
  const columns = columnsFor(order.length, width);
  const cut = within(drawn, shared);
  const behind = cut.filter(({ paint, train }) => paint.name === options.roster?.baseline && !train);
  return order.map((name, i) => {
    const own = cut.filter(({ paint }) => paint.name === name);
    const grey = behind.filter((each) => !own.includes(each));
    const last = i + columns >= order.length;
    return drawPanel({
      ...shared,
      width: panelWidth(width, columns),
      height: (i < columns ? 18 : 0) + 128 + (last ? 18 : 0),
      title: name,
      paint: own[0].paint,
      marks: [
        ...grey.flatMap((each) => meanMarks(each.points, each.paint, { behind: true })),
        ...marksOf(own, data),
      ],
      yLabelRoom: width - 8,
      yLabel: i === 0 ? metricTitle(data.metric) : i < columns ? "" : undefined,
      xLabel: last ? (data.xLabel ?? "epoch") : undefined,
    });
  });
}

function legend(
  { on = "validation" }: LearningCurves,
  drawn: readonly Drawn[],
  order: readonly string[],
  together: boolean,
  options: ChartOptions,
): LegendItem[] {
  const items: LegendItem[] = [];
  if (together) {
    for (const name of order) {
      const colour = (drawn.find(({ paint }) => paint.name === name) as Drawn).paint.colour;
      items.push({ label: name, colour, mark: "line" });
    }
  } else {
    const grey = drawn.find(({ paint }) => paint.name === options.roster?.baseline);
    if (grey) items.push({ label: `${grey.paint.name}, ${on}`, colour: grey.paint.colour, mark: "line" });
  }
  if (drawn.some(({ train }) => train)) {
    items.push({ label: on, colour: "currentColor", mark: "line" });
    items.push({ label: "training", colour: "currentColor", mark: "dashed" });
  }
  return items;
}

function notes(data: LearningCurves, band: Band, zoomed: boolean): string[] {
  const seeds = Math.max(0, ...data.curves.map((curve) => curve.seeds.length));
  const result: string[] = [];
  if (seeds > 1) {
    const words = BAND_WORDS[band];
    result.push(`Lines: mean over ${seeds} seeds.${words === "" ? "" : ` Bands: ${words}.`}`);
  } else result.push("One seed: no band.");
  if (zoomed) result.push("The steep beginning of the curves lies outside the y axis.");
  const short = countShortened(data.curves);
  if (short > 0) {
    const which = short === 1 ? "1 curve has" : `${short} curves have`;
    result.push(`${which} missing values (ended early or diverged): drawn from the seeds left.`);
  }
  return result;
}

function summary(data: LearningCurves, drawn: readonly Drawn[]): string {
  const unit = data.metric.percent ? 0.01 : 1;
  const ends = drawn
    .filter(({ train }) => !train)
    .map(({ paint, points }) => {
      const last = points.findLast((p) => p.count > 0);
      return last === undefined
        ? `${paint.name} no data`
        : `${paint.name} ${inWords(data.metric, last.mean * unit)}`;
    });
  if (ends.length === 0) return `${metricTitle(data.metric)} by ${data.xLabel ?? "epoch"} on training data`;
  return `${metricTitle(data.metric)} on ${data.on ?? "validation"} data at the last ${data.xLabel ?? "epoch"}: ${ends.join(", ")}`;
}

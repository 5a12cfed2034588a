import type { NdArray } from "./ndarray.ts";
import type { Stream } from "./random.ts";

export interface Clusters {
  /** The cluster of each row, from 0. */
  readonly labels: Int32Array;
  /** Sum of the squared distances of the rows to the means of their clusters. */
  readonly inertia: number;
}

export interface KMeansOptions {
  /** Starts from other centres, of which the one with the least inertia is kept; default 10. */
  readonly starts?: number;
  /** Most moves of the centres from one start; default 100. */
  readonly moves?: number;
}

type Rows = readonly Float64Array[];

const squaredDistance = (a: Float64Array, b: Float64Array): number => {
  let total = 0;
  for (let j = 0; j < a.length; j++) total += (a[j] - b[j]) ** 2;
  return total;
};

/**
 * k-means of the rows of x [n, d]: Lloyd's iterations until no row changes its cluster, from centres drawn by k-means++
 * (Arthur and Vassilvitskii 2007). A cluster that loses its last row keeps its centre; with fewer different rows than
 * clusters some clusters are empty.
 */
export function kMeans(
  { shape: [n, d], data }: NdArray,
  clusters: number,
  random: Stream,
  { starts = 10, moves = 100 }: KMeansOptions = {},
): Clusters {
  const values = Float64Array.from(data as Float32Array);
  const rows = Array.from({ length: n }, (_, i) => values.subarray(i * d, (i + 1) * d));
  let best: Clusters = { labels: new Int32Array(n), inertia: Number.POSITIVE_INFINITY };
  for (let start = 0; start < starts; start++) {
    const found = settled(rows, firstCentres(rows, clusters, random), moves);
    if (found.inertia < best.inertia) best = found;
  }
  return best;
}

/** Rows as centres, each drawn with a chance proportional to its squared distance to the centres before it. */
function firstCentres(rows: Rows, clusters: number, random: Stream): Float64Array[] {
  const centres = [Float64Array.from(rows[random.integers(rows.length)])];
  const nearest = rows.map((row) => squaredDistance(row, centres[0]));
  while (centres.length < clusters) {
    let left = random.uniform() * nearest.reduce((a, b) => a + b, 0);
    const at = nearest.findIndex((distance) => {
      left -= distance;
      return left < 0;
    });
    const centre = Float64Array.from(rows[Math.max(at, 0)]);
    centres.push(centre);
    rows.forEach((row, i) => {
      nearest[i] = Math.min(nearest[i], squaredDistance(row, centre));
    });
  }
  return centres;
}

function settled(rows: Rows, centres: Float64Array[], moves: number): Clusters {
  const labels = new Int32Array(rows.length).fill(-1);
  for (let move = 0; ; move++) {
    let [changed, inertia] = [false, 0];
    rows.forEach((row, i) => {
      const distances = centres.map((centre) => squaredDistance(row, centre));
      const nearest = distances.indexOf(Math.min(...distances));
      changed ||= labels[i] !== nearest;
      labels[i] = nearest;
      inertia += distances[nearest];
    });
    if (!changed || move >= moves) return { labels, inertia };
    centres.forEach((centre, k) => {
      const members = rows.filter((_, i) => labels[i] === k);
      if (members.length === 0) return;
      centre.fill(0);
      for (const row of members) for (let j = 0; j < row.length; j++) centre[j] += row[j] / members.length;
    });
  }
}

import { describe, expect, test } from "vitest";
import { communities, openData, split } from "../../src/data/index.ts";
import { csv, range, refusal, temporary } from "./helpers.ts";

const { at, write } = temporary();

/** Twelve nodes in a ring, a to l; the last has no label. */
const letters = "abcdefghijkl";
const people = csv(
  "name,age,club,label",
  12,
  (i) => `${letters[i]},${i * i},${i % 3},${["x", "y", ""][i === 11 ? 2 : i % 2]}`,
);
const ring = csv("from,to", 12, (i) => `${letters[i]},${letters[(i + 1) % 12]}`);

const open = async (nodes: string, edges: string, options: object = {}) =>
  openData(await write("nodes.csv", nodes), {
    target: "label",
    edges: await write("edges.csv", edges),
    ...options,
  });

describe("a graph of two tables", () => {
  test("has a node a row, and examples where the target is known", async () => {
    const source = await open(people, ring);
    expect([source.task, source.size, source.classes]).toEqual(["classification", 11, ["x", "y"]]);
    const { inputs, target, graph } = source.encode(source.fit(range(4)), Int32Array.of(10, 3));
    expect([inputs.node.shape, [...inputs.node.data], [...target.data]]).toEqual([[2], [10, 3], [0, 1]]);
    expect([graph?.features.shape, graph?.edges.shape]).toEqual([
      [12, 2],
      [12, 2],
    ]);
    // age less its mean over all twelve nodes, 506 / 12, by its standard deviation
    const ages = Array.from({ length: 12 }, (_, i) => i * i);
    const mean = 506 / 12;
    const spread = Math.sqrt(ages.reduce((sum, age) => sum + (age - mean) ** 2, 0) / 12);
    expect(graph?.features.data[2 * 5]).toBeCloseTo((25 - mean) / spread, 5);
    expect(source.notes.join(" ")).toMatch(
      /1 row without a target left out.*12 nodes, 12 edges.*called by "name"/,
    );
    // what is learned is the same whichever rows are for training
    expect(source.encode(source.fit(range(9)), range(2)).graph).toBe(graph);
    const parts = split(source, 0);
    expect(parts.train.length + parts.validation.length + parts.test.length).toBe(11);
  });

  test("joins nodes both ways, once, by the strongest edge", async () => {
    const edges = "from,to,weight,since\na,b,2,1999\nb,a,5,1999\nc,c,1,2000\na,d,0.5,2001\n";
    const source = await open(people, edges);
    const { graph } = source.encode(source.fit(range(4)), range(1));
    expect([[...(graph?.edges.data ?? [])], [...(graph?.strengths.data ?? [])]]).toEqual([
      [0, 1, 0, 3],
      [5, 0.5],
    ]);
    expect(source.notes.join(" ")).toMatch(
      /1 edge from a node to itself.*1 edge between nodes that were joined before.*not used: since/,
    );
  });

  test("has shares of marks, or no features but the nodes", async () => {
    const words = csv("id,w1,w2,w3,label", 12, (i) => `${i},1,${i % 2},${i > 5 ? 1 : 0},${i % 2}`);
    const edges = csv("a,b", 3, (i) => `${i},${i + 1}`);
    const marked = await open(words, edges, { keep: ["w1"] });
    const of = async (source: typeof marked) => source.encode(source.fit(range(4)), range(1)).graph?.features;
    // w1 is the same everywhere and takes no place
    expect([...((await of(await open(words, edges)))?.data ?? [])].slice(12 * 2 - 2)).toEqual([0.5, 0.5]);
    const bare = await open(
      csv("node,label", 12, (i) => `n${i},${i % 2}`),
      csv("a,b", 3, (i) => `n${i},n${i + 1}`),
    );
    const features = await of(bare);
    expect([features?.shape, features?.data[13], features?.data[12]]).toEqual([[12, 12], 1, 0]);
  });

  test.each([
    ['nodes.csv, row 3: node "a" was there before, in row 1', people.replace("\nc,", "\na,"), ring],
    ["nodes.csv, row 2: the node has no name", people.replace("\nb,", "\n,"), ring],
    ['edges.csv, row 2: column "to" holds "z", which is no node of', people, ring.replace("b,c", "b,z")],
    ['edges.csv, row 2: column "from" holds no node', people, ring.replace("b,c", ",c")],
    ["edges have one column", people, "from\na\n"],
    ['edges.csv, row 2: column "weight" holds "-1"', people, "from,to,weight\na,b,1\nb,c,-1\n"],
    ['edges.csv, row 1: column "weight" holds "heavy"', people, "from,to,weight\na,b,heavy\n"],
  ])("is refused: %s", async (words, nodes, edges) => {
    const { code, text } = await refusal(() => open(nodes, edges));
    expect(code).toBe("bad-data");
    expect(text.replaceAll(at(""), "")).toContain(words);
  });

  test("has no test file and no texts, and needs names", async () => {
    expect((await refusal(() => open(people, ring, { test: "other.csv" }))).code).toBe("conflict");
    expect((await refusal(() => open(people, ring, { text: "club" }))).code).toBe("conflict");
    expect((await refusal(() => open(people, ring, { id: "nmae" }))).text).toMatch(/did you mean "name"/);
    expect((await refusal(() => open(people, ring, { target: "name" }))).text).toMatch(/say which column/);
    expect((await refusal(() => openData("digits", { edges: "x.csv" }))).code).toBe("bad-option");
  });
});

describe("communities", () => {
  test("have most edges within, and are the same for a seed", async () => {
    const source = communities({ n: 300 });
    const { graph, target } = source.encode(source.fit(range(300)), range(300));
    const [edges, labels] = [graph?.edges.data ?? [], target.data as Int32Array];
    let within = 0;
    for (let e = 0; e < edges.length; e += 2) if (labels[edges[e]] === labels[edges[e + 1]]) within++;
    // 4 of 5 expected, of about 750 edges: the standard deviation of the share is 0.015
    expect(Math.abs(within / (edges.length / 2) - 0.8)).toBeLessThan(0.06);
    expect(communities({ n: 300 }).encode(source.fit(range(9)), range(1)).graph?.edges).toEqual(graph?.edges);
    expect((await openData("communities", { seed: 3 })).notes).not.toEqual(source.notes);
    expect((await refusal(() => communities({ n: 5 }))).code).toBe("bad-option");
  });
});

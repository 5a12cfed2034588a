import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { csvSource } from "../../src/data/csv.ts";
import { readTable } from "../../src/data/table.ts";
import { csv, range, refusal, temporary } from "./helpers.ts";

const { write } = temporary();
const ab = (i: number) => (i % 2 === 0 ? "a" : "b");
const good = csv("x,class", 20, (i) => `${i * i},${ab(i)}`);

describe("a table in memory", () => {
  test("is what reading it from a file gives", async () => {
    const cell = fc.oneof(
      fc.constantFrom("", "NA", "red", " green ", 'a "quoted", word', "two\nlines", "Łódź"),
      fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }).map(String),
    );
    const row = fc.tuple(cell, fc.integer({ min: -99, max: 99 }).map(String), cell);
    const delimiters = fc.constantFrom(",", ";", "\t", "|");
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 12, maxLength: 30 }),
        delimiters,
        async (rows, delimiter) => {
          const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
          const lines = rows.map((cells, i) => [...cells.map(quoted), ab(i)].join(delimiter));
          const text = `${["p", "q", "r", "class"].join(delimiter)}\n${lines.join("\n")}\n`;
          const options = { target: "class", name: "t" };
          const path = await write("t.csv", text);
          const outcome = async (act: () => unknown) => {
            try {
              return await act();
            } catch (error) {
              return { refused: (error as Error).message.replaceAll(path, "t") };
            }
          };
          const described = async (source: ReturnType<typeof csvSource>) => ({
            ...source,
            notes: source.notes,
            encoded: source.encode(source.fit(range(source.size)), range(source.size)),
          });
          const plain = async (value: unknown) => JSON.parse(JSON.stringify(await value));
          const fromFile = await outcome(async () => plain(described(await readTable(path, options))));
          const fromText = await outcome(async () => plain(described(csvSource(text, options))));
          expect(fromText).toEqual(fromFile);
        },
      ),
      { numRuns: 25 },
    );
  });

  test("takes test rows, and the name to use in errors", async () => {
    const source = csvSource(good, { target: "class", test: good });
    expect([source.name, source.size, source.test]).toEqual(["table", 40, range(20, 20)]);
    const refused = await refusal(() => csvSource(`${good}5\n`, { target: "class", name: "mine" }));
    expect(refused.text).toMatch(/^mine, line 22: fewer values than the 2 columns/);
  });

  test.each([
    ["a long line", good.replace("\n4,a", "\n4,a,7"), "bad-data", /line 4: more values than the 2/],
    ["an open quote", `${good}"5,a\n`, "bad-data", /line 22: a quote is opened and not closed/],
    [
      "an open quote after a cell of two lines",
      `x,class\n"1\n",a\n"5`,
      "bad-data",
      /line 4: a quote is opened/,
    ],
    ["nothing", " \n", "bad-file", /blank/],
    ["a header alone", "x,class\n", "bad-file", /no rows/],
  ])("refuses %s", async (_, text, code, says) => {
    const refused = await refusal(() => csvSource(text, { target: "class" }));
    expect(refused.code).toBe(code);
    expect(refused.text).toMatch(says);
  });
});

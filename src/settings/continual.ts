import { type Stream, stream } from "../array/random.ts";
import { OckhamError } from "../error.ts";
import { type Dataset, type Fitted, oneOf, type Parts, type Stage, setting, whole } from "../kinds/index.ts";
import { matrixGrid, progressGrid, transferMeasures, transferOf } from "./common/accuracyMatrix.ts";
import { eachPart, where } from "./common/data.ts";
import { needsClasses } from "./common/learner.ts";
import { multiHead, withHeads } from "./common/multiHead.ts";
import { accuracyOn, domainOf, labelsOf } from "./common/scores.ts";
import { permutations, rotations, type Shift } from "./common/shifts.ts";

interface Task extends Parts {
  readonly name: string;
}

type Scenario = "class" | "task" | "domain";

/** The classes in random order, in `count` lists of even length. Throws `conflict` where a list would be too short. */
function classLists(
  { classes, name }: Dataset,
  count: number,
  scenario: Scenario,
  random: Stream,
): number[][] {
  const least = scenario === "task" ? 2 : 1;
  if (classes.length < least * count)
    throw new OckhamError(
      "conflict",
      "continual.tasks",
      `the ${classes.length} classes of ${name} do not make ${count} tasks of ${least} or more`,
      least * 2 <= classes.length
        ? `ask for fewer: --set continual.tasks=${Math.floor(classes.length / least)}`
        : "let the inputs change: --set continual.scenario=domain",
    );
  const order = random.permutation(classes.length);
  const start = (i: number) => Math.round((i * classes.length) / count);
  return Array.from({ length: count }, (_, i) =>
    [...order.subarray(start(i), start(i + 1))].sort((a, b) => a - b),
  );
}

/** A task for some of the classes each. */
function byClass(parts: Parts, count: number, scenario: Scenario, random: Stream): Task[] {
  return classLists(parts.train, count, scenario, random).map((own) => ({
    name: own.map((c) => parts.train.classes[c]).join(", "),
    ...eachPart(parts, (data) => {
      const labels = labelsOf(data);
      const some = where(data, (row) => own.includes(labels[row]));
      return scenario === "task" ? withHeads(some, own) : some;
    }),
  }));
}

/** A task for each shift of the inputs. */
const byShift = (parts: Parts, shifts: readonly Shift[]): Task[] =>
  shifts.map(({ name, apply }) => ({ name, ...eachPart(parts, apply) }));

/** A task for each domain that the data name, in random order. */
function byDomain(parts: Parts, random: Stream): Task[] {
  const domains = [...new Set(domainOf(parts.train))].sort((a, b) => a - b);
  return random.shuffled(domains).map((domain) => ({
    name: `domain ${domain}`,
    ...eachPart(parts, (data) => where(data, (row) => domainOf(data)[row] === domain)),
  }));
}

/**
 * Continual learning: tasks are learned one after the other, and earlier data are not there any more.
 *
 *   R[i][j]: test accuracy on task j after learning task i = 0 ... T-1
 *   average accuracy  mean over j of R[T-1][j]          forgetting  mean over j < T-1 of max over i of R[i][j], less R[T-1][j]
 *
 * and backward and forward transfer (Lopez-Paz and Ranzato, 2017). The scenarios are those of van de Ven and
 * Tolias (2019): in "class" each task brings new classes, and all classes so far are told apart; in "task" it is
 * known which task an example is of, so each task has a head of its own; in "domain" the classes stay and the
 * inputs change: as a column of the data says (--groups), else by permutations or rotations of the inputs. The
 * order of classes is drawn from the seed. Weights and what methods carry go over from task to task; optimizer and
 * schedule begin anew; every task gets the run's epochs. Throws `conflict` where classes do not make the tasks.
 */
export const continual = setting("continual", {
  summary: "tasks one after the other, without the data of earlier ones: accuracy, forgetting, transfer",
  paper: {
    id: "continual-scenarios",
    title: "Three scenarios for continual learning",
    authors: ["Gido M. van de Ven", "Andreas S. Tolias"],
    year: 2019,
    arxiv: "1904.07734",
    where:
      "section 2; metrics: Lopez-Paz and Ranzato 2017 (arXiv 1706.08840), Chaudhry et al. 2018 (arXiv 1801.10112)",
  },
  options: {
    scenario: oneOf(["class", "task", "domain"], "class", "what changes from task to task, and what is told"),
    tasks: whole(2, 5, "how many tasks, where the data have no domains of their own", [2, 5, 10]),
    shift: oneOf(["permutation", "rotation"], "permutation", "what makes domains of data that have none"),
  },
  examples: [],
  exempt: { experiment: "experiments of methods are run in it" },
  create: ({ scenario, tasks: count, shift }) => ({
    tasks: ["classification"],
    measures: transferMeasures,
    figures: [
      {
        grid: "progress",
        kind: "lines",
        title: "Accuracy on the tasks so far",
        doc: "Mean test accuracy on all tasks that were learned, after each of them.",
        row: "",
        column: "tasks learned",
        format: "percent",
      },
      {
        grid: "accuracy",
        kind: "matrix",
        title: "Accuracy matrix",
        doc: "Test accuracy on each task (column) after learning each task (row). A column that fades downward was forgotten.",
        row: "after learning",
        column: "accuracy on",
        format: "percent",
      },
    ],
    usual: ["replay", "ewc", "l2-init", "weight-decay", "dropout"],
    words: [
      {
        class:
          "Each task brings new classes; the model tells all classes apart and is not told the task (class-incremental).",
        task: "Each task has classes of its own, and the model is told which task an example is of (task-incremental).",
        domain:
          "The classes stay and the inputs change from task to task; the model is not told the task (domain-incremental).",
      }[scenario],
      "Tasks come one after the other, each with the run's epochs; data of earlier tasks are not there any more, unless a method keeps some. Optimizer and schedule begin anew with each task.",
    ],
    async run(learner, parts, seed) {
      needsClasses("continual", parts.train);
      const random = stream(seed).split("continual");
      const tasks =
        scenario !== "domain"
          ? byClass(parts, count, scenario, random)
          : parts.train.domain !== undefined
            ? byDomain(parts, random)
            : byShift(
                parts,
                shift === "rotation" ? rotations(parts, count, 90) : permutations(parts.train, count, random),
              );
      const stageOf = ({ train: data, validation }: Task, from?: Fitted): Stage => ({
        data,
        validation,
        ...(from === undefined ? {} : { from }),
        ...(scenario === "task" ? { around: multiHead } : {}),
      });
      const accuracies = async (fitted: Fitted, part: "validation" | "test") => {
        const row: number[] = [];
        for (const task of tasks) row.push(await accuracyOn(fitted, task[part]));
        return row;
      };
      const matrices = { validation: [] as number[][], test: [] as number[][] };
      let fitted = await learner.untrained(stageOf(tasks[0]));
      const before = {
        validation: await accuracies(fitted, "validation"),
        test: await accuracies(fitted, "test"),
      };
      for (const [i, task] of tasks.entries()) {
        fitted = await learner.fit(stageOf(task, i === 0 ? undefined : fitted));
        for (const part of ["validation", "test"] as const)
          matrices[part].push(await accuracies(fitted, part));
      }
      return {
        validation: transferOf(matrices.validation, before.validation),
        test: transferOf(matrices.test, before.test),
        grids: {
          accuracy: matrixGrid(
            matrices.test,
            tasks.map(({ name }) => name),
          ),
          progress: progressGrid(matrices.test),
        },
      };
    },
  }),
});

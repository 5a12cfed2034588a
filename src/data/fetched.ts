import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { parseTar } from "nanotar";
import { nearest, OckhamError } from "../error.ts";
import { cached, cacheFolder, type Download } from "./download.ts";
import { readText } from "./files.ts";
import { idxSource } from "./idx.ts";
import { readIdxPart } from "./idxFiles.ts";
import { isImagePath, type LabelledImage, labelledImages } from "./images.ts";
import { badFile } from "./names.ts";
import { imageSource } from "./pixels.ts";
import type { Listing } from "./shipped.ts";
import type { Origin, Source } from "./source.ts";
import { passageSource, type TextOptions } from "./text/sources.ts";

interface Fetched extends Listing {
  readonly classes: readonly string[];
  readonly files: readonly Download[];
}

export interface FetchOptions extends TextOptions {
  /** A folder that is looked in first; default $OCKHAM_DATA. */
  readonly local?: string;
  /** Default: see `cacheFolder`. */
  readonly cache?: string;
  readonly signal?: AbortSignal;
}

type FileFacts = readonly [file: string, bytes: number, sha256: string];

const files = (set: string, mirrors: readonly string[], facts: readonly FileFacts[]): Download[] =>
  facts.map(([file, bytes, sha256]) => ({
    urls: mirrors.map((mirror) => mirror + file),
    file: `${set}/${file}`,
    bytes,
    sha256,
  }));

const digitNames = Array.from({ length: 10 }, (_, digit) => String(digit));
const cifarNames = "airplane automobile bird cat deer dog frog horse ship truck".split(" ");

/** Sizes and SHA-256 sums as published in TensorFlow Datasets (url_checksums/mnist, fashion_mnist, cifar10). */
const fetched: readonly Fetched[] = [
  {
    name: "mnist",
    title: "MNIST handwritten digits",
    task: "classification",
    size: 70_000,
    input: "1 x 28 x 28",
    source: "LeCun, Cortes and Burges, the MNIST database, 1998",
    licence: "CC BY-SA 3.0",
    classes: digitNames,
    files: files(
      "mnist",
      [
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
      ],
      [
        [
          "train-images-idx3-ubyte.gz",
          9912422,
          "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ],
        [
          "train-labels-idx1-ubyte.gz",
          28881,
          "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ],
        [
          "t10k-images-idx3-ubyte.gz",
          1648877,
          "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ],
        [
          "t10k-labels-idx1-ubyte.gz",
          4542,
          "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ],
      ],
    ),
  },
  {
    name: "fashion-mnist",
    title: "Fashion-MNIST articles of clothing",
    task: "classification",
    size: 70_000,
    input: "1 x 28 x 28",
    source: "Xiao, Rasul and Vollgraf, Zalando Research, 2017, arXiv:1708.07747",
    licence: "MIT",
    classes: [
      "T-shirt/top",
      "Trouser",
      "Pullover",
      "Dress",
      "Coat",
      "Sandal",
      "Shirt",
      "Sneaker",
      "Bag",
      "Ankle boot",
    ],
    files: files(
      "fashion-mnist",
      ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"],
      [
        [
          "train-images-idx3-ubyte.gz",
          26421880,
          "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ],
        [
          "train-labels-idx1-ubyte.gz",
          29515,
          "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        ],
        [
          "t10k-images-idx3-ubyte.gz",
          4422102,
          "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        ],
        [
          "t10k-labels-idx1-ubyte.gz",
          5148,
          "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ],
      ],
    ),
  },
  {
    name: "cifar10",
    title: "CIFAR-10 small photographs",
    task: "classification",
    size: 60_000,
    input: "3 x 32 x 32",
    source: "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
    licence: "no licence stated; the authors ask to cite the report",
    classes: cifarNames,
    files: files(
      "cifar10",
      ["https://www.cs.toronto.edu/~kriz/"],
      [
        [
          "cifar-10-binary.tar.gz",
          170052171,
          "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        ],
      ],
    ),
  },
  {
    name: "shakespeare",
    title: "Tiny Shakespeare, 40,000 lines of the plays",
    task: "tokens",
    size: 17_428,
    input: "64 characters",
    source: "William Shakespeare, as compiled by Andrej Karpathy for char-rnn, 2015",
    licence: "public domain",
    classes: [],
    files: [
      {
        urls: ["https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"],
        file: "shakespeare/tinyshakespeare.txt",
        bytes: 1_115_394,
        sha256: "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
      },
    ],
  },
];

/** The data sets that are fetched once and kept. */
export const fetchedDatasets = (): readonly Listing[] =>
  fetched.map(({ classes: _, files: __, ...listing }) => listing);

/**
 * MNIST, Fashion-MNIST, CIFAR-10 or Shakespeare's plays: from the folder $OCKHAM_DATA where its files are there, else
 * from the cache, else from the network. Test images are the source's test rows; a text is cut into windows.
 *
 * Throws `unknown-name`; `bad-file` for a file that is not whole or, without network, not there.
 */
export async function fetchDataset(name: string, options: FetchOptions = {}): Promise<Source> {
  const set = fetched.find((one) => one.name === name);
  if (set === undefined) {
    const near = nearest(
      name,
      fetched.map((one) => one.name),
    );
    throw new OckhamError(
      "unknown-name",
      name,
      `no data set named ${JSON.stringify(name)} can be fetched`,
      near === undefined
        ? `these can: ${fetched.map((one) => one.name).join(", ")}`
        : `did you mean ${near}?`,
    );
  }
  const { title, source, licence } = set;
  const origin = { title, source, licence };
  const local = options.local ?? process.env.OCKHAM_DATA;
  if (name === "cifar10") return cifar(set, origin, local, options);
  const found = local ? await Promise.all(set.files.map((file) => findLocal(local, set.name, file))) : [];
  const here = found.length > 0 && found.every((path) => path !== undefined);
  const paths = here ? (found as string[]) : await fetchAll(set, options);
  const notes = here ? localNote(local!) : [];
  if (set.task === "tokens") return passageSource({ name, origin, notes }, await readText(paths[0]), options);
  const train = await readIdxPart(paths[0], paths[1]);
  const test = await readIdxPart(paths[2], paths[3]);
  return idxSource(train, test, { name, classes: set.classes, notes, origin });
}

const localNote = (folder: string) => [`Read from ${folder}; not compared with the published checksums.`];

async function fetchAll(set: Fetched, { cache = cacheFolder(), signal }: FetchOptions): Promise<string[]> {
  const names = set.files.map(({ file }) => file.split("/")[1]);
  const help =
    `connect to the network and try again; or put ${names.join(", ")} into ${join(cache, set.name)}, ` +
    "or into a folder named in OCKHAM_DATA; digits needs no network";
  const paths: string[] = [];
  for (const file of set.files) paths.push(await cached(file, cache, help, signal));
  return paths;
}

/** A file of a set in a person's own folder: set/file, set-file or, but for Fashion-MNIST, file, with or without .gz. */
async function findLocal(folder: string, set: string, { file }: Download): Promise<string | undefined> {
  const name = file.split("/")[1];
  const bare = set === "fashion-mnist" ? [] : [name];
  for (const candidate of [file, `${set}-${name}`, ...bare])
    for (const path of [candidate, candidate.replace(/(\.gz)?$/, ".gz"), candidate.replace(/\.gz$/, "")].map(
      (one) => join(folder, one),
    ))
      if (await isFile(path)) return path;
  return undefined;
}

const isFile = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isFile() ?? false;

async function cifar(
  set: Fetched,
  origin: Origin,
  local: string | undefined,
  options: FetchOptions,
): Promise<Source> {
  if (local) {
    const archive = await findLocal(local, set.name, set.files[0]);
    if (archive !== undefined) return cifarBinary(archive, set, origin, localNote(local));
    const jpegs = join(local, "cifar10-jpg.tar");
    if (await isFile(jpegs)) return readImageTar(jpegs, { name: set.name, origin }, localNote(local));
  }
  const [path] = await fetchAll(set, options);
  return cifarBinary(path, set, origin, []);
}

/** A tar of `split/class/*` JPEG or PNG images. Throws `bad-file` when it is not whole. */
export async function readImageTar(
  path: string,
  described: { readonly name: string; readonly origin?: Origin },
  notes: readonly string[] = [],
): Promise<Source> {
  const images = tarFiles(await readFile(path), path).flatMap(({ name, data }): LabelledImage[] => {
    const [split, label] = name.split("/").slice(-3);
    if (data === undefined || !isImagePath(name) || label === undefined) return [];
    return [{ name: `${path}:${name}`, from: data, label, test: split === "test" }];
  });
  if (images.length === 0)
    throw badFile(path, "holds no split/class/image", "give train/class/* and test/class/*");
  return labelledImages(images, path, described, notes);
}

const record = 3072 + 1;

/** The binary edition: records of a label and 3 x 32 x 32 bytes in five training files and one test file. */
async function cifarBinary(
  path: string,
  set: Fetched,
  origin: Origin,
  notes: readonly string[],
): Promise<Source> {
  const members = tarFiles(unpacked(await readFile(path), path), path)
    .filter(({ name }) => /(data_batch_\d|test_batch)\.bin$/.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const bytes = members.map(({ name, data }) => {
    if (data === undefined || data.length === 0 || data.length % record !== 0)
      throw badFile(`${path}:${name}`, "is not made of records of 3073 bytes", "fetch it again");
    return data;
  });
  const isTest = members.map(({ name }) => name.includes("test_batch"));
  if (!isTest.includes(true) || !isTest.includes(false))
    throw badFile(path, "lacks data_batch_1.bin to data_batch_5.bin or test_batch.bin", "fetch it again");
  const size = bytes.reduce((sum, data) => sum + data.length / record, 0);
  const pixels = new Uint8Array(size * 3072);
  const labels = new Int32Array(size);
  const test: number[] = [];
  let row = 0;
  bytes.forEach((data, member) => {
    for (let at = 0; at < data.length; at += record, row++) {
      labels[row] = data[at];
      pixels.set(data.subarray(at + 1, at + record), row * 3072);
      if (isTest[member]) test.push(row);
    }
  });
  if (labels.some((label) => label >= set.classes.length))
    throw badFile(path, "holds a label above 9", "fetch it again");
  return imageSource(
    {
      name: set.name,
      target: { task: "classification", name: "class", classes: set.classes, labels },
      notes: [`${size} images of [3,32,32] (channels, height, width).`, ...notes],
      origin,
      test: Int32Array.from(test),
    },
    { shape: [3, 32, 32], data: pixels, full: 255 },
  );
}

function unpacked(bytes: Uint8Array, path: string): Uint8Array {
  if (!path.endsWith(".gz")) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (cause) {
    throw badFile(path, "is not a whole .gz file: it cannot be unpacked", "copy or download it again", cause);
  }
}

function tarFiles(bytes: Uint8Array, path: string): { name: string; data?: Uint8Array }[] {
  try {
    // A tar archive ends with two blocks of zeros.
    if (bytes.length < 1024 || bytes.subarray(-1024).some((byte) => byte !== 0))
      throw new Error("it has no end");
    const files = parseTar(bytes).filter((file) => file.type === "file");
    if (files.some((file) => file.data?.length !== file.size)) throw new Error("the last file is cut short");
    return files;
  } catch (cause) {
    throw badFile(path, "is not a whole tar archive", "copy or download it again", cause);
  }
}

// Bundles pages as a user of esbuild does, and serves them: for the tests and benchmarks in a browser.
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Metafile, type Plugin } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Imports of our sources are resolved to the built package, which is what is tested; types come from the sources. */
const built: Plugin = {
  name: "built",
  setup: ({ onResolve }) => {
    onResolve({ filter: /^(\.\.\/)+src\/.*\.ts$/ }, ({ path }) => ({
      path: join(root, "dist", path.replace(/^(\.\.\/)+/, "").replace(/\.ts$/, ".js")),
    }));
  },
};

/** What a user of esbuild writes: the page, and the workers beside it. `modules`: a further folder of packages. */
export async function bundle(entry: string, modules?: string): Promise<Readonly<Record<string, Uint8Array>>> {
  const { outputFiles } = await build({
    entryPoints: {
      page: entry,
      worker: "ockham/runtime/worker",
      webgpuWorker: "ockham/runtime/webgpuWorker",
    },
    absWorkingDir: root,
    bundle: true,
    platform: "browser",
    format: "esm",
    outdir: root,
    write: false,
    logLevel: "warning",
    plugins: [built],
    ...(modules !== undefined && { nodePaths: [modules] }),
  });
  return Object.fromEntries(outputFiles.map(({ path, contents }) => [basename(path), contents]));
}

/** How a package entry is bundled for browsers: what goes in, and what is left to import. */
export async function bundled(code: string): Promise<Metafile> {
  const { metafile } = await build({
    stdin: { contents: code, resolveDir: root },
    absWorkingDir: root,
    bundle: true,
    splitting: true,
    platform: "browser",
    format: "esm",
    outdir: root,
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  return metafile;
}

export interface Site {
  /** Cross-origin isolated, and not. */
  readonly isolated: string;
  readonly open: string;
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  js: "text/javascript",
  mjs: "text/javascript",
  wasm: "application/wasm",
  html: "text/html",
};

const html = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="page.js"></script>';

/** Where ONNX Runtime's own files lie. */
export const runtimeFiles = join(root, "node_modules", "onnxruntime-web", "dist");

/**
 * Serves a page (page.js) with its files, and those in `folders`, from two ports: one with the headers that isolate
 * a page.
 */
export async function serve(
  files: Readonly<Record<string, Uint8Array | string>>,
  folders: readonly string[] = [runtimeFiles],
): Promise<Site> {
  const lying = async (name: string): Promise<Uint8Array | undefined> => {
    for (const folder of folders) {
      const content = await readFile(join(folder, name)).catch(() => undefined);
      if (content !== undefined) return content;
    }
    return undefined;
  };
  const start = async (headers: Readonly<Record<string, string>>): Promise<[Server, string]> => {
    const server = createServer(async ({ url = "/" }, response) => {
      const name = url === "/" ? "index.html" : url.slice(1);
      const plain = /^[\w.-]+\.(js|mjs|wasm)$/.test(name);
      const content = url === "/" ? html : (files[name] ?? (plain ? await lying(name) : undefined));
      const type = types[name.split(".").pop() ?? ""] ?? "text/plain";
      response.writeHead(content === undefined ? 404 : 200, { "Content-Type": type, ...headers });
      response.end(content);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return [server, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`];
  };
  const [isolated, isolatedUrl] = await start({
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
  });
  const [open, openUrl] = await start({});
  return {
    isolated: isolatedUrl,
    open: openUrl,
    close: async () => {
      for (const server of [isolated, open]) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}

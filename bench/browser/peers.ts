import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../.cache/bench/js/", import.meta.url));

/** Where the peers' packages lie. */
export const peers = join(folder, "node_modules");

const wanted = {
  "@tensorflow/tfjs": "4.22.0",
  "@tensorflow/tfjs-backend-wasm": "4.22.0",
  "@jax-js/jax": "0.1.25",
};

/** Installs the peers where they are not yet: into the cache, for they are no dependencies of Ockham. */
export function installPeers(): void {
  if (Object.keys(wanted).every((name) => existsSync(join(peers, name, "package.json")))) return;
  mkdirSync(folder, { recursive: true });
  const manifest = join(folder, "package.json");
  if (!existsSync(manifest)) writeFileSync(manifest, '{ "private": true }\n');
  const packages = Object.entries(wanted).map(([name, version]) => `${name}@${version}`);
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  execFileSync(npm, ["install", "--ignore-scripts", "--no-audit", "--no-fund", ...packages], {
    cwd: folder,
    stdio: "inherit",
  });
}

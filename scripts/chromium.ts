// Finds a Chromium for the tests and benchmarks in a browser; `npm run browser` also installs one where it can.
import { execFileSync } from "node:child_process";
import { accessSync, constants, existsSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];
const elsewhere = [
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
  "C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe",
];

function runs(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The path of a Chromium or Chrome: OCKHAM_CHROMIUM, else one in the usual places; undefined where there is none. */
export function findChromium(): string | undefined {
  const told = process.env.OCKHAM_CHROMIUM;
  if (told) return told;
  const folders = (process.env.PATH ?? "").split(delimiter);
  return [...names.flatMap((name) => folders.map((folder) => join(folder, name))), ...elsewhere].find(runs);
}

/** Said where there is none. */
export const howToGetChromium =
  "no Chromium here: run `npm run browser`, or set OCKHAM_CHROMIUM to the path of a Chromium or Chrome";

/** Headless, and quiet on the network. */
export const chromiumFlags = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

function ensure(): void {
  const found = findChromium();
  if (found !== undefined) {
    console.log(`Chromium: ${found}`);
    return;
  }
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    console.log(
      "No Chromium found. The tests in a browser are skipped without one; install the package chromium (Debian, " +
        "Ubuntu, Fedora, Homebrew) or Chrome, or set OCKHAM_CHROMIUM to the path of one.",
    );
    return;
  }
  try {
    execFileSync("apt-get", ["update", "-qq"], { stdio: "inherit" });
    execFileSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "chromium"], {
      stdio: "inherit",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
  } catch (error) {
    console.log(`The package chromium could not be installed: ${(error as Error).message}`);
  }
  console.log(`Chromium: ${findChromium() ?? "still none; the tests in a browser are skipped"}`);
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) ensure();

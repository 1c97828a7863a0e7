// Builds dist/ and models/: `npm run build`.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const weights = join(root, "../weights");

for (const folder of ["dist", "models"]) rmSync(join(root, folder), { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: { index: "src/index.ts", worker: "src/worker_entry.ts" },
  outdir: "dist",
  bundle: true,
  splitting: true,
  minify: true,
  format: "esm",
  target: "es2022",
  external: ["node:*"],
});
execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "--project", root], { stdio: "inherit" });

// The models are those of the Python package, which are committed there only.
mkdirSync(join(root, "models"));
for (const name of readdirSync(weights)) if (name.endsWith(".safetensors")) cpSync(join(weights, name), join(root, "models", name));

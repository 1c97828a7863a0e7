// Builds dist/ and models/, and the script of the Python package's pages: `npm run build`.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32 } from "node:zlib";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const weights = join(root, "../weights");

for (const folder of ["dist", "models"]) rmSync(join(root, folder), { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: {
    index: "src/index.ts",
    element: "src/element.ts",
    auto: "src/auto.ts",
    placeholder: "src/placeholder.ts",
    parts: "src/parts.ts",
    worker: "src/worker_entry.ts",
  },
  outdir: "dist",
  bundle: true,
  splitting: true,
  minify: true,
  format: "esm",
  target: "es2022",
  loader: { ".bin": "base64" },
  external: ["node:*"],
});

// One script for pages that are one file: committed, because the Python package must work without Node.
await build({
  absWorkingDir: root,
  entryPoints: ["src/page/entry.ts"],
  outfile: "../aecodec/evaluation/page.js",
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  loader: { ".css": "text" },
  banner: { js: `/* aecodec: written by "npm run build" in js/, from sources of CRC-32 ${checksum()} */` },
  define: { "import.meta.url": '""' },
  charset: "ascii",
  external: ["node:*", "./placeholder.js"], // which the pages have no use for
});
execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "--project", root], {
  stdio: "inherit",
});
rmSync(join(root, "dist/page"), { recursive: true }); // types of no interest to anybody

cpSync(join(root, "../LICENSE"), join(root, "LICENSE"));

// The models are those of the Python package, which are committed there only.
mkdirSync(join(root, "models"));
for (const name of readdirSync(weights))
  if (name.endsWith(".safetensors")) cpSync(join(weights, name), join(root, "models", name));

/** Of all sources, as aecodec.evaluation.embedding.sources computes it. */
function checksum() {
  const files = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true }).filter((file) =>
    file.isFile(),
  );
  const paths = files.map((file) => join(file.parentPath ?? file.path, file.name)).sort();
  return paths
    .reduce((crc, path) => crc32(readFileSync(path), crc), 0)
    .toString(16)
    .padStart(8, "0");
}

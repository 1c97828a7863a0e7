// Compiles the exact layers of aecodec/native to WebAssembly, and writes them to src/layers_wasm.ts: `npm run wasm`.
// Needs zig: `pip install ziglang`, or the variable ZIG with the command.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32 } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const sources = join(here, "../../aecodec/native");
const target = join(here, "../src/layers_wasm.ts");
const SOURCES = ["aecodec.h", "kernel.h", "layers.c"];
const FLAGS = [
  "-target",
  "wasm32-wasi",
  "-mexec-model=reactor",
  "-msimd128",
  "-std=c11",
  "-O3",
  "-fvisibility=hidden",
  "-s",
  "-Wno-psabi",
  ...["malloc", "free", "aec_run"].map((name) => `-Wl,--export=${name}`),
];

const scratch = mkdtempSync(join(tmpdir(), "aecodec-"));
try {
  const zig = (process.env.ZIG ?? "python3 -m ziglang").split(" ");
  const made = join(scratch, "layers.wasm");
  execFileSync(zig[0], [...zig.slice(1), "cc", ...FLAGS, join(sources, "layers.c"), "-o", made], { stdio: "inherit" });
  writeFileSync(
    target,
    `// Written by \`npm run wasm\` from these files of aecodec/native, by their CRC-32.
export const SOURCES: Record<string, number> = ${JSON.stringify(checksums())};
export const WASM: string =
  "${readFileSync(made).toString("base64")}";
`,
  );
} finally {
  rmSync(scratch, { recursive: true });
}

function checksums() {
  return Object.fromEntries(SOURCES.map((name) => [name, crc32(readFileSync(join(sources, name)))]));
}

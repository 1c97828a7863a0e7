// How long decoding takes, on one core: `npm run bench` in Node, `npm run bench -- --chromium` in headless Chromium;
// `-- --runs N` for each file (11), `-- --engine typescript`, further .aec files at the end.
// Prints the median and the best time of a file that has been decoded before, and the time of the first one.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { cpus, tmpdir } from "node:os";
import { basename, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { VERSION } from "../dist/parts.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const golden = (name) => join(root, `conformance/${VERSION}/files`, `${name}.aec`);
const { values, positionals } = parseArgs({
  options: {
    chromium: { type: "boolean" },
    runs: { type: "string", default: "11" },
    engine: { type: "string", default: "auto" },
  },
  allowPositionals: true,
});
const files = [golden("mnist-3-q75-rans"), golden("cifar-5-q75-rans"), golden("lossless-colour"), ...positionals];

/** Runs in Node and in Chromium. */
async function measure(decode, bytes, runs, engine) {
  const times = [];
  for (let i = 0; i <= runs; i++) {
    const begin = performance.now();
    await decode(bytes, { engine });
    times.push(performance.now() - begin);
  }
  const [first, ...rest] = times;
  rest.sort((a, b) => a - b);
  return { first, median: rest[rest.length >> 1], best: rest[0] };
}

async function inNode() {
  const { decode } = await import("../dist/index.js");
  const found = [];
  for (const file of files)
    found.push(await measure(decode, new Uint8Array(readFileSync(file)), +values.runs, values.engine));
  return found;
}

/** A page that measures and sends back what it found; Chromium is restricted to one core where taskset is. */
async function inChromium() {
  const page = `<!DOCTYPE html><script type="module">
    import { decode } from "/js/dist/index.js";
    ${measure}
    const found = [];
    for (let i = 0; i < ${files.length}; i++) {
      const bytes = new Uint8Array(await (await fetch("/file/" + i)).arrayBuffer());
      found.push(await measure(decode, bytes, ${+values.runs}, ${JSON.stringify(values.engine)}));
    }
    await fetch("/done", { method: "POST", body: JSON.stringify(found) });
  </script>`;
  const profile = mkdtempSync(join(tmpdir(), "aecodec-"));
  let browser;
  try {
    return await new Promise((resolve, reject) => {
      const server = createServer((request, response) => {
        const { pathname } = new URL(request.url, "http://localhost");
        if (pathname === "/") response.setHeader("content-type", "text/html").end(page);
        else if (pathname === "/done") {
          let text = "";
          request.on("data", (part) => (text += part));
          request.on("end", () => {
            response.end();
            server.close();
            server.closeAllConnections();
            resolve(JSON.parse(text));
          });
        } else {
          const path = pathname.startsWith("/file/") ? files[+pathname.slice(6)] : join(root, pathname);
          if (!existsSync(path)) return response.writeHead(404).end();
          if (extname(path) === ".js") response.setHeader("content-type", "text/javascript");
          response.end(readFileSync(path));
        }
      }).listen(0, "127.0.0.1", () => {
        const url = `http://127.0.0.1:${server.address().port}/`;
        const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", `--user-data-dir=${profile}`, url];
        const command = [
          ...(has("taskset") ? ["taskset", "-c", "0"] : []),
          process.env.CHROMIUM ?? "chromium",
          ...flags,
        ];
        browser = spawn(command[0], command.slice(1), { stdio: "ignore" });
        browser.on("error", reject);
        browser.on("exit", () => reject(new Error("chromium has ended before it was done")));
      });
    });
  } finally {
    browser?.removeAllListeners("exit").kill();
    await new Promise((resolve) => setTimeout(resolve, 500));
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

function has(command) {
  try {
    execFileSync("which", [command], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const found = values.chromium ? await inChromium() : await inNode();
const place = values.chromium ? "headless Chromium" : `Node ${process.version}`;
console.log(`${place}, engine ${values.engine}, ${cpus()[0].model}, median and best of ${values.runs}, milliseconds\n`);
console.log("| file | bytes | first, with its model | median | best |\n|---|---:|---:|---:|---:|");
for (const [i, { first, median, best }] of found.entries()) {
  const [a, b, c] = [first, median, best].map((ms) => ms.toFixed(1));
  console.log(`| ${basename(files[i])} | ${readFileSync(files[i]).length} | ${a} | ${b} | ${c} |`);
}

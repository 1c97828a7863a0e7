/** What runs in a worker: dist/worker.js. */

import { browserPort, serve } from "./worker.js";

if ("WorkerGlobalScope" in globalThis) serve(browserPort());
else {
  const { parentPort } = await import(/* webpackIgnore: true */ /* @vite-ignore */ "node:worker_threads");
  serve({
    postMessage: (message, transfer) => parentPort?.postMessage(message, transfer),
    listen: (listener) => parentPort?.on("message", listener),
  });
}

/** What runs in a worker: dist/worker.js. */

import { browserPort, serve } from "./worker.js";

if ("WorkerGlobalScope" in globalThis) serve(browserPort());
else
  // without top-level await, which bundlers do not accept in workers
  void import(/* webpackIgnore: true */ /* @vite-ignore */ "node:worker_threads").then(({ parentPort }) =>
    serve({
      postMessage: (message, transfer) => parentPort?.postMessage(message, transfer),
      listen: (listener) => parentPort?.on("message", listener),
    }),
  );

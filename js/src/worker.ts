/** The worker's side of workers.ts. */

import { UnknownModel } from "./errors.js";
import { decodeLocally } from "./local.js";
import type { ModelRequest } from "./models.js";
import type { FromWorker, ToWorker } from "./workers.js";

interface Port {
  postMessage(message: FromWorker, transfer?: ArrayBuffer[]): void;
  listen(listener: (message: ToWorker) => void): void;
}

/** Serves jobs, one at a time, that arrive at a port. */
export function serve(port: Port): void {
  let given: (bytes: Uint8Array | null) => void = () => {};
  let control = new AbortController();
  port.listen((message) => {
    if (message.type === "model") given(message.bytes);
    else if (message.type === "abort") control.abort();
    else {
      control = new AbortController();
      // One function for each job: a load that hangs is not shared with the next one.
      const load = (request: ModelRequest): Promise<Uint8Array> => {
        port.postMessage({ type: "model", request });
        return new Promise((resolve, reject) => {
          given = (bytes) => (bytes ? resolve(bytes) : reject(new UnknownModel("the model is not available")));
        });
      };
      const { data, maxPixels, engine } = message.job;
      decodeLocally(data, maxPixels, load, engine, control.signal).then(
        (picture) => port.postMessage({ type: "done", picture }, [picture.data.buffer as ArrayBuffer]),
        (error: Error) => port.postMessage({ type: "failed", name: error.name, message: error.message }),
      );
    }
  });
}

/** The port of a worker of the browser. */
export function browserPort(): Port {
  return {
    postMessage: (message, transfer = []) => postMessage(message, { transfer }),
    listen: (listener) => addEventListener("message", (event: MessageEvent<ToWorker>) => listener(event.data)),
  };
}

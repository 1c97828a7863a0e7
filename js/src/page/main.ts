/** The script of pages that are one file, those of `aec view` and `aec compare --html`; also of their workers. */

import { AecImage } from "../element.js";
import * as aecodec from "../index.js";
import { embeddedModel, embeddedWorker } from "./embedded.js";
import { view } from "./view.js";

export const options: aecodec.Options = { models: embeddedModel, worker: embeddedWorker };

/** Starts the page; `files`: those of `aec view`. */
export function start(): void {
  AecImage.options = options;
  const files = document.getElementById("files");
  if (files) view(JSON.parse(files.textContent ?? "[]") as Parameters<typeof view>[0], options);
  Object.assign(globalThis, { aecodec: { ...aecodec, options } });
}

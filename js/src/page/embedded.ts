/** What a page that is one file carries: the decoder for workers, and the models that its pictures need. */

import type { ModelRequest } from "../models.js";

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

/** The model file of <script id="model-ID">: base64 of gzip. */
export async function embeddedModel({ id, name }: ModelRequest): Promise<ArrayBuffer> {
  const element = document.getElementById(`model-${id}`);
  if (!element)
    throw new Error(`this page does not hold it: make one with \`aec view\` that shows a file of ${name || id}`);
  const packed = new Blob([fromBase64(element.textContent?.trim() ?? "")]);
  return new Response(packed.stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

let url = "";

/** A worker that runs the script of this page, <script id="aecodec">. */
export function embeddedWorker(): Worker {
  url ||= URL.createObjectURL(
    new Blob([document.getElementById("aecodec")?.textContent ?? ""], { type: "text/javascript" }),
  );
  return new Worker(url);
}

/** Models: found by number or id, loaded once, and verified by their id. */

import { BUNDLED } from "./bundled.js";
import { AecError, InvalidModelFile, UnknownModel } from "./errors.js";
import { type Model, readModel } from "./model.js";

/** A model that a file needs. */
export interface ModelRequest {
  /** In hexadecimal. */
  id: string;
  /** 1..14 of a bundled model, else 0. */
  number: number;
  /** Of a bundled model, for example "photo-6"; else empty. */
  name: string;
}

/** A model file, or where it is. */
export type ModelFile = Uint8Array | ArrayBuffer | string | URL;

/** A folder with files `NAME.safetensors`, named by id where a model has no name; or a function that finds one. */
export type ModelSource = string | URL | ((request: ModelRequest) => ModelFile | Promise<ModelFile>);

/** The files beside the package; each is written out, for bundlers to find. */
const FILES: Readonly<Record<string, () => URL>> = {
  "mnist-3": () => new URL("../models/mnist-3.safetensors", import.meta.url),
  "alphabet-3": () => new URL("../models/alphabet-3.safetensors", import.meta.url),
  "cifar-5": () => new URL("../models/cifar-5.safetensors", import.meta.url),
  "photo-4": () => new URL("../models/photo-4.safetensors", import.meta.url),
  "photo-5": () => new URL("../models/photo-5.safetensors", import.meta.url),
  "photo-6": () => new URL("../models/photo-6.safetensors", import.meta.url),
};

export function requestFor(id: string): ModelRequest {
  const { number = 0, name = "" } = BUNDLED.find((model) => model.id === id) ?? {};
  return { id, number, name };
}

async function fetched(url: string | URL): Promise<Uint8Array> {
  const location = String(url);
  if (location.startsWith("file:") && typeof process === "object") {
    const { readFile } = await import(/* webpackIgnore: true */ /* @vite-ignore */ "node:fs/promises");
    return readFile(new URL(location));
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${location}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** The bytes of a model file, from where the caller says, or from beside the package. */
export async function loadBytes(request: ModelRequest, source: ModelSource | undefined): Promise<Uint8Array> {
  try {
    let file: ModelFile;
    if (typeof source === "function") file = await source(request);
    else if (source !== undefined)
      file = `${String(source).replace(/\/$/, "")}/${request.name || request.id}.safetensors`;
    else if (FILES[request.name]) file = FILES[request.name]();
    else throw new Error("it is not a bundled model, and the option `models` is not set");
    if (file instanceof Uint8Array) return file;
    return file instanceof ArrayBuffer ? new Uint8Array(file) : await fetched(file);
  } catch (error) {
    if (error instanceof AecError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new UnknownModel(`the model ${request.name || request.id} is not available: ${why}`, { cause: error });
  }
}

/** A model that is being loaded, and how many wait for it. */
interface Load {
  id: string;
  source: ModelSource | undefined;
  model: Promise<Model>;
  waiting: number;
}

const loaded = new Map<string, Model>();
/** By source, too: of two callers, one may have a source that fails or hangs. */
const loads = new Set<Load>();

/** The model of an id; callers with the same source ask it once, and whoever comes later has what any of them found. */
export async function loadModel(id: string, models: ModelSource | undefined, signal?: AbortSignal): Promise<Model> {
  const found = loaded.get(id);
  if (found) return found;
  const source = models instanceof URL ? models.href : models;
  let load = [...loads].find((each) => each.id === id && each.source === source);
  if (!load) {
    const model = loadBytes(requestFor(id), source).then((bytes) => {
      const read = verified(bytes, id);
      loaded.set(id, read);
      return read;
    });
    load = { id, source, model, waiting: 0 };
    loads.add(load);
  }
  load.waiting++;
  try {
    return await unlessAborted(load.model, signal);
  } finally {
    if (--load.waiting === 0) loads.delete(load); // one that hangs, and that all have given up, is tried again
  }
}

/** What a promise gives, or at once the reason of the signal. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    const settled = (): void => signal.removeEventListener("abort", abort);
    promise.then(resolve, reject).finally(settled);
  });
}

function verified(bytes: Uint8Array, id: string): Model {
  const model = readModel(bytes);
  if (model.id !== id) throw new InvalidModelFile(`the model file has the id ${model.id} instead of ${id}`);
  return model;
}

/** Decoding in this thread. */

import { type Picture, decodeFile } from "./decoder.js";
import { AecError, LimitExceeded } from "./errors.js";
import { type ModelSource, loadModel } from "./models.js";
import type { Engine } from "./network.js";
import { type Info, type ParsedFile, infoOf, parse } from "./parsed_file.js";
import { ScalarEngine } from "./scalar_engine.js";
import { WasmEngine } from "./wasm_engine.js";

export type EngineName = "auto" | "typescript";

const engines = new Map<EngineName, Promise<Engine>>();

function engineOf(name: EngineName): Promise<Engine> {
  let engine = engines.get(name);
  if (!engine) {
    const scalar = new ScalarEngine();
    engine = name === "auto" ? WasmEngine.create().then((found) => found ?? scalar) : Promise.resolve(scalar);
    engines.set(name, engine);
  }
  return engine;
}

/** The engine that is used, "wasm" or "typescript". */
export async function engineName(): Promise<string> {
  return (await engineOf("auto")).name;
}

function parsed(
  data: Uint8Array,
  maxPixels: number,
  models: ModelSource | undefined,
  signal?: AbortSignal,
): Promise<ParsedFile> {
  return parse(data, maxPixels, async (id) => {
    const { description, name } = await loadModel(id, models, signal);
    return { id, name, tile: description.tile, channels: description.channels };
  });
}

export async function inspectLocally(
  data: Uint8Array,
  maxPixels: number,
  models: ModelSource | undefined,
): Promise<Info> {
  return infoOf(await parsed(data, maxPixels, models));
}

export async function decodeLocally(
  data: Uint8Array,
  maxPixels: number,
  models: ModelSource | undefined,
  engine: EngineName,
  signal: AbortSignal | undefined,
): Promise<Picture> {
  const pause = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
  };
  try {
    signal?.throwIfAborted();
    const file = await parsed(data, maxPixels, models, signal);
    const model = file.model && (await loadModel(file.model.id, models, signal));
    signal?.throwIfAborted();
    return await decodeFile(file, model, { engine: await engineOf(engine), maxPixels, pause });
  } catch (error) {
    // What engines throw when an array does not fit into memory
    if (error instanceof RangeError && !(error instanceof AecError))
      throw new LimitExceeded("there is not enough memory for the picture", { cause: error });
    throw error;
  }
}

/**
 * Decodes .aec pictures, in browsers and in Node.
 *
 *     import { decode } from "aecodec";
 *     const { width, height, channels, bits, data } = await decode(bytes);
 */

import type { Picture } from "./decoder.js";
import { InvalidValue } from "./errors.js";
import { type EngineName, decodeLocally, inspectLocally } from "./local.js";
import type { ModelSource } from "./models.js";
import { type Info, MAX_PIXELS } from "./parsed_file.js";
import { decodeInWorker, workers } from "./workers.js";

export type { Picture } from "./decoder.js";
export * from "./errors.js";
export { engineName } from "./local.js";
export type { ModelFile, ModelRequest, ModelSource } from "./models.js";
export { type Info, MAX_PIXELS } from "./parsed_file.js";

/** A file. */
export type Bytes = ArrayBufferView | ArrayBuffer;

export interface Options {
  /** Refuse pictures of more pixels: 89,478,485 by default. */
  maxPixels?: number;
  /** Where model files are; by default beside the package. Whatever is loaded is verified by its id. */
  models?: ModelSource;
  /** Ends decoding between two panels, and the wait for a model at once, with the signal's reason. */
  signal?: AbortSignal;
  /** Decode in a worker, of which there are a few, shared by all calls; or in workers that this function makes. */
  worker?: boolean | (() => Worker);
  /** "typescript" does without WebAssembly: photographs take some 25 times as long, the samples are the same. */
  engine?: EngineName;
}

function bytesOf(file: Bytes): Uint8Array {
  if (file instanceof Uint8Array) return file;
  if (ArrayBuffer.isView(file)) return new Uint8Array(file.buffer, file.byteOffset, file.byteLength);
  // An ArrayBuffer of another frame or realm is no instance of this one's class.
  if (Object.prototype.toString.call(file) === "[object ArrayBuffer]") return new Uint8Array(file);
  throw new InvalidValue("expected the bytes of a file, a Uint8Array or an ArrayBuffer");
}

/** The samples of a file. Throws AecError, or the reason of the signal. */
export async function decode(file: Bytes, options: Options = {}): Promise<Picture> {
  const { maxPixels = MAX_PIXELS, models, signal, worker = false, engine = "auto" } = options;
  const data = bytesOf(file);
  if (!worker) return decodeLocally(data, maxPixels, models, engine, signal);
  return decodeInWorker({ data, maxPixels, engine }, models, signal, worker === true ? undefined : worker);
}

/** The picture as a canvas takes it: red, green, blue, opacity of 8 bits. Without ImageData, an object like it. */
export async function decodeImageData(file: Bytes, options: Options = {}): Promise<ImageData> {
  return imageDataOf(await decode(file, options));
}

/** A decoded picture as a canvas takes it; samples of 16 bits are rounded to 8. */
export function imageDataOf(picture: Picture): ImageData {
  const { width, height, channels, bits, data } = picture;
  const rgba = new Uint8ClampedArray(4 * width * height);
  const color = channels > 2;
  const alpha = channels % 2 === 0;
  const scale = bits === 16 ? 1 / 257 : 1; // a clamped array rounds
  for (let from = 0, to = 0; to < rgba.length; from += channels, to += 4) {
    rgba[to] = data[from] * scale;
    rgba[to + 1] = data[color ? from + 1 : from] * scale;
    rgba[to + 2] = data[color ? from + 2 : from] * scale;
    rgba[to + 3] = alpha ? data[from + channels - 1] * scale : 255;
  }
  if (typeof ImageData === "function") return new ImageData(rgba, width, height);
  return { width, height, data: rgba, colorSpace: "srgb" } as ImageData;
}

/** The samples of many files, in their order; with workers, several are decoded at once. */
export async function* decodeMany(
  files: Iterable<Bytes> | AsyncIterable<Bytes>,
  options: Options = {},
): AsyncGenerator<Picture, void, undefined> {
  const going: Promise<Picture>[] = [];
  const most = options.worker ? workers() : 1;
  for await (const file of files) {
    const picture = decode(file, options);
    picture.catch(() => {}); // nobody may wait for it yet, or ever, and an error without a handler ends Node
    going.push(picture);
    if (going.length >= most) yield await (going.shift() as Promise<Picture>);
  }
  while (going.length) yield await (going.shift() as Promise<Picture>);
}

/** What a file tells without being decoded. A model is loaded only if the file names it by its id. Throws AecError. */
export async function inspect(file: Bytes, options: Pick<Options, "maxPixels" | "models"> = {}): Promise<Info> {
  const { maxPixels = Infinity, models } = options;
  return inspectLocally(bytesOf(file), maxPixels, models);
}

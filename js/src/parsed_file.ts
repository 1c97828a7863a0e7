/** A file whose header has been read and checked: sections 2, 13, 14 and 16. Nothing is decoded yet. */

import { BUNDLED, type BundledModel } from "./bundled.js";
import {
  ALPHA,
  type Front,
  type Header,
  LOSSLESS,
  PLAIN,
  type PackingName,
  SECTION_NAMES,
  VERSION,
  payloadOf,
  readHeader,
} from "./container.js";
import { InvalidValue, LimitExceeded, UnknownModel } from "./errors.js";
import { type Precision, readPrecision, requirePlain } from "./plain.js";
import { readMaxError } from "./samples.js";

/** The default of `maxPixels`, that of Pillow. */
export const MAX_PIXELS = 89_478_485;

/** What a file tells without being decoded. */
export interface Info {
  version: number;
  width: number;
  height: number;
  /** 1 gray, 2 gray and opacity, 3 red, green and blue, 4 with opacity. */
  channels: 1 | 2 | 3 | 4;
  /** Of a sample. */
  bits: 8 | 16;
  /** The model's name: "plain" in a file without one. */
  model: string;
  /** In hexadecimal; empty in a file without a model. */
  modelId: string;
  inverted: boolean;
  /** 1..100. */
  quality: number;
  packing: PackingName;
  /** The largest error of any sample, 0 in a lossless file; null if the file promises nothing. */
  maxError: number | null;
  /** The bytes of each section's content, by its name or number. */
  sections: Record<string, number>;
  fileBytes: number;
}

/** What must be known of a model to read the header of its files. */
export interface ModelFacts {
  name: string;
  id: string;
  tile: [number, number] | null;
  channels: number;
}

export interface ParsedFile {
  data: Uint8Array;
  header: Header;
  width: number;
  height: number;
  /** Absent in a plain file. */
  model: ModelFacts | null;
  /** Present in a plain file. */
  precision: Precision | null;
  /** Without opacity. */
  channels: 1 | 3;
  /** Whether the payload holds the negative. */
  inverted: boolean;
}

export function requireWithinLimit(pixels: number, maxPixels: number, what: string): void {
  if (pixels > maxPixels) throw new LimitExceeded(`${what} ${pixels} pixels, more than the limit of ${maxPixels}`);
}

/** The bundled model of a number. */
export function numbered(number: number): BundledModel {
  const found = BUNDLED.find((model) => model.number === number);
  if (!found) throw new UnknownModel(`the file needs model number ${number}, which is not known`);
  return found;
}

/** The size of the picture, from the header and the tile of its model. */
export function sizeOf(front: Front, model: ModelFacts): { width: number; height: number } {
  const { size } = front;
  const { tile, name } = model;
  if (!size && !tile) throw new InvalidValue(`the file gives no size, and the model ${name} has no tile`);
  if (size && tile && size.height === tile[0] && size.width === tile[1])
    throw new InvalidValue("the file gives a size although it is that of its model's tile");
  return size ?? { height: (tile as number[])[0], width: (tile as number[])[1] };
}

/** `byId`: loads the model of an id. */
export async function parse(
  data: Uint8Array,
  maxPixels: number,
  byId: (id: string) => Promise<ModelFacts>,
): Promise<ParsedFile> {
  const header = readHeader(data);
  const { size } = header;
  if (size) requireWithinLimit(size.width * size.height, maxPixels, "the picture has");
  if (header.modelNumber === PLAIN) {
    const precision = readPrecision(data, header.length);
    const found = requirePlain(header);
    return { data, header, ...found, model: null, precision, channels: header.variant ? 1 : 3, inverted: false };
  }
  const { modelId, modelNumber } = header;
  if (BUNDLED.some((each) => each.id === modelId))
    throw new InvalidValue("the file names a model by its id that has a number");
  const model = modelNumber ? numbered(modelNumber) : await byId(modelId);
  const found = sizeOf(header, model);
  requireWithinLimit(found.width * found.height, maxPixels, "the picture has");
  const inverted = header.variant && model.channels === 1;
  const channels = header.variant || model.channels === 1 ? 1 : 3;
  return { data, header, ...found, model, precision: null, channels, inverted };
}

export function infoOf(file: ParsedFile): Info {
  const { header, model, precision } = file;
  const { quality } = header;
  const maxError = quality < LOSSLESS ? null : readMaxError(quality, payloadOf(file.data, header)).maxError;
  const names = [...header.sections].map(([tag, { length }]) => [SECTION_NAMES[tag] ?? `section ${tag}`, length]);
  return {
    version: VERSION,
    width: file.width,
    height: file.height,
    channels: (file.channels + (header.sections.has(ALPHA) ? 1 : 0)) as Info["channels"],
    bits: precision?.bits ?? 8,
    model: model?.name ?? "plain",
    modelId: model?.id ?? "",
    inverted: file.inverted,
    quality: Math.min(quality, 100),
    packing: header.packing,
    maxError: precision ? precision.maxError : maxError,
    sections: Object.fromEntries(names) as Record<string, number>,
    fileBytes: file.data.length,
  };
}

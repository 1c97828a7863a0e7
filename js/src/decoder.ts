/** From a parsed file to its samples, panel by panel. */

import { ALPHA, LOSSLESS, payloadOf } from "./container.js";
import { crc32, littleEndian } from "./crc32.js";
import { type Strip, Walk, elementsOf, newStrip } from "./ladder.js";
import type { Model } from "./model.js";
import type { Engine } from "./network.js";
import { type PanelGrid, allPanels, panelGrid, seedOf, splitPayload, unpacker } from "./panels.js";
import { type ParsedFile, requireWithinLimit } from "./parsed_file.js";
import { readPlain } from "./plain.js";
import { type Samples, readPlanes } from "./planes.js";
import { decodeSamples } from "./samples.js";
import { type Canvas, margin, synthesize } from "./synthesis.js";

/** A decoded picture. */
export interface Picture {
  width: number;
  height: number;
  /** 1 gray, 2 gray and opacity, 3 red, green and blue, 4 with opacity. */
  channels: 1 | 2 | 3 | 4;
  /** Of a sample. */
  bits: 8 | 16;
  /** Row by row, pixel by pixel, channel by channel. */
  data: Uint8Array | Uint16Array;
}

/** A canvas may be so many times as large as the limit: the tiles of a narrow picture hold many times its pixels. */
const CANVAS_LIMIT = 4;

/** How to decode; `pause` is called between panels and may throw. */
export interface Decoding {
  engine: Engine;
  maxPixels: number;
  pause: () => Promise<void>;
}

/** The samples of a file; `model`: that of a file which is not plain. */
export async function decodeFile(file: ParsedFile, model: Model | null, decoding: Decoding): Promise<Picture> {
  const { width, height, channels, precision, header } = file;
  const samples: Samples = model
    ? await decodeWithModel(file, model, decoding)
    : readPlain(file.data, precision as NonNullable<typeof precision>, height, width, channels);
  const bits = precision?.bits ?? 8;
  const alpha = header.sections.get(ALPHA);
  if (!alpha) return { width, height, channels, bits, data: samples };
  const opacity = readPlanes(alpha, { height, width, channels: 1, bytes: bits === 8 ? 1 : 2 });
  const both = channels === 1 ? 2 : 4;
  const data = bits === 8 ? new Uint8Array(width * height * both) : new Uint16Array(width * height * both);
  for (let pixel = 0, from = 0, to = 0; pixel < opacity.length; pixel++) {
    for (let c = 0; c < channels; c++) data[to++] = samples[from++];
    data[to++] = opacity[pixel];
  }
  return { width, height, channels: both, bits, data };
}

async function decodeWithModel(file: ParsedFile, model: Model, decoding: Decoding): Promise<Uint8Array> {
  const { data, header } = file;
  if (header.quality < LOSSLESS) return finished(file, model, await decodeCanvas(file, model, decoding));
  const seed = crc32(data.subarray(0, header.length));
  const picture = { ...file, quality: header.quality, small: header.form === "small", seed };
  const samples = await decodeSamples(model, decoding.engine, picture, payloadOf(data, header), decoding.pause);
  return file.inverted ? samples.map((sample) => 255 - sample) : samples;
}

/** The picture on a canvas: cropped, one channel of a gray one, and not inverted: section 6.6. */
function finished(file: ParsedFile, model: Model, canvas: Canvas): Uint8Array {
  const { width, height, channels, inverted } = file;
  const own = model.description.channels;
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const row = canvas.data.subarray(y * canvas.width * own, (y * canvas.width + width) * own);
    if (channels < own) for (let x = 0; x < width; x++) data[y * width + x] = row[own * x + 1];
    else data.set(row, y * width * own);
  }
  return inverted ? data.map((sample) => 255 - sample) : data;
}

async function decodeCanvas(file: ParsedFile, model: Model, decoding: Decoding): Promise<Canvas> {
  const { block, channels, tile } = model.description;
  const unit = tile ?? ([block, block] as [number, number]);
  const grid = panelGrid(file.height, file.width, unit);
  const limit = CANVAS_LIMIT * decoding.maxPixels + unit[0] * unit[1];
  requireWithinLimit(grid.height * grid.width, limit, "the tiles of the picture have");
  return decodeLossy(file, model, grid, channels, decoding);
}

async function decodeLossy(
  file: ParsedFile,
  model: Model,
  grid: PanelGrid,
  channels: number,
  { engine, pause }: Decoding,
): Promise<Canvas> {
  const { header, data } = file;
  const { block } = model.description;
  const inBlocks = (pixels: number): number => pixels / block;
  const panels = allPanels(grid);
  const elements = panels.map(({ height, width }) => elementsOf(model, inBlocks(height), inBlocks(width)));
  const parts = splitPayload(payloadOf(data, header), header.packing, elements);
  const seed = crc32(data.subarray(0, header.length));
  const m = margin(model);
  const columns = inBlocks(grid.width);
  const rows = Math.min(inBlocks(grid.height), inBlocks(grid.panelHeight) + 2 * m);
  const strip = newStrip(model, rows, columns);
  let canvas: Canvas | null = null;
  // The strip holds `kept` rows from before, the first `done` of which have their pixels; it begins at row `top`.
  let [kept, done, top] = [0, 0, 0];
  for (const [i, panel] of panels.entries()) {
    if (i > 0) await pause();
    const area = {
      top: kept,
      left: inBlocks(panel.left),
      rows: inBlocks(panel.height),
      columns: inBlocks(panel.width),
    };
    const decoder = unpacker(header.packing, model.tables, parts[i], elements[i], header.form === "small");
    let crc = seedOf(i, panels.length, seed);
    new Walk(model, engine, header.quality, strip, area, (classes) => {
      const residuals = decoder.read(classes);
      crc = crc32(littleEndian(residuals), crc);
      return residuals;
    }).run();
    decoder.finish(crc);
    canvas ??= { data: new Uint8Array(grid.height * grid.width * channels), width: grid.width, channels };
    if ((i + 1) % grid.across !== 0) continue;
    const total = kept + area.rows;
    const ready = i === panels.length - 1 ? total : Math.max(done, total - m);
    synthesize(model, engine, header.quality, { ...strip, rows: total }, { from: done, to: ready, top }, canvas);
    kept = Math.min(total, 2 * m);
    keepLast(strip, total, kept);
    top += total - kept;
    done = ready - (total - kept);
  }
  return canvas as Canvas;
}

/** Moves the last `kept` of `total` rows to the front. */
function keepLast(strip: Strip, total: number, kept: number): void {
  for (const array of [strip.plane, strip.context]) {
    const row = array.length / strip.rows;
    array.copyWithin(0, (total - kept) * row, total * row);
  }
}

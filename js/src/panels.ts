/** Section 11: large canvases in several parts. */

import { Reader } from "./bytes.js";
import type { PackingName } from "./container.js";
import { crc32 } from "./crc32.js";
import { TruncatedFile } from "./errors.js";
import * as phrases from "./phrases.js";
import * as rans from "./rans.js";
import type { Tables } from "./tables.js";

const SIDE = 512;

export interface PanelGrid {
  /** Of the canvas, in pixels; they can be beyond 2^32. */
  height: number;
  width: number;
  panelHeight: number;
  panelWidth: number;
  down: number;
  across: number;
}

/** A part of the canvas, in pixels. */
export interface Panel {
  index: number;
  top: number;
  left: number;
  height: number;
  width: number;
}

/** The panels of the canvas of a picture, which consists of whole units. */
export function panelGrid(height: number, width: number, unit: [number, number]): PanelGrid {
  return panelsOf(Math.ceil(height / unit[0]) * unit[0], Math.ceil(width / unit[1]) * unit[1], unit);
}

/** The panels of a canvas of this size; `unit` gives their sides. */
export function panelsOf(height: number, width: number, unit: [number, number]): PanelGrid {
  const [panelHeight, panelWidth] = unit.map((side) => Math.max(1, Math.floor(SIDE / side)) * side);
  const [down, across] = [Math.ceil(height / panelHeight), Math.ceil(width / panelWidth)];
  return { height, width, panelHeight, panelWidth, down, across };
}

function panelAt(grid: PanelGrid, row: number, column: number): Panel {
  const [top, left] = [row * grid.panelHeight, column * grid.panelWidth];
  return {
    index: row * grid.across + column,
    top,
    left,
    height: Math.min(grid.panelHeight, grid.height - top),
    width: Math.min(grid.panelWidth, grid.width - left),
  };
}

/** All panels, row by row. */
export function allPanels(grid: PanelGrid): Panel[] {
  const { across, down } = grid;
  return Array.from({ length: down * across }, (_, i) => panelAt(grid, Math.floor(i / across), i % across));
}

/** The packed elements of all panels; `elements`: how many a panel has. */
export function splitPayload(payload: Uint8Array, packing: PackingName, elements: number[]): Uint8Array[] {
  const r = new Reader(payload);
  const lengths = elements.slice(1).map(() => r.varint());
  const sum = lengths.reduce((a, b) => a + b, 0);
  if (sum > r.left) throw new TruncatedFile("the file ends before its panels do");
  lengths.push(r.left - sum);
  return lengths.map((length, i) => {
    if (length < (packing === "rans" ? rans.leastBytes(elements[i]) : phrases.LEAST_BYTES))
      throw new TruncatedFile("a panel of the file is too short");
    return r.take(length);
  });
}

/** Reads the residuals of packed elements, pass by pass. */
export interface Unpacker {
  read(classes: Uint8Array): Int32Array;
  finish(crc: number): void;
}

/** `small`: whether the file has the small form. */
export function unpacker(
  packing: PackingName,
  tables: Tables,
  payload: Uint8Array,
  elements: number,
  small = false,
): Unpacker {
  if (packing === "zstd") return new phrases.PhraseDecoder(tables, payload, elements);
  return new rans.RansDecoder(tables, payload, elements, small);
}

/** What the checksum of a panel starts from: that of the header and, of several panels, the panel's number. */
export function seedOf(index: number, count: number, seed: number): number {
  if (count === 1) return seed;
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, index, true);
  return crc32(bytes, seed);
}

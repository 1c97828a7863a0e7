/** Section 2: the header of a file. */

import { Reader } from "./bytes.js";
import { InvalidValue, NotAnAecFile, TruncatedFile, UnsupportedSection, UnsupportedVersion } from "./errors.js";

export const VERSION = 0;
/** The model number of a picture without a model. */
export const PLAIN = 15;
export const ALPHA = 1;
export const REMAINDER = 2;

/** The names of the sections that this version defines, by tag: section 17. */
export const SECTION_NAMES: Readonly<Record<number, string>> = {
  [ALPHA]: "alpha",
  [REMAINDER]: "remainder",
  128: "icc",
  129: "exif",
  130: "xmp",
  131: "resolution",
};

export type PackingName = "rans" | "zstd";

/** The part of a header that tells the size, before the sections. */
export interface Front {
  /** 1..15, or 0 if the model is named by its id. */
  modelNumber: number;
  /** In hexadecimal; empty if the model has a number. */
  modelId: string;
  /** Absent if the picture has the size of its model's tile. */
  size: { width: number; height: number } | null;
  inverted: boolean;
  gray: boolean;
  hasSections: boolean;
  quality: number;
  packing: PackingName;
}

export interface Header extends Front {
  /** The contents of the sections by tag. */
  sections: Map<number, Uint8Array>;
  /** In bytes, sections included: the payload follows. */
  length: number;
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function readFront(r: Reader): Front {
  if (r.data.length === 0) throw new TruncatedFile("the file is empty");
  if (r.data[0] !== 0xae || (r.data.length > 1 && r.data[1] >> 4 !== 0xc)) throw new NotAnAecFile("not an .aec file");
  const [, second, flags, last] = r.take(4);
  if ((second & 15) !== VERSION)
    throw new UnsupportedVersion(`the file has version ${second & 15} of the format, which is not supported`);
  const modelNumber = flags & 15;
  const modelId = modelNumber === 0 ? hex(r.take(8)) : "";
  const size = flags & 0x10 ? { width: r.varint() + 1, height: r.varint() + 1 } : null;
  const quality = last & 0x7f;
  if (quality < 1 || quality > 100) throw new InvalidValue(`quality ${quality} is not within 1..100`);
  return {
    modelNumber,
    modelId,
    size,
    inverted: (flags & 0x20) !== 0,
    gray: (flags & 0x40) !== 0,
    hasSections: (flags & 0x80) !== 0,
    quality,
    packing: last & 0x80 ? "zstd" : "rans",
  };
}

function readSections(r: Reader): Map<number, Uint8Array> {
  const sections = new Map<number, Uint8Array>();
  let previous = 0;
  for (let tag = r.byte(); tag !== 0; tag = r.byte()) {
    if (tag <= previous) throw new InvalidValue("the sections of the file are not in order");
    if (tag < 0x80 && !(tag in SECTION_NAMES))
      throw new UnsupportedSection(`the file has the critical section ${tag}, which is not supported`);
    sections.set(tag, r.take(r.varint()));
    previous = tag;
  }
  if (previous === 0) throw new InvalidValue("the file announces sections and has none");
  return sections;
}

export function readHeader(data: Uint8Array): Header {
  const r = new Reader(data);
  const front = readFront(r);
  const sections = front.hasSections ? readSections(r) : new Map<number, Uint8Array>();
  return { ...front, sections, length: r.at };
}

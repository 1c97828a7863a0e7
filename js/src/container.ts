/** Section 2: the header of a file. */

import { Reader } from "./bytes.js";
import {
  ChecksumMismatch,
  InvalidValue,
  NotAnAecFile,
  TruncatedFile,
  UnsupportedSection,
  UnsupportedVersion,
} from "./errors.js";

export const VERSION = 1;
/** The model number of a picture without a model. */
export const PLAIN = 15;
/** In place of a quality: the payload holds samples, section 12. */
export const LOSSLESS = 101;
export const NEAR_LOSSLESS = 102;
export const ALPHA = 1;

/** The names of the sections that there are, by tag: section 14. */
export const SECTION_NAMES: Readonly<Record<number, string>> = {
  [ALPHA]: "alpha",
  128: "icc",
  129: "exif",
  130: "xmp",
  131: "resolution",
};

export type PackingName = "rans" | "zstd";

/** The form of a file, which its first byte tells. */
export type Form = "small" | "short" | "general";

/** The bytes of a front, at most: the signature and version, flags, quality, a model's id and two numbers. */
export const MOST_FRONT = 24;

/** The part of a header that tells the size, before the sections. */
export interface Front {
  form: Form;
  /** 1..15, or 0 if the model is named by its id. */
  modelNumber: number;
  /** In hexadecimal; empty if the model has a number. */
  modelId: string;
  /** Absent if the picture has the size of its model's tile. */
  size: { width: number; height: number } | null;
  /** Inverted with a model of one channel, gray with one of three. */
  variant: boolean;
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

/** Pixels of a picture in the short form, at most. */
const MOST_SHORT = 4096;

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The check of the small form: section 10. */
function crc8(bytes: Uint8Array): number {
  let register = VERSION;
  for (const byte of bytes) {
    register ^= byte;
    for (let bit = 0; bit < 8; bit++) register = (register << 1) ^ (register & 0x80 ? 0x107 : 0);
  }
  return register ^ 0x55;
}

function qualityOf(byte: number): number {
  const quality = byte & 0x7f;
  if (quality < 1 || quality > NEAR_LOSSLESS) throw new InvalidValue(`quality ${quality} is not within 1..100`);
  return quality;
}

/** The form; the general one continues with a signature and the version. */
function readForm(r: Reader): Form {
  if (r.data.length === 0) throw new TruncatedFile("the file is empty");
  const first = r.byte();
  if (first >= 0xb1 && first <= 0xbe) return "small";
  if (first === 0xbf) return "short";
  if (first !== 0xae) throw new NotAnAecFile("not an .aec file");
  for (const byte of [0xc0, 0xde]) if (r.byte() !== byte) throw new NotAnAecFile("not an .aec file");
  const version = r.byte();
  if (version === 0) throw new UnsupportedVersion("the file has version 0, a draft, which is not supported");
  if (version !== VERSION)
    throw new UnsupportedVersion(`the file has version ${version} of the format, which is not supported`);
  return "general";
}

export function readFront(r: Reader): Front {
  const form = readForm(r);
  if (form === "small") {
    const modelNumber = r.data[0] & 15;
    const last = r.byte();
    const common = { modelId: "", size: null, hasSections: false, packing: "rans" } as const;
    return { form, modelNumber, quality: qualityOf(last), variant: last >= 0x80, ...common };
  }
  const [flags, last] = r.take(2);
  if (flags & 0x40) throw new InvalidValue("the file has a reserved bit that is not 0");
  const modelNumber = flags & 15;
  const modelId = modelNumber === 0 ? hex(r.take(8)) : "";
  const size = flags & 0x10 ? { width: r.varint() + 1, height: r.varint() + 1 } : null;
  const large = size !== null && size.width * size.height > MOST_SHORT;
  const hasSections = (flags & 0x80) !== 0;
  const packing = last & 0x80 ? "zstd" : "rans";
  const couldBeSmall = !size && modelNumber !== 0 && modelNumber !== PLAIN && packing === "rans" && !hasSections;
  if (large !== (form === "general") || couldBeSmall) throw new InvalidValue("the file has another form than it must");
  const quality = qualityOf(last);
  if (quality > 100 && packing === "zstd") throw new InvalidValue("the file is lossless and has the packing zstd");
  return { form, modelNumber, modelId, size, variant: (flags & 0x20) !== 0, hasSections, quality, packing };
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
  if (front.form === "small") {
    const end = data.length - 1;
    if (end < r.at) throw new TruncatedFile("the file ends before its check");
    if (crc8(data.subarray(0, end)) !== data[end])
      throw new ChecksumMismatch("the file is damaged: its checksum does not match");
  }
  const sections = front.hasSections ? readSections(r) : new Map<number, Uint8Array>();
  return { ...front, sections, length: r.at };
}

/** The bytes between header and, in the small form, the check. */
export function payloadOf(data: Uint8Array, header: Header): Uint8Array {
  return data.subarray(header.length, header.form === "small" ? -1 : undefined);
}

/** Bytes, read from the front. */

import { InvalidValue, TruncatedFile } from "./errors.js";

export class Reader {
  constructor(
    readonly data: Uint8Array,
    public at = 0,
  ) {}

  get left(): number {
    return this.data.length - this.at;
  }

  byte(): number {
    if (this.at >= this.data.length) throw new TruncatedFile("the file ends within its header");
    return this.data[this.at++];
  }

  take(count: number): Uint8Array {
    if (count > this.left) throw new TruncatedFile("the file ends within its header");
    this.at += count;
    return this.data.subarray(this.at - count, this.at);
  }

  /** A number in 0..2^32 - 1, in no more bytes than it needs: section 2. */
  varint(): number {
    let value = 0;
    for (let index = 0; index < 5; index++) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) {
        if (byte === 0 && index > 0) throw new InvalidValue("a number in the file takes more bytes than it needs");
        if (value >= 2 ** 32) break;
        return value;
      }
    }
    throw new InvalidValue("a number in the file is too large");
  }
}

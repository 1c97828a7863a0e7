/** SHA-256 (FIPS 180-4). The one of browsers is absent from pages that were not loaded by HTTPS. */

const fraction = (root: number): number => ((root - Math.floor(root)) * 2 ** 32) | 0;
const PRIMES = ((): number[] => {
  const found: number[] = [];
  for (let n = 2; found.length < 64; n++) if (found.every((p) => n % p)) found.push(n);
  return found;
})();
const START = PRIMES.slice(0, 8).map((p) => fraction(Math.sqrt(p)));
const ROUND = Int32Array.from(PRIMES, (p) => fraction(Math.cbrt(p)));

function blocks(state: Int32Array, data: Uint8Array, end: number): void {
  const w = new Int32Array(64);
  for (let at = 0; at < end; at += 64) {
    for (let i = 0, b = at; i < 16; i++, b += 4)
      w[i] = (data[b] << 24) | (data[b + 1] << 16) | (data[b + 2] << 8) | data[b + 3];
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15];
      const y = w[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUND[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => (state[i] += value));
  }
}

/** The digest of parts that follow one another. */
export function sha256(parts: Uint8Array[]): Uint8Array {
  const state = Int32Array.from(START);
  const held = new Uint8Array(128);
  let left = 0;
  let length = 0;
  for (let part of parts) {
    length += part.length;
    if (left) {
      const more = part.subarray(0, 64 - left);
      held.set(more, left);
      left += more.length;
      part = part.subarray(more.length);
      if (left < 64) continue;
      blocks(state, held, 64);
    }
    left = part.length % 64;
    blocks(state, part, part.length - left);
    held.set(part.subarray(part.length - left));
  }
  held.fill(0, left);
  held[left] = 0x80;
  const end = left < 56 ? 64 : 128;
  const view = new DataView(held.buffer);
  view.setUint32(end - 8, Math.floor(length / 2 ** 29));
  view.setUint32(end - 4, length << 3);
  blocks(state, held, end);
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((value, i) => digest.setInt32(4 * i, value));
  return new Uint8Array(digest.buffer);
}

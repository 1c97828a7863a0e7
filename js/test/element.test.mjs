// The element, with the few parts of a browser that it needs; tests/browser has it in real ones.

import assert from "node:assert/strict";
import { test } from "node:test";
import { goldenFile } from "./files.mjs";

let largest = 0; // pixels of any canvas

class Element {
  part = { add() {} };
  attributes = {};
  isConnected = true;
  sides = { width: 0, height: 0 };
  baseURI = "http://localhost/";
  get width() {
    return this.sides.width;
  }
  set width(width) {
    this.sides.width = width;
  }
  get height() {
    return this.sides.height;
  }
  set height(height) {
    this.sides.height = height;
    largest = Math.max(largest, this.sides.width * height);
  }
  getAttribute(name) {
    return this.attributes[name] ?? null;
  }
  hasAttribute(name) {
    return name in this.attributes;
  }
  attachShadow() {
    return (this.shadow = { append: (...children) => (this.children = children) });
  }
  attachInternals() {
    return {};
  }
  getContext() {
    return { putImageData() {}, drawImage() {} };
  }
  replaceChildren() {}
  dispatchEvent() {}
}

Object.assign(globalThis, {
  HTMLElement: Element,
  document: { createElement: () => new Element() },
  IntersectionObserver: class {
    observe() {}
    unobserve() {}
  },
  customElements: { get() {}, define() {} },
  ImageData: class {},
});
const { AecImage } = await import("../dist/element.js");
AecImage.options = {};

/** An element, and its canvas, whose file arrives in chunks. */
function elementOf(chunks) {
  globalThis.fetch = async () => new Response(ReadableStream.from(chunks));
  const element = Object.assign(new AecImage(), { attributes: { src: "picture.aec" } });
  return { element, canvas: element.children[2] };
}

const single = (bytes) => Array.from(bytes, (byte) => Uint8Array.of(byte));

test("a picture has its size from the first bytes, however they come", async () => {
  const { element, canvas } = elementOf(single(goldenFile("plain-row")));
  await element.load();
  assert.equal(element.error, null);
  assert.deepEqual([element.naturalWidth, element.naturalHeight], [20000, 1]);
  assert.deepEqual(canvas.sides, { width: 20000, height: 1 });
});

// A plain file of 16384 x 16384 pixels, of which only the header is there
const CLAIM = [0xae, 0xc0, 0xde, 1, 0x1f, 101, 0xff, 0x7f, 0xff, 0x7f, 0, 0, 0, 0, 0, 0];

test("a size beyond the limit takes no memory", async () => {
  largest = 0;
  const { element, canvas } = elementOf([Uint8Array.from(CLAIM)]);
  await element.load();
  assert.equal(element.error.name, "LimitExceeded");
  assert.equal(largest, 0);
  assert.deepEqual(canvas.sides, { width: 0, height: 0 });
});

test("a picture that cannot be shown keeps no canvas", async () => {
  const { element, canvas } = elementOf([goldenFile("plain-row").subarray(0, -1)]);
  await element.load();
  assert.ok(element.error);
  assert.equal(element.naturalWidth, 20000);
  assert.deepEqual(canvas.sides, { width: 0, height: 0 });
});

test("what is no .aec file is read in linear time", async () => {
  const { element } = elementOf(Array.from({ length: 2000 }, () => new Uint8Array(1000).fill(60)));
  const { Blob } = globalThis;
  let joined = 0;
  globalThis.Blob = class extends Blob {
    constructor(parts) {
      super(parts);
      joined += this.size;
    }
  };
  await element.load();
  globalThis.Blob = Blob;
  assert.equal(element.error.name, "NotAnAecFile");
  assert.ok(joined < 2_100_000, `${joined} bytes were joined`);
});

test("a load that was ended does not change the size any more", async () => {
  const { element } = elementOf([goldenFile("plain-row")]);
  const { Blob } = globalThis;
  globalThis.Blob = class extends Blob {
    async arrayBuffer() {
      element.disconnectedCallback(); // ends the load while the first bytes are joined
      return super.arrayBuffer();
    }
  };
  await element.load();
  globalThis.Blob = Blob;
  assert.equal(element.naturalWidth, 0);
});

/**
 * The element <aec-img src="picture.aec" alt="...">.
 *
 * It behaves like an image: it is loaded when it comes near the window (loading="eager": at once), takes its size from
 * the first bytes of the file, before models and pixels are there, follows `object-fit`, `object-position` and
 * `image-rendering`, and shows `alt` if the picture cannot be. It sends the events `load` and `error`. With placeholder="..."
 * (base64 or hexadecimal) it shows that until the picture is there, and has its aspect ratio at once.
 */

import { Reader } from "./bytes.js";
import { MOST_FRONT, PLAIN, readFront } from "./container.js";
import { AecError, TruncatedFile } from "./errors.js";
import { type Options, decode, imageDataOf } from "./index.js";
import { MAX_PIXELS, numbered, sizeOf } from "./parsed_file.js";

const NEAR = "50% 50%";
const BLURRED_SIDE = 128; // pixels of the longer side that a placeholder is decoded to
const STYLE = `
:host { display: inline-block; overflow: hidden; vertical-align: baseline; }
:host([hidden]) { display: none; }
canvas { display: block; width: 100%; height: 100%; object-fit: inherit; object-position: inherit; }
p { box-sizing: border-box; margin: 0; padding: .25em .5em; border: 1px solid; font-size: smaller; line-height: 1.3;
  overflow-wrap: anywhere; }
p small { display: block; opacity: .75; }
[hidden] { display: none; }
`;

/** The size of the picture, from the first bytes of its file; null if they do not tell. */
function sizeOfFront(bytes: Uint8Array): { width: number; height: number } | null {
  try {
    const front = readFront(new Reader(bytes));
    if (front.modelNumber === PLAIN || front.modelNumber === 0) return front.size;
    return sizeOf(front, numbered(front.modelNumber));
  } catch (error) {
    if (error instanceof AecError) return null; // decoding will tell why
    throw error;
  }
}

/** The bytes of a file; `early` is given its first ones until it returns true, or has had all that could tell it more. */
async function fetchBytes(
  url: string,
  signal: AbortSignal,
  early: (bytes: Uint8Array) => boolean,
): Promise<Uint8Array> {
  const response = await fetch(url, { signal });
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`.trim());
  const chunks: Uint8Array[] = [];
  let front = 0; // bytes that `early` has had; to join all chunks for each chunk would take quadratic time
  const joined = async (): Promise<Uint8Array> => new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
  if (response.body) {
    const reader = response.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      chunks.push(part.value);
      if (front >= MOST_FRONT) continue;
      const bytes = await joined();
      signal.throwIfAborted(); // `early` must not be called after that
      front = early(bytes) ? MOST_FRONT : bytes.length;
    }
  }
  return joined();
}

export class AecImage extends HTMLElement {
  /** How all elements decode. */
  static options: Options = { worker: true };
  static readonly observedAttributes = ["src", "alt", "width", "height", "loading", "placeholder"];

  readonly #canvas = document.createElement("canvas");
  readonly #message = document.createElement("p");
  readonly #size = document.createElement("style");
  readonly #internals = this.attachInternals();
  #control: AbortController | null = null;
  #blurred: HTMLCanvasElement | null = null;
  #natural = { width: 0, height: 0 };
  #complete = false;
  #error: Error | null = null;

  constructor() {
    super();
    const style = document.createElement("style");
    style.textContent = STYLE;
    this.#canvas.hidden = this.#message.hidden = true;
    this.#message.part.add("error");
    this.attachShadow({ mode: "open" }).append(style, this.#size, this.#canvas, this.#message);
    this.#internals.role = "img";
  }

  /** In pixels; 0 until the first bytes of the file are there. */
  get naturalWidth(): number {
    return this.#natural.width;
  }

  get naturalHeight(): number {
    return this.#natural.height;
  }

  /** Whether the picture is shown, or cannot be. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Why the picture cannot be shown. */
  get error(): Error | null {
    return this.#error;
  }

  get src(): string {
    const src = this.getAttribute("src");
    return src === null ? "" : new URL(src, this.baseURI).href;
  }

  set src(value: string) {
    this.setAttribute("src", value);
  }

  get alt(): string {
    return this.getAttribute("alt") ?? "";
  }

  set alt(value: string) {
    this.setAttribute("alt", value);
  }

  connectedCallback(): void {
    this.#describe();
    this.#start();
    void this.#blur();
  }

  disconnectedCallback(): void {
    NEARBY.unobserve(this);
    this.#control?.abort();
    this.#control = null;
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (!this.isConnected || before === after) return;
    this.#describe();
    if (name === "src" || name === "loading") this.#start();
    if (name === "src" || name === "placeholder") void this.#blur();
  }

  #describe(): void {
    this.#internals.ariaLabel = this.alt;
    const { width, height } = this.#natural.width ? this.#natural : (this.#blurred ?? this.#natural);
    const sides = ["width", "height"].map((side) => {
      const value = this.getAttribute(side);
      return value !== null && /^\d+$/.test(value) ? `${side}: ${value}px; ` : "";
    });
    const ratio = width ? `aspect-ratio: ${width} / ${height};` : "";
    this.#size.textContent = `:host { ${sides.join("")}${ratio} }`;
  }

  /** Decodes the placeholder, and shows it until the picture is there. One that is invalid is left out. */
  async #blur(): Promise<void> {
    const text = this.getAttribute("placeholder");
    this.#blurred = null;
    if (text === null) return;
    const { decodePlaceholder, placeholderAspectRatio } = await import("./placeholder.js");
    if (this.#complete || text !== this.getAttribute("placeholder")) return;
    try {
      const long = placeholderAspectRatio(text) < 1 ? "height" : "width";
      const { width, height, data } = decodePlaceholder(text, { [long]: BLURRED_SIDE });
      this.#blurred = Object.assign(document.createElement("canvas"), { width, height });
      this.#blurred.getContext("2d")?.putImageData(new ImageData(data, width, height), 0, 0);
      // An error has left the canvas without a size.
      if (!this.#natural.width || !this.#canvas.width) Object.assign(this.#canvas, { width, height });
      this.#canvas.hidden = false;
      this.#paintBlurred();
      this.#describe();
    } catch (error) {
      if (!(error instanceof AecError)) throw error;
    }
  }

  #paintBlurred(): void {
    const { width, height } = this.#canvas;
    if (this.#blurred) this.#canvas.getContext("2d")?.drawImage(this.#blurred, 0, 0, width, height);
  }

  /** Waits until the element comes near the window. */
  #start(): void {
    this.#control?.abort();
    this.#control = null;
    this.#complete = false;
    this.#error = null;
    NEARBY.unobserve(this);
    if (!this.hasAttribute("src")) return;
    if (this.getAttribute("loading") === "eager") void this.load();
    else NEARBY.observe(this);
  }

  /** Loads the picture now. Does not throw: the element shows what went wrong. */
  async load(): Promise<void> {
    NEARBY.unobserve(this);
    const control = new AbortController();
    this.#control?.abort();
    this.#control = control;
    const { signal } = control;
    try {
      const bytes = await fetchBytes(this.src, signal, (early) => this.#layEarly(sizeOfFront(early)));
      if (bytes.length === 0) throw new TruncatedFile("the file is empty");
      const picture = await decode(bytes, { ...AecImage.options, signal });
      signal.throwIfAborted();
      this.#lay(picture);
      this.#canvas.getContext("2d")?.putImageData(imageDataOf(picture), 0, 0);
      this.#finish(null);
    } catch (error) {
      if (!signal.aborted) this.#finish(error instanceof Error ? error : new Error(String(error)));
    } finally {
      if (this.#control === control) this.#control = null;
    }
  }

  /** Takes the place of a picture of the size that a file claims; of one beyond the limit, decoding will tell. */
  #layEarly(size: { width: number; height: number } | null): boolean {
    if (!size) return false;
    if (size.width * size.height <= (AecImage.options.maxPixels ?? MAX_PIXELS)) this.#lay(size);
    return true;
  }

  /** Takes the place of a picture of that size. */
  #lay({ width, height }: { width: number; height: number }): void {
    if (width === this.#natural.width && height === this.#natural.height && !this.#canvas.hidden) return;
    this.#natural = { width, height };
    Object.assign(this.#canvas, { width, height, hidden: false });
    this.#paintBlurred();
    this.#message.hidden = true;
    this.#describe();
  }

  #finish(error: Error | null): void {
    this.#complete = true;
    this.#blurred = null;
    this.#error = error;
    this.#canvas.hidden = error !== null;
    this.#message.hidden = error === null;
    if (error) {
      Object.assign(this.#canvas, { width: 0, height: 0 }); // its memory is of no more use
      const why = document.createElement("small");
      why.textContent = error.message;
      this.#message.replaceChildren(this.alt, why);
    }
    this.dispatchEvent(new Event(error ? "error" : "load"));
  }
}

const NEARBY = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) if (entry.isIntersecting) void (entry.target as AecImage).load();
  },
  { rootMargin: NEAR },
);

if (!customElements.get("aec-img")) customElements.define("aec-img", AecImage);

declare global {
  interface HTMLElementTagNameMap {
    "aec-img": AecImage;
  }
}

/** The page of `aec view`: files, one of which is shown, enlarged without smoothing, beside what is known of it. */

import type { Picture } from "../decoder.js";
import { AecError } from "../errors.js";
import { type Info, type Options, decode, imageDataOf, inspect } from "../index.js";
import { fromBase64 } from "./embedded.js";
import style from "./view.css";

/** A file as the page holds it: base64, and the address of the picture to compare it with. */
interface Embedded {
  name: string;
  data: string;
  against?: { name: string; src: string; psnr: string | null };
}

interface Shown {
  name: string;
  bytes: Uint8Array;
  against: Embedded["against"];
  info?: Info;
  picture?: Picture;
  error?: Error;
}

const ZOOMS = [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
/** How far a wheel is turned for a step: a touchpad sends many small events. */
const TURN = 40;
const CHANNELS = { 1: "gray", 2: "gray and opacity", 3: "RGB", 4: "RGB and opacity" };

/** An element with properties and children. */
function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function counted(number: number, unit: string): string {
  return `${number.toLocaleString("en")} ${unit}${number === 1 ? "" : "s"}`;
}

class Viewer {
  readonly #files: Shown[] = [];
  #current: Shown | null = null;
  #zoom = 1;
  /** What the wheel has been turned since the last step. */
  #turned = 0;
  #fitted = true;
  readonly #title = make("h1");
  readonly #list = make("nav");
  readonly #canvas = make("canvas");
  readonly #original = make("img", { alt: "" });
  readonly #edge = make("div", { className: "edge" });
  readonly #stage = make("div", { className: "stage" }, this.#original, this.#canvas, this.#edge);
  readonly #names = [make("span"), make("span")];
  readonly #notice = make("div", { className: "notice" });
  readonly #main = make("main", {}, this.#stage, this.#notice);
  readonly #facts = make("dl");
  readonly #aside = make("aside", {}, this.#facts);
  readonly #percent = make("output");
  readonly #footer = make("footer");
  readonly #cut = make("input", {
    type: "range",
    min: "0",
    max: "100",
    step: "0.1",
    value: "50",
    title: "How much of the original is seen",
  });
  readonly #comparison = make("span", { className: "comparison" }, this.#names[0], this.#cut, this.#names[1]);

  constructor(readonly options: Options) {
    document.head.append(make("style", { textContent: style }));
    document.body.append(this.#header(), this.#list, this.#main, this.#aside, this.#footer);
    this.#drop();
    this.#pointer();
    this.#compare();
    document.addEventListener("keydown", (event) => this.#key(event));
    addEventListener("resize", () => this.#fitted && this.#fit());
  }

  add(files: Shown[]): void {
    this.#files.push(...files);
    this.#list.hidden = this.#files.length < 2;
    if (files.length) void this.show(files[0]);
    else if (!this.#current) this.#render();
  }

  #header(): HTMLElement {
    const button = (text: string, title: string, onclick: () => void): HTMLElement =>
      make("button", { textContent: text, title, onclick });
    const input = make("input", { type: "file", multiple: true, accept: ".aec" });
    input.addEventListener("change", () => void this.#open([...(input.files ?? [])]));
    const info = make("button", {
      textContent: "Info",
      title: "What is known of the file (I)",
      onclick: () => this.#toggleInfo(),
    });
    info.id = "info";
    info.ariaPressed = "true";
    return make(
      "header",
      {},
      this.#title,
      this.#comparison,
      button("−", "Smaller (−)", () => this.#step(-1)),
      this.#percent,
      button("+", "Larger (+)", () => this.#step(1)),
      button("Fit", "The whole picture (F)", () => this.#fit()),
      button("1:1", "One pixel to one pixel (1)", () => this.#zoomTo(1)),
      info,
      make("label", { className: "open", title: "Show other files" }, "Open …", input),
    );
  }

  #toggleInfo(): void {
    this.#aside.hidden = !this.#aside.hidden;
    const button = document.getElementById("info");
    if (button) button.ariaPressed = String(!this.#aside.hidden);
    if (this.#fitted) this.#fit();
  }

  async show(file: Shown): Promise<void> {
    this.#current = file;
    this.#render();
    this.#renderList();
    if (!file.picture && !file.error) await this.#decode(file);
    if (this.#current === file) this.#render();
    this.#renderList();
  }

  async #decode(file: Shown): Promise<void> {
    try {
      file.info = await inspect(file.bytes, this.options);
      if (this.#current === file) this.#render();
      file.picture = await decode(file.bytes, this.options);
    } catch (error) {
      file.error = error instanceof Error ? error : new Error(String(error));
    }
  }

  #renderList(): void {
    this.#list.replaceChildren(
      ...this.#files.map((file) => {
        const said = file.error ? file.error.name : counted(file.bytes.length, "byte");
        const button = make(
          "button",
          { onclick: () => void this.show(file) },
          file.name,
          make("small", { textContent: said }),
        );
        button.ariaCurrent = String(file === this.#current);
        button.classList.toggle("bad", file.error !== undefined);
        return button;
      }),
    );
  }

  #render(): void {
    const file = this.#current;
    this.#title.textContent = file?.name ?? "aecodec";
    document.title = file ? `${file.name} – aecodec` : "aecodec";
    this.#stage.hidden = !file?.picture;
    this.#percent.textContent = "";
    this.#notice.hidden = file?.picture !== undefined;
    this.#notice.classList.toggle("bad", file?.error !== undefined);
    const against = file?.picture && file.against;
    this.#comparison.hidden = this.#edge.hidden = this.#original.hidden = !against;
    this.#stage.classList.toggle("compared", Boolean(against));
    if (!file) this.#say("Drop .aec files here", "or choose them with “Open …”. They stay on this computer.");
    else if (file.error) this.#say("This file cannot be shown", `${file.error.name}: ${file.error.message}`);
    else if (!file.picture) this.#say("Decoding …", "");
    else this.#paint(file, file.picture);
    this.#facts.replaceChildren(
      ...(file ? factsOf(file) : []).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]),
    );
    this.#footer.textContent = "";
  }

  #say(first: string, second: string): void {
    this.#notice.replaceChildren(make("strong", { textContent: first }), second);
  }

  #paint(file: Shown, picture: Picture): void {
    const pixels = imageDataOf(picture);
    Object.assign(this.#canvas, { width: picture.width, height: picture.height });
    this.#canvas.getContext("2d")?.putImageData(pixels, 0, 0);
    if (file.against) {
      this.#original.src = file.against.src;
      [file.against.name, file.name].forEach((name, i) => (this.#names[i].textContent = name));
    }
    this.#fit();
  }

  // Zoom --- in CSS pixels for a pixel of the picture

  #fit(): void {
    const { width, height } = this.#canvas;
    const [wide, high] = [(this.#main.clientWidth - 24) / width, (this.#main.clientHeight - 24) / height];
    const most = Math.min(wide, high);
    // A picture that is enlarged has whole pixels.
    this.#zoomTo(most >= 1 ? Math.min(Math.floor(most), 64) : most);
    this.#fitted = true;
  }

  #step(direction: number, at?: { x: number; y: number }): void {
    const next =
      direction > 0 ? ZOOMS.find((z) => z > this.#zoom + 1e-6) : ZOOMS.findLast((z) => z < this.#zoom - 1e-6);
    if (next) this.#zoomTo(next, at);
  }

  /** Zooms; the point `at` of the window stays where it is, by default the middle. */
  #zoomTo(zoom: number, at?: { x: number; y: number }): void {
    const view = this.#main.getBoundingClientRect();
    const { x, y } = at ?? { x: view.left + view.width / 2, y: view.top + view.height / 2 };
    const before = this.#stage.getBoundingClientRect();
    const [u, v] = [(x - before.left) / this.#zoom, (y - before.top) / this.#zoom];
    this.#zoom = zoom;
    this.#fitted = false;
    this.#stage.style.width = `${this.#canvas.width * zoom}px`;
    this.#stage.style.height = `${this.#canvas.height * zoom}px`;
    this.#stage.classList.toggle("enlarged", zoom > 1);
    this.#percent.textContent = `${Math.round(100 * zoom)} %`;
    const after = this.#stage.getBoundingClientRect();
    this.#main.scrollLeft += after.left + u * zoom - x;
    this.#main.scrollTop += after.top + v * zoom - y;
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLInputElement) return;
    const index = this.#files.indexOf(this.#current as Shown);
    const to = (step: number): void => void (this.#files[index + step] && this.show(this.#files[index + step]));
    const actions: Record<string, () => void> = {
      "+": () => this.#step(1),
      "=": () => this.#step(1),
      "-": () => this.#step(-1),
      "1": () => this.#zoomTo(1),
      f: () => this.#fit(),
      i: () => this.#toggleInfo(),
      PageDown: () => to(1),
      PageUp: () => to(-1),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  #pointer(): void {
    this.#main.addEventListener(
      "wheel",
      (event) => {
        if (this.#stage.hidden) return;
        event.preventDefault();
        this.#turned += event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1);
        if (Math.abs(this.#turned) < TURN) return;
        this.#step(this.#turned < 0 ? 1 : -1, event);
        this.#turned = 0;
      },
      { passive: false },
    );
    this.#stage.addEventListener("pointerdown", (event) => {
      if (event.target === this.#edge || event.button !== 0) return;
      this.#stage.setPointerCapture(event.pointerId);
      this.#stage.classList.add("panning");
    });
    for (const end of ["pointerup", "pointercancel"])
      this.#stage.addEventListener(end, () => this.#stage.classList.remove("panning"));
    this.#stage.addEventListener("pointermove", (event) => {
      if (this.#stage.classList.contains("panning")) this.#main.scrollBy(-event.movementX, -event.movementY);
      this.#footer.textContent = this.#pixelAt(event);
    });
    this.#stage.addEventListener("pointerleave", () => (this.#footer.textContent = ""));
  }

  #pixelAt(event: PointerEvent): string {
    const picture = this.#current?.picture;
    const box = this.#stage.getBoundingClientRect();
    const [x, y] = [
      Math.floor((event.clientX - box.left) / this.#zoom),
      Math.floor((event.clientY - box.top) / this.#zoom),
    ];
    if (!picture || x < 0 || y < 0 || x >= picture.width || y >= picture.height) return "";
    const at = (y * picture.width + x) * picture.channels;
    return `x ${x}, y ${y}: ${picture.data.subarray(at, at + picture.channels).join(" ")}`;
  }

  #compare(): void {
    const move = (): void => this.#stage.style.setProperty("--cut", `${this.#cut.value}%`);
    this.#cut.addEventListener("input", move);
    this.#edge.addEventListener("pointerdown", (event) => this.#edge.setPointerCapture(event.pointerId));
    this.#edge.addEventListener("pointermove", (event) => {
      if (!event.buttons) return;
      const box = this.#stage.getBoundingClientRect();
      this.#cut.value = String((100 * (event.clientX - box.left)) / box.width);
      move();
    });
    move();
  }

  #drop(): void {
    addEventListener("dragover", (event) => {
      event.preventDefault();
      document.body.classList.add("dropping");
    });
    for (const end of ["dragleave", "drop"]) addEventListener(end, () => document.body.classList.remove("dropping"));
    addEventListener("drop", (event) => {
      event.preventDefault();
      void this.#open([...(event.dataTransfer?.files ?? [])]);
    });
  }

  async #open(files: File[]): Promise<void> {
    this.add(
      await Promise.all(
        files.map(async (file) => ({
          name: file.name,
          bytes: new Uint8Array(await file.arrayBuffer()),
          against: undefined,
        })),
      ),
    );
  }
}

function factsOf({ bytes, against, info, error, picture }: Shown): [string, string][] {
  const facts: [string, string][] = [["File", counted(bytes.length, "byte")]];
  if (info) {
    const pixels = info.width * info.height;
    facts.push(
      ["Size", `${info.width} × ${info.height}`],
      ["Samples", `${CHANNELS[info.channels]}, ${info.bits} bits`],
      ["Rate", `${((8 * bytes.length) / pixels).toFixed(3)} bits per pixel`],
      ["Model", info.modelId ? `${info.model} (${info.modelId})` : "none: plain"],
    );
    if (info.modelId)
      facts.push(["Quality", `${info.quality}${info.inverted ? ", inverted" : ""}`], ["Packing", info.packing]);
    if (info.maxError !== null)
      facts.push(["Error", info.maxError === 0 ? "none: lossless" : `at most ${info.maxError}`]);
    for (const [name, length] of Object.entries(info.sections))
      facts.push([`Section ${name}`.replace("Section section", "Section"), counted(length, "byte")]);
  }
  if (error) facts.push(["Failure", error instanceof AecError ? error.name : "Error"]);
  if (picture) facts.push(["Checksum", "matches"]);
  if (picture && against?.psnr) facts.push(["PSNR", against.psnr]);
  return facts;
}

/** Fills the page with a viewer of these files. */
export function view(files: Embedded[], options: Options): void {
  const viewer = new Viewer(options);
  viewer.add(files.map(({ name, data, against }) => ({ name, bytes: fromBase64(data), against })));
}

/** Replaces every <img src="*.aec"> of the page, now and later, by an <aec-img> with the same attributes. */

import { AecImage } from "./element.js";

function isAec(image: HTMLImageElement): boolean {
  const src = image.getAttribute("src");
  if (src === null) return false;
  try {
    return new URL(src, image.baseURI).pathname.toLowerCase().endsWith(".aec");
  } catch {
    return false; // not a URL, and so not a file either
  }
}

/** Replaces the images in a part of the page. */
export function replaceImages(root: ParentNode): void {
  for (const image of root.querySelectorAll("img")) {
    if (!isAec(image)) continue;
    const element = new AecImage();
    for (const { name, value } of image.attributes) element.setAttribute(name, value);
    image.replaceWith(element);
  }
}

function watch(): void {
  replaceImages(document);
  const changes = { childList: true, subtree: true, attributes: true, attributeFilter: ["src"] };
  new MutationObserver(() => replaceImages(document)).observe(document, changes);
}

watch();

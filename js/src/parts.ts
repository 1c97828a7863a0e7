/** Parts that only the tests look at: dist/parts.js is not in the package. */

export { BUNDLED } from "./bundled.js";
export { readHeader } from "./container.js";
export { crc32 } from "./crc32.js";
export { SOURCES } from "./layers_wasm.js";
export { readModel } from "./model.js";
export { describe } from "./phrases.js";
export { sha256 } from "./sha256.js";

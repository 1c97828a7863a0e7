/** Parts that only the tests look at: dist/parts.js is not in the package. */

export { BUNDLED } from "./bundled.js";
export { LOSSLESS, NEAR_LOSSLESS, VERSION, readHeader } from "./container.js";
export { crc32 } from "./crc32.js";
export { SOURCES } from "./layers_wasm.js";
export { readModel } from "./model.js";
export { describe } from "./phrases.js";
export { PanelWalk, decodeSamples } from "./samples.js";
export { ScalarEngine } from "./scalar_engine.js";
export { sha256 } from "./sha256.js";
export { WasmEngine } from "./wasm_engine.js";

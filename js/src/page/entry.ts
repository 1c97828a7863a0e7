/** In a worker there is no document, and no elements to define. */

import { browserPort, serve } from "../worker.js";

if (typeof document === "undefined") serve(browserPort());
else void import("./main.js").then(({ start }) => start());

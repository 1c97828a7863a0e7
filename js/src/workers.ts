/** Decoding in workers: a few of them, made when needed, each with one job at a time. */

import type { Picture } from "./decoder.js";
import { LimitExceeded, errorOf } from "./errors.js";
import { type EngineName, decodeLocally } from "./local.js";
import { type ModelRequest, type ModelSource, loadBytes } from "./models.js";

const MOST_WORKERS = 4;

export interface Job {
  data: Uint8Array;
  maxPixels: number;
  engine: EngineName;
}

export type ToWorker =
  | { type: "decode"; job: Job }
  | { type: "model"; bytes: Uint8Array | null } // null: it cannot be loaded
  | { type: "abort" };
export type FromWorker =
  | { type: "model"; request: ModelRequest }
  | { type: "done"; picture: Picture }
  | { type: "failed"; name: string; message: string };

interface Task {
  job: Job;
  models: ModelSource | undefined;
  signal: AbortSignal | undefined;
  resolve: (picture: Picture) => void;
  reject: (error: unknown) => void;
}

/** A worker as both browsers and Node have it. */
interface Host {
  post(message: ToWorker): void;
  end(): void;
}

/** How many pictures are decoded at once. */
export function workers(): number {
  const cores = globalThis.navigator?.hardwareConcurrency ?? 2;
  return Math.max(1, Math.min(MOST_WORKERS, cores));
}

async function start(
  make: (() => Worker) | undefined,
  listener: (message: FromWorker) => void,
  failed: (error: unknown) => void,
): Promise<Host> {
  if (typeof Worker !== "function" && !make) {
    const threads = await import(/* webpackIgnore: true */ /* @vite-ignore */ "node:worker_threads");
    const thread = new threads.Worker(new URL("./worker.js", import.meta.url));
    thread.on("message", (message: FromWorker) => {
      if (message.type !== "model") thread.unref(); // a process does not wait for idle workers
      listener(message);
    });
    thread.on("error", failed);
    thread.on("messageerror", failed);
    thread.on("exit", (code) => failed(new Error(`it ended with exit code ${code}`)));
    const post = (message: ToWorker): void => {
      thread.ref();
      thread.postMessage(message);
    };
    return { post, end: () => void thread.terminate() };
  }
  const worker = make ? make() : new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  worker.addEventListener("message", (event: MessageEvent<FromWorker>) => listener(event.data));
  worker.addEventListener("error", (event) => failed(new Error(event.message || "the worker does not start")));
  worker.addEventListener("messageerror", () => failed(new Error("what it sent cannot be read")));
  return { post: (message) => worker.postMessage(message), end: () => worker.terminate() };
}

/** The same bytes without the rest of their buffer, which a worker would be sent a copy of. */
function alone(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength < bytes.buffer.byteLength ? new Uint8Array(bytes) : bytes;
}

class Pool {
  readonly #waiting: Task[] = [];
  readonly #idle: Member[] = [];
  #members = 0;

  constructor(readonly make: (() => Worker) | undefined) {}

  add(task: Task): void {
    this.#waiting.push(task);
    this.#next();
  }

  /** Takes a task back; false if it is being decoded. */
  remove(task: Task): boolean {
    const index = this.#waiting.indexOf(task);
    if (index >= 0) this.#waiting.splice(index, 1);
    return index >= 0;
  }

  #next(): void {
    if (!this.#waiting.length) return;
    let member = this.#idle.pop();
    for (; member?.dead; member = this.#idle.pop()) this.#members--;
    if (!member && this.#members < workers()) {
      this.#members++;
      member = new Member(this.make);
    }
    const task = member && this.#waiting.shift();
    if (!member || !task) return;
    const own = member;
    void own.work(task).then(() => {
      this.#idle.push(own);
      this.#next();
    });
  }
}

class Member {
  #host: Promise<Host> | undefined;
  #task: Task | null = null;
  /** Whether the worker has ever answered. */
  #heard = false;
  /** Why a model could not be loaded. */
  #reason: unknown;
  #finish: () => void = () => {};
  /** Whether the worker has died, at a task or while it was idle. */
  dead = false;

  constructor(readonly make: (() => Worker) | undefined) {}

  /** Does not throw; the worker may be dead afterwards. */
  async work(task: Task): Promise<void> {
    this.#task = task;
    running.set(task, this);
    const finished = new Promise<void>((resolve) => (this.#finish = resolve));
    this.#host ??= start(
      this.make,
      (message) => void this.#hear(message),
      (error) => this.#die(error),
    );
    this.#host
      .then((host) => host.post({ type: "decode", job: { ...task.job, data: alone(task.job.data) } }))
      .catch((error: unknown) => this.#die(error));
    return finished;
  }

  /** Ends a task, unless it has ended and the worker is at another one. */
  abort(task: Task): void {
    const posted = this.#host?.then((host) => {
      if (this.#task === task) host.post({ type: "abort" });
    });
    posted?.catch(() => {}); // the worker did not start, as #die has heard
  }

  async #hear(message: FromWorker): Promise<void> {
    const task = this.#task;
    this.#heard = true;
    if (!task) return;
    if (message.type === "model") {
      let reason: unknown;
      const bytes = await loadBytes(message.request, task.models).catch((error: unknown) => {
        reason = error;
        return null;
      });
      const host = await this.#host;
      if (this.#task !== task) return; // it was aborted, and the worker may be at another one
      this.#reason = reason;
      host?.post({ type: "model", bytes: bytes && alone(bytes) });
      return;
    }
    this.#task = null;
    if (message.type === "done") task.resolve(message.picture);
    else task.reject(this.#reason ?? errorOf(message.name, message.message));
    this.#reason = undefined;
    this.#finish();
  }

  /** A worker that never answered may not be allowed here: this thread decodes instead. */
  #die(error: unknown): void {
    if (this.dead) return; // a worker of Node reports its error and its exit
    this.dead = true;
    const task = this.#task;
    this.#task = null;
    void this.#host?.then((host) => host.end()).catch(() => {});
    if (task && this.#heard) task.reject(new LimitExceeded(`the worker died: ${String(error)}`, { cause: error }));
    else if (task) {
      const { data, maxPixels, engine } = task.job;
      decodeLocally(data, maxPixels, task.models, engine, task.signal).then(task.resolve, task.reject);
    }
    this.#finish();
  }
}

const pools = new Map<(() => Worker) | undefined, Pool>();
const running = new WeakMap<Task, Member>();

export function decodeInWorker(
  job: Job,
  models: ModelSource | undefined,
  signal: AbortSignal | undefined,
  make: (() => Worker) | undefined,
): Promise<Picture> {
  let pool = pools.get(make);
  if (!pool) pools.set(make, (pool = new Pool(make)));
  const own = pool;
  if (signal?.aborted) return Promise.reject(signal.reason);
  let abort = (): void => {};
  const decoded = new Promise<Picture>((resolve, reject) => {
    const task = { job, models, signal, resolve, reject };
    abort = () => {
      if (!own.remove(task)) running.get(task)?.abort(task);
      reject(signal?.reason);
    };
    own.add(task);
  });
  signal?.addEventListener("abort", abort, { once: true });
  return decoded.finally(() => signal?.removeEventListener("abort", abort)); // a signal may outlive many pictures
}

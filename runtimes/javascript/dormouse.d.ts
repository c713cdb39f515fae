// What a JavaScript program finds in the sandbox, beyond the language itself:
// for editors, and for `tsc --lib es2023` (not with `dom`, whose declarations
// these take the place of). One member a line: a test compares
// them with the objects.

// ---- The host's functions ----

/** What a {@link HostError} is about. */
type HostErrorCode =
  | 'not_granted' | 'unknown_function' | 'invalid' | 'not_found' | 'exists' | 'is_directory' | 'not_directory'
  | 'too_large' | 'timeout' | 'connection' | 'failed';

/** What a host function throws; the class itself is exported by the module `dormouse`. */
interface HostError extends Error {
  code: HostErrorCode;
}

/** An entry of a folder. */
interface FileEntry {
  name: string;
  is_dir: boolean;
  size: number;
}

/** A file or folder. */
interface FileStat {
  name: string;
  size: number;
  is_dir: boolean;
  /** Seconds since 1970. */
  mod_time: number;
}

/** The value that was kept for `key`, or null. Wants `--kv`. */
declare function kv_get(key: string): any;
/** Keeps any JSON value. */
declare function kv_set(key: string, value: unknown): 'ok';
declare function kv_delete(key: string): 'ok';
declare function kv_keys(): string[];
/** Wants `--allow-host`. */
declare function http_get(url: string | URL): { status: number; body: string };
/** A file's text. Wants `--mount`. */
declare function fs_read(path: string): string;
declare function fs_write(path: string, content: string): 'ok';
declare function fs_list(path: string): FileEntry[];
declare function fs_exists(path: string): boolean;
/** Makes the folders above it too. */
declare function fs_mkdir(path: string): 'ok';
/** Removes a file or an empty folder. */
declare function fs_remove(path: string): 'ok';
declare function fs_stat(path: string): FileStat;
/** Seconds since 1970. */
declare function time_now(): number;
declare function install_pkg(name: string, version?: string): any;
/** Calls any function of the host, such as the embedder's own. */
declare function call(name: string, args?: object): any;
declare function asyncCall(name: string, args?: object): Promise<any>;
/** `Promise.all`: calls are sent, together, as soon as the program has nothing else to do. */
declare function runAsync<T extends readonly unknown[] | []>(...promises: T): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }>;
/** Sends at once what was called so far. */
declare function flushAsync(): void;

/** Values by key. Wants `--kv`. */
interface Kv {
  get<T = any>(key: string): T | null;
  get<T>(key: string, fallback: T): T;
  set(key: string, value: unknown): 'ok';
  delete(key: string): 'ok';
  keys(): string[];
  asyncGet<T = any>(key: string): Promise<T | null>;
  asyncGet<T>(key: string, fallback: T): Promise<T>;
  asyncSet(key: string, value: unknown): Promise<'ok'>;
  asyncDelete(key: string): Promise<'ok'>;
  asyncKeys(): Promise<string[]>;
}

/** Files of the mounted folders. Wants `--mount`. */
interface Fs {
  readText(path: string): string;
  readJson<T = any>(path: string): T;
  writeText(path: string, text: string): 'ok';
  writeJson(path: string, value: unknown, indent?: number | string | { indent?: number | string }): 'ok';
  listdir(path: string): FileEntry[];
  exists(path: string): boolean;
  stat(path: string): FileStat;
  mkdir(path: string): 'ok';
  remove(path: string): 'ok';
  asyncReadText(path: string): Promise<string>;
  asyncReadJson<T = any>(path: string): Promise<T>;
  asyncWriteText(path: string, text: string): Promise<'ok'>;
  asyncWriteJson(path: string, value: unknown, indent?: number | string | { indent?: number | string }): Promise<'ok'>;
  asyncListdir(path: string): Promise<FileEntry[]>;
  asyncExists(path: string): Promise<boolean>;
  asyncStat(path: string): Promise<FileStat>;
  asyncMkdir(path: string): Promise<'ok'>;
  asyncRemove(path: string): Promise<'ok'>;
}

interface HttpOptions {
  method?: string;
  headers?: HeadersInit;
  /** Text and bytes as they are; any other object as JSON. */
  body?: BodyInit | object | null;
  /** Seconds. */
  timeout?: number;
}

interface HttpResponse {
  statusCode: number;
  /** Whether the status is from 200 to 299. */
  ok: boolean;
  /** Where it came from at last. */
  url: string;
  /** The first value of each name. */
  headers: Record<string, string>;
  text: string;
  json<T = any>(): T;
}

/** HTTP requests. Wants `--allow-host`. */
interface Http {
  request(url: string | URL, options?: HttpOptions): HttpResponse;
  request(method: string, url: string | URL, options?: HttpOptions): HttpResponse;
  get(url: string | URL, options?: HttpOptions): HttpResponse;
  post(url: string | URL, options?: HttpOptions): HttpResponse;
  put(url: string | URL, options?: HttpOptions): HttpResponse;
  patch(url: string | URL, options?: HttpOptions): HttpResponse;
  delete(url: string | URL, options?: HttpOptions): HttpResponse;
  asyncRequest(url: string | URL, options?: HttpOptions): Promise<HttpResponse>;
  asyncRequest(method: string, url: string | URL, options?: HttpOptions): Promise<HttpResponse>;
  asyncGet(url: string | URL, options?: HttpOptions): Promise<HttpResponse>;
  asyncPost(url: string | URL, options?: HttpOptions): Promise<HttpResponse>;
  asyncPut(url: string | URL, options?: HttpOptions): Promise<HttpResponse>;
  asyncPatch(url: string | URL, options?: HttpOptions): Promise<HttpResponse>;
  asyncDelete(url: string | URL, options?: HttpOptions): Promise<HttpResponse>;
}

interface Dormouse {
  /** Where `dormouse snapshot` captures the program, and its image goes on. */
  snapshot_point(): Promise<void>;
  readonly HostError: typeof import('dormouse').HostError;
  readonly kv: Kv;
  readonly fs: Fs;
  readonly http: Http;
  readonly call: typeof call;
  readonly asyncCall: typeof asyncCall;
  readonly runAsync: typeof runAsync;
  readonly flushAsync: typeof flushAsync;
  readonly time_now: typeof time_now;
  readonly kv_get: typeof kv_get;
  readonly kv_set: typeof kv_set;
  readonly kv_delete: typeof kv_delete;
  readonly kv_keys: typeof kv_keys;
  readonly http_get: typeof http_get;
  readonly fs_read: typeof fs_read;
  readonly fs_write: typeof fs_write;
  readonly fs_list: typeof fs_list;
  readonly fs_exists: typeof fs_exists;
  readonly fs_mkdir: typeof fs_mkdir;
  readonly fs_remove: typeof fs_remove;
  readonly fs_stat: typeof fs_stat;
  readonly install_pkg: typeof install_pkg;
}

declare const kv: Kv;
declare const fs: Fs;
declare const http: Http;
declare const dormouse: Dormouse;

declare module 'dormouse' {
  export class HostError extends Error {
    constructor(message: string, code?: HostErrorCode);
    code: HostErrorCode;
  }
  export const snapshot_point: Dormouse['snapshot_point'];
  export const kv: Kv;
  export const fs: Fs;
  export const http: Http;
  export const call: Dormouse['call'];
  export const asyncCall: Dormouse['asyncCall'];
  export const runAsync: Dormouse['runAsync'];
  export const flushAsync: Dormouse['flushAsync'];
  export const time_now: Dormouse['time_now'];
  export const kv_get: Dormouse['kv_get'];
  export const kv_set: Dormouse['kv_set'];
  export const kv_delete: Dormouse['kv_delete'];
  export const kv_keys: Dormouse['kv_keys'];
  export const http_get: Dormouse['http_get'];
  export const fs_read: Dormouse['fs_read'];
  export const fs_write: Dormouse['fs_write'];
  export const fs_list: Dormouse['fs_list'];
  export const fs_exists: Dormouse['fs_exists'];
  export const fs_mkdir: Dormouse['fs_mkdir'];
  export const fs_remove: Dormouse['fs_remove'];
  export const fs_stat: Dormouse['fs_stat'];
  export const install_pkg: Dormouse['install_pkg'];
  const dormouse: Dormouse;
  export default dormouse;
}

// ---- fetch ----

type HeadersInit = Headers | Record<string, string | number> | Iterable<readonly [string, string | number]>;
type BodyInit = string | ArrayBuffer | ArrayBufferView | URLSearchParams | Blob | FormData;
type RequestRedirect = 'follow' | 'error' | 'manual';

interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit | null;
  signal?: AbortSignal | null;
  redirect?: RequestRedirect;
}

interface ResponseInit {
  status?: number;
  statusText?: string;
  headers?: HeadersInit;
}

/** Sends a request, together with all that are made before the program waits. Wants `--allow-host`. */
declare function fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;

declare class Headers {
  constructor(init?: HeadersInit | null);
  append(name: string, value: string): void;
  delete(name: string): void;
  get(name: string): string | null;
  getSetCookie(): string[];
  has(name: string): boolean;
  set(name: string, value: string): void;
  forEach(callback: (value: string, name: string, headers: Headers) => void, thisArg?: unknown): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

interface Body {
  /** Always null: there are no streams. */
  readonly body: null;
  readonly bodyUsed: boolean;
  text(): Promise<string>;
  json<T = any>(): Promise<T>;
  bytes(): Promise<Uint8Array>;
  arrayBuffer(): Promise<ArrayBuffer>;
  blob(): Promise<Blob>;
  /** Of urlencoded forms only. */
  formData(): Promise<FormData>;
}

interface Request extends Body {}
declare class Request {
  constructor(input: string | URL | Request, init?: RequestInit);
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly signal: AbortSignal;
  readonly redirect: RequestRedirect;
  clone(): Request;
}

interface Response extends Body {}
declare class Response {
  constructor(body?: BodyInit | null, init?: ResponseInit);
  static json(value: unknown, init?: ResponseInit): Response;
  static error(): Response;
  static redirect(url: string | URL, status?: number): Response;
  readonly status: number;
  readonly ok: boolean;
  readonly statusText: string;
  readonly headers: Headers;
  readonly url: string;
  readonly redirected: boolean;
  readonly type: 'basic' | 'default' | 'error';
  clone(): Response;
}

interface BlobPropertyBag {
  type?: string;
}

declare class Blob {
  constructor(parts?: Iterable<string | ArrayBuffer | ArrayBufferView | Blob>, options?: BlobPropertyBag);
  readonly size: number;
  readonly type: string;
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
  bytes(): Promise<Uint8Array>;
  slice(start?: number, end?: number, type?: string): Blob;
}

interface FilePropertyBag extends BlobPropertyBag {
  lastModified?: number;
}

declare class File extends Blob {
  constructor(parts: Iterable<string | ArrayBuffer | ArrayBufferView | Blob>, name: string, options?: FilePropertyBag);
  readonly name: string;
  readonly lastModified: number;
}

declare class FormData {
  constructor();
  append(name: string, value: string | Blob, filename?: string): void;
  set(name: string, value: string | Blob, filename?: string): void;
  delete(name: string): void;
  get(name: string): string | File | null;
  getAll(name: string): (string | File)[];
  has(name: string): boolean;
  forEach(callback: (value: string | File, name: string, form: FormData) => void, thisArg?: unknown): void;
  entries(): IterableIterator<[string, string | File]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string | File>;
  [Symbol.iterator](): IterableIterator<[string, string | File]>;
}

// ---- Events ----

interface EventInit {
  bubbles?: boolean;
  cancelable?: boolean;
}

type EventListener = ((event: Event) => void) | { handleEvent(event: Event): void };

interface EventListenerOptions {
  once?: boolean;
  signal?: AbortSignal;
}

declare class Event {
  constructor(type: string, init?: EventInit);
  readonly type: string;
  readonly target: EventTarget | null;
  readonly currentTarget: EventTarget | null;
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  readonly defaultPrevented: boolean;
  readonly timeStamp: number;
  readonly isTrusted: boolean;
  preventDefault(): void;
  stopPropagation(): void;
  stopImmediatePropagation(): void;
}

declare class EventTarget {
  constructor();
  addEventListener(type: string, callback: EventListener | null, options?: EventListenerOptions | boolean): void;
  removeEventListener(type: string, callback: EventListener | null, options?: EventListenerOptions | boolean): void;
  dispatchEvent(event: Event): boolean;
}

declare class AbortSignal extends EventTarget {
  private constructor();
  static abort(reason?: unknown): AbortSignal;
  static timeout(milliseconds: number): AbortSignal;
  static any(signals: Iterable<AbortSignal>): AbortSignal;
  readonly aborted: boolean;
  readonly reason: any;
  onabort: ((this: AbortSignal, event: Event) => void) | null;
  throwIfAborted(): void;
}

declare class AbortController {
  constructor();
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}

// ---- Other globals ----

declare class URL {
  constructor(url: string | URL, base?: string | URL);
  static parse(url: string | URL, base?: string | URL): URL | null;
  static canParse(url: string | URL, base?: string | URL): boolean;
  href: string;
  readonly origin: string;
  protocol: string;
  username: string;
  password: string;
  host: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  hash: string;
  readonly searchParams: URLSearchParams;
  toString(): string;
  toJSON(): string;
}

declare class URLSearchParams {
  constructor(init?: string | URLSearchParams | Record<string, string> | Iterable<readonly [string, string]>);
  readonly size: number;
  append(name: string, value: string): void;
  delete(name: string, value?: string): void;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string, value?: string): boolean;
  set(name: string, value: string): void;
  sort(): void;
  forEach(callback: (value: string, name: string, params: URLSearchParams) => void, thisArg?: unknown): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  toString(): string;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

declare class TextEncoder {
  constructor();
  readonly encoding: 'utf-8';
  encode(text?: string): Uint8Array;
  encodeInto(text: string, target: Uint8Array): { read: number; written: number };
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  decode(input?: ArrayBuffer | ArrayBufferView, options?: { stream?: boolean }): string;
}

declare class DOMException extends Error {
  constructor(message?: string, name?: string);
  readonly code: number;
}

interface Crypto {
  getRandomValues<T extends ArrayBufferView>(array: T): T;
  randomUUID(): string;
}

interface Performance {
  now(): number;
  readonly timeOrigin: number;
  toJSON(): { timeOrigin: number };
}

interface Console {
  log(...values: unknown[]): void;
  info(...values: unknown[]): void;
  debug(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
  dir(value: unknown, options?: { depth?: number | null }): void;
  dirxml(...values: unknown[]): void;
  assert(condition: unknown, ...values: unknown[]): void;
  count(label?: string): void;
  countReset(label?: string): void;
  time(label?: string): void;
  timeLog(label?: string, ...values: unknown[]): void;
  timeEnd(label?: string): void;
  group(...values: unknown[]): void;
  groupCollapsed(...values: unknown[]): void;
  groupEnd(): void;
  trace(...values: unknown[]): void;
  table(data: unknown, only?: string[]): void;
}

declare const console: Console;
declare const crypto: Crypto;
declare const performance: Performance;
/** The program's name and its arguments. */
declare const scriptArgs: string[];
/** Writes the values, as text, and a line's end. */
declare function print(...values: unknown[]): void;
declare function setTimeout<T extends unknown[]>(callback: (...values: T) => void, delay?: number, ...values: T): number;
declare function setInterval<T extends unknown[]>(callback: (...values: T) => void, delay?: number, ...values: T): number;
declare function setImmediate<T extends unknown[]>(callback: (...values: T) => void, ...values: T): number;
declare function clearTimeout(id: number | undefined): void;
declare function clearInterval(id: number | undefined): void;
declare function clearImmediate(id: number | undefined): void;
declare function queueMicrotask(callback: () => void): void;
declare function structuredClone<T>(value: T, options?: { transfer?: ArrayBuffer[] }): T;
declare function atob(text: string): string;
declare function btoa(text: string): string;

/** The modules that QuickJS's own users know; their globals too. */
declare module 'std';
declare module 'os';
declare const std: any;
declare const os: any;

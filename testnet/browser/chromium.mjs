// Headless Chromium over its own pipe (Chrome DevTools Protocol, messages end with a zero byte): no port, no package.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const NAMES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/usr/bin/google-chrome-stable"];

/** A running browser. */
export class Chromium {
  #process;
  #profile;
  #next = 1;
  #waiting = new Map();
  #listeners = new Set();

  /** Starts the browser; SUYUAN_CHROMIUM names another program. `prefix` is a command to start it with, such as `ip netns exec NAME`; `flags` are further flags. */
  constructor({ prefix = [], flags = [] } = {}) {
    const program = process.env["SUYUAN_CHROMIUM"] ?? NAMES.find((name) => existsSync(name));
    if (!program) throw new Error("Chromium is missing: run testnet/setup --browser");
    this.#profile = mkdtempSync(join(tmpdir(), "suyuan-browser-"));
    const all = [
      "--headless=new", "--remote-debugging-pipe", `--user-data-dir=${this.#profile}`, "--no-first-run", "--no-default-browser-check", "--disable-gpu",
      "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--force-color-profile=srgb",
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      ...flags,
    ];
    const [command, ...more] = [...prefix, program, ...all, "about:blank"];
    this.#process = spawn(command, more, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.#process.on("exit", () => this.#end(new Error("Chromium ended")));
    this.#process.on("error", (error) => this.#end(error));
    let text = "";
    this.#process.stdio[4].setEncoding("utf8").on("data", (data) => {
      const messages = (text + data).split("\0");
      text = messages.pop();
      for (const message of messages) this.#receive(JSON.parse(message));
    });
  }

  #end(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #receive(message) {
    const waiting = this.#waiting.get(message.id);
    if (!waiting) {
      for (const listener of this.#listeners) listener(message);
      return;
    }
    this.#waiting.delete(message.id);
    if (message.error) waiting.reject(new Error(`${waiting.method}: ${message.error.message}`));
    else waiting.resolve(message.result);
  }

  /** Sends one command, to the browser or to one of its pages. */
  send(method, params = {}, sessionId = undefined) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, method });
      this.#process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  /** Hears every event. */
  listen(listener) {
    this.#listeners.add(listener);
  }

  /** Opens a page of this size in pixels, with its own cookies. */
  async page({ width, height, mobile = false, scale = 1, language = "zh-CN" }) {
    const { browserContextId } = await this.send("Target.createBrowserContext");
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank", browserContextId });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, sessionId);
    await page.send("Page.enable");
    await page.send("Runtime.enable");
    await page.send("Log.enable");
    await page.send("Network.enable");
    await page.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: scale, mobile });
    await page.send("Network.setExtraHTTPHeaders", { headers: { "Accept-Language": language } });
    return page;
  }

  /** Ends the browser and removes its profile. */
  async close() {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.send("Browser.close").catch(() => {});
    setTimeout(() => this.#process.kill("SIGKILL"), 3000).unref();
    if (this.#process.exitCode === null) await ended;
    // Its helpers may still be writing.
    for (let i = 0; i < 20 && existsSync(this.#profile); i++) {
      try {
        rmSync(this.#profile, { recursive: true, force: true });
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}

/** An open page. */
class Page {
  /** What the page complained of: exceptions, refused resources, failed requests. */
  complaints = [];
  /** Bytes that came over the network, headers included. */
  bytes = 0;
  /** Answers requests that are held up after `Fetch.enable`. */
  answer = () => {};
  #loaded = () => {};

  constructor(browser, sessionId) {
    this.send = (method, params) => browser.send(method, params, sessionId);
    browser.listen((event) => {
      if (event.sessionId === sessionId) this.#hear(event);
    });
  }

  #hear({ method, params }) {
    if (method === "Page.loadEventFired") this.#loaded();
    if (method === "Fetch.requestPaused") this.answer(params);
    if (method === "Network.loadingFinished") this.bytes += params.encodedDataLength;
    if (method === "Runtime.exceptionThrown") this.complaints.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    if (method === "Log.entryAdded" && params.entry.level === "error") this.complaints.push(`${params.entry.text} ${params.entry.url ?? ""}`);
  }

  /** Opens an address and waits for its `load`. */
  async open(url) {
    const loaded = new Promise((resolve) => (this.#loaded = resolve));
    const { errorText } = await this.send("Page.navigate", { url });
    if (errorText) throw new Error(`${url}: ${errorText}`);
    await loaded;
  }

  /** The value of an expression in the page. */
  async evaluate(expression) {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until an expression is true. */
  async until(expression, seconds = 30) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      const value = await this.evaluate(expression).catch(() => undefined);
      if (value) return value;
      if (Date.now() > end) throw new Error(`not within ${seconds} s: ${expression}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** A PNG of the page: of what the window shows, or of the whole. */
  async screenshot({ whole = false } = {}) {
    const size = whole ? await this.evaluate("({ width: document.documentElement.clientWidth, height: document.documentElement.scrollHeight })") : null;
    const clip = size ? { clip: { x: 0, y: 0, ...size, scale: 1 }, captureBeyondViewport: true } : {};
    const { data } = await this.send("Page.captureScreenshot", { format: "png", ...clip });
    return Buffer.from(data, "base64");
  }
}

/** Requests to the lab's server, and what can go wrong with them. */

import { decodeFrame } from "./frame.js";

/** @import { Experiment, Fields, Frame, Opened, Value } from "./types.js" */

/** A request that the server understood and refused, with its one line. */
export class Refused extends Error {
  /** @param {string} message
   * @param {number} status
   * @param {boolean} gone */
  constructor(message, status, gone = false) {
    super(message);
    this.status = status;
    this.gone = gone; // the run or job is no longer held: make it again
    this.locked = status === 401 || status === 403; // the token belongs to another launch
  }
}

/** Whose questions these are: the server gives pages their turns. */
const PAGE = Math.random().toString(36).slice(2);

/** The server cannot be reached. */
export class Lost extends Error {}

/** @typedef {ReturnType<typeof createClient>} Client */

/** A client for one server. `token` is asked before each request, for it may change in another tab.
 * @param {() => string} token
 * @param {typeof fetch} [send] */
export function createClient(token, send = (...request) => fetch(...request)) {
  /** @param {string} path
   * @param {unknown} [body]  a GET without it; a Blob goes as it is, anything else as JSON
   * @param {AbortSignal} [signal]
   * @returns {Promise<Response>} */
  async function request(path, body, signal) {
    /** @type {Record<string, string>} */
    const headers = { "X-Netbp-Token": token(), "X-Netbp-Page": PAGE };
    const file = body instanceof Blob;
    if (body !== undefined) headers["Content-Type"] = file ? "application/octet-stream" : "application/json";
    let answer;
    try {
      answer = await send(path, {
        method: body === undefined ? "GET" : "POST",
        headers,
        body: body === undefined ? undefined : file ? body : JSON.stringify(body),
        cache: "no-store",
        signal,
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Lost("the lab's server does not answer");
    }
    if (answer.ok) return answer;
    let line = `the server answered ${answer.status}`;
    let gone = answer.status === 410;
    try {
      const told = await answer.json();
      line = String(told.error ?? line);
      gone = gone || told.gone === true;
    } catch {
      // an answer without a line: its number has to do
    }
    throw new Refused(line, answer.status, gone);
  }

  /** @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<any>} */
  async function json(path, body) {
    const answer = await request(path, body);
    try {
      return await answer.json();
    } catch {
      throw new Lost("the lab's server stopped in the middle of an answer");
    }
  }

  /** @param {string} path
   * @param {unknown} body
   * @returns {Promise<Frame>} */
  async function binary(path, body) {
    const answer = await request(path, body);
    let buffer;
    try {
      buffer = await answer.arrayBuffer();
    } catch {
      throw new Lost("the lab's server stopped in the middle of an answer");
    }
    return decodeFrame(buffer);
  }

  return {
    /** @returns {Promise<Fields>} */
    fields: () => json("api/fields"),
    /** The token for a code that is good once.
     * @param {string} code
     * @returns {Promise<string>} */
    enter: async (code) => (await json("api/enter", { code })).token,
    /** @param {Record<string, Value>} experiment
     * @param {number} step
     * @returns {Promise<Opened>} */
    open: (experiment, step) => json("api/open", { experiment, step }),
    /** @param {string} run
     * @param {Record<string, any>} body */
    frame: (run, body) => binary(`api/run/${run}/frame`, body),
    post: json,
    postBinary: binary,
    /** The file of an answer with its name.
     * @param {string} path
     * @param {unknown} body
     * @returns {Promise<{name: string, blob: Blob}>} */
    async download(path, body) {
      const answer = await request(path, body);
      const told = answer.headers.get("Content-Disposition") ?? "";
      const name = /filename="?([^";]+)"?/.exec(told)?.[1] ?? "netbp";
      return { name, blob: await answer.blob() };
    },
  };
}

// Talks to the daemon. Every address is relative, so that a path prefix of a proxy needs no configuration.

/** An answer that reports an error. */
export class ApiError extends Error {
  /**
   * @param {number} status of HTTP; 0 if there was no answer
   * @param {string} message
   * @param {number | null} after seconds after which to try again
   */
  constructor(status, message, after = null) {
    super(message);
    this.status = status;
    this.after = after;
  }
}

/** @type {import("./types.js").Session | null} */
let session = null;

/** The session as last fetched: who is logged in, and what they may do. */
export const who = () => session;

/**
 * @param {string} path below api/v1
 * @param {Record<string, unknown>} [query] entries that are null or "" are left out
 * @returns {string}
 */
export function address(path, query = {}) {
  const url = new URL(`api/v1/${path}`, document.baseURI);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") {
      url.searchParams.set(name, String(value));
    }
  }
  return url.href;
}

/**
 * Read something.
 *
 * @param {string} path
 * @param {Record<string, unknown>} [query]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export function get(path, query = {}, signal) {
  return ask(address(path, query), { signal });
}

/**
 * Change something; the answer comes when it is done.
 *
 * @param {"POST" | "DELETE"} method
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<any>}
 */
export function send(method, path, body = {}) {
  return ask(address(path), {
    method,
    headers: { "Content-Type": "application/json", "X-CSRF-Token": session?.csrf ?? "" },
    body: JSON.stringify(body),
  });
}

/** Ask who is logged in. */
export async function refreshSession() {
  session = await get("session");
  return session;
}

/**
 * @param {object} secret a token, or a name and a password
 */
export async function logIn(secret) {
  await send("POST", "session", secret);
  return refreshSession();
}

/** Forget who was logged in. */
export async function logOut() {
  await send("DELETE", "session");
  return refreshSession();
}

/**
 * Listen to server-sent events. Without a connection a tick every few seconds lets the page ask instead.
 *
 * @param {Record<string, string>} query
 * @param {{message: (event: any) => void, state: (live: boolean) => void}} tell
 */
export function listen(query, tell) {
  /** @type {number | undefined} */
  let asking;
  const ended = () => {
    tell.state(false);
    asking ??= setInterval(() => tell.message({ type: "tick" }), POLL);
  };
  /** @type {EventSource} */
  let source;
  const open = () => {
    source = new EventSource(address("events", query));
    source.onopen = () => {
      clearInterval(asking);
      asking = undefined;
      tell.state(true);
      tell.message({ type: "tick" }); // what was missed
    };
    source.onmessage = (event) => tell.message(JSON.parse(event.data));
    source.onerror = () => {
      ended();
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(open, AGAIN); // too many clients, or the daemon is not there: a browser does not try again
      }
    };
  };
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => event.persisted && open()); // somebody went back to this page
  open();
}

const POLL = 5_000; // ms
const AGAIN = 10_000;

/**
 * @param {string} url
 * @param {RequestInit} options
 */
async function ask(url, options) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch (error) {
    if (options.signal?.aborted) {
      throw error;
    }
    throw new ApiError(0, "");
  }
  const text = await answer.text();
  const said = parse(text);
  if (!answer.ok) {
    const after = Number(answer.headers.get("Retry-After")) || null;
    throw new ApiError(answer.status, said?.detail ?? said?.title ?? answer.statusText, after);
  }
  return said;
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

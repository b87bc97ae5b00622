// Asking the gateway. Every error becomes a Refusal with the words of its problem document.

/** What the gateway (or the way to it) answered instead of what was asked for. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.title || "Something went wrong");
    this.status = status;
    this.title = problem.title || "Something went wrong";
    this.detail = problem.detail || "";
    this.errors = problem.errors || [];
    this.problem = problem;
  }
}

// The CSRF token of the session, and who is told when the session has ended.
let csrf = "";
let onSignedOut = () => {};

/** Remember what a sign-in answered; `ended` is called when a session is no more. */
export function useSession(token, ended) {
  csrf = token;
  if (ended) onSignedOut = ended;
}

/** The path with a query; what is undefined, null or "" is left out. */
export function withQuery(path, query = {}) {
  const given = Object.entries(query).filter(([, v]) => v !== undefined && v !== null && v !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** A channel's path: channel("chem-1", "messages", 17). */
export function channelPath(name, ...rest) {
  return ["/api/channels", ...[name, ...rest].map(encodeURIComponent)].join("/");
}

async function ask(method, path, body, options = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      redirect: "error",
      signal: options.signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, {
      title: "The gateway does not answer",
      detail: "It is stopped, or the way to it is cut. This page goes on when it is back.",
    });
  }
  if (response.status === 204) return null;
  const type = response.headers.get("Content-Type") || "";
  const found = type.includes("json") ? await response.json() : await response.text();
  if (response.ok) return found;
  const problem = typeof found === "object" ? found : { title: `HTTP ${response.status}` };
  // A sign-in that failed is its form's own affair.
  if (response.status === 401 && !options.signingIn) onSignedOut();
  throw new Refusal(response.status, problem);
}

export const api = {
  get: (path, query, options) => ask("GET", withQuery(path, query), undefined, options),
  post: (path, body, options) => ask("POST", path, body, options),
  put: (path, body, options) => ask("PUT", path, body, options),
  remove: (path, options) => ask("DELETE", path, undefined, options),
};

/**
 * Listen to a stream of events. `listeners` maps names to functions of the parsed data;
 * `state` is told true and false as the stream opens and breaks. Gives what closes it.
 * The browser connects again by itself; a stream that was refused ends for good.
 */
export function stream(path, listeners, state = () => {}) {
  const source = new EventSource(path);
  source.onopen = () => state(true);
  source.onerror = () => state(false, source.readyState === EventSource.CLOSED);
  for (const [name, listener] of Object.entries(listeners)) {
    source.addEventListener(name, (event) => listener(JSON.parse(event.data)));
  }
  return () => source.close();
}

// What is live: one stream of events for the page, drawn at most four times a second, and
// what is asked for again while somebody looks. A hidden tab stops asking.

import { useEffect, useRef, useState } from "./vendor.min.js";
import { api, stream } from "./api.js";

const DRAW_MS = 250;
const AGAIN_MS = 5000;
const SECOND_MS = 1000;
const LOG_LINES = 200;

class Live {
  constructor() {
    this.lines = {}; // channel -> {state, parts, rates, last_seq, queued}
    this.alarms = [];
    this.log = []; // newest first
    this.connected = null; // null: not yet
    this.skewSeconds = 0; // the gateway's clock less ours
    this.version = 0;
    this._readers = new Set();
    this._timer = null;
    this._close = null;
    this._wanted = false;
    document.addEventListener("visibilitychange", () => this._follow());
  }

  /** Begin; until then, and after stop(), nothing is asked. */
  start() {
    this._wanted = true;
    this._follow();
  }

  stop() {
    this._wanted = false;
    this._follow();
    this.lines = {};
    this.alarms = [];
    this.log = [];
    this.connected = null;
  }

  /** Epoch seconds by the gateway's clock. */
  now() {
    return Date.now() / 1000 + this.skewSeconds;
  }

  subscribe(reader) {
    this._readers.add(reader);
    return () => this._readers.delete(reader);
  }

  _follow() {
    const open = this._wanted && !document.hidden;
    if (open && !this._close) {
      this._close = stream("/api/events", {
        channels: (found) => this._take(() => { this.lines = found; }),
        changed: (found) => this._take(() => this._merge(found)),
        alarms: (found) => this._take(() => { this.alarms = found.alarms; }),
        log: (found) => this._take(() => {
          this.log = [found, ...this.log].slice(0, LOG_LINES);
        }),
      }, (up, ended) => this._connected(up, ended));
    } else if (!open && this._close) {
      this._close();
      this._close = null;
    }
  }

  _connected(up, ended) {
    this._take(() => { this.connected = up; });
    if (ended) {
      // Refused: the session is over, or there are too many views. Asking says which.
      this._close();
      this._close = null;
      api.get("/api/whoami").catch(() => {});
      setTimeout(() => this._follow(), AGAIN_MS);
    }
  }

  _merge(changed) {
    const lines = { ...this.lines };
    for (const [name, line] of Object.entries(changed)) {
      if (line === null) delete lines[name];
      else lines[name] = line;
    }
    this.lines = lines;
  }

  _take(change) {
    change();
    if (this._timer !== null) return;
    this._timer = setTimeout(() => {
      this._timer = null;
      this.version += 1;
      for (const reader of this._readers) reader(this.version);
    }, DRAW_MS);
  }
}

export const live = new Live();

/** What is live now; the component is drawn again when it changes. */
export function useLive() {
  const [, draw] = useState(0);
  useEffect(() => live.subscribe(draw), []);
  return live;
}

// One clock for all that show a time: a table has hundreds of them.
const ticking = new Set();
setInterval(() => { if (!document.hidden) for (const tick of ticking) tick((n) => n + 1); }, SECOND_MS);

/** Now, in epoch seconds by the gateway's clock, kept going once a second. */
export function useNow() {
  const [, tick] = useState(0);
  useEffect(() => {
    ticking.add(tick);
    return () => ticking.delete(tick);
  }, []);
  return live.now();
}

/**
 * What a path answers, asked again every `everyMs` while the tab is seen (0: once).
 * Gives {value, problem, reload}; the last value stays while it is asked again. A path of
 * null asks nothing.
 */
export function useAnswer(path, everyMs = AGAIN_MS) {
  const [found, setFound] = useState({ path: null, value: undefined, problem: null });
  const reload = useRef(() => {});
  useEffect(() => {
    if (!path) return undefined;
    let over = false;
    let timer = null;
    let controller = null;
    // Once is once: of a message each look is a line of the audit log.
    let asked = false;
    const look = async () => {
      clearTimeout(timer);
      if (!document.hidden) {
        asked = true;
        controller?.abort();
        controller = new AbortController();
        const { signal } = controller;
        try {
          const value = await api.get(path, {}, { signal });
          if (!over && !signal.aborted) setFound({ path, value, problem: null });
        } catch (problem) {
          if (!over && problem.name !== "AbortError") {
            setFound((old) => ({ path, value: old.path === path ? old.value : undefined, problem }));
          }
        }
      }
      if (!over && everyMs) timer = setTimeout(look, everyMs);
    };
    const seen = () => { if (!document.hidden && (everyMs || !asked)) look(); };
    reload.current = look;
    document.addEventListener("visibilitychange", seen);
    look();
    return () => {
      over = true;
      clearTimeout(timer);
      controller?.abort();
      document.removeEventListener("visibilitychange", seen);
    };
  }, [path, everyMs]);
  const fits = found.path === path;
  return {
    value: fits ? found.value : undefined,
    problem: fits ? found.problem : null,
    reload: () => reload.current(),
  };
}

// The small parts that every view is made of.

import {
  createContext, html, useCallback, useContext, useEffect, useId, useLayoutEffect, useRef, useState,
} from "./vendor.min.js";
import { WORDS, ago, clock, exactly, moment } from "./words.js";
import { useNow } from "./live.js";

/** Who is signed in: {name, role}; null for nobody. */
export const Me = createContext(null);

/** What whoever is signed in may do. */
export function useMe() {
  const me = useContext(Me);
  const role = me?.role;
  return {
    ...me,
    mayOperate: role === "operator" || role === "admin",
    mayAdminister: role === "admin",
  };
}

/**
 * The component of a view that is fetched when it is first gone to: {view}, or {problem}
 * when it cannot be. `load` gives it for `name`.
 */
export function useView(name, load) {
  const [found, setFound] = useState({});
  useEffect(() => {
    let over = false;
    const told = (what) => { if (!over) setFound({ name, ...what }); };
    load?.().then((view) => told({ view }), () => told({
      problem: { title: "This view could not be fetched", detail: "The gateway does not answer. Load the page again when it does." },
    }));
    return () => { over = true; };
  }, [name]);
  return found.name === name ? found : {};
}

// Shapes of the lights: told apart without their colour.
const SHAPES = {
  running: html`<circle cx="8" cy="8" r="5.5" />`,
  waiting: html`<circle cx="8" cy="8" r="4.8" class="ring" /><path d="M8 3.2a4.8 4.8 0 0 1 0 9.6z" />`,
  starting: html`<circle cx="8" cy="8" r="4.8" class="ring" /><path d="M8 3.2a4.8 4.8 0 0 1 0 9.6z" />`,
  failed: html`<path d="M8 2.2 14.6 13.6H1.4z" />`,
  stopped: html`<rect x="3" y="3" width="10" height="10" rx="1" />`,
  paused: html`<circle cx="8" cy="8" r="4.8" class="ring" />`,
};

/** A light: a shape and a word. `bare` leaves the word to a reader of the screen. */
export function Light({ word, bare = false }) {
  return html`<span class="light light-${word}">
    <svg viewBox="0 0 16 16" width="12" height="12" aria-hidden="true">${SHAPES[word]}</svg>
    <span class=${bare ? "unseen" : ""}>${WORDS[word] || word}</span>
  </span>`;
}

/** A state: its light, and its sentence. */
export function State({ state, bare = false }) {
  if (!state) return html`<span class="muted">not running</span>`;
  return html`<span class="state">
    <${Light} word=${state.word} bare=${bare} />
    ${state.reason && html`<span class="reason">${state.reason}</span>`}
  </span>`;
}

/** A moment: relative, exact on hover. */
export function When({ at, never = "never" }) {
  const now = useNow();
  if (!at) return html`<span class="muted">${never}</span>`;
  const iso = new Date(at * 1000).toISOString();
  return html`<time datetime=${iso} title=${exactly(at)}>${ago(at, now)}</time>`;
}

/** Since when something is so: the time of day, exact on hover. */
export function Since({ at }) {
  const now = useNow();
  const iso = new Date(at * 1000).toISOString();
  return html`<time class="nowrap" datetime=${iso} title=${exactly(at)}>since ${moment(at, now)}</time>`;
}

/** A moment by the clock, exact on hover. */
export function Clock({ at }) {
  const iso = new Date(at * 1000).toISOString();
  return html`<time class="clock" datetime=${iso} title=${exactly(at)}>${clock(at)}</time>`;
}

/** What went wrong, in the words of the gateway. */
export function Trouble({ problem, children }) {
  if (!problem) return null;
  return html`<div class="notice notice-bad" role="alert">
    <strong>${problem.title || problem.message}</strong>
    ${problem.detail && html`<p>${problem.detail}</p>`}
    ${problem.errors?.length > 0 && html`<ul>${problem.errors.map((each) => html`<li>${each}</li>`)}</ul>`}
    ${children}
  </div>`;
}

/** Something to know that is no fault. */
export function Note({ children, kind = "plain" }) {
  return html`<div class="notice notice-${kind}" role="status">${children}</div>`;
}

/** Nothing is here: why, and what to do next. */
export function Empty({ title, children }) {
  return html`<div class="empty"><h2>${title}</h2>${children}</div>`;
}

/**
 * Something that is done on a click and may fail: [run, busy, problem]. While it runs it
 * is not run again.
 */
export function useDeed(deed) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const alive = useRef(true);
  useEffect(() => () => { alive.current = false; }, []);
  const run = useCallback(async (...given) => {
    setBusy(true);
    setProblem(null);
    try {
      return await deed(...given);
    } catch (error) {
      if (alive.current) setProblem(error);
      return undefined;
    } finally {
      if (alive.current) setBusy(false);
    }
  }, [deed]);
  return [run, busy, problem];
}

/** A question in front of everything else. Closing it by any means calls `onClose`. */
export function Dialog({ title, onClose, children, wide = false }) {
  const ref = useRef(null);
  const id = useId();
  // Before the next key: an Esc that follows at once is for the dialog.
  useLayoutEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    dialog.showModal();
    return () => {
      if (dialog.open) dialog.close();
      before?.focus?.();
    };
  }, []);
  return html`<dialog ref=${ref} class=${wide ? "wide" : ""} aria-labelledby=${id}
      onCancel=${(event) => { event.preventDefault(); onClose(); }}>
    <h2 id=${id}>${title}</h2>
    ${children}
  </dialog>`;
}

/** Views of one thing, as links: `tabs` are [name, title, address]. */
export function Tabs({ tabs, chosen, label }) {
  return html`<nav class="tabs" aria-label=${label}>
    ${tabs.map(([name, title, address]) => html`<a href=${address}
      aria-current=${name === chosen ? "page" : undefined}>${title}</a>`)}
  </nav>`;
}

/** A labelled field: label, the control, and its help below. */
export function Field({ label, help, children, required = false }) {
  const id = useId();
  const helpId = help ? `${id}-help` : undefined;
  return html`<div class="field">
    <label for=${id}>${label}${required && html` <span class="muted">(required)</span>`}</label>
    ${children({ id, "aria-describedby": helpId, required })}
    ${help && html`<p class="help" id=${helpId}>${help}</p>`}
  </div>`;
}

/** Text that can be copied with a click. */
export function Copy({ text, label = "Copy" }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 2000);
  };
  // Only a page over TLS, or on this machine, may write to the clipboard.
  if (!navigator.clipboard) return null;
  return html`<button type="button" class="quiet" onClick=${copy}>${done ? "Copied" : label}</button>`;
}

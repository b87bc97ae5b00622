// Finding messages: the filter, what it asks of the gateway, and what came so far.

import { html, useCallback, useEffect, useRef, useState } from "../vendor.min.js";
import { api, channelPath } from "../api.js";
import { live } from "../live.js";
import { Field, useMe } from "../parts.js";

const PAGE = 100;
/** Of a longer list the beginning is let go. */
const MOST_ROWS = 1000;
const AGAIN_MS = 5000;
const MAX_SEARCHED = 1024;

/** What one replay may take; the filter has to be narrower for more. */
export const MOST_COLLECTED = 10_000;
const COLLECTED_AT_ONCE = 1000;

const SPANS = [
  ["15m", "the last 15 minutes", 900],
  ["1h", "the last hour", 3600],
  ["8h", "the last 8 hours", 28_800],
  ["24h", "the last 24 hours", 86_400],
  ["7d", "the last 7 days", 604_800],
];
const EXACT = "exact";
const STATES = ["queued", "delivered", "parked", "dropped"];

/** What of the filter lives in the address: never what is searched for in payloads. */
const KEPT = ["span", "since", "until", "peer", "destination", "state"];

export function keptOf(query) {
  return Object.fromEntries(KEPT.filter((each) => query[each]).map((each) => [each, query[each]]));
}

/** The parameters of the list for this filter, now. */
export function parametersOf(kept, searched) {
  const { span, ...rest } = kept;
  const seconds = SPANS.find(([each]) => each === span)?.[2];
  const found = { ...rest };
  if (seconds) found.since = Math.floor(live.now() - seconds);
  if (searched.text) found[searched.hex ? "contains_hex" : "contains"] = searched.text;
  return found;
}

const NOTHING = { key: null, rows: [], next: null, first: 0, last: 0, pages: 0, cut: false, problem: null };

/**
 * The messages of a filter, newest first, page by page.
 *
 * Gives {rows, next, first, last, pages, cut, problem, busy, more, again}. What only looks
 * at the newest is asked for again by itself; a search through payloads never is.
 */
export function useFound(name, kept, searched, revision) {
  const key = JSON.stringify([name, kept, searched, revision]);
  const [found, setFound] = useState(NOTHING);
  const [busy, setBusy] = useState(true);
  const asking = useRef(null);

  const ask = useCallback(async (next) => {
    asking.current?.abort();
    const { signal } = asking.current = new AbortController();
    setBusy(true);
    try {
      const page = await api.get(channelPath(name, "messages"),
        { ...parametersOf(kept, searched), limit: PAGE, ...next }, { signal });
      setFound((old) => {
        const rows = next ? [...old.rows, ...page.messages] : page.messages;
        return {
          key,
          rows: rows.slice(-MOST_ROWS),
          next: page.next,
          first: page.first_seq,
          last: next ? old.last : page.last_seq,
          pages: next ? old.pages + 1 : 1,
          cut: Boolean(next && old.cut) || rows.length > MOST_ROWS,
          problem: null,
        };
      });
      setBusy(false);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      setFound((old) => ({ ...(old.key === key ? old : NOTHING), key, problem }));
      setBusy(false);
    }
  }, [key]);

  useEffect(() => {
    ask();
    return () => asking.current.abort();
  }, [ask]);
  const cheap = !searched.text && !kept.peer && !kept.state;
  const follows = cheap && found.key === key && found.pages === 1 && !busy;
  useEffect(() => {
    if (!follows) return undefined;
    const timer = setInterval(() => { if (!document.hidden) ask(); }, AGAIN_MS);
    return () => clearInterval(timer);
  }, [ask, follows]);

  const fits = found.key === key;
  return { ...(fits ? found : NOTHING), busy: busy || !fits, follows, more: () => ask(found.next), again: () => ask() };
}

/** The numbers of all that the filter finds, oldest first. Throws where they are too many. */
export async function collect(name, kept, searched, tell, signal) {
  const query = parametersOf(kept, searched);
  const seqs = [];
  let next = { after: 0 };
  while (next) {
    const page = await api.get(channelPath(name, "messages"), { ...query, limit: COLLECTED_AT_ONCE, ...next }, { signal });
    for (const each of page.messages) seqs.push(each.seq);
    if (seqs.length > MOST_COLLECTED) {
      throw new Error(`The filter finds more than ${MOST_COLLECTED} messages. Narrow its times, and replay in parts.`);
    }
    tell(seqs.length);
    next = page.next;
  }
  return seqs;
}

const two = (n) => String(n).padStart(2, "0");

/** Epoch seconds as a control for dates and times has them, and back. */
function asLocal(at) {
  if (!at) return "";
  const d = new Date(at * 1000);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}
const fromLocal = (value) => (value ? new Date(value).getTime() / 1000 : "");

const HEX = /^(?:[0-9a-f]{2}\s*)+$/i;

/** The bar. `onKept` is given what goes into the address, `onSearched` what does not. */
export function Filter({ destinations, kept, searched, onKept, onSearched }) {
  const me = useMe();
  const [text, setText] = useState(searched.text);
  const [hex, setHex] = useState(searched.hex);
  const [peer, setPeer] = useState(kept.peer || "");
  useEffect(() => setPeer(kept.peer || ""), [kept.peer]);
  const exact = Boolean(kept.since || kept.until);
  const wrong = hex && text.trim() !== "" && !HEX.test(text.trim());

  const submit = (event) => {
    event.preventDefault();
    if (wrong) return;
    onSearched({ text: hex ? text.replace(/\s/g, "") : text, hex });
    onKept({ ...kept, peer: peer.trim() });
  };
  const times = (value) => onKept({
    ...kept,
    span: value === EXACT ? "" : value,
    since: value === EXACT ? Math.floor(live.now() - 3600) : "",
    until: "",
  });
  const outcome = (value) => {
    const at = value.lastIndexOf("=");
    onKept({ ...kept, destination: value.slice(0, Math.max(at, 0)), state: value.slice(at + 1) });
  };
  const clear = () => {
    setText("");
    onSearched({ text: "", hex });
    onKept({});
  };
  const any = searched.text || Object.keys(kept).length > 0;
  return html`<form class="finding" role="search" aria-label="Find messages" onSubmit=${submit}>
    <${Field} label="Holding">${(field) => html`<span class="joined">
      <input ...${field} type="search" value=${text} maxlength=${MAX_SEARCHED} autocomplete="off" spellcheck=${false}
        disabled=${!me.mayOperate} aria-invalid=${wrong ? "true" : undefined}
        placeholder=${me.mayOperate ? (hex ? "0b 4d 53 48" : "a patient, an order, a barcode") : "for operators"}
        onInput=${(event) => setText(event.target.value)} />
      <select aria-label="Searched as" value=${hex ? "hex" : "text"} disabled=${!me.mayOperate}
        onChange=${(event) => setHex(event.target.value === "hex")}><option value="text">text</option><option value="hex">hex</option></select></span>
      ${wrong && html`<p class="help" role="alert">Pairs of hex digits, such as 0b 4d 53 48.</p>`}`}</${Field}>
    <${Field} label="Received">${(field) => html`<select ...${field} value=${exact ? EXACT : kept.span || ""}
        onChange=${(event) => times(event.target.value)}>
      <option value="">at any time</option>
      ${SPANS.map(([value, title]) => html`<option key=${value} value=${value}>${title}</option>`)}
      <option value=${EXACT}>between exact times…</option></select>`}</${Field}>
    ${exact && html`<${Field} label="From">${(field) => html`<input ...${field} type="datetime-local" step="1" value=${asLocal(kept.since)}
        onChange=${(event) => onKept({ ...kept, since: fromLocal(event.target.value) })} />`}</${Field}>
      <${Field} label="Until">${(field) => html`<input ...${field} type="datetime-local" step="1" value=${asLocal(kept.until)}
        onChange=${(event) => onKept({ ...kept, until: fromLocal(event.target.value) })} />`}</${Field}>`}
    <${Field} label="Sender">${(field) => html`<input ...${field} type="search" value=${peer} maxlength="100" autocomplete="off"
        spellcheck=${false} placeholder="10.0.0.5" onInput=${(event) => setPeer(event.target.value)} />`}</${Field}>
    <${Field} label="State">${(field) => html`<select ...${field} value=${kept.state ? `${kept.destination}=${kept.state}` : ""}
        onChange=${(event) => outcome(event.target.value)}>
      <option value="">any</option>
      ${destinations.map((each) => html`<optgroup key=${each} label=${each}>${STATES.map((state) =>
        html`<option key=${state} value="${each}=${state}">${each}: ${state}</option>`)}</optgroup>`)}</select>`}</${Field}>
    <div class="row"><button type="submit" class="primary">Find</button>
      ${any && html`<button type="button" class="quiet" onClick=${clear}>Clear</button>`}</div>
  </form>`;
}

// Sending messages again: first how many that will be, then doing it.

import { html, useCallback, useEffect, useRef, useState } from "../vendor.min.js";
import { api, channelPath } from "../api.js";
import { Dialog, Field, Note, Trouble } from "../parts.js";
import { count, plural } from "../words.js";

/** A request waits for all of its messages; so many are one request. */
const AT_ONCE = 200;

function* portions(seqs) {
  for (let at = 0; at < seqs.length; at += AT_ONCE) yield seqs.slice(at, at + AT_ONCE);
}

/**
 * The question, the doing and what came of it.
 *
 * `seqs` are numbers of messages, or a function that finds them: it is given what to call
 * with how many it has found so far, and a signal that ends it.
 */
export function Replay({ name, destinations, seqs, onClose }) {
  const [destination, setDestination] = useState(destinations[0] || "");
  const [found, setFound] = useState(Array.isArray(seqs) ? seqs : null);
  const [looked, setLooked] = useState(0);
  const [there, setThere] = useState(null);
  const [sent, setSent] = useState(null); // {replayed, missing, stopped, over}
  const [problem, setProblem] = useState(null);
  const ending = useRef(new AbortController());
  useEffect(() => () => ending.current.abort(), []);

  const post = useCallback((some, dry_run) => api.post(channelPath(name, "replay"),
    { destination, seqs: some, dry_run }, { signal: ending.current.signal }), [name, destination]);
  const failed = (error) => { if (error.name !== "AbortError") setProblem(error); };

  useEffect(() => {
    if (!Array.isArray(seqs)) seqs(setLooked, ending.current.signal).then(setFound, failed);
  }, []);
  useEffect(() => {
    if (!found || !destination) return undefined;
    let over = false;
    setThere(null);
    setProblem(null);
    (async () => {
      let messages = 0;
      for (const some of portions(found)) {
        messages += (await post(some, true)).messages;
        if (over) return;
      }
      setThere(messages);
    })().catch((error) => { if (!over) failed(error); });
    return () => { over = true; };
  }, [found, post]);

  const send = async () => {
    const sum = { replayed: 0, missing: 0, stopped: "", over: false };
    setProblem(null);
    try {
      for (const some of portions(found)) {
        setSent({ ...sum });
        const one = await post(some, false);
        sum.replayed += one.replayed;
        sum.missing += one.missing;
        sum.stopped = one.stopped;
        if (sum.stopped) break;
      }
    } catch (error) {
      failed(error);
    }
    if (!ending.current.signal.aborted) setSent({ ...sum, over: true });
  };

  const many = there === null ? "" : plural(there, "message");
  return html`<${Dialog} title="Replay" onClose=${onClose}>
    <${Field} label="To which destination">${(field) => html`<select ...${field} value=${destination} disabled=${sent !== null}
        onChange=${(event) => setDestination(event.target.value)}>
      ${destinations.map((each) => html`<option key=${each} value=${each}>${each}</option>`)}</select>`}</${Field}>
    ${!destinations.length && html`<p>This channel has no destination.</p>`}
    <${Trouble} problem=${problem} />
    <div role="status">
      ${!found && !problem && html`<p>Finding them: ${count(looked)} so far…</p>`}
      ${found && there === null && !problem && destination && html`<p>Counting…</p>`}
      ${there !== null && !sent && (there === 0
        ? html`<p>None of them is kept any more: nothing can be sent.</p>`
        : html`<p>This will send <strong>${many} again</strong> to ${destination}, between the others.
            What it has already it gets a second time.</p>
          ${there < found.length && html`<p class="muted">${count(found.length - there)} of them are not kept any more, and are left out.</p>`}`)}
      ${sent && !sent.over && html`<p>Sending: ${count(sent.replayed)} of ${count(there)}…</p>`}
      ${sent?.over && !sent.stopped && html`<${Note} kind="good">${plural(sent.replayed, "message")} ${sent.replayed === 1 ? "was" : "were"} sent again to ${destination}.</${Note}>`}
      ${sent?.stopped && html`<${Note} kind="bad"><p>It stopped after ${plural(sent.replayed, "message")}: ${sent.stopped}</p></${Note}>`}
    </div>
    <div class="answers">
      <button type="button" onClick=${onClose}>${sent?.over ? "Close" : sent ? "Stop" : "Cancel"}</button>
      ${!sent && html`<button type="button" class="primary" disabled=${!there || problem !== null} onClick=${send}>Send ${many} again</button>`}
    </div>
  </${Dialog}>`;
}

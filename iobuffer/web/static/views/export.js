// What the filter finds, as a file. It is asked for by the page, not by an address: what
// was searched for stays out of the browser's list of downloads.

import { html, useEffect, useRef, useState } from "../vendor.min.js";
import { Refusal, api, channelPath, withQuery } from "../api.js";
import { Dialog, Note } from "../parts.js";
import { size } from "../words.js";
import { TroubleOrMasked } from "./reveal.js";

const FORMS = [
  ["jsonl", "JSON Lines", "one message a line, with everything that is known of it"],
  ["csv", "CSV", "a table for a spreadsheet"],
  ["raw", "Raw", "the bytes of the messages alone"],
];

async function fetched(path, signal) {
  const response = await fetch(path, { credentials: "same-origin", redirect: "error", signal });
  if (response.ok) return response;
  // The session's end is told to the page by any question that it asks.
  if (response.status === 401) api.get("/api/whoami").catch(() => {});
  throw new Refusal(response.status, await response.json().catch(() => ({ title: `HTTP ${response.status}` })));
}

function keep(blob, filename) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = filename;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** `query` are the parameters of the list. */
export function Export({ name, query, onClose, onRevealed }) {
  const [form, setForm] = useState("jsonl");
  const [state, setState] = useState({ busy: false, problem: null, done: null });
  const ending = useRef(new AbortController());
  useEffect(() => () => ending.current.abort(), []);
  const run = async (event) => {
    event.preventDefault();
    setState({ busy: true, problem: null, done: null });
    try {
      const path = withQuery(channelPath(name, "export"), { ...query, form });
      const blob = await (await fetched(path, ending.current.signal)).blob();
      keep(blob, `${name}.${form === "raw" ? "bin" : form}`);
      setState({ busy: false, problem: null, done: blob.size });
    } catch (error) {
      if (error.name !== "AbortError") setState({ busy: false, problem: error, done: null });
    }
  };
  return html`<${Dialog} title="Export what the filter finds" onClose=${onClose}>
    <form onSubmit=${run}>
      <p>All of it, the oldest first, not only what is listed. It is written to the audit log.</p>
      <fieldset class="choices"><legend>As</legend>${FORMS.map(([value, title, about]) => html`<label key=${value}>
        <input type="radio" name="form" value=${value} checked=${form === value} onChange=${() => setForm(value)} />
        <span>${title} <span class="muted">${about}</span></span></label>`)}</fieldset>
      <${TroubleOrMasked} name=${name} problem=${state.problem} onRevealed=${(found) => {
        setState({ busy: false, problem: null, done: null });
        onRevealed(found);
      }} />
      ${state.done !== null && html`<${Note} kind="good">Saved: ${size(state.done)}.</${Note}>`}
      <div class="answers"><button type="button" onClick=${onClose}>${state.done === null ? "Cancel" : "Close"}</button>
        <button type="submit" class="primary" disabled=${state.busy}>${state.busy ? "Exporting…" : "Export"}</button></div>
    </form>
  </${Dialog}>`;
}

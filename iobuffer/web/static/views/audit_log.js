// The audit log: who did what, newest first, and whether it still says so.

import { html, useCallback, useEffect, useState } from "../vendor.min.js";
import { api } from "../api.js";
import { Clock, Copy, Empty, Note, Trouble, useDeed } from "../parts.js";
import { count } from "../words.js";

const PAGE = 100;
const TYPING_MS = 300;

/** The button that proves it, beside the others, and the verdict below them. */
function Proof({ children }) {
  const [verdict, setVerdict] = useState(null);
  const [prove, busy, problem] = useDeed(useCallback(async () => {
    setVerdict(await api.get("/api/audit/verify"));
  }, []));
  return html`<div class="row tools">${children}
      <button type="button" onClick=${prove} disabled=${busy}>${busy ? "Following the chain…" : "Verify"}</button></div>
    <${Trouble} problem=${problem} />
    ${verdict && (verdict.holds
      ? html`<${Note} kind="good"><p><strong>It holds.</strong> ${count(verdict.lines)} lines follow from one another. Note the last
          hash elsewhere: whoever can write all of the files can make the chain anew.</p>
          <p class="row"><code>${verdict.last_hash || "none yet"}</code> <${Copy} text=${verdict.last_hash} /></p>
          ${verdict.notes.map((each) => html`<p>${each}</p>`)}</${Note}>`
      : html`<${Trouble} problem=${{ title: "It does not hold", detail: verdict.bad, errors: verdict.notes }}>
          <p>${count(verdict.lines)} lines before it do.</p></${Trouble}>`)}`;
}

export function AuditLog() {
  const [contains, setContains] = useState("");
  const [wanted, setWanted] = useState("");
  const [lines, setLines] = useState(null);
  const [next, setNext] = useState(null);

  const [load, busy, problem] = useDeed(useCallback(async (before) => {
    const page = await api.get("/api/audit", { contains: wanted, limit: PAGE, before: before || undefined });
    setLines((old) => (before ? [...old, ...page.lines] : page.lines));
    setNext(page.next);
  }, [wanted]));
  useEffect(() => { load(null); }, [load]);
  useEffect(() => {
    const timer = setTimeout(() => setWanted(contains.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [contains]);

  return html`<h1>Audit log</h1>
    <p class="muted">What people did here, each line bound to the one before it. What messages say is never in it.</p>
    <${Proof}>
      <label class="unseen" for="audit-contains">Who, what or detail holds</label>
      <input id="audit-contains" type="search" class="filter" placeholder="Who, what or detail holds…" value=${contains}
        onInput=${(event) => setContains(event.target.value)} />
      <button type="button" onClick=${() => load(null)} disabled=${busy}>Look again</button>
    </${Proof}>
    <${Trouble} problem=${problem} />
    ${lines?.length === 0 && html`<${Empty} title=${wanted ? "No line holds that" : "Nothing yet"}>
      <p>${wanted ? "Upper and lower case are the same here." : "The first sign-in will be its first line."}</p></${Empty}>`}
    ${lines?.length > 0 && html`<div class="table" tabindex="0" role="region" aria-label="Audit log"><table>
      <thead><tr><th scope="col" class="number">Line</th><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Detail</th></tr></thead>
      <tbody>${lines.map((each) => html`<tr key=${each.n}>
        <td class="number muted">${each.n}</td><td><${Clock} at=${Date.parse(each.at) / 1000} /></td><td>${each.who}</td>
        <td>${each.what}</td><td class="wraps">${each.detail}</td></tr>`)}</tbody>
    </table></div>
    ${next && html`<p><button type="button" onClick=${() => load(next)} disabled=${busy}>Older lines</button></p>`}`}`;
}

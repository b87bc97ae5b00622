// Messages that a destination refused: why, since when, and what to do with them.

import { html, useCallback, useEffect, useRef, useState } from "../vendor.min.js";
import { api, channelPath, withQuery } from "../api.js";
import { useAnswer } from "../live.js";
import { Clock, Dialog, Empty, Field, Note, Trouble, When, useMe } from "../parts.js";
import { href } from "../place.js";
import { count, plural } from "../words.js";
import { Line } from "./payload.js";
import { ForOperators, Masked } from "./reveal.js";

const PAGE = 50;
/** What one answer of the gateway may hold. */
const MOST = 1000;
const AGAIN_MS = 5000;
/** A retry waits for the destination's answers; so many are one request. */
const AT_ONCE = 25;
const DROPPED_AT_ONCE = 1000;

/** The numbers of all that is parked there, in order, a page at a time. */
async function* everything(name, destination, most, signal) {
  let after = 0;
  while (true) {
    const page = await api.get(channelPath(name, "parked"), { destination, after, limit: most }, { signal });
    if (!page.parked.length) return;
    const seqs = page.parked.map((each) => each.seq);
    yield seqs;
    after = seqs[seqs.length - 1];
  }
}

/** The numbers given, or all; in portions. */
async function* portions(name, destination, seqs, most, signal) {
  if (!seqs) {
    yield* everything(name, destination, most, signal);
    return;
  }
  for (let at = 0; at < seqs.length; at += most) yield seqs.slice(at, at + most);
}

/** How a retry goes and what came of it: {delivered, refused: [], stopped, over}. */
function Retried({ retry, total, destination, onStop }) {
  if (!retry) return null;
  const tried = retry.delivered + retry.refused.length;
  if (!retry.over) {
    return html`<${Note}><div class="row"><span>Retrying: ${count(tried)} of ${count(total)}…</span>
      <button type="button" class="row-end" onClick=${onStop}>Stop</button></div></${Note}>`;
  }
  const why = [...new Set(retry.refused.map((each) => each.reason).filter(Boolean))].slice(0, 5);
  const good = retry.refused.length === 0 && !retry.stopped;
  return html`<${Note} kind=${good ? "good" : "wait"}>
    ${tried === 0 && !retry.stopped && html`<p>Nothing was left to retry.</p>`}
    ${retry.delivered > 0 && html`<p>${plural(retry.delivered, "message")} arrived at ${destination}.</p>`}
    ${retry.refused.length > 0 && html`<p>${plural(retry.refused.length, "message")} ${retry.refused.length === 1 ? "was" : "were"} refused again${why.length ? `: ${why.join("; ")}` : ""}.</p>`}
    ${retry.stopped && html`<p>It stopped: ${retry.stopped}</p>`}
  </${Note}>`;
}

function Drop({ name, destination, seqs, total, onClose, onDone }) {
  const [reason, setReason] = useState("");
  const [state, setState] = useState({ busy: false, problem: null });
  const many = plural(seqs ? seqs.length : total, "message");
  const run = async (event) => {
    event.preventDefault();
    setState({ busy: true, problem: null });
    try {
      let dropped = 0;
      // What is dropped is gone from the list: each page is the first one.
      for await (const some of portions(name, destination, seqs, DROPPED_AT_ONCE)) {
        dropped += (await api.post(channelPath(name, "parked", "drop"), { destination, seqs: some, reason: reason.trim() })).dropped;
      }
      onDone(dropped);
    } catch (problem) {
      setState({ busy: false, problem });
    }
  };
  return html`<${Dialog} title="Drop ${many}" onClose=${onClose}><form onSubmit=${run}>
    <p>What is dropped is never sent to ${destination}. The ledger counts it as dropped, for this reason; the audit
      log has it with your name. The channel keeps the message as long as any other; till then it can be replayed.</p>
    <${Field} label="Why" required>${(field) => html`<input ...${field} value=${reason} maxlength="200" autofocus
      autocomplete="off" onInput=${(event) => setReason(event.target.value)} />`}</${Field}>
    <${Trouble} problem=${state.problem} />
    <div class="answers"><button type="button" onClick=${onClose}>Cancel</button>
      <button type="submit" class="danger" disabled=${!reason.trim() || state.busy}>Drop ${many}</button></div>
  </form></${Dialog}>`;
}

/** What is parked at one destination. `onOther` is told when something was changed. */
function Destination({ name, destination, part, onRevealed }) {
  const me = useMe();
  const [limit, setLimit] = useState(PAGE);
  const [chosen, setChosen] = useState(new Set());
  const [retry, setRetry] = useState(null);
  const [dropping, setDropping] = useState(null); // {seqs} or {seqs: null} for all
  const [dropped, setDropped] = useState(null);
  const [problem, setProblem] = useState(null);
  const found = useAnswer(withQuery(channelPath(name, "parked"), { destination, limit }), limit > PAGE * 4 ? 0 : AGAIN_MS);
  const running = useRef(null);
  useEffect(() => () => running.current?.abort(), []);
  const rows = found.value?.parked || [];
  const total = Math.max(part?.ledger?.parked || 0, rows.length);
  const busy = Boolean(retry && !retry.over);

  const again = useCallback(async (seqs, many) => {
    const { signal } = running.current = new AbortController();
    const sum = { delivered: 0, refused: [], stopped: "", over: false, total: many };
    setProblem(null);
    setDropped(null);
    setRetry({ ...sum });
    try {
      for await (const some of portions(name, destination, seqs, AT_ONCE, signal)) {
        const one = await api.post(channelPath(name, "parked", "retry"), { destination, seqs: some }, { signal });
        sum.delivered += one.delivered;
        sum.refused.push(...one.refused);
        sum.stopped = one.stopped;
        setRetry({ ...sum });
        if (sum.stopped) break;
      }
    } catch (error) {
      if (error.name === "AbortError") sum.stopped = "you stopped it; what was under way goes on.";
      else setProblem(error);
    }
    setRetry({ ...sum, over: true });
    setChosen(new Set());
    found.reload();
  }, [name, destination]);

  const all = rows.length > 0 && rows.every((each) => chosen.has(each.seq));
  const some = [...chosen].sort((a, b) => a - b);
  const choose = (seq) => setChosen((old) => {
    const fresh = new Set(old);
    if (!fresh.delete(seq)) fresh.add(seq);
    return fresh;
  });
  const masked = rows.some((each) => each.masked);
  const stopped = part && !part.state;
  return html`<section aria-label="Parked at ${destination}">
    <div class="row"><h2>${destination} <span class="muted">${plural(total, "parked message")}</span></h2>
      ${me.mayOperate && total > 0 && html`<span class="row row-end">
        ${some.length > 0 && html`<button type="button" disabled=${busy} onClick=${() => again(some, some.length)}>Retry ${count(some.length)} selected</button>
          <button type="button" class="danger" disabled=${busy} onClick=${() => setDropping({ seqs: some })}>Drop ${count(some.length)} selected…</button>`}
        <button type="button" class="primary" disabled=${busy || stopped} onClick=${() => again(null, total)}>Retry all</button>
        <button type="button" class="danger" disabled=${busy} onClick=${() => setDropping({ seqs: null })}>Drop all…</button></span>`}</div>
    ${stopped && total > 0 && html`<p class="muted">${destination} is stopped: start it first, then retry.</p>`}
    <${Trouble} problem=${problem || found.problem} />
    <${Retried} retry=${retry} total=${retry?.total} destination=${destination} onStop=${() => running.current.abort()} />
    ${dropped !== null && html`<${Note} kind="good">${plural(dropped, "message")} dropped.</${Note}>`}
    ${masked && html`<${Masked} name=${name} onRevealed=${onRevealed} />`}
    ${rows.length > 0 && html`<div class="table messages" tabindex="0" role="region" aria-label="Messages parked at ${destination}"><table>
      <thead><tr>
        ${me.mayOperate && html`<th scope="col"><input type="checkbox" aria-label="Select all that are listed for ${destination}" checked=${all}
          onChange=${() => setChosen(all ? new Set() : new Set(rows.map((each) => each.seq)))} /></th>`}
        <th scope="col" class="number">Number</th><th scope="col">Parked</th><th scope="col" class="number">Attempts</th>
        <th scope="col">What ${destination} answered</th><th scope="col" class="says">Begins with</th>
        ${me.mayOperate && html`<th scope="col"><span class="unseen">What to do</span></th>`}</tr></thead>
      <tbody>${rows.map((each) => html`<tr key=${each.seq}>
        ${me.mayOperate && html`<td><input type="checkbox" aria-label="Select message ${each.seq}" checked=${chosen.has(each.seq)} onChange=${() => choose(each.seq)} /></td>`}
        <td class="number"><a href=${href("channels", name, "messages", each.seq)} aria-label="See message ${each.seq}">${count(each.seq)}</a></td>
        <td><${Clock} at=${each.parked_at} /><div class="small muted"><${When} at=${each.parked_at} /></div></td>
        <td class="number">${count(each.attempts)}</td>
        <td class="why">${each.reason || html`<span class="muted">not shown</span>`}</td>
        <td class="says">${each.text === undefined ? html`<span class="muted">not shown</span>` : html`<${Line} text=${each.text.slice(0, 256)} />`}</td>
        ${me.mayOperate && html`<td><span class="deed"><button type="button" disabled=${busy || stopped} aria-label="Retry message ${each.seq}" onClick=${() => again([each.seq], 1)}>Retry</button>
          <button type="button" class="quiet danger" disabled=${busy} aria-label="Drop message ${each.seq}" onClick=${() => setDropping({ seqs: [each.seq] })}>Drop…</button></span></td>`}
      </tr>`)}</tbody></table></div>`}
    ${total > rows.length && rows.length > 0 && (limit < MOST
      ? html`<p class="onward row"><button type="button" onClick=${() => setLimit(Math.min(MOST, limit * 2))}>Show more</button>
          <span class="muted">${count(rows.length)} of ${count(total)} are listed.</span></p>`
      : html`<p class="onward muted">The first ${count(MOST)} of ${count(total)} are listed. Retry all and Drop all take all of them.</p>`)}
    ${dropping && html`<${Drop} name=${name} destination=${destination} seqs=${dropping.seqs} total=${total}
      onClose=${() => setDropping(null)} onDone=${(many) => {
        setDropping(null);
        setChosen(new Set());
        setRetry(null);
        setDropped(many);
        found.reload();
      }} />`}
  </section>`;
}

export function Parked({ channel, name }) {
  const [revision, setRevision] = useState(0);
  const parts = Object.entries(channel?.parts || {}).filter(([each]) => each !== "source");
  const holding = parts.filter(([, part]) => part.ledger?.parked > 0).map(([each]) => each);
  // One that has just been emptied stays, with what came of it.
  const seen = useRef(new Set());
  for (const each of holding) seen.current.add(each);
  const shown = parts.filter(([each]) => seen.current.has(each));
  if (!channel) return null;
  return html`<${ForOperators} />
    ${holding.length === 0 && shown.length === 0 && html`<${Empty} title="Nothing is parked">
      <p>A message that a destination refuses is set aside here where its <code>refused</code> is
        <code>park</code>, so that the others go on. It waits until somebody retries or drops it.</p></${Empty}>`}
    ${shown.map(([each, part]) => html`<${Destination} key=${`${each} ${revision}`} name=${name} destination=${each} part=${part}
      onRevealed=${() => setRevision((n) => n + 1)} />`)}`;
}

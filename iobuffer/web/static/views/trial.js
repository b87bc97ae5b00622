// A trial: the port is opened for a minute, and what arrives is shown, cut into messages,
// before anything is saved. Nothing of it is stored, and nothing is acknowledged.

import { html, useCallback, useEffect, useRef, useState } from "../vendor.min.js";
import { api, stream } from "../api.js";
import { Clock, Light, Note, Trouble, useDeed } from "../parts.js";
import { href } from "../place.js";
import { count, glyphs, plural, size } from "../words.js";

const SECONDS = 60;
const SHOWN = 50;
const LOG_LINES = 20;
const NOTHING = {
  state: null, found: null, candidates: [], messages: [], reports: [], log: [],
  chunks: 0, bytes: 0, total: 0, ended: null,
};

/** Runs one trial at a time: {running, seen, begin, end, problem}. */
function useTrial() {
  const [seen, setSeen] = useState(NOTHING);
  const [running, setRunning] = useState(false);
  const current = useRef({ id: null, close: null });
  const leave = useCallback((why) => {
    const { id, close } = current.current;
    current.current = { id: null, close: null };
    close?.();
    if (id !== null && why === "left") api.remove(`/api/trials/${encodeURIComponent(id)}`).catch(() => {});
  }, []);
  useEffect(() => () => leave("left"), []);
  const end = useCallback(() => {
    leave("left");
    setRunning(false);
    setSeen((old) => ({ ...old, ended: old.ended || { reason: "You have ended it.", ok: null } }));
  }, []);
  const [begin, busy, problem] = useDeed(useCallback(async (tried) => {
    leave("left");
    setSeen(NOTHING);
    const { id } = await api.post("/api/trials", tried);
    const add = (change) => setSeen((old) => ({ ...old, ...change(old) }));
    setRunning(true);
    const close = stream(`/api/trials/${encodeURIComponent(id)}/events`, {
      state: (state) => add(() => ({ state })),
      chunk: (chunk) => add((old) => ({ chunks: old.chunks + 1, bytes: old.bytes + chunk.size_bytes })),
      message: (message) => add((old) => ({
        total: old.total + 1,
        messages: [{ ...message, number: old.total + 1 }, ...old.messages].slice(0, SHOWN),
      })),
      framing: (found) => add(() => ({ found })),
      framings: ({ candidates }) => add(() => ({ candidates })),
      report: (report) => add((old) => ({ reports: [...old.reports, report] })),
      log: (line) => add((old) => ({ log: [...old.log, line].slice(-LOG_LINES) })),
      end: (ended) => {
        leave("over");
        setRunning(false);
        add(() => ({ ended }));
      },
    }, (up, over) => {
      if (!over) return;
      leave("over");
      setRunning(false);
      add((old) => ({ ended: old.ended || { reason: "The gateway has ended it.", ok: null } }));
    });
    current.current = { id, close };
  }, []));
  return { running, seen, begin, end, busy, problem };
}

function Candidates({ candidates, onTake, taken }) {
  return html`<h3>Every framing, side by side</h3>
    <div class="table" tabindex="0" role="region" aria-label="Framings"><table>
    <thead><tr><th scope="col">Framing</th><th scope="col" class="number">Messages</th><th scope="col" class="number">Skipped bytes</th>
      <th scope="col" class="number">Unfinished</th><th scope="col"><span class="unseen">Take it</span></th></tr></thead>
    <tbody>${candidates.map((each) => html`<tr key=${each.name}><th scope="row">${each.title}${each.best && html` <span class="muted">fits best</span>`}</th>
      <td class="number">${count(each.messages)}</td><td class="number">${count(each.skipped_bytes)}</td><td class="number">${count(each.unfinished_bytes)}</td>
      <td class="deeds">${taken === each.name ? html`<span class="muted">set</span>` : html`<button type="button" class="quiet" aria-label="Take ${each.title}"
        onClick=${() => onTake(each.name)}>Take it</button>`}</td></tr>`)}</tbody></table></div>`;
}

/** What the gateway makes of what came. */
function Finding({ found, onTake }) {
  if (!found.found && !found.advice) return null;
  return html`<${Note} kind=${found.sure ? "good" : "wait"}>
    ${found.found && html`<p><strong>${found.title}</strong>${found.sure ? "" : ", as far as can be told"}.</p>`}
    ${found.advice && html`<p>${found.advice[0].toUpperCase() + found.advice.slice(1)}.</p>`}
    ${found.suggested && html`<p><button type="button" onClick=${() => onTake(found.suggested)}>Set it</button></p>`}
  </${Note}>`;
}

/** What went wrong with a trial; a port that a channel holds leads to what that receives. */
function NotTried({ problem }) {
  const channel = problem?.problem?.channel;
  return html`<${Trouble} problem=${problem}>${channel && html`<p><a href=${href("channels", channel, "live")}>The live view of ${channel}</a></p>`}</${Trouble}>`;
}

function Arrived({ seen }) {
  if (seen.bytes === 0 && seen.total === 0) return null;
  return html`<h3>What arrived</h3>
    <p>${plural(seen.total, "message")} of ${size(seen.bytes)} in ${plural(seen.chunks, "chunk")}${seen.total > SHOWN ? `; the last ${SHOWN}:` : ""}</p>
    <ol class="arrived" reversed>${seen.messages.map((each) => html`<li key=${each.number} value=${each.number}>
      <span class="muted small"><${Clock} at=${each.at} /> ${each.peer} · ${size(each.size_bytes)}</span>
      <pre class="mono">${glyphs(each.text)}</pre></li>`)}</ol>`;
}

/**
 * Tries a source: what arrives, how it is cut; `onTake(framing)` chooses a framing.
 * `channel` is whose it is, if it is one's already, for its masked secrets.
 */
export function SourceTrial({ source, channel, onTake }) {
  const { running, seen, begin, end, busy, problem } = useTrial();
  const taken = typeof source.framing === "string" ? source.framing : source.framing?.type;
  return html`<section class="trial" aria-label="Trial">
    <div class="row">
      ${running
        ? html`<button type="button" onClick=${end}>End the trial</button>`
        : html`<button type="button" onClick=${() => begin({ source, channel, seconds: SECONDS })} disabled=${busy}>Test: listen for a minute</button>`}
      <span class="help">Opens it and shows what arrives. Nothing is stored or acknowledged, so a careful sender keeps its message.</span>
    </div>
    <${NotTried} problem=${problem} />
    <div role="status">
      ${running && seen.state && html`<p><${Light} word=${seen.state.word} /> ${seen.state.reason}</p>`}
      ${running && seen.bytes === 0 && html`<p class="muted">Waiting. Let the device send something now.</p>`}
      ${seen.found && html`<${Finding} found=${seen.found} onTake=${onTake} />`}
      ${seen.reports.map((each) => html`<p><${Light} word=${each.ok ? "running" : "failed"} bare /> ${each.text}</p>`)}
      ${!running && seen.ended && html`<p>${seen.ended.reason}</p>`}
    </div>
    ${seen.candidates.length > 0 && html`<${Candidates} candidates=${seen.candidates} onTake=${onTake} taken=${taken} />`}
    <${Arrived} seen=${seen} />
    ${seen.log.length > 0 && html`<details><summary>What was logged</summary><ul>${seen.log.map((each) => html`<li>${each.text}</li>`)}</ul></details>`}
  </section>`;
}

/** Tries a destination: whether it can be reached; it is sent nothing. */
export function DestinationTrial({ destination, channel, name }) {
  const { running, seen, begin, busy, problem } = useTrial();
  const good = seen.ended?.ok;
  return html`<div class="trial"><div class="row">
      <button type="button" onClick=${() => begin({ destination, channel, name: channel && name })} disabled=${busy || running}>Test: reach it</button>
      <span class="help">It is sent nothing.</span></div>
    <${NotTried} problem=${problem} />
    <div role="status">${running && seen.state && html`<p><${Light} word=${seen.state.word} /> ${seen.state.reason}</p>`}
      ${!running && seen.ended && html`<${Note} kind=${good ? "good" : "wait"}>
        ${seen.reports.length ? seen.reports.map((each) => html`<p>${each.text}</p>`) : html`<p>${seen.ended.reason}</p>`}</${Note}>`}</div>
  </div>`;
}

// A trial: the port is opened for a minute, and what arrives is shown, cut into messages,
// before anything is saved. Nothing of it is stored, and nothing is acknowledged.

import { html, useCallback, useEffect, useRef, useState } from "../vendor.min.js";
import { api, stream } from "../api.js";
import { Clock, Light, Note, Trouble, useDeed } from "../parts.js";
import { count, glyphs, plural, size } from "../words.js";

const SECONDS = 60;
const SHOWN = 50;
const NOTHING = { state: null, found: null, candidates: [], messages: [], chunks: 0, bytes: 0, total: 0, ended: "" };

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
    setSeen((old) => ({ ...old, ended: old.ended || "You have ended it." }));
  }, []);
  const [begin, busy, problem] = useDeed(useCallback(async (tried) => {
    leave("left");
    setSeen(NOTHING);
    const { id } = await api.post("/api/trials", { ...tried, seconds: SECONDS });
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
      end: ({ reason }) => {
        leave("over");
        setRunning(false);
        add(() => ({ ended: reason }));
      },
    }, (up, over) => {
      if (!over) return;
      leave("over");
      setRunning(false);
      add((old) => ({ ended: old.ended || "The gateway has ended it." }));
    });
    current.current = { id, close };
  }, []));
  return { running, seen, begin, end, busy, problem };
}

function Candidates({ candidates, framings, onTake, taken }) {
  return html`<h3>Every framing, side by side</h3>
    <div class="table" tabindex="0" role="region" aria-label="Framings"><table>
    <thead><tr><th scope="col">Framing</th><th scope="col" class="number">Messages</th><th scope="col" class="number">Skipped bytes</th><th scope="col"><span class="unseen">Take it</span></th></tr></thead>
    <tbody>${candidates.map((each) => {
      const title = framings.find((framing) => framing.name === each.name)?.title || each.name;
      return html`<tr key=${each.name}><th scope="row">${title}</th>
        <td class="number">${count(each.messages)}</td><td class="number">${count(each.skipped_bytes)}</td>
        <td class="deeds">${taken === each.name ? "taken" : html`<button type="button" class="quiet" aria-label="Take ${title}"
          onClick=${() => onTake(each.name)}>Take it</button>`}</td></tr>`;
    })}</tbody></table></div>`;
}

function Arrived({ seen }) {
  if (seen.bytes === 0 && seen.total === 0) return null;
  return html`<h3>What arrived</h3>
    <p>${plural(seen.total, "message")} of ${size(seen.bytes)} in ${plural(seen.chunks, "chunk")}${seen.total > SHOWN ? `; the last ${SHOWN}:` : ""}</p>
    <ol class="arrived" reversed>${seen.messages.map((each) => html`<li key=${each.number} value=${each.number}>
      <span class="muted small"><${Clock} at=${each.at} /> ${each.peer} · ${size(each.size_bytes)}</span>
      <pre class="mono">${glyphs(each.text)}</pre></li>`)}</ol>`;
}

/** Tries a source: what arrives, how it is cut; `onTake(framing)` chooses a framing. */
export function SourceTrial({ source, framings, onTake }) {
  const { running, seen, begin, end, busy, problem } = useTrial();
  const taken = typeof source.framing === "string" ? source.framing : source.framing?.type;
  return html`<section class="trial" aria-label="Trial">
    <div class="row">
      ${running
        ? html`<button type="button" onClick=${end}>End the trial</button>`
        : html`<button type="button" onClick=${() => begin({ source })} disabled=${busy}>Test: listen for a minute</button>`}
      <span class="help">Opens it and shows what arrives. Nothing is stored or acknowledged, so a careful sender keeps its message.</span>
    </div>
    <${Trouble} problem=${problem} />
    <div role="status">
      ${running && seen.state && html`<p><${Light} word=${seen.state.word} /> ${seen.state.reason}</p>`}
      ${running && seen.bytes === 0 && html`<p class="muted">Waiting. Let the device send something now.</p>`}
      ${seen.found && html`<p><strong>${seen.found.title || seen.found.found}</strong> ${seen.found.sure ? "was found" : "is the best guess so far"}${seen.found.skipped_bytes > 0 && `; ${plural(seen.found.skipped_bytes, "byte")} of it fit nowhere`}.</p>`}
      ${!running && seen.ended && html`<p>${seen.ended}</p>`}
    </div>
    ${seen.candidates.length > 0 && html`<${Candidates} candidates=${seen.candidates} framings=${framings} onTake=${onTake} taken=${taken} />`}
    <${Arrived} seen=${seen} />
  </section>`;
}

/** Tries a destination: whether it can be reached; it is sent nothing. */
export function DestinationTrial({ destination }) {
  const { running, seen, begin, busy, problem } = useTrial();
  return html`<div class="trial"><div class="row">
      <button type="button" onClick=${() => begin({ destination })} disabled=${busy || running}>Test: reach it</button>
      <span class="help">It is sent nothing.</span></div>
    <${Trouble} problem=${problem} />
    <div role="status">${running && seen.state && html`<p><${Light} word=${seen.state.word} /> ${seen.state.reason}</p>`}
      ${!running && seen.ended && html`<${Note} kind=${seen.state?.word === "running" ? "good" : "wait"}>${seen.ended}</${Note}>`}</div>
  </div>`;
}

// What was said of a channel: who connected, what changed its state, what was refused.

import { html, useMemo, useState } from "../vendor.min.js";
import { channelPath } from "../api.js";
import { useAnswer, useLive } from "../live.js";
import { Clock, Empty, Trouble } from "../parts.js";

/** Lines come live; what a receiver said is only in what is asked for. */
const AGAIN_MS = 10_000;
/** So much of a line tells it from another of the same moment. */
const TELLING = 16;
const LEVELS = { info: "–", warn: "◐", error: "▲" };
const LEVEL_WORDS = { info: "note", warn: "warning", error: "error" };

/** What is kept and what has come since, newest first, each line once. */
function together(kept, fresh) {
  const known = new Set();
  return [...kept, ...fresh]
    .filter((each) => {
      const key = `${each.at} ${each.part} ${each.text.slice(0, TELLING)}`;
      return known.has(key) ? false : known.add(key);
    })
    .sort((a, b) => b.at - a.at);
}

export function ChannelLog({ channel, name }) {
  const { log, version } = useLive();
  const { value, problem } = useAnswer(channelPath(name, "log"), AGAIN_MS);
  const [part, setPart] = useState("");
  const [grave, setGrave] = useState(false);
  const [text, setText] = useState("");
  const lines = useMemo(() => together(value?.log || [], log.filter((each) => each.channel === name)), [value, version, name]);
  if (!value) return html`<${Trouble} problem=${problem} />`;
  const wanted = text.toLowerCase();
  const shown = lines.filter((each) => (!part || each.part === part) && (!grave || each.level !== "info")
    && each.text.toLowerCase().includes(wanted));
  if (lines.length === 0) {
    return html`<${Empty} title="Nothing was said yet"><p>Who connects and leaves, what changes the state of a part, and
      what is refused is told here.</p></${Empty}>`;
  }
  return html`<${Trouble} problem=${problem} />
    <div class="row filters">
      <select aria-label="Part" value=${part} onChange=${(event) => setPart(event.target.value)}>
        <option value="">all parts</option>
        ${Object.keys(channel.parts).map((each) => html`<option value=${each}>${each}</option>`)}</select>
      <input type="search" aria-label="Containing" placeholder="containing…" value=${text} onInput=${(event) => setText(event.target.value)} />
      <label class="check"><input type="checkbox" checked=${grave} onChange=${() => setGrave(!grave)} /> warnings and errors only</label>
      <span class="row-end small muted">The newest 200 since the gateway was started; its log file has all.</span>
    </div>
    <div class="table" tabindex="0" role="region" aria-label="Log of ${name}"><table class="log">
      <thead><tr><th scope="col">Time</th><th scope="col">Part</th><th scope="col">What happened</th></tr></thead>
      <tbody>${shown.map((each) => html`<tr key=${`${each.at} ${each.part} ${each.text}`} class="log-${each.level}">
        <td class="nowrap"><${Clock} at=${each.at} /></td>
        <td class="nowrap">${each.part || html`<span class="muted">channel</span>`}</td>
        <td><span class="level" aria-hidden="true">${LEVELS[each.level]}</span><span class="unseen">${LEVEL_WORDS[each.level]}: </span> ${each.text}</td></tr>`)}</tbody>
    </table></div>
    ${shown.length === 0 && html`<p class="muted">None of ${lines.length} lines is like that.</p>`}`;
}

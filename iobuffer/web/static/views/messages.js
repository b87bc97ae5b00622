// The messages of a channel: found by a filter, listed, and one of them beside the list.

import { html, useCallback, useEffect, useRef, useState } from "../vendor.min.js";
import { useLive } from "../live.js";
import { Clock, Empty, useMe } from "../parts.js";
import { go, href } from "../place.js";
import { count, plural, size } from "../words.js";
import { Export } from "./export.js";
import { Filter, collect, keptOf, parametersOf, useFound } from "./finding.js";
import { Message } from "./message.js";
import { Chip, outcomesOf, trailOf } from "./outcomes.js";
import { Line } from "./payload.js";
import { Replay } from "./replay.js";
import { ForOperators, Masked, TroubleOrMasked } from "./reveal.js";

function Row({ message, address, open, mark, chosen, onChoose }) {
  const row = useRef(null);
  useEffect(() => { if (open) row.current.scrollIntoView({ block: "nearest" }); }, [open]);
  const show = (event) => {
    if (!event.target.closest("a, input") && !String(getSelection())) go(address);
  };
  const { sender, stops } = trailOf(message.peer);
  return html`<tr ref=${row} class="opens" aria-current=${open ? "true" : undefined} onClick=${show}>
    ${onChoose && html`<td><input type="checkbox" aria-label="Select message ${message.seq}" checked=${chosen}
      onChange=${() => onChoose(message.seq)} /></td>`}
    <td><${Clock} at=${message.received_at} /></td>
    <td class="number"><a href=${address} aria-label="Message ${message.seq}">${count(message.seq)}</a></td>
    <td class="spared" title=${message.peer}>${sender}${stops.length > 0 && html` <span class="muted">+${stops.length}</span>`}</td>
    <td class="number spared">${size(message.size_bytes)}</td>
    <td class="says">${message.text === undefined ? html`<span class="muted">not shown</span>` : html`<${Line} text=${message.text} mark=${mark} />`}</td>
    <td class="chips">${Object.entries(outcomesOf(message)).map(([name, outcome]) =>
      html`<${Chip} key=${name} destination=${name} outcome=${outcome} />`)}</td>
  </tr>`;
}

/** What was looked at, and how it goes on. */
function Onward({ found, filtered }) {
  const { next, first, last, rows, busy } = found;
  if (busy && !rows.length) return html`<p class="onward muted" role="status">Looking…</p>`;
  if (!next) {
    return rows.length > 0 && html`<p class="onward muted" role="status">That is all${filtered ? " that the filter finds" : ` that is kept, back to message ${count(first)}`}.</p>`;
  }
  const looked = last - next.before + 1;
  return html`<p class="onward row" role="status">
    <button type="button" disabled=${busy} onClick=${found.more}>${filtered ? "Go on" : "Older ones"}</button>
    <span class="muted">Looked at ${plural(looked, "message")}, back to ${count(next.before)}${rows.length ? "" : ", and found none yet"};
      ${count(next.before - first)} are left.</span></p>`;
}

function None({ filtered, last, searched }) {
  if (filtered) {
    return html`<${Empty} title="No message is like that">
      <p>${searched ? "Text is searched for as it was sent: capitals matter, and what a device writes as two fields is not one text. " : ""}Try
        other times, or fewer conditions.</p></${Empty}>`;
  }
  return html`<${Empty} title=${last ? "No message is kept any more" : "No message yet"}>
    <p>${last ? "What was delivered is deleted as keep and max_bytes of the channel say." : "The first one is listed here as soon as it is stored. Live shows messages as they come."}</p></${Empty}>`;
}

export function Messages({ channel, name, segments, query }) {
  const me = useMe();
  const { lines } = useLive();
  const kept = keptOf(query);
  const seq = /^\d{1,15}$/.test(segments[0] || "") ? Number(segments[0]) : null;
  const [searched, setSearched] = useState({ text: "", hex: false });
  const [revision, setRevision] = useState(0);
  const [chosen, setChosen] = useState(new Set());
  const [view, setView] = useState("");
  const [asked, setAsked] = useState(null); // {replay: seqs or a function} or {export: true}
  const found = useFound(name, kept, searched, revision);
  const { rows } = found;

  const keptKey = JSON.stringify([kept, searched]);
  useEffect(() => setChosen(new Set()), [keptKey]);
  const place = (at, filter = kept) => href("channels", name, "messages", ...(at ? [at] : []), filter);
  const revealed = useCallback(() => setRevision((n) => n + 1), []);
  const choose = useCallback((one) => setChosen((old) => {
    const fresh = new Set(old);
    if (!fresh.delete(one)) fresh.add(one);
    return fresh;
  }), []);

  // Asked for the same once more, it looks once more.
  const search = (fresh) => {
    if (JSON.stringify(fresh) === JSON.stringify(searched)) found.again();
    else setSearched(fresh);
  };

  const key = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && seq) go(place(null));
    else if (!step || event.ctrlKey || event.metaKey || event.altKey || !rows.length) return;
    else {
      const at = rows.findIndex((each) => each.seq === seq);
      const to = at < 0 ? 0 : Math.min(Math.max(at + step, 0), rows.length - 1);
      // One step in the history for a walk through the list.
      go(place(rows[to].seq), seq !== null);
    }
    event.preventDefault();
  };

  const filtered = Boolean(searched.text) || Object.keys(kept).length > 0;
  const destinations = Object.keys(channel?.parts || {}).filter((each) => each !== "source");
  const newer = found.follows || !found.pages ? 0 : Math.max(0, (lines[name]?.last_seq || 0) - found.last);
  const all = rows.length > 0 && rows.every((each) => chosen.has(each.seq));
  const masked = rows.some((each) => each.masked);
  return html`<h2 class="unseen">Messages</h2>
    <${ForOperators} />
    <${Filter} key=${name} destinations=${destinations} kept=${kept} searched=${searched}
      onKept=${(fresh) => go(place(null, fresh))} onSearched=${search} />
    <${TroubleOrMasked} name=${name} problem=${found.problem} onRevealed=${revealed} />
    ${masked && !seq && html`<${Masked} name=${name} onRevealed=${revealed} />`}
    <div class="row toolbar">
      <span class="muted" role="status">${rows.length > 0 && html`${plural(rows.length, "message")}, newest first${found.follows ? ", kept fresh" : ""}`}
        ${found.cut && html`; the newest are let go of, for the list has grown long`}</span>
      ${!found.busy && (newer > 0 || found.cut) && html`<button type="button" class="link" onClick=${found.again}>${newer > 0 ? `${plural(newer, "newer message")}: look again` : "Back to the newest"}</button>`}
      ${me.mayOperate && rows.length > 0 && html`<span class="row row-end">
        ${chosen.size > 0 && html`<button type="button" onClick=${() => setAsked({ replay: [...chosen].sort((a, b) => a - b) })}>Replay ${count(chosen.size)} selected…</button>`}
        <button type="button" onClick=${() => setAsked({ replay: (tell, signal) => collect(name, kept, searched, tell, signal) })}>Replay all found…</button>
        <button type="button" onClick=${() => setAsked({ export: true })}>Export…</button></span>`}
    </div>
    <div class=${seq ? "split" : ""}>
      <div>
        ${rows.length > 0 && html`<div class="table messages" tabindex="0" role="region" aria-label="Messages" onKeyDown=${key}><table>
          <thead><tr>
            ${me.mayOperate && html`<th scope="col"><input type="checkbox" aria-label="Select all that are listed" checked=${all}
              onChange=${() => setChosen(all ? new Set() : new Set(rows.map((each) => each.seq)))} /></th>`}
            <th scope="col">Received</th><th scope="col" class="number">Number</th><th scope="col" class="spared">Sender</th>
            <th scope="col" class="number spared">Size</th><th scope="col" class="says">Begins with</th><th scope="col">Destinations</th></tr></thead>
          <tbody>${rows.map((each) => html`<${Row} key=${each.seq} message=${each} address=${place(each.seq)} open=${each.seq === seq}
            mark=${searched.hex ? "" : searched.text} chosen=${chosen.has(each.seq)} onChoose=${me.mayOperate ? choose : null} />`)}</tbody>
        </table></div>`}
        ${rows.length === 0 && !found.busy && !found.next && !found.problem && html`<${None} filtered=${filtered} last=${found.last} searched=${searched.text} />`}
        <${Onward} found=${found} filtered=${filtered} />
      </div>
      ${seq && html`<${Message} key=${revision} name=${name} seq=${seq} channel=${channel} chosen=${view} onChoose=${setView}
        onReplay=${(seqs) => setAsked({ replay: seqs })} onClose=${() => go(place(null))} onRevealed=${revealed} />`}
    </div>
    ${asked?.replay && html`<${Replay} name=${name} destinations=${destinations} seqs=${asked.replay} onClose=${() => setAsked(null)} />`}
    ${asked?.export && html`<${Export} name=${name} query=${parametersOf(kept, searched)} onRevealed=${revealed} onClose=${() => setAsked(null)} />`}`;
}

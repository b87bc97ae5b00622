// One message: where it came from, what became of it, and what it says.

import { html, useEffect, useRef, useState } from "../vendor.min.js";
import { channelPath, withQuery } from "../api.js";
import { useAnswer } from "../live.js";
import { Clock, Trouble, useMe } from "../parts.js";
import { count, lasting, size } from "../words.js";
import { Decoded, KINDS } from "./decoded.js";
import { SIGNS, sentence, trailOf, wordOf } from "./outcomes.js";
import { Hex, Text } from "./payload.js";
import { Masked, TroubleOrMasked } from "./reveal.js";

const SETTLE_MS = 150;
const RUN_SECONDS = 60;

/** A value once it has stayed for a moment: who walks through a list opens not each of it. */
function useSettled(value) {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

function Way({ message }) {
  const { sender, stops } = trailOf(message.peer);
  return html`<li><span class="sign" aria-hidden="true">→</span> <span><${Clock} at=${message.received_at} />
    ${" "}received from ${stops.length > 0 ? "another iobuffer" : sender || "an unnamed sender"}, ${size(message.size_bytes)}
    ${stops.length > 0 && html`<div class="muted">Its way: ${[sender || "an unnamed sender",
      ...stops.map((each) => `${each.channel} of gateway ${each.gateway}`)].join(" → ")} → here</div>`}
  </span></li>`;
}

function Delivery({ destination, outcome, message, channel, hidden }) {
  const word = wordOf(outcome);
  // The store knows to the minute when a message was delivered: runs of them share a time.
  const late = outcome.delivered_at - message.received_at > RUN_SECONDS;
  const at = outcome.parked_at || (late && outcome.delivered_at);
  return html`<li class="is-${word}"><span class="sign" aria-hidden="true">${word === "queued" ? "…" : SIGNS[word]}</span> <span>
    ${at && html`${late && "about "}<${Clock} at=${at} />${" "}<span class="muted">after ${lasting(Math.max(0, at - message.received_at))}</span>${" "}`}
    <strong>${destination}</strong> ${sentence(outcome, channel?.config?.destinations?.[destination], channel?.parts?.[destination])}
    ${outcome.reason && word === "parked" && html`<div>It answered: <q>${outcome.reason}</q></div>`}
    ${hidden && word === "parked" && html`<div class="muted">Its answer may quote the message, and is for operators.</div>`}
  </span></li>`;
}

function Views({ name, message, decoded, chosen, onChoose, onRevealed }) {
  const fits = decoded.value && decoded.value.kind in KINDS;
  const waiting = !decoded.value && !decoded.problem && !message.masked;
  const shown = chosen && (chosen !== "decoded" || fits) ? chosen : fits ? "decoded" : "text";
  const path = channelPath(name, "messages", message.seq);
  const bytes = useAnswer(shown === "hex" && !message.masked ? withQuery(path, { form: "hex" }) : null, 0);
  const views = [...(fits ? [["decoded", KINDS[decoded.value.kind]]] : []), ["text", "Text"], ["hex", "Hex"]];
  const marks = (decoded.value?.segments || []).map((each) => ({ at: each.at, name: each.name }));
  return html`<div class="row">
      <div class="segmented" role="group" aria-label="Shown as">${views.map(([value, title]) => html`<button type="button" key=${value}
        aria-pressed=${shown === value ? "true" : "false"} onClick=${() => onChoose(value)}>${title}</button>`)}</div>
      ${!message.masked && html`<a class="button row-end" download href=${withQuery(path, { form: "raw" })}>Download</a>`}
    </div>
    ${message.masked && html`<${Masked} name=${name} onRevealed=${onRevealed} />`}
    ${shown === "decoded" && html`<${Decoded} found=${decoded.value} />`}
    ${shown === "text" && !waiting && html`<${Text} text=${message.text || ""} />
      ${message.truncated && html`<p class="muted">This is the beginning of ${size(message.size_bytes)}; all of it is in the download.</p>`}`}
    ${shown === "hex" && html`<${TroubleOrMasked} name=${name} problem=${bytes.problem} onRevealed=${onRevealed} />
      ${message.masked && html`<p class="muted">Bytes are shown once they are revealed.</p>`}
      ${bytes.value && html`<${Hex} hex=${bytes.value.hex} marks=${marks} />`}`}`;
}

/** `onReplay` opens the question; `chosen` is how the reader likes to see messages. */
export function Message({ name, seq, channel, chosen, onChoose, onReplay, onClose, onRevealed }) {
  const me = useMe();
  const place = useRef(null);
  // Where it stands below the list, it comes into sight.
  useEffect(() => place.current.scrollIntoView({ block: "nearest" }), []);
  const settled = useSettled(seq);
  const path = channelPath(name, "messages", settled);
  const { value, problem, reload } = useAnswer(path, 0);
  // Under a number stands this message or nothing.
  const message = value?.seq === seq ? value : undefined;
  const readable = message && message.text !== undefined;
  const decoded = useAnswer(readable && !message.masked ? `${path}/decoded` : null, 0);
  const outcomes = Object.entries(message?.outcomes || {});
  const queued = outcomes.some(([, each]) => each.state === "queued");
  return html`<section ref=${place} class="detail" aria-label="Message ${seq}">
    <div class="row"><h2>Message ${count(seq)}</h2>
      <span class="row row-end">
        ${queued && html`<button type="button" class="quiet" onClick=${reload}>Look again</button>`}
        ${me.mayOperate && html`<button type="button" onClick=${() => onReplay([seq])}>Replay…</button>`}
        <button type="button" class="quiet" aria-label="Close message ${seq}" onClick=${onClose}>✕</button></span></div>
    <${Trouble} problem=${problem} />
    ${message && html`
      <ol class="timeline" aria-label="What became of it">
        <${Way} message=${message} />
        ${outcomes.map(([destination, outcome]) => html`<${Delivery} key=${destination} destination=${destination}
          outcome=${outcome} message=${message} channel=${channel} hidden=${!me.mayOperate} />`)}
      </ol>
      ${readable
        ? html`<${Views} key=${settled} name=${name} message=${message} decoded=${decoded} chosen=${chosen}
            onChoose=${onChoose} onRevealed=${onRevealed} />`
        : html`<p class="muted">What it says is for operators.</p>`}`}
  </section>`;
}

// What a message says: as text with its control bytes seen, and as bytes beside it.

import { html, useState } from "../vendor.min.js";
import { count, glyphs, size } from "../words.js";

/** As much is drawn at once; the next comes on demand. */
const TEXT_CHARACTERS = 32_768;
const HEX_BYTES = 4096;
const ROW_BYTES = 16;
/** What was searched for is seen with so much before it. */
const MARK_BEHIND = 10;

const CONTROLS = `NUL SOH STX ETX EOT ENQ ACK BEL BS HT LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB
  ESC FS GS RS US`.split(/\s+/);

/**
 * Text with its control bytes seen (␋ ␜ ␍). Few fonts have the pictures, so each is drawn
 * from its name; what is copied is the picture. With `breaks` a line ends where it ends.
 */
export function Seen({ text, breaks = false }) {
  const pieces = text.split(/([\x00-\x1f\x7f])/);
  return pieces.map((piece, index) => {
    if (index % 2 === 0) return piece;
    const name = CONTROLS[piece.charCodeAt(0)] || "DEL";
    const ends = name === "LF" || (name === "CR" && (pieces[index + 1] || pieces[index + 2] !== "\n"));
    return html`<span class="control" data-name=${name} title=${name}>${glyphs(piece)}</span>${breaks && ends ? "\n" : ""}`;
  });
}

/** The text with its control bytes as pictures; `whole` shows all of it. */
export function Text({ text }) {
  const [shown, setShown] = useState(TEXT_CHARACTERS);
  return html`<pre class="payload"><${Seen} text=${text.slice(0, shown)} breaks /></pre>
    ${text.length > shown && html`<p><button type="button" onClick=${() => setShown(shown * 4)}>Show more</button>
      <span class="muted"> ${count(shown)} of ${count(text.length)} characters</span></p>`}`;
}

/** A beginning in one line; what was searched for is moved into sight and marked. */
export function Line({ text, mark = "" }) {
  const at = mark ? text.indexOf(mark) : -1;
  if (at < 0) return html`<${Seen} text=${text} />`;
  const from = Math.max(0, at - MARK_BEHIND);
  return html`${from > 0 && "…"}<${Seen} text=${text.slice(from, at)} /><mark><${Seen} text=${mark} /></mark><${Seen} text=${text.slice(at + mark.length)} />`;
}

const asText = (byte) => (byte < 0x80 ? String.fromCharCode(byte) : "·");

/**
 * The bytes, 16 a line, with what they are as text beside them. `marks` are
 * [{at, name}]: what begins where.
 */
export function Hex({ hex, marks = [] }) {
  const [from, setFrom] = useState(0);
  const total = hex.length / 2;
  const upto = Math.min(total, from + HEX_BYTES);
  const rows = [];
  for (let at = from; at < upto; at += ROW_BYTES) {
    const pairs = hex.slice(at * 2, Math.min(upto, at + ROW_BYTES) * 2).match(/../g);
    const begins = marks.filter((each) => each.at >= at && each.at < at + ROW_BYTES);
    rows.push(html`<tr key=${at}><th scope="row">${at.toString(16).padStart(6, "0")}</th>
      <td>${`${pairs.slice(0, 8).join(" ")}  ${pairs.slice(8).join(" ")}`}</td>
      <td><${Seen} text=${pairs.map((pair) => asText(parseInt(pair, 16))).join("")} /></td>
      ${marks.length > 0 && html`<td class="muted">${begins.map((each) => each.name).join(" ")}</td>`}</tr>`);
  }
  return html`<div class="table" tabindex="0" role="region" aria-label="Bytes"><table class="hex">
      <thead class="unseen"><tr><th scope="col">Offset</th><th scope="col">Bytes</th><th scope="col">As text</th>
        ${marks.length > 0 && html`<th scope="col">Here begins</th>`}</tr></thead>
      <tbody>${rows}</tbody></table></div>
    ${total > HEX_BYTES && html`<p class="row">
      <button type="button" disabled=${from === 0} onClick=${() => setFrom(from - HEX_BYTES)}>Before</button>
      <button type="button" disabled=${upto >= total} onClick=${() => setFrom(from + HEX_BYTES)}>Further</button>
      <span class="muted">${count(from)} to ${count(upto)} of ${size(total)}</span></p>`}`;
}

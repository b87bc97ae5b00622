// Go to a channel or a view by typing a part of its name (Ctrl K).

import { html, useMemo, useRef, useState } from "../vendor.min.js";
import { live } from "../live.js";
import { Dialog, Light, useMe } from "../parts.js";
import { go, href } from "../place.js";
import { URGENCY } from "../words.js";

const MOST = 12;

export function Finder({ onClose }) {
  const me = useMe();
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const list = useRef(null);
  const places = useMemo(() => [
    ...Object.entries(live.lines)
      .sort(([a, x], [b, y]) => URGENCY[x.state.word] - URGENCY[y.state.word] || a.localeCompare(b))
      .map(([name, line]) => ({ title: name, word: line.state.word, address: href("channels", name) })),
    { title: "Overview", address: "#/" },
    { title: "Alarms", address: "#/alarms" },
    ...(me.mayAdminister ? [
      { title: "New channel", address: "#/new" },
      { title: "People", address: "#/people" },
      { title: "Audit log", address: "#/audit" },
    ] : []),
    { title: "Account", address: "#/account" },
  ], []);
  const words = text.toLowerCase().split(/\s+/);
  const found = places
    .filter((each) => words.every((word) => each.title.toLowerCase().includes(word)))
    .slice(0, MOST);
  const at = Math.min(chosen, found.length - 1);
  const open = (place) => { onClose(); go(place.address); };
  const key = (event) => {
    if (event.key === "ArrowDown") setChosen(Math.min(at + 1, found.length - 1));
    else if (event.key === "ArrowUp") setChosen(Math.max(at - 1, 0));
    else if (event.key === "Enter" && found[at]) open(found[at]);
    else return;
    event.preventDefault();
  };
  return html`<${Dialog} title="Go to" onClose=${onClose}>
    <input type="search" role="combobox" aria-expanded="true" aria-controls="found" autofocus
      aria-label="A part of the name" aria-activedescendant=${found[at] ? `found-${at}` : undefined}
      value=${text} onKeyDown=${key}
      onInput=${(event) => { setText(event.target.value); setChosen(0); }} />
    <ul id="found" class="found" role="listbox" aria-label="Places" ref=${list}>
      ${found.map((each, index) => html`<li id="found-${index}" role="option" aria-selected=${index === at}
        onClick=${() => open(each)}>${each.word && html`<${Light} word=${each.word} bare />`} ${each.title}</li>`)}
    </ul>
    ${found.length === 0 && html`<p class="muted">Nothing is called that.</p>`}
  </${Dialog}>`;
}

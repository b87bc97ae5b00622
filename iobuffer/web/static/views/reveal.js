// Payloads that are masked: why, and how they are revealed.

import { html, useCallback, useState } from "../vendor.min.js";
import { api, channelPath } from "../api.js";
import { Dialog, Field, Note, Trouble, useDeed, useMe } from "../parts.js";

const REASONS = [
  "A result is missing or wrong",
  "A destination refuses messages",
  "Setting up or testing a device",
  "Asked for by the ward or the laboratory",
];
const OTHER = "Another reason";
const MAX_REASON = 200;

/** Whoever may not see what messages say is told so. */
export function ForOperators() {
  const me = useMe();
  if (me.mayOperate) return null;
  return html`<${Note}>What messages say is for operators. Your role, ${me.role}, sees that they came, when,
    and what became of them. An administrator can give you another role.</${Note}>`;
}

function Question({ name, onClose, onRevealed }) {
  const [chosen, setChosen] = useState("");
  const [text, setText] = useState("");
  const reason = chosen === OTHER ? text.trim() : [chosen, text.trim()].filter(Boolean).join(": ");
  const ready = chosen && reason;
  const [run, busy, problem] = useDeed(useCallback(async () => {
    onRevealed(await api.post(channelPath(name, "reveal"), { reason: reason.slice(0, MAX_REASON) }));
  }, [name, reason, onRevealed]));
  const submit = (event) => {
    event.preventDefault();
    if (ready && !busy) run();
  };
  return html`<${Dialog} title="Reveal what messages of ${name} say" onClose=${onClose}>
    <form onSubmit=${submit}>
      <p>They may hold what is private to patients or customers. Your name, the time and the reason are
        written to the audit log. It lasts one hour, in this session, for this channel.</p>
      <fieldset class="choices"><legend>Why?</legend>
        ${[...REASONS, OTHER].map((each) => html`<label key=${each}><input type="radio" name="why" value=${each}
          checked=${chosen === each} onChange=${() => setChosen(each)} /> ${each}</label>`)}
      </fieldset>
      <${Field} label=${chosen === OTHER ? "The reason" : "More about it, such as a ticket"} required=${chosen === OTHER}>
        ${(field) => html`<input ...${field} value=${text} maxlength=${MAX_REASON - 80} autocomplete="off"
          onInput=${(event) => setText(event.target.value)} />`}</${Field}>
      <${Trouble} problem=${problem} />
      <div class="answers"><button type="button" onClick=${onClose}>Cancel</button>
        <button type="submit" class="primary" disabled=${!ready || busy}>Reveal</button></div>
    </form>
  </${Dialog}>`;
}

/** Says that payloads are masked, and reveals them. `onRevealed` is called when they are. */
export function Masked({ name, onRevealed }) {
  const [asking, setAsking] = useState(false);
  return html`<${Note} kind="wait"><div class="masked">
      <span>What messages say is masked: letters are shown as x, digits as 9.</span>
      <button type="button" onClick=${() => setAsking(true)}>Reveal…</button></div>
    </${Note}>
    ${asking && html`<${Question} name=${name} onClose=${() => setAsking(false)}
      onRevealed=${(found) => { setAsking(false); onRevealed(found); }} />`}`;
}

/** A problem in the gateway's words; where a reveal is what it takes, with that. */
export function TroubleOrMasked({ name, problem, onRevealed }) {
  if (problem?.problem?.reveal) return html`<${Masked} name=${name} onRevealed=${onRevealed} />`;
  return html`<${Trouble} problem=${problem} />`;
}

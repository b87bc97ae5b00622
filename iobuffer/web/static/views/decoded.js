// A message taken apart: segments, fields, components, each with its name in words.

import { html } from "../vendor.min.js";
import { Seen } from "./payload.js";

/** What each kind is called. */
export const KINDS = { hl7: "HL7", astm: "ASTM", syslog: "Syslog", snmp: "SNMP", json: "JSON" };

function Parts({ fields }) {
  return html`<ul class="fields">${fields.map((field) => {
    const line = html`<span class="field-name" title=${field.title}>${field.name}</span>
      <span class="field-title muted">${field.title}</span>
      <span class="field-value" title=${field.title}><${Seen} text=${field.value} /></span>`;
    return html`<li key=${field.name}>${field.fields?.length
      ? html`<details><summary>${line}</summary><${Parts} fields=${field.fields} /></details>`
      : html`<div class="leaf">${line}</div>`}</li>`;
  })}</ul>`;
}

/** The answer of /decoded. */
export function Decoded({ found }) {
  return html`<div class="decoded">
    ${found.summary && html`<p><strong>${found.summary}</strong></p>`}
    ${found.note && html`<p class="muted small">${found.note}</p>`}
    ${found.pretty ? html`<pre class="payload">${found.pretty}</pre>` : found.segments.map((each) => html`
      <details open class="segment" key=${each.at}>
        <summary><strong title=${each.title}>${each.name}</strong> <span class="muted">${each.title}</span></summary>
        <${Parts} fields=${each.fields} />
      </details>`)}
  </div>`;
}

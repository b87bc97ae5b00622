import { html } from "../vendor.min.js"; export function NewChannel() { return html`<h1>NewChannel</h1>`; }

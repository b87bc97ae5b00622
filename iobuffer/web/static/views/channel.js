import { html } from "../vendor.min.js"; export function Channel() { return html`<h1>Channel</h1>`; }

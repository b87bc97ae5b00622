import { html } from "../vendor.min.js"; export function People() { return html`<h1>People</h1>`; }

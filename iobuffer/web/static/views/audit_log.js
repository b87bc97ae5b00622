import { html } from "../vendor.min.js"; export function AuditLog() { return html`<h1>AuditLog</h1>`; }

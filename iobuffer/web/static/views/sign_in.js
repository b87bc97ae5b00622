// Signing in, and making the first administrator from the link of the first start.

import { html, useCallback, useState } from "../vendor.min.js";
import { api } from "../api.js";
import { Field, Note, Trouble, useDeed } from "../parts.js";

const MIN_PASSWORD = 12;

/** `setUp` is the secret of the link, if it was opened; `ended`: a session just ended. */
export function SignIn({ setUp, ended, onEnter }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const differ = Boolean(setUp && again && again !== password);

  const [send, busy, problem] = useDeed(useCallback(async () => {
    const given = { name: name.trim(), password };
    const found = setUp
      ? await api.post("/api/set-up", { secret: setUp, ...given }, { signingIn: true })
      : await api.post("/api/login", given, { signingIn: true });
    onEnter(found);
  }, [name, password, setUp, onEnter]));

  const submit = (event) => {
    event.preventDefault();
    if (!differ && !busy) send();
  };
  return html`<main class="alone" id="main">
    <form onSubmit=${submit} class="card">
      <h1>${setUp ? "The first administrator" : "iobuffer"}</h1>
      ${setUp && html`<p>This link is good once. Whoever you name here may change channels and make
        other users. Choose a password of ${MIN_PASSWORD} characters or more; a sentence is fine.</p>`}
      ${ended && !problem && html`<${Note}>Your session has ended. Sign in to go on where you were.</${Note}>`}
      <${Trouble} problem=${problem} />
      <${Field} label="Name" required>${(field) => html`<input ...${field} name="name" value=${name}
        autocomplete="username" autocapitalize="none" spellcheck=${false} autofocus
        onInput=${(event) => setName(event.target.value)} />`}</${Field}>
      <${Field} label="Password" required>${(field) => html`<input ...${field} name="password" type="password" value=${password}
        minlength=${setUp ? MIN_PASSWORD : undefined} autocomplete=${setUp ? "new-password" : "current-password"}
        onInput=${(event) => setPassword(event.target.value)} />`}</${Field}>
      ${setUp && html`<${Field} label="Password, once more" required
          help=${differ ? "The two are not the same." : ""}>${(field) => html`<input ...${field} name="again" type="password" value=${again}
        autocomplete="new-password" aria-invalid=${differ}
        onInput=${(event) => setAgain(event.target.value)} />`}</${Field}>`}
      <button type="submit" class="primary" disabled=${busy || differ}>
        ${busy ? "One moment…" : setUp ? "Make this administrator" : "Sign in"}</button>
    </form>
  </main>`;
}

// Whoever is signed in: the password, and signing out.

import { html, useCallback, useState } from "../vendor.min.js";
import { api } from "../api.js";
import { Field, Note, Trouble, useDeed, useMe } from "../parts.js";

const MAY = {
  viewer: "sees states and figures, and not what messages say",
  operator: "sees messages, replays them, and starts and stops channels",
  admin: "does all that, and changes channels and people",
};

export function Account() {
  const me = useMe();
  const [old, setOld] = useState("");
  const [fresh, setFresh] = useState("");
  const [done, setDone] = useState(false);
  const [change, busy, problem] = useDeed(useCallback(async () => {
    me.enter(await api.post("/api/password", { old, new: fresh }));
    setOld("");
    setFresh("");
    setDone(true);
  }, [old, fresh]));
  const [leave] = useDeed(useCallback(async () => {
    try {
      await api.post("/api/logout");
    } finally {
      me.leave();
    }
  }, []));
  return html`<h1>${me.name}</h1>
    <p>The role ${me.role} ${MAY[me.role]}.</p>
    <p><button type="button" onClick=${leave}>Sign out</button></p>
    <form class="narrow" onSubmit=${(event) => { event.preventDefault(); setDone(false); change(); }}>
      <h2>Change the password</h2>
      <${Trouble} problem=${problem} />
      ${done && html`<${Note} kind="good">It is changed. Your other sessions have ended.</${Note}>`}
      <${Field} label="The old password" required>${(field) => html`<input ...${field} type="password"
        autocomplete="current-password" value=${old} onInput=${(event) => setOld(event.target.value)} />`}</${Field}>
      <${Field} label="The new password" required help="12 characters or more; a sentence is fine.">${(field) => html`<input ...${field}
        type="password" minlength="12" autocomplete="new-password" value=${fresh}
        onInput=${(event) => setFresh(event.target.value)} />`}</${Field}>
      <button type="submit" class="primary" disabled=${busy}>Change it</button>
    </form>`;
}

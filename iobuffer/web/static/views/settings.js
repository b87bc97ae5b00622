// The settings of a channel: the form filled in, or, for one of an INI file, what it says.

import { html, useCallback, useEffect, useState } from "../vendor.min.js";
import { api } from "../api.js";
import { useAnswer } from "../live.js";
import { Note, Trouble, useDeed, useMe } from "../parts.js";
import { go } from "../place.js";
import { ChannelForm, RemoveDialog, Spellings } from "./channel_form.js";

function Editable({ channel }) {
  const [brief, setBrief] = useState(null);
  const [removing, setRemoving] = useState(false);
  const [saved, setSaved] = useState(0);
  const { value: kinds, problem } = useAnswer("/api/kinds", 0);
  // What the gateway shows names every option; its plan says the same in short.
  const [shorten, , failed] = useDeed(useCallback(async () => {
    const whole = await api.get(`/api/channels/${encodeURIComponent(channel.name)}`);
    setBrief((await api.post("/api/plan", { channel: whole.config })).config);
  }, [channel.name]));
  useEffect(() => { shorten(); }, [shorten, saved]);
  return html`<${Trouble} problem=${problem || failed} />
    ${saved > 0 && html`<${Note} kind="good">Saved. The channel runs with it.</${Note}>`}
    ${kinds && brief && html`<${ChannelForm} key=${saved} kinds=${kinds} initial=${brief} isNew=${false} onSaved=${() => { setBrief(null); setSaved(saved + 1); }} />
      <hr /><p><button type="button" class="danger" onClick=${() => setRemoving(true)}>Remove this channel…</button></p>`}
    ${removing && html`<${RemoveDialog} name=${channel.name} onClose=${() => setRemoving(false)} onGone=${() => go("#/")} />`}`;
}

export function Settings({ channel }) {
  const me = useMe();
  if (!channel) return null;
  if (channel.editable && me.mayAdminister) return html`<${Editable} channel=${channel} key=${channel.name} />`;
  return html`<${Note}>${channel.editable
      ? html`Only an administrator may change it; you are signed in as ${me.role}.`
      : html`It is read-only here, for it stands in <code>${channel.origin}</code>. Change it there, and then reload:
          <code>iobuffer reload</code>.`}</${Note}>
    <${Spellings} config=${channel.config} ini=${channel.ini} />`;
}

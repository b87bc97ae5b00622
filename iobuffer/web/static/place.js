// Where the reader is: the part of the address behind the #, as segments and a query.

import { useEffect, useState } from "./vendor.min.js";

/** {segments: ["channels", "chem-1", "messages"], query: {contains: "4711"}} */
export function placeOf(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  return {
    segments: path.split("/").filter(Boolean).map(decodeURIComponent),
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

/** The address of a place: href("channels", "chem-1") is #/channels/chem-1. */
export function href(...segments) {
  const last = segments[segments.length - 1];
  const query = last && typeof last === "object" ? segments.pop() : null;
  const given = Object.entries(query || {}).filter(([, v]) => v !== undefined && v !== "" && v !== null);
  const path = `#/${segments.map(encodeURIComponent).join("/")}`;
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** Go there; with `replace`, without a step in the history. */
export function go(address, replace = false) {
  if (replace) location.replace(address);
  else location.hash = address;
}

export function usePlace() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const moved = () => setHash(location.hash);
    addEventListener("hashchange", moved);
    // It may have changed since it was drawn.
    moved();
    return () => removeEventListener("hashchange", moved);
  }, []);
  return placeOf(hash);
}

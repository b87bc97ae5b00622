#!/usr/bin/env bash
# Makes iobuffer/web/static/vendor.min.js: preact, its hooks, htm and uPlot in one
# module, from pinned npm packages. Run by hand when a version here is raised; the result
# is committed, so that neither installing nor running iobuffer takes Node.
set -euo pipefail
cd "$(dirname "$0")/.."

preact=11.2.0 htm=3.1.1 uplot=1.6.32 esbuild=0.28.2
static="$PWD/iobuffer/web/static"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >/dev/null
# No install scripts: esbuild's own platform package brings its binary along.
npm install --silent --ignore-scripts --no-audit --no-fund \
    "preact@$preact" "htm@$htm" "uplot@$uplot" "esbuild@$esbuild"
cat >vendor.js <<'JS'
import { h } from "preact";
import htm from "htm";
export { Fragment, createContext, h, render } from "preact";
export {
  useCallback, useContext, useEffect, useId, useLayoutEffect, useMemo, useReducer, useRef, useState,
} from "preact/hooks";
export const html = htm.bind(h);
export { default as uPlot } from "uplot";
JS
node_modules/.bin/esbuild vendor.js --bundle --minify --format=esm --target=es2022 \
    --legal-comments=none --log-level=warning \
    --banner:js="/* preact $preact, htm $htm, uPlot $uplot: vendor.licenses.txt */" \
    --outfile="$static/vendor.min.js"
cp node_modules/uplot/dist/uPlot.min.css "$static/vendor.uplot.css"
for name in preact htm uplot; do
    printf '== %s %s ==\n\n' "$name" "${!name}"
    cat "node_modules/$name/LICENSE"
    printf '\n'
done >"$static/vendor.licenses.txt"
wc -c "$static"/vendor.*
gzip -9 -c "$static/vendor.min.js" | wc -c

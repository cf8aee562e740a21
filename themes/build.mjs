// Builds every theme: bundles, fingerprints and compresses its assets. `make assets` calls it through make_assets.py.
// Nothing is fetched here: packages come from `npm ci`. A run with nothing changed only hashes the inputs.
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.dirname(HERE);
const OUTLINE = path.join(HERE, "node_modules/@tabler/icons/icons/outline");
const TARGET = ["chrome109", "firefox115", "safari16.4"];

const walk = (folder, wanted) => !fs.existsSync(folder) ? [] :
  fs.readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    if (/^(node_modules|__pycache__|static|dist|tests|translations|\..*)$/.test(entry.name)) return [];
    const full = path.join(folder, entry.name);
    return entry.isDirectory() ? walk(full, wanted) : wanted.test(entry.name) ? [full] : [];
  }).sort();

const sha = data => createHash("sha256").update(data).digest("hex");
const themes = fs.readdirSync(HERE).filter(name => fs.existsSync(path.join(HERE, name, "theme.toml"))).sort();
const icons = iconNames();
let changed = 0;
for (const theme of themes) changed += await build(theme) ? 1 : 0;
console.log(changed ? `assets: ${changed} of ${themes.length} themes built` : "assets: nothing changed");

/** Names of all icons that code, templates or icons.txt mention as a whole quoted word. */
function iconNames() {
  const sources = [...walk(HERE, /\.html$/), ...walk(path.join(ROOT, "core"), /\.(html|py)$/),
                   ...walk(path.join(ROOT, "plugins"), /\.(html|py)$/)];
  const words = new Set(fs.readFileSync(path.join(HERE, "icons.txt"), "utf8").split(/\s+/).filter(Boolean));
  for (const file of sources)
    for (const [, word] of fs.readFileSync(file, "utf8").matchAll(/["']([a-z0-9]+(?:-[a-z0-9]+)*)["']/g)) words.add(word);
  const known = new Set(fs.existsSync(OUTLINE) ? fs.readdirSync(OUTLINE).map(name => name.slice(0, -4)) : []);
  return [...words].filter(word => known.has(word)).sort();
}

async function build(theme) {
  const assets = path.join(HERE, theme, "assets"), dist = path.join(HERE, theme, "static/dist");
  const sprite = theme === "default";
  const inputs = [path.join(HERE, "package-lock.json"), path.join(HERE, "build.mjs"), ...walk(assets, /./)];
  const digest = sha(inputs.map(file => path.relative(HERE, file) + sha(fs.readFileSync(file))).join("\n")
                     + (sprite ? icons.join(" ") : ""));
  const manifestFile = path.join(dist, "manifest.json");
  if (fs.existsSync(manifestFile)) {
    const old = JSON.parse(fs.readFileSync(manifestFile, "utf8"));
    if (old.inputs === digest && Object.values(old.files).every(name => fs.existsSync(path.join(dist, name)))) return false;
  }
  const made = new Map();
  const entries = ["css/ui.css", "css/theme.css", "js/ui.js"].map(name => path.join(assets, name)).filter(fs.existsSync);
  for (const [name, data] of await bundle(entries)) made.set(name, data);
  for (const file of walk(path.join(assets, "img"), /\.(svg|png|ico|woff2)$/)) made.set(path.basename(file), fs.readFileSync(file));
  if (sprite) made.set("icons.svg", Buffer.from(makeSprite()));
  write(dist, made, { inputs: digest, icons: sprite ? icons : [] });
  return true;
}

async function bundle(entries) {
  if (!entries.length) return [];
  const esbuild = await import("esbuild");
  const result = await esbuild.build({
    entryPoints: entries, bundle: true, minify: true, write: false, outdir: "out", target: TARGET, format: "iife",
    legalComments: "none", loader: { ".svg": "dataurl", ".woff2": "dataurl" }, logLevel: "warning", charset: "utf8",
  });
  return result.outputFiles.map(file => [path.basename(file.path), Buffer.from(file.contents)]);
}

function makeSprite() {
  const symbols = icons.map(name => {
    const svg = fs.readFileSync(path.join(OUTLINE, `${name}.svg`), "utf8");
    const body = svg.replace(/^[\s\S]*?<svg[^>]*>|<\/svg>\s*$/g, "").replace(/<path stroke="none"[^>]*\/>/, "").replace(/\s*\n\s*/g, "");
    return `<symbol id="${name}" viewBox="0 0 24 24">${body}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`;
}

/** Written aside and swapped in, so that a server that is running never sees half a build. */
function write(dist, made, about) {
  const aside = `${dist}.new`;
  fs.rmSync(aside, { recursive: true, force: true });
  fs.mkdirSync(aside, { recursive: true });
  const files = {};
  for (const [name, data] of made) {
    const dot = name.lastIndexOf(".");
    files[name] = `${name.slice(0, dot)}.${sha(data).slice(0, 10)}${name.slice(dot)}`;
    fs.writeFileSync(path.join(aside, files[name]), data);
    if (/\.(png|woff2)$/.test(name)) continue;
    fs.writeFileSync(path.join(aside, `${files[name]}.gz`), gzipSync(data, { level: 9 }));
    fs.writeFileSync(path.join(aside, `${files[name]}.br`), brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
  }
  fs.writeFileSync(path.join(aside, "manifest.json"), JSON.stringify({ ...about, files }, null, 1));
  fs.rmSync(dist, { recursive: true, force: true });
  fs.renameSync(aside, dist);
}

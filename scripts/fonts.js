// Cuts the fonts that static/css/fonts.css declares out of their packages: each file has the letters of its `unicode-range`.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import subset from "subset-font";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PACKAGES = `${ROOT}node_modules`;
const FONTS = `${ROOT}static/vendor/fonts`;
const TEXT = "@fontsource-variable/source-serif-4";
const MATHS = "@fontsource/stix-two-math";
const FACE = /url\("\.\.\/vendor\/fonts\/([\w-]+)\.woff2"\)[^}]*?unicode-range:([^;]+);/g;
// Hints are a quarter of the bytes, and today's screens and systems draw as well without them.
const OPTIONS = { noHinting: true, targetFormat: "woff2" };
const TEXT_OPTIONS = {
  ...OPTIONS,
  variationAxes: { wght: { min: 400, max: 700 } },
  keepFeatures: ["ccmp", "liga", "locl", "kern", "mark", "mkmk", "pnum", "tnum"],
};
const MATHS_OPTIONS = { ...OPTIONS, keepFeatures: ["ssty"] };

function characters(ranges) {
  const letters = ranges.split(",").map((range) => {
    const [first, last = first] = range.trim().slice(2).split("-");
    const start = Number.parseInt(first, 16);
    return Array.from({ length: Number.parseInt(last, 16) - start + 1 }, (_, index) => String.fromCodePoint(start + index));
  });
  return letters.flat().join("");
}

function source(name) {
  if (!name.startsWith("text-")) return `${PACKAGES}/${MATHS}/files/stix-two-math-latin-400-normal.woff2`;
  const style = name.endsWith("-italic") ? "italic" : "normal";
  const letters = name.replace(/^text-/, "").replace(/-italic$/, "");
  return `${PACKAGES}/${TEXT}/files/source-serif-4-${letters}-wght-${style}.woff2`;
}

mkdirSync(FONTS, { recursive: true });
for (const [, name, ranges] of readFileSync(`${ROOT}static/css/fonts.css`, "utf-8").matchAll(FACE)) {
  const options = name.startsWith("text-") ? TEXT_OPTIONS : MATHS_OPTIONS;
  writeFileSync(`${FONTS}/${name}.woff2`, await subset(readFileSync(source(name)), characters(ranges), options));
}
writeFileSync(`${FONTS}/text.LICENSE.txt`, readFileSync(`${PACKAGES}/${TEXT}/LICENSE`));
writeFileSync(`${FONTS}/maths.LICENSE.txt`, readFileSync(`${PACKAGES}/${MATHS}/LICENSE`));

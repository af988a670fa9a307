// Builds the page into ../assets, where Go embeds it, and copies axe-core to the browser tests.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";

await build({
  entryPoints: { page: "src/main.jsx", style: "src/style.css" },
  outdir: "../assets",
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "inline",
  logLevel: "warning",
});
await copyFile("src/index.html", "../assets/index.html");
await mkdir("../browser/testdata", { recursive: true });
await copyFile("node_modules/axe-core/axe.min.js", "../browser/testdata/axe.min.js");

// The licences of what the bundle contains.
const libraries = ["preact", "uplot"];
const licences = await Promise.all(libraries.map((name) => readFile(`node_modules/${name}/LICENSE`, "utf8")));
await writeFile("../assets/licenses.txt", libraries.map((name, i) => `${name}\n\n${licences[i].trim()}\n`).join("\n\n"));

// What was built of what, so that a test without Node.js notices a change without a build.
const names = [
  ...(await readdir("src")).map((name) => "web/src/" + name),
  ...(await readdir("../assets")).map((name) => "assets/" + name),
  "web/build.js",
  "web/package-lock.json",
].sort();
const hash = createHash("sha256");
for (const name of names) {
  const text = await readFile("../" + name);
  hash.update(`${name} ${text.length}\n`);
  hash.update(text);
}
await writeFile("built.txt", hash.digest("hex") + "\n");

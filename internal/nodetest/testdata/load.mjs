import { readFile } from "node:fs/promises";

const { dependencies } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
for (const name of Object.keys(dependencies)) {
  await import(name);
  console.log("loaded", name);
}

// Builds dist/node (ES modules for Node.js, dependencies left outside), dist/verify.js (one ES module for browsers, all inside), and the modules
// of a node's own pages, dist/consumer.js and dist/console.js, each also compressed.
// With the argument `test`, builds the tests into dist/test instead.

import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const node = { bundle: true, format: "esm", platform: "node", target: "node20", packages: "external", splitting: true, logLevel: "warning" };

if (process.argv[2] === "test") {
  rmSync("dist/test", { recursive: true, force: true });
  const entryPoints = readdirSync("test").filter((name) => name.endsWith(".test.ts")).map((name) => `test/${name}`);
  await build({ ...node, entryPoints, outdir: "dist/test", sourcemap: "inline" });
} else {
  rmSync("dist/node", { recursive: true, force: true });
  await build({ ...node, entryPoints: ["src/index.ts", "src/cli.ts"], outdir: "dist/node" });
  // es2020: the curve arithmetic is BigInt, which nothing older has.
  const browser = { bundle: true, minify: true, format: "esm", target: "es2020", logLevel: "warning" };
  for (const [source, outfile] of [["browser", "dist/verify.js"], ["page/consumer", "dist/consumer.js"], ["page/console", "dist/console.js"]]) {
    await build({ ...browser, entryPoints: [`src/${source}.ts`], outfile, charset: "utf8" });
    const compressed = gzipSync(readFileSync(outfile), { level: 9 });
    console.log(`${outfile}: ${statSync(outfile).size} bytes, ${compressed.length} gzipped`);
    if (source.startsWith("page/")) writeFileSync(`${outfile}.gz`, compressed);
  }
}

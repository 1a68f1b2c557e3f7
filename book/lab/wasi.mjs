// Runs a WebAssembly program with its standard streams and arguments:
//   node --no-warnings wasi.mjs lab.wasm trace --style chat < script
import { readFile } from "node:fs/promises";
import { argv, exit } from "node:process";
import { WASI } from "node:wasi";

const [file, ...args] = argv.slice(2);
const wasi = new WASI({ version: "preview1", args: ["lab", ...args], returnOnExit: true });
const program = await WebAssembly.compile(await readFile(file));
exit(wasi.start(await WebAssembly.instantiate(program, wasi.getImportObject())));

// Compares three ways to run the lab: the native program; WebAssembly as pages run it, with
// `book/theme/lab/wasi.js`; and WebAssembly on node's WASI. All must print the same bytes.
//   node --no-warnings wasi.mjs NATIVE WASM
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { argv, execPath } from 'node:process';
import { runInThisContext } from 'node:vm';

runInThisContext(readFileSync(resolve(import.meta.dirname, '../theme/lab/wasi.js'), 'utf8'));

const [native, file] = argv.slice(2);
const module = new WebAssembly.Module(readFileSync(file));

function run(program, args, script) {
    const { status, stdout, stderr } = spawnSync(program, args, { input: script, maxBuffer: 1 << 30 });
    return { status, output: stdout, errors: stderr.toString() };
}

function runNatively(args, script) {
    return run(native, args, script);
}

function runInPage(args, script) {
    const { status, output, errors } = runWasi(module, ['lab', ...args], script);
    return { status, output: Buffer.from(output), errors };
}

// In a process of its own, and for runs that don't print much: with others, node 20 crashes.
const ON_NODE = `
const { WASI } = require('node:wasi');
const [file, ...args] = process.argv.slice(1);
const module = new WebAssembly.Module(require('node:fs').readFileSync(file));
const wasi = new WASI({ version: 'preview1', args, returnOnExit: true });
process.exitCode = wasi.start(new WebAssembly.Instance(module, wasi.getImportObject()));`;

function runOnNode(args, script) {
    return run(execPath, ['--no-warnings', '-e', ON_NODE, file, 'lab', ...args], script);
}

const styles = ['select', 'dispatcher', 'chat', 'reactor', 'reactor-select'];
const scripts = [
    'connect 1; send 1 "hel"; send 1 "lo\\nand a tail"; half-close 1; wait 1s; stop',
    'connect 1; connect 2; stop-reading 1; send 1 300000; send 2 "ping\\n"; reset 2; wait 1s; resume-reading 1; stop',
    'descriptors 8; connect 1; connect 2; connect 3; urgent 1 "!"; wait 2s; close 1; wait 2s; signal; stop',
];
const servers = [...styles, 'step-1', 'step-7', 'first-chat'].flatMap((server) => ['--server', server]);
const random = ['--schedule', 'random', '--faults', '7', '--seed', '3', '--recv-size', '1000'];
const cases = scripts.flatMap((script) => [[], random].flatMap((options) => [
    ...styles.map((style) => [['trace', '--style', style, ...options], script]),
    [['run', ...servers, ...options], script],
]));
cases.push(
    [['run', ...servers], 'connect 1 # no stop\nsend 1 "ü\\n"'],
    [['trace', '--recv-size', '1'], 'connect 1; send 1 9000; half-close 1; stop'],
    [['run', '--server', 'select'], 'connect 1\nsned 1'],
    [['run', '--server', 'select'], '#'.repeat(65537)],
    [['run', '--server', 'nobody'], ''],
    [['run', '--help'], ''],
);
for (const [args, script] of cases) {
    const expected = runNatively(args, script);
    const ways = args[0] === 'run' ? [runInPage, runOnNode] : [runInPage];
    for (const way of ways) {
        const said = way(args, script);
        const name = `${way.name}: lab ${args.join(' ')} < ${script.slice(0, 99)}`;
        assert.deepEqual([said.status, said.errors], [expected.status, expected.errors], name);
        assert.ok(said.output.equals(expected.output), name);
    }
}
console.log(`${cases.length} runs are the same, byte for byte`);

// A reader: the book as its program serves it and as its program writes it, and a browser.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';

const ROOT = resolve(import.meta.dirname, '../..');
const TARGET = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? 'target');
const BOOK = resolve(TARGET, 'debug/book');
const FOLDER = resolve(TARGET, 'book-e2e');

/** A server of the book as a command, once it is built: a step that passes some of the checker's cases only. */
export const STEP_2 = `${resolve(TARGET, 'debug/steps')} 2`;

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--no-first-run'];

/** A desk, and a phone. */
export const WIDE = { width: 1280, height: 1000 };
export const NARROW = { width: 400, height: 800 };

/** A page that has two comparisons, one of them with sketches, a view of the lab, folded answers, and links to the glossary. */
export const PAGE = 'concepts/partial-write.html';

const source = (page) => readFileSync(resolve(ROOT, 'book/md', page), 'utf8');

/** The chapters in their order, as `{ title, page, plots }`: the last is how many plots it has. */
export const chapters = [...source('SUMMARY.md').matchAll(/^\s*(?:- )?\[(.+?)\]\((.+)\.md\)/gm)]
    .map(([, title, page]) => ({
        title,
        page: `${page}.html`,
        plots: source(`${page}.md`).split('\n').filter((line) => line === '```plot').length,
    }));

const execute = promisify(execFile);
let server, browser, served;
const written = `${pathToFileURL(FOLDER)}/`;

/** Whether the written book has a file. */
export const hasFile = (path) => existsSync(resolve(FOLDER, path));

/** All tests, as `{ name, run }`: `book.test.js` runs them side by side, so that no core waits. */
export const tests = [];
export const test = (name, run) => tests.push({ name, run });

/** Builds and serves the book, and starts the browser. */
export async function start() {
    const opened = chromium.launch({ executablePath: BROWSERS.find(existsSync), args: FLAGS });
    const built = execute(BOOK, ['build', '--dest', FOLDER], { cwd: ROOT });
    server = spawn(BOOK, ['--port', '0', '--no-open', '--grade'], { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface(server.stdout)) {
        served = line.match(/^the book is at (http:.*)$/)?.[1];
        if (served) break;
    }
    assert.ok(served, 'the book is not served');
    await built;
    browser = await opened;
}

export async function stop() {
    await browser?.close();
    server?.kill();
}

/**
 * Opens a page, passes it to `then`, and asserts that the browser logged no error and requested
 * nothing from another host. `from` is "server" or "folder"; the other options are a theme of
 * mdBook, and those of Playwright's contexts. Errors in the log that match `allows` are expected.
 */
export async function read(path, options, then, { allows } = {}) {
    const window = await openWindow({ ...options, allows });
    try {
        await window.read(path, then);
    } finally {
        await window.close();
    }
    window.assertQuiet(); // What came while it closed.
}

/** Opens a window, for the same options. It reads one page after the other. */
export async function openWindow({ from = 'server', theme, allows, ...options }) {
    const base = from === 'folder' ? written : served;
    const context = await browser.newContext({ viewport: WIDE, reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(30_000);
    context.setDefaultNavigationTimeout(120_000); // The page of the whole book takes 13 s on an idle machine.
    const complaints = complaintsOf(context, base);
    const assertQuiet = () =>
        assert.deepEqual(complaints.filter((complaint) => !allows?.test(complaint)), []);
    const page = await context.newPage();
    // The page of the whole book would open the print dialog.
    await page.addInitScript(() => (window.print = () => {}));
    if (theme) await page.addInitScript((theme) => localStorage.setItem('mdbook-theme', theme), theme);
    return {
        async read(path, then) {
            await page.goto(new URL(path, base).href);
            await then(page);
            assertQuiet();
        },
        assertQuiet,
        close: () => context.close(),
    };
}

// Collects what the pages of this context log as errors, throw, fail to load, or request from another
// host. The list grows by itself.
function complaintsOf(context, base) {
    const complaints = [];
    context.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    context.on('weberror', (error) => complaints.push(String(error.error())));
    context.on('request', (request) => {
        const isOurs = request.url().startsWith(base) || /^(data|blob):/.test(request.url());
        if (!isOurs) complaints.push(`asks for ${request.url()}`);
    });
    context.on('response', (response) => {
        if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
    });
    return complaints;
}

/** The themes of mdBook. */
export const THEMES = ['light', 'rust', 'coal', 'navy', 'ayu'];

export async function chooseTheme(page, theme) {
    const choice = page.locator(`#mdbook-theme-${theme}`);
    // The menu may still be open from the last time.
    if (await choice.isHidden()) await page.locator('#mdbook-theme-toggle').click();
    await choice.click();
}

/** The part of an address that names the page. */
export function pageOf(page) {
    return new URL(page.url()).pathname.replace(/^.*\/book-e2e\//, '').replace(/^\//, '');
}

/** The styles of the visible ones of these elements. */
export async function visibleStyles(elements) {
    const all = await elements.all();
    const styles = await Promise.all(all.map(async (element) =>
        (await element.isVisible()) && element.getAttribute('data-style')));
    return styles.filter(Boolean);
}

export const STYLES = ['select', 'dispatcher', 'chat', 'reactor'];

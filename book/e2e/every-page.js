// What holds on every page.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { oneOfEachLook } from './contrast.js';
import { NARROW, WIDE, chapters, chooseTheme, openWindow, read, test } from './reader.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// Wherever a page is read, a test asserts that the browser logs no error and requests no other host.

test('the page of the whole book is quiet', () => read('print.html', {}, async () => {}));
test('the pages from a folder are quiet', async () => {
    const window = await openWindow({ from: 'folder' });
    for (const { page: path } of chapters) await window.read(path, async () => {});
    await window.close();
});

for (const { page: path } of chapters) {
    test(`${path} is accessible in a light and a dark theme, and fits a phone`, () =>
        readNext(path, async (page) => {
            await page.evaluate(AXE);
            await page.evaluate(() => document.querySelectorAll('main details').forEach((part) => (part.open = true)));
            await assertAccessible(page, 'main', { rules: RULES });
            await chooseTheme(page, 'navy');
            // The theme changes nothing but colours.
            const looks = await page.evaluateHandle(oneOfEachLook);
            await assertAccessible(page, looks, { runOnly: ['color-contrast', 'link-in-text-block'] });
            await page.setViewportSize(NARROW);
            assert.deepEqual(await page.evaluate(tooWide), []);
            await page.setViewportSize(WIDE);
        }));
}

// In a window that has read another page, axe and the book's scripts are compiled already: there, a
// page takes half the time. After a failure, a window isn't used again.
const idle = [];

async function readNext(path, then) {
    const window = idle.pop() ?? await openWindow({ theme: 'light' });
    await window.read(path, then);
    idle.push(window);
}

// The corner of a table is empty, and in Markdown it can only be a header cell.
const RULES = { 'empty-table-header': { enabled: false } };

// Asserts that axe finds nothing in these elements. What isn't in `main` is mdBook's.
async function assertAccessible(page, elements, options) {
    const run = ({ elements, options }) => axe.run(elements, options);
    const { violations } = await page.evaluate(run, { elements, options });
    const found = violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target}`));
    assert.deepEqual(found, []);
}

// If the page is wider than the window, returns what reaches furthest. This runs in the page.
function tooWide() {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const scrolls = (element) => element && (getComputedStyle(element).overflowX !== 'visible' || scrolls(element.parentElement));
    return [...document.querySelectorAll('main *')]
        .filter((element) => element.getBoundingClientRect().right > width && !scrolls(element.parentElement))
        .map((element) => `${element.tagName}.${element.className} ${element.textContent.trim().slice(0, 40)}`)
        .concat(`the page is ${document.documentElement.scrollWidth - width} px too wide`);
}

// What holds on every page.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import { NARROW, chapters, read } from './reader.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// Wherever a page is read, a test asserts that the browser logs no error and requests no other host.
describe('every page', { concurrency: 2 }, () => {
    for (const { page: path } of chapters) {
        test(`${path} is accessible in a light and a dark theme, and fits a phone`, async () => {
            await read(path, { theme: 'light' }, async (page) => {
                await page.evaluate(AXE);
                await assertAccessible(page, { rules: RULES });
                await choose(page, 'navy');
                await assertAccessible(page, { runOnly: ['color-contrast', 'link-in-text-block'] });
                await page.setViewportSize(NARROW);
                assert.deepEqual(await page.evaluate(tooWide), []);
            });
        });
    }

    test('the page of the whole book is quiet', () => read('print.html', {}, async () => {}));
    test('the pages from a folder are quiet', async () => {
        for (const { page: path } of chapters) await read(path, { from: 'folder' }, async () => {});
    });
});

// The corner of a table is empty, and in Markdown it can only be a header cell.
const RULES = { 'empty-table-header': { enabled: false } };

// Asserts that axe finds nothing in `main`, with all answers open. The rest of the page is mdBook's.
async function assertAccessible(page, options) {
    await page.evaluate(() => document.querySelectorAll('main details').forEach((part) => (part.open = true)));
    const { violations } = await page.evaluate((options) => axe.run('main', options), options);
    const found = violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target}`));
    assert.deepEqual(found, []);
}

async function choose(page, theme) {
    await page.locator('#mdbook-theme-toggle').click();
    await page.locator(`#mdbook-theme-${theme}`).click();
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

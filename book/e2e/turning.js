// From page to page.

import assert from 'node:assert/strict';
import { NARROW, PAGE, chapters, pageOf, read, visibleStyles, test } from './reader.js';

const heading = (page) => page.locator('main h1').first();

test('next and previous lead through the chapters, and the arrow keys too', () =>
    read('index.html', {}, async (page) => {
        const first = await heading(page).textContent();
        await page.locator('.nav-chapters.next:visible, .mobile-nav-chapters.next:visible').click();
        await page.waitForURL(`**/${chapters[1].page}`);
        await page.keyboard.press('ArrowRight');
        await page.waitForURL(`**/${chapters[2].page}`);
        await page.keyboard.press('ArrowLeft');
        await page.waitForURL(`**/${chapters[1].page}`);
        await page.locator('.nav-chapters.previous:visible, .mobile-nav-chapters.previous:visible').click();
        await page.waitForURL(/\/(index|why)\.html$/);
        assert.equal(await heading(page).textContent(), first);
    }));

test('the sidebar lists every chapter, and opens it', () =>
    read('index.html', {}, async (page) => {
        const links = page.locator('#mdbook-sidebar a[href$=".html"]');
        const titles = (await links.allTextContents()).map((title) => title.replace(/^[\d.\s]+/, '').trim());
        assert.deepEqual(titles.map(plain), chapters.map(({ title }) => plain(title)));
        await links.filter({ hasText: 'Partial writes' }).click();
        await page.waitForURL(`**/${PAGE}`);
        assert.equal(await page.locator('#mdbook-sidebar a.active').textContent().then(plain),
            plain(await page.locator('#mdbook-sidebar a[href$="partial-write.html"]').textContent()));
    }));

test('on a phone the sidebar is folded away, opens, and opens a chapter', () =>
    read('index.html', { viewport: NARROW }, async (page) => {
        const link = page.locator('#mdbook-sidebar a[href$="partial-write.html"]');
        const left = async () => (await page.locator('#mdbook-sidebar').boundingBox())?.x ?? -1;
        assert.ok(await left() < 0);
        await page.locator('#mdbook-sidebar-toggle').click();
        await link.click();
        await page.waitForURL(`**/${PAGE}`);
    }));

test('the index of concepts leads to a pane, which is then the one shown', () =>
    read('concept-index.html', { viewport: NARROW }, async (page) => {
        await page.locator('main a[href$="partial-write.html#partial-write-chat"]').first().click();
        await page.waitForURL(`**/${PAGE}#partial-write-chat`);
        const panes = page.locator('.compare').first().locator('.pane');
        assert.deepEqual(await visibleStyles(panes), ['chat']);
    }));

// mdBook makes quotation marks and dashes curly.
function plain(title) {
    return title.replace(/[^a-z0-9() ]/gi, '');
}

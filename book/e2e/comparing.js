// The four styles side by side.

import assert from 'node:assert/strict';
import { NARROW, PAGE, STYLES, read, visibleStyles, test } from './reader.js';

const comparison = (page) => page.locator('.compare').first();
const panes = (page) => comparison(page).locator('.pane');
const tab = (page, style) => comparison(page).locator(`.compare-tabs button[data-style="${style}"]`);

test('at a desk two panes stand beside each other, and nothing overlaps', () =>
    read(PAGE, {}, async (page) => {
        assert.deepEqual(await visibleStyles(panes(page)), STYLES);
        assert.ok(await comparison(page).locator('.compare-tabs').isHidden());
        await assertGrid(page, 2);
    }));

test('where there is room, all four stand beside each other', () =>
    read(PAGE, { viewport: { width: 2560, height: 1200 } }, (page) => assertGrid(page, 4)));

test('on a phone a tab shows one style, in every comparison and on the next visit', () =>
    read(PAGE, { viewport: NARROW }, async (page) => {
        assert.deepEqual(await visibleStyles(panes(page)), ['select']);
        await tab(page, 'reactor').click();
        assert.deepEqual(await visibleStyles(panes(page)), ['reactor']);
        assert.deepEqual(await visibleStyles(page.locator('.compare').nth(1).locator('.pane')), ['reactor']);
        assert.equal(await tab(page, 'reactor').getAttribute('aria-pressed'), 'true');
        assert.equal(await tab(page, 'select').getAttribute('aria-pressed'), 'false');
        await page.reload();
        assert.deepEqual(await visibleStyles(panes(page)), ['reactor']);
    }));

test('on a phone the tabs can be used with the keyboard', () =>
    read(PAGE, { viewport: NARROW }, async (page) => {
        await tab(page, 'select').focus();
        await page.keyboard.press('Tab');
        await page.keyboard.press('Enter');
        assert.deepEqual(await visibleStyles(panes(page)), ['dispatcher']);
        await page.keyboard.press('Tab');
        await page.keyboard.press(' ');
        assert.deepEqual(await visibleStyles(panes(page)), ['chat']);
    }));

test('without script the four stand one below the other', () =>
    read(PAGE, { viewport: NARROW, javaScriptEnabled: false }, async (page) => {
        assert.deepEqual(await visibleStyles(panes(page)), STYLES);
        await assertGrid(page, 1);
    }));

// Asserts that the panes fill this many columns, row by row, and that none overlaps another.
async function assertGrid(page, columns) {
    const boxes = await Promise.all((await panes(page).all()).map((pane) => pane.boundingBox()));
    boxes.forEach((box, index) => {
        const [left, above] = [boxes[index - 1], boxes[index - columns]];
        if (index % columns > 0) {
            assert.equal(box.y, left.y);
            assert.ok(box.x >= left.x + left.width, `${STYLES[index]} lies on its neighbour`);
        }
        if (above) assert.ok(box.y >= above.y + above.height, `${STYLES[index]} lies on the one above`);
    });
}

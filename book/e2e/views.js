// The switch between Rust and its sketches.

import assert from 'node:assert/strict';
import { NARROW, PAGE, STYLES, read, test } from './reader.js';

const comparison = (page) => page.locator('.compare:has(.view)').first();
const choice = (page, view) => comparison(page).locator(`.compare-views input[value="${view}"]`);

// The language that each pane shows, from left to right.
async function shown(page) {
    const views = comparison(page).locator('.view:visible');
    return Promise.all((await views.all()).map((view) => view.getAttribute('data-view')));
}

const all = (view) => STYLES.map(() => view);
const ALMOST = ['pseudocode', 'rust', 'rust', 'rust']; // Only select has this sketch.

test('the switch by mouse: each pane shows the chosen language, or else Rust', () =>
    read(PAGE, {}, async (page) => {
        assert.deepEqual(await shown(page), all('rust'));
        for (const [view, expected] of [['python', all('python')], ['pseudocode', ALMOST], ['rust', all('rust')]]) {
            await comparison(page).locator('.compare-views label', { hasText: new RegExp(`^${view}$`, 'i') }).click();
            assert.deepEqual(await shown(page), expected);
            assert.ok(await choice(page, view).isChecked());
        }
        assert.ok(await comparison(page).locator('summary').first().isHidden());
    }));

test('the switch by keyboard is one radio group, and no key of it turns the page', () =>
    read(PAGE, {}, async (page) => {
        await choice(page, 'rust').focus();
        await page.keyboard.press('ArrowRight');
        assert.deepEqual(await shown(page), all('python'));
        await page.keyboard.press('ArrowRight');
        assert.deepEqual(await shown(page), ALMOST);
        await page.keyboard.press('ArrowLeft');
        assert.deepEqual(await shown(page), all('python'));
        await page.keyboard.press('Tab');
        assert.equal(await page.evaluate(() => document.activeElement.closest('.compare-views')), null);
        assert.ok(page.url().endsWith(PAGE));
        assert.equal(await page.getByRole('radiogroup', { name: 'Language' }).count(),
            await page.locator('.compare:has(.view)').count());
    }));

test('the chosen language is kept, and a comparison without it shows Rust', () =>
    read(PAGE, {}, async (page) => {
        await choice(page, 'python').check({ force: true });
        await page.goto(new URL('back-pressure.html', page.url()).href);
        await page.goto(new URL('partial-write.html', page.url()).href);
        assert.deepEqual(await shown(page), all('python'));
        await page.evaluate(() => localStorage.setItem('four-echoes-view', 'nothing"]'));
        await page.reload();
        assert.deepEqual(await shown(page), all('rust'));
    }));

test('on a phone the switch and the tabs work together', () =>
    read(PAGE, { viewport: NARROW }, async (page) => {
        await comparison(page).locator('.compare-tabs button[data-style="chat"]').click();
        await choice(page, 'python').check({ force: true });
        assert.deepEqual(await shown(page), ['python']);
        assert.match(await comparison(page).locator('.view:visible').textContent(), /asynchat/);
    }));

test('on paper a pane shows the chosen language, without the switch', () =>
    read(PAGE, {}, async (page) => {
        await choice(page, 'python').check({ force: true });
        await page.emulateMedia({ media: 'print' });
        assert.deepEqual(await shown(page), all('python'));
        assert.ok(await comparison(page).locator('.compare-views').isHidden());
    }));

test('without script the sketches are folded below the Rust', () =>
    read(PAGE, { javaScriptEnabled: false }, async (page) => {
        const sketches = comparison(page).locator('details.view');
        const code = sketches.first().locator('pre');
        assert.equal(await comparison(page).locator('.view[data-view="rust"]:visible').count(), STYLES.length);
        assert.ok(await code.isHidden());
        await sketches.first().locator('summary').click();
        assert.ok(await code.isVisible());
    }));

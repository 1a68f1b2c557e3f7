// The texts of the glossary, at the links to its terms.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { NARROW, PAGE, THEMES, chooseTheme, pageOf, read, test } from './reader.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const link = (page) => page.locator('main a[href*="glossary.html#"]:visible').first();
const visible = (page) => page.locator('[role="tooltip"]:visible');

async function assertShown(page) {
    await visible(page).waitFor();
    assert.equal(await visible(page).getAttribute('id'), await link(page).getAttribute('aria-describedby'));
    assert.ok((await visible(page).textContent()).length > 10);
}

const assertHidden = (page) => page.waitForFunction(() => !document.querySelector('[role="tooltip"]:not([hidden])'));

for (const from of ['server', 'folder']) {
    test(`a term's text is shown while the pointer is on it or on the text (from a ${from})`, () =>
        read(PAGE, { from }, async (page) => {
            assert.equal(await visible(page).count(), 0);
            await link(page).hover();
            await assertShown(page);
            await visible(page).hover();
            await page.waitForTimeout(400);
            await assertShown(page);
            await page.mouse.move(0, 0);
            await assertHidden(page);
        }));
}

test('a term\'s text is shown with the focus, and Escape closes it', () =>
    read(PAGE, {}, async (page) => {
        await link(page).focus();
        await assertShown(page);
        await page.keyboard.press('Escape');
        await assertHidden(page);
        await link(page).blur();
        await link(page).focus();
        await assertShown(page);
        await page.keyboard.press('Tab');
        assert.notEqual(await visible(page).getAttribute('id').catch(() => null),
            await link(page).getAttribute('aria-describedby'));
        await link(page).click();
        await page.waitForURL('**/glossary.html#*');
    }));

test('a term\'s text stays within the window of a phone, and below or above its link', () =>
    read(PAGE, { viewport: NARROW }, async (page) => {
        const links = await page.locator('main a[href*="glossary.html#"]:visible').all();
        assert.ok(links.length > 1);
        for (const each of links) {
            for (const block of ['start', 'end']) {
                await each.evaluate((element, block) => element.scrollIntoView({ block, behavior: 'instant' }), block);
                await each.blur();
                await each.focus();
                const [tip, at] = [await visible(page).boundingBox(), await each.boundingBox()];
                assert.ok(tip.x >= 0 && tip.x + tip.width <= NARROW.width, `from ${tip.x} to ${tip.x + tip.width}`);
                assert.ok(tip.y >= at.y + at.height - 1 || tip.y + tip.height <= at.y + at.height, 'it covers its link');
            }
        }
    }));

test('on a touch screen the first tap shows a term\'s text, and the second one opens the glossary', () =>
    read(PAGE, { viewport: NARROW, hasTouch: true }, async (page) => {
        await link(page).tap();
        await assertShown(page);
        assert.equal(pageOf(page), PAGE);
        await page.locator('main h1').tap();
        await assertHidden(page);
        await link(page).tap();
        await assertShown(page);
        await link(page).tap();
        await page.waitForURL('**/glossary.html#*');
    }));

test('without script a term is a link', () =>
    read(PAGE, { javaScriptEnabled: false }, async (page) => {
        assert.equal(await visible(page).count(), 0);
        await link(page).click();
        await page.waitForURL('**/glossary.html#*');
    }));

test('a term\'s text is accessible in every theme', () =>
    read(PAGE, {}, async (page) => {
        await page.evaluate(AXE);
        for (const theme of THEMES) {
            await chooseTheme(page, theme);
            await link(page).focus();
            await assertShown(page);
            const { violations } = await page.evaluate(() => axe.run('[role="tooltip"]:not([hidden])'));
            assert.deepEqual(violations.map(({ id }) => id), [], theme);
        }
    }));

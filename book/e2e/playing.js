// The player of the traces.

import assert from 'node:assert/strict';
import { NARROW, PAGE, STYLES, read, visibleStyles, test } from './reader.js';

const TICK = 900; // Milliseconds from one event to the next at normal speed.

const player = (page) => page.locator('.trace').first();
const button = (page, to) => player(page).locator(`[data-to="${to}"]`);
const scrubber = (page) => player(page).locator('input[type=range]');
const moment = async (page) => Number(await scrubber(page).inputValue());
const call = (page, style) => player(page).locator(`tbody.now td.now[data-style="${style}"] b`).first().textContent();
const running = (page, style) => player(page).locator(`figure[data-style="${style}"] .running`).textContent();

async function assertStep(page, step) {
    assert.match(await player(page).locator('.trace-headline').textContent(), new RegExp(`^${step}/5 `));
    assert.equal(await player(page).locator('[aria-current="step"]').getAttribute('data-step'), String(step));
}

test('the player by mouse: next step, events on and back, chips, scrubbing', () =>
    read(PAGE, {}, async (page) => {
        await assertStep(page, 1);
        await button(page, 'step').click();
        await assertStep(page, 2);
        await button(page, 'on').click();
        await button(page, 'on').click();
        assert.equal(await call(page, 'select'), 'recv');
        assert.match(await running(page, 'select'), /recv\(/);
        await button(page, 'on').click();
        assert.equal(await call(page, 'select'), 'send');
        assert.match(await running(page, 'select'), /send\(/);
        await button(page, 'back').click();
        assert.equal(await call(page, 'select'), 'recv');
        await player(page).locator('[data-step="4"]').click();
        await assertStep(page, 4);
        await button(page, 'start').click();
        await assertStep(page, 0);
        const { x, y, width, height } = await scrubber(page).boundingBox();
        await page.mouse.click(x + width - 2, y + height / 2);
        await assertStep(page, 5);
    }));

test('the player shows a running line in each of the four styles', () =>
    read(PAGE, {}, async (page) => {
        await button(page, 'step').click();
        for (let event = 0; event < 3; event++) await button(page, 'on').click();
        for (const style of STYLES) {
            const place = await player(page).locator(`figure[data-style="${style}"] figcaption code`).textContent();
            const line = player(page).locator(`figure[data-style="${style}"] .running`);
            assert.equal(await line.count(), 1, style);
            assert.equal(await line.getAttribute('data-line'), place.split(':')[1], style);
        }
    }));

test('the player by keyboard, and no key of it turns the page', () =>
    read(PAGE, {}, async (page) => {
        await page.evaluate(() => {
            window.leaks = [];
            document.addEventListener('keydown', (event) => window.leaks.push(event.key));
        });
        await scrubber(page).focus();
        for (const [key, step] of [['End', 5], ['Home', 0], ['ArrowDown', 1], ['ArrowDown', 2], ['ArrowUp', 1]]) {
            await page.keyboard.press(key);
            await assertStep(page, step);
        }
        for (const focused of [scrubber(page), button(page, 'on')]) {
            await focused.focus();
            const before = await moment(page);
            await page.keyboard.press('ArrowRight');
            assert.equal(await moment(page), before + 1);
            await page.keyboard.press('ArrowLeft');
            assert.equal(await moment(page), before);
        }
        await button(page, 'step').focus();
        await page.keyboard.press('Enter');
        await assertStep(page, 2);
        assert.deepEqual(await page.evaluate(() => window.leaks.filter((key) => key !== 'Enter')), []);
        assert.ok(page.url().endsWith(PAGE));
    }));

test('the player plays, faster when asked to, stops when asked to, and stops at the end', () =>
    read(PAGE, {}, async (page) => {
        await page.clock.install();
        await page.clock.pauseAt(Date.now() + 60_000); // From here on, only `runFor` moves it.
        const start = await moment(page);
        await button(page, 'play').click();
        await page.clock.runFor(3 * TICK);
        assert.equal(await moment(page), start + 3);
        await player(page).locator('select').selectOption('3');
        await page.clock.runFor(TICK);
        assert.equal(await moment(page), start + 6);
        await scrubber(page).focus();
        await page.keyboard.press(' ');
        await page.clock.runFor(3 * TICK);
        assert.equal(await moment(page), start + 6);
        await page.keyboard.press(' ');
        assert.match(await button(page, 'play').getAttribute('title'), /^Pause/);
        await page.clock.runFor(100 * TICK);
        await assertStep(page, 5);
        assert.match(await button(page, 'play').getAttribute('title'), /^Play/);
    }));

test('the player shows all events when asked to', () =>
    read(PAGE, {}, async (page) => {
        assert.ok(await player(page).locator('tbody').last().isHidden());
        await button(page, 'all').click();
        assert.ok(await player(page).locator('tbody').last().isVisible());
        assert.equal(await button(page, 'all').getAttribute('aria-pressed'), 'true');
    }));

test('on a phone the player shows one server, by mouse and by keyboard', () =>
    read(PAGE, { viewport: NARROW }, async (page) => {
        const panes = player(page).locator('figure');
        const tab = (style) => player(page).locator(`.trace-tabs button[data-style="${style}"]`);
        assert.deepEqual(await visibleStyles(panes), ['select']);
        await tab('chat').click();
        assert.deepEqual(await visibleStyles(panes), ['chat']);
        await page.keyboard.press('Tab');
        await page.keyboard.press('Enter');
        assert.deepEqual(await visibleStyles(panes), ['reactor']);
        assert.deepEqual(await visibleStyles(player(page).locator('tbody.now tr:nth-child(2) td')), ['reactor']);
    }));

test('without script a table of all events stands there', () =>
    read(PAGE, { javaScriptEnabled: false }, async (page) => {
        for (const step of await player(page).locator('tbody').all()) assert.ok(await step.isVisible());
        assert.equal(await player(page).locator('button').count(), 0);
    }));
